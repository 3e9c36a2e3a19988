"""Who asks, and whether they may: from a request's headers to a `UserCtx`, and from that to a yes or no.

The handlers of ``[chttpd] authentication_handlers`` are tried in their order: cookie, default (Basic), proxy,
jwt. What is no credential at all, such as a scheme that nobody here knows, makes an anonymous request, never
an error. A Basic header that was right before is known again by one HMAC and one look-up; a new one costs a
password hash on a thread, which all requests that bring the same header at that time share.

A name that does not exist is hashed for just like one that does, so that the time tells nothing.
Specification: CouchDB 3.5 ``chttpd_auth``, ``chttpd_auth_request``, ``couch_httpd_auth``.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from couchgrass.docdb import access, session
from couchgrass.docdb.access import ADMIN_ROLE, ANONYMOUS, Right, Security, UserCtx
from couchgrass.docdb.document import is_design, is_local
from couchgrass.docdb.http import replicator_docs
from couchgrass.docdb.http.conditions import is_secure
from couchgrass.docdb.http.hashing import on_thread
from couchgrass.docdb.http.users import Users, is_owner_or_admin, is_users_db, new_salt
from couchgrass.docdb.lockout import LOCKED, Lockout, Verdict, Verified
from couchgrass.docdb.password import WRONG, check_no_totp, user_roles, verify_password, visible_user_doc
from couchgrass.docdb.replicator_doc import is_replicator_db
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.errors import CouchgrassError, Forbidden, NotFound, Unauthorized

if TYPE_CHECKING:
    from couchgrass.docdb.http.endpoint import Endpoint
    from couchgrass.docdb.http.request import Request
    from couchgrass.docdb.http.server import Server

log = logging.getLogger("couchgrass.http")

SECURITIES_MAX: Final = 1000
"""Parsed security objects that are kept."""

_ADMINS_LISTS: Final = frozenset({"_all_docs", "_changes"})
_LISTS: Final = _ADMINS_LISTS | {"_design_docs", "_local_docs", "_bulk_get"}
_MAINTENANCE: Final = frozenset({"_compact", "_view_cleanup"})
_OF_DESIGN: Final = {Right.READ: Right.READ_DESIGN, Right.WRITE: Right.DB_ADMIN}
_PRIVATE: Final = [
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]


class Proof(NamedTuple):
    """Whom a header proved, and the salt that the failures of that name are counted under."""

    ctx: UserCtx
    salt: str


Handler = Callable[["Request"], Awaitable[UserCtx | None]]


class Authn:
    """Authentication and rights of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._clock = server.clock
        self._verified: Verified[Proof] = Verified(secrets.token_bytes(32))
        self._lockout = Lockout(server.settings.chttpd_auth_lockout.max_objects)
        self._flights: dict[tuple[str, bytes, int], asyncio.Task[bool]] = {}
        self._securities: dict[str, tuple[dict[str, Any], Security]] = {}
        self._decoy_salt = new_salt()
        self._by_name: dict[str, Handler] = {
            "cookie": self._cookie,
            "default": self._basic,
            "proxy": self._proxy,
            "jwt": self._jwt,
        }
        self.users = Users(server, self._verified)
        self.settings_changed()

    def settings_changed(self) -> None:
        """Takes the settings that the server has now; forgets who proved what under the old ones."""
        names = self._server.settings.chttpd.authentication_handlers
        self._handlers = [self._by_name[name] for name in names]
        self._uses_proxy = "proxy" in names
        self.users.forget_all()
        self.users.hashed.clear()

    async def identify(self, request: Request) -> UserCtx:
        """The request's user. May set `request.set_cookie` to renew a session.

        Raises Unauthorized for a wrong name or password or if anonymous requests are not taken at all,
        Forbidden while locked out, BadRequest for a cookie or token that can't be read.
        """
        if b"authorization" in request.headers or b"cookie" in request.headers or self._uses_proxy:
            for handler in self._handlers:
                ctx = await handler(request)
                if ctx is not None:
                    return ctx
        chttpd = self._server.settings.chttpd
        if chttpd.require_valid_user or chttpd.require_valid_user_except_for_up:
            path = "/" + "/".join(request.path)
            access.check_anonymous(request.method, path, chttpd)
        return ANONYMOUS

    async def prove(self, request: Request, name: str, password: str) -> dict[str, Any]:
        """The credentials of the user with this name and password.

        Raises Unauthorized, Forbidden (locked out), ServiceUnavailable (too many at a time).
        """
        self.users.follow()
        generation = self._verified.generation(name)
        credentials = self.users.credentials(name)
        salt, peer = salt_of(credentials), peer_of(request)
        self._check_lockout(peer, name, salt)
        pair = b"\0%d:%b%b" % (len(name), name.encode(), password.encode())
        if self._verified.get(pair, self._clock.monotonic()) is None:
            right = await self._shared_check((peer, pair, generation), name, password, credentials)
            if not right or credentials is None:
                raise Unauthorized(WRONG)
            proof = Proof(UserCtx(name, user_roles(credentials)), salt)
            now = self._clock.monotonic()
            self._verified.put(pair, name, proof, generation=generation, now=now)
            self.users.upgrade(name, password, credentials)
        else:
            self._server.stats.password_hashing_fast += 1
        assert credentials is not None, "a name without credentials is never verified"
        return credentials

    async def _shared_check(
        self, key: tuple[str, bytes, int], name: str, password: str, credentials: dict[str, Any] | None
    ) -> bool:
        """Whether the password is right. Who asks the same (`key`) at the same time shares the answer."""
        flight = self._flights.get(key)
        if flight is not None:
            right = await asyncio.shield(flight)
            if not right:
                self._failed(key[0], name, salt_of(credentials))
            return right
        flight = asyncio.ensure_future(self._check_password(key[0], name, password, credentials))
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key))
        return await asyncio.shield(flight)

    async def _check_password(
        self, peer: str, name: str, password: str, credentials: dict[str, Any] | None
    ) -> bool:
        auth, salt = self._server.settings.chttpd_auth, salt_of(credentials)
        if credentials is not None and self.users.hashed.take(password, credentials):
            return True
        compared = self._decoy() if credentials is None else credentials
        async with self.users.hashing.turn():
            # Once more: else whoever sends many attempts at a time would have them all checked.
            self._check_lockout(peer, name, salt)
            self._server.stats.password_hashing_slow += 1
            right = await on_thread(lambda: verify_password(password, compared, auth))
            if not right:
                self._failed(peer, name, salt)
        return right

    def _failed(self, peer: str, name: str, salt: str) -> None:
        rule = self._server.settings.chttpd_auth_lockout
        self._lockout.failed(peer, name, salt, now=self._clock.monotonic(), rule=rule)
        log.warning("authentication failed for user %r from %s", name, peer)

    def _decoy(self) -> dict[str, Any]:
        """Credentials that no password fits, as slow to check as a user's own."""
        auth = self._server.settings.chttpd_auth
        decoy = {"password_scheme": auth.password_scheme, "salt": self._decoy_salt}
        return {**decoy, "pbkdf2_prf": auth.pbkdf2_prf, "iterations": auth.iterations}

    def _check_lockout(self, peer: str, name: str, salt: str) -> None:
        rule = self._server.settings.chttpd_auth_lockout
        verdict = self._lockout.verdict(peer, name, salt, now=self._clock.monotonic(), rule=rule)
        if verdict is Verdict.OPEN:
            return
        log.warning("user %r failed to authenticate too often from %s (%s)", name, peer, verdict.value)
        if verdict is Verdict.LOCKED:
            raise Forbidden(LOCKED)

    async def _basic(self, request: Request) -> UserCtx | None:
        header = request.headers.get(b"authorization")
        if header is None:
            return None
        self.users.follow()
        known = self._verified.get(header, self._clock.monotonic())
        if known is not None:
            self._server.stats.auth_cache_hits += 1
            self._server.stats.password_hashing_fast += 1
            if len(self._lockout):
                assert known.ctx.name is not None
                self._check_lockout(peer_of(request), known.ctx.name, known.salt)
            return known.ctx
        parsed = access.parse_basic(header.decode("latin-1"))
        if parsed is None:
            return None
        name, password = parsed
        generation = self._verified.generation(name)
        credentials = await self.prove(request, name, password)
        check_no_totp(credentials)
        proof = Proof(UserCtx(name, user_roles(credentials), "default"), salt_of(credentials))
        self._verified.put(header, name, proof, generation=generation, now=self._clock.monotonic())
        return proof.ctx

    async def _cookie(self, request: Request) -> UserCtx | None:
        header = request.headers.get(b"cookie")
        value = None if header is None else session.cookie_value(header.decode("latin-1"))
        if value is None:
            return None
        token = session.parse_token(value)
        self.users.follow()
        credentials = self.users.credentials(token.name)
        if credentials is None:
            return None
        auth, now = self._server.settings.chttpd_auth, self._clock.now()
        found = session.verify_token(token, salt_of(credentials), now=now, auth=auth)
        if found is None:
            return None
        if found.renew:
            self.set_session(request, token.name, credentials)
        return UserCtx(token.name, user_roles(credentials), "cookie")

    def set_session(self, request: Request, name: str, credentials: dict[str, Any]) -> None:
        """Has the answer give the user a new session cookie."""
        auth, now = self._server.settings.chttpd_auth, self._clock.now()
        token = session.sign_token(name, salt_of(credentials), now=now, auth=auth)
        request.set_cookie = session.set_cookie(token, now=now, secure=is_secure(request), auth=auth)

    def clear_session(self, request: Request) -> None:
        """Has the answer take the session cookie away."""
        auth, now = self._server.settings.chttpd_auth, self._clock.now()
        request.set_cookie = session.clear_cookie(now=now, secure=is_secure(request), auth=auth)

    async def _proxy(self, request: Request) -> UserCtx | None:
        headers = {name.decode("latin-1"): _text(value) for name, value in request.headers.items()}
        return access.verify_proxy(headers, self._server.settings.chttpd_auth)

    async def _jwt(self, request: Request) -> UserCtx | None:
        # Imported when first needed: the cryptography that it brings takes 11 MB.
        from couchgrass.docdb import jwt

        token = jwt.parse_bearer(request.header(b"authorization") or "")
        if token is None:
            return None
        settings = self._server.settings
        return jwt.authenticate(token, now=self._clock.now(), keys=settings.jwt_keys, auth=settings.jwt_auth)

    def security(self, database: Database) -> Security:
        """The database's security object, read for decisions."""
        document = database.about.security
        kept = self._securities.get(database.name)
        if kept is None or kept[0] is not document:
            while len(self._securities) >= SECURITIES_MAX:
                del self._securities[next(iter(self._securities))]
            kept = self._securities[database.name] = (document, access.parse_security(document))
        return kept[1]

    def check_server(self, request: Request, right: Right | None) -> None:
        """Raises Unauthorized unless the user may use this endpoint of the server.

        None: anyone may; else it takes a server admin, but for what the path allows to others.
        """
        if right is None or ADMIN_ROLE in request.ctx.roles:
            return
        if request.path == ["_replicate"]:
            access.check_signed_in(request.ctx)
        else:
            access.check_server_admin(request.ctx)

    def check_right(self, request: Request, right: Right) -> None:
        """Raises Unauthorized or Forbidden unless the user has the right on `request.db`."""
        access.allows(request.ctx, self.security(request.db), right)

    def check_database(self, request: Request, endpoint: Endpoint) -> None:
        """Raises Unauthorized, Forbidden or NotFound unless the user may use this endpoint of a database."""
        right = endpoint.right
        if right is None or ADMIN_ROLE in request.ctx.roles:
            return
        name, security = request.db.name, self.security(request.db)
        place = request.doc_id if len(request.path) > 1 else ""
        if place in _MAINTENANCE:
            access.check_maintenance(request.ctx, security)
        elif name in ("_users", "_replicator") and place in _ADMINS_LISTS:
            access.check_server_admin(request.ctx)
        elif is_replicator_db(name) and place in (*_ADMINS_LISTS, "_local_docs"):
            access.allows(request.ctx, security, Right.DB_ADMIN)
        elif is_users_db(name, self._server.settings.couchdb.users_db_suffix):
            right = Right.DB_ADMIN if place in _LISTS else right
            access.allows(request.ctx, security, _of_document(place, right))
            if place and (place[0] != "_" or is_design(place)):
                self._check_user_doc(request, security)
        else:
            access.allows(request.ctx, security, _of_document(place, right))

    def _check_user_doc(self, request: Request, security: Security) -> None:
        """404 for another user's document. Writes are left to `before_write`, public fields to reading."""
        if request.method == "PUT" or is_owner_or_admin(request.doc_id, request.ctx, security):
            return
        auth = self._server.settings.chttpd_auth
        if request.method in ("GET", "HEAD", "COPY") and is_design(request.doc_id):
            visible_user_doc(request.doc_id, {}, request.ctx, security, auth)
        is_document = len(request.path) == 2
        if not (request.method in ("GET", "HEAD") and is_document and auth.public_fields):
            raise NotFound("missing")

    async def before_write(
        self, request: Request, writes: Sequence[Write], *, new_edits: bool
    ) -> dict[int, CouchgrassError]:
        """What the user may not write, by its place in `writes`; the bodies of users' documents and of
        replications get ready.

        Each design document takes DB_ADMIN, each local one REPLICATE.
        """
        database, ctx = request.db, request.ctx
        refused: dict[int, CouchgrassError] = {}
        if ADMIN_ROLE not in ctx.roles:
            refused = self._not_allowed(ctx, self.security(database), writes)
        if is_users_db(database.name, self._server.settings.couchdb.users_db_suffix):
            security = self.security(database)
            refused = await self.users.prepare(database, writes, ctx, security) | refused
        if is_replicator_db(database.name):
            security = self.security(database)
            refused = replicator_docs.prepare(request, writes, security, new_edits=new_edits) | refused
        return refused

    def _not_allowed(
        self, ctx: UserCtx, security: Security, writes: Sequence[Write]
    ) -> dict[int, CouchgrassError]:
        refused: dict[int, CouchgrassError] = {}
        rights = access.rights(ctx, security)
        for place, write in enumerate(writes):
            doc_id = write.edit.id
            if doc_id[:1] != "_":
                continue
            right = (
                Right.DB_ADMIN if is_design(doc_id) else Right.REPLICATE if is_local(doc_id) else Right.WRITE
            )
            if not rights & right:
                try:
                    access.allows(ctx, security, right)
                except CouchgrassError as refusal:
                    refused[place] = refusal
        return refused


def salt_of(credentials: dict[str, Any] | None) -> str:
    """The salt in the credentials; "" without one."""
    salt = None if credentials is None else credentials.get("salt")
    return salt if isinstance(salt, str) else ""


def challenge(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers of a 401: WWW-Authenticate, if valid users are required or the client asks for it.

    A client whose users must not see a browser's dialogue names another scheme with
    X-CouchDB-WWW-Authenticate. Specification: ``chttpd:error_headers``, but for its redirect of browsers.
    """
    scheme = request.header(b"x-couchdb-www-authenticate")
    if scheme is None and request.server.settings.chttpd.require_valid_user:
        scheme = 'Basic realm="server"'
    return () if scheme is None else (("www-authenticate", scheme),)


def peer_of(request: Request) -> str:
    """The client's address; if that is private, and so may be a proxy's, the one that the proxy saw."""
    forwarded = request.headers.get(b"x-forwarded-for")
    if forwarded is None or not _is_private(request.client):
        return request.client
    return forwarded.decode("latin-1").rpartition(",")[2].strip() or request.client


@lru_cache(maxsize=1024)
def _is_private(address: str) -> bool:
    try:
        return any(ip_address(address) in network for network in _PRIVATE)
    except ValueError:
        return False


def _of_document(place: str, right: Right) -> Right:
    """The right that the same takes on a design document."""
    return _OF_DESIGN.get(right, right) if place.startswith("_design/") else right


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
