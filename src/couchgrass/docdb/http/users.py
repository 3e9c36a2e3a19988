"""Users as the server knows them: their credentials, kept up to date, and the rules of their documents.

Credentials come from ``[admins]`` and from the documents of ``_users``. They are kept in memory, and so is
what `Verified` remembers; before either is believed, `Users.follow` reads which documents of ``_users`` have
changed, however they were written, and forgets those users. So a new password counts for the next request.

A *users database* is ``_users`` and each database whose last path segment is ``_users`` or the setting
``users_db_suffix``; only ``_users`` is used to sign in.
Specification: CouchDB 3.5 ``chttpd_auth_cache``, ``couch_users_db``, ``couch_password_hasher``.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb.access import Security, UserCtx, is_db_admin
from couchgrass.docdb.document import Edit, is_design, is_local
from couchgrass.docdb.http.doc_read import Options, document, open_doc
from couchgrass.docdb.http.hashing import Hashing
from couchgrass.docdb.http.response import Response, etag, json_response
from couchgrass.docdb.lockout import Hashed, Verified
from couchgrass.docdb.password import (
    USER_ID_PREFIX,
    apply_user_doc,
    check_iterations,
    check_user_update,
    login_credentials,
    needs_upgrade,
    user_name,
    validate_user_doc,
    visible_user_doc,
)
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.errors import CouchgrassError, NotFound

if TYPE_CHECKING:
    from couchgrass.docdb.http.request import Request
    from couchgrass.docdb.http.server import Server

log = logging.getLogger("couchgrass.http")

USERS: Final = "_users"

CREDENTIALS_MAX: Final = 10_000
"""Users whose credentials stay in memory, some 1 kB each."""

FOLLOWED_MAX: Final = 1000
"""Changed users that are forgotten one by one; after more changes at a time everyone is."""

SALT_BYTES: Final = 16

T = TypeVar("T")


@lru_cache(maxsize=1024)
def is_users_db(name: str, suffix: str) -> bool:
    """`suffix` is the setting ``[couchdb] users_db_suffix``."""
    return name.rpartition("/")[2] in (USERS, suffix)


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


class Users(Generic[T]):
    """The users of one server. `verified` forgets whom this forgets."""

    def __init__(self, server: Server, verified: Verified[T]) -> None:
        self._server = server
        self._verified = verified
        self.hashing = Hashing()
        self.hashed = Hashed(secrets.token_bytes(32))
        self._credentials: dict[str, dict[str, Any]] = {}
        self._upgrading: set[str] = set()
        self._database: Database | None = None
        self._unreadable: CouchgrassError | None = None
        self._life = ""
        self._seq = 0
        self._purge_seq = 0

    def follow(self) -> None:
        """Forgets the users that changed. To be called before anything that is remembered is believed."""
        database = self._database
        if database is None or database.closed or database.totals.seq != self._seq:
            self._catch_up()

    def forget_all(self) -> None:
        """As when the settings changed."""
        self._credentials.clear()
        self._verified.clear()

    def credentials(self, name: str) -> dict[str, Any] | None:
        """The credentials that count for a name (see `password`), None for no such user.

        Raises Unauthorized while the user's document is in conflict. Only after `follow`.
        """
        found = self._credentials.get(name)
        if found is not None:
            self._server.stats.auth_cache_hits += 1
            return found
        self._server.stats.auth_cache_misses += 1
        admin = self._server.settings.admins.get(name)
        try:
            stored = self._stored(name)
        except CouchgrassError:
            # An admin of the settings must get in when the users can't be read, to mend it.
            if admin is None:
                raise
            stored = None
        found = login_credentials(admin, stored)
        if found is not None:
            while len(self._credentials) >= CREDENTIALS_MAX:
                del self._credentials[next(iter(self._credentials))]
            self._credentials[name] = found
        return found

    def upgrade(self, name: str, password: str, credentials: dict[str, Any]) -> None:
        """Hashes a password that was just proved anew, in the background, if the settings ask for it."""
        auth = self._server.settings.chttpd_auth
        if name in self._upgrading or not needs_upgrade(credentials, auth):
            return
        self._upgrading.add(name)

        def failed(error: BaseException) -> None:
            reason = error.reason if isinstance(error, CouchgrassError) else type(error).__name__
            log.warning("the password hash of user %r was not upgraded: %s", name, reason)

        self._server.in_background(self._upgrade(name, password, credentials, auth), failed)

    async def store(self, doc: dict[str, Any]) -> None:
        """Writes a document of ``_users`` as it is, over the ``_rev`` that it has. Raises Conflict."""
        rev = parse_rev(doc["_rev"]) if "_rev" in doc else None
        body = json.encode({key: value for key, value in doc.items() if not key.startswith("_")})
        edit = Edit(doc["_id"], rev.pos if rev else 0, (rev.id,) if rev else (), False, body)
        stubs = att.parse_incoming(doc.get("_attachments", {}))
        kept: dict[str, att.Ready] = {
            name: stub for name, stub in stubs.items() if isinstance(stub, att.Stub)
        }
        database = self._server.store.get(USERS)
        write = write_one(Write(edit, kept or None), new_edits=True, revs_limit=database.about.revs_limit)
        await database.submit(write)

    async def _upgrade(self, name: str, password: str, credentials: dict[str, Any], auth: ChttpdAuth) -> None:
        # It names the revision whose password was proved: if the user changed since, this is a conflict.
        doc = {**credentials, "password": password, "preserve_salt": True}
        lenient = msgspec.structs.replace(auth, password_regexp=())
        salt = new_salt()
        try:
            await self.store(await self.hashing.run(lambda: apply_user_doc(doc, salt, lenient)))
            log.info("upgraded the password hash of user %r", name)
        finally:
            self._upgrading.discard(name)

    def _catch_up(self) -> None:
        store = self._server.store
        if USERS not in store:
            if self._life:
                self.forget_all()
            self._database, self._life = None, ""
            return
        try:
            database = store.get(USERS)
        except CouchgrassError as unreadable:
            self.forget_all()
            self._database, self._life, self._unreadable = None, "", unreadable
            return
        self._unreadable = None
        totals, life = database.totals, database.about.uuid
        if life != self._life or totals.purge_seq != self._purge_seq:
            self.forget_all()
        elif totals.seq != self._seq:
            self._forget_changed(database)
        self._database, self._life = database, life
        self._seq, self._purge_seq = totals.seq, totals.purge_seq

    def _forget_changed(self, database: Database) -> None:
        changed = database.reader.execute(
            "SELECT id FROM docs WHERE seq>? LIMIT ?", (self._seq, FOLLOWED_MAX + 1)
        ).fetchall()
        if len(changed) > FOLLOWED_MAX:
            self.forget_all()
            return
        for (doc_id,) in changed:
            name = user_name(str(doc_id))
            if name is not None:
                self._credentials.pop(name, None)
                self._verified.forget(name)

    def _stored(self, name: str) -> dict[str, Any] | None:
        if self._unreadable is not None:
            raise self._unreadable
        database = self._database
        if database is None:
            return None
        options = Options(conflicts=True)
        try:
            opened = open_doc(database.reader, USER_ID_PREFIX + name, None, options)
        except NotFound:
            return None
        found: dict[str, Any] = json.decode(document(opened, options))
        return found

    async def prepare(
        self, database: Database, writes: Sequence[Write], ctx: UserCtx, security: Security
    ) -> dict[int, CouchgrassError]:
        """Makes documents for a users database ready: passwords become hashes, and the rules are kept.

        Changes the bodies of `writes`; returns what is refused, by its place in `writes`.
        """
        refused: dict[int, CouchgrassError] = {}
        for place, write in enumerate(writes):
            if is_design(write.edit.id) or is_local(write.edit.id):
                continue
            try:
                await self._prepare(database, write, ctx, security)
            except CouchgrassError as refusal:
                refused[place] = refusal
        return refused

    async def _prepare(self, database: Database, write: Write, ctx: UserCtx, security: Security) -> None:
        edit = write.edit
        check_user_update(edit.id, ctx, security)
        doc = json.decode(edit.body)
        if doc.get("password") is not None:
            auth, salt, plain = self._server.settings.chttpd_auth, new_salt(), doc
            doc = await self.hashing.run(lambda: apply_user_doc(plain, salt, auth))
            self.hashed.made(plain["password"], doc)
            edit.body = json.encode(doc)
        old = _replaced(database, edit)
        if write.merge and old is not None:
            doc = old
        new = {"_id": edit.id, **doc}
        if edit.deleted:
            new["_deleted"] = True
        validate_user_doc(new, old, ctx, security)
        check_iterations(new, old, ctx, security, self._server.settings.chttpd_auth)


def _replaced(database: Database, edit: Edit) -> dict[str, Any] | None:
    """The document that an edit means to follow, None if it creates one.

    Always the winner, whatever revision the edit names: a replicated edit could else name an old one, with
    roles that were taken away since, or none at all, and still win. An ordinary edit that names any other
    revision than the winner of a document without conflicts is refused as a conflict later.
    """
    if not edit.ids:
        return None
    row = reads.row_of(database.reader, edit.id)
    if row is None or row.deleted:
        return None
    found: dict[str, Any] = json.decode(row.body)
    return found


def public_view(request: Request) -> Response | None:
    """GET of a document of a users database by someone else: the fields that ``public_fields`` names.

    None when the caller may see all of it. Raises NotFound, Forbidden for a design document.
    """
    settings = request.server.settings
    if not is_users_db(request.db.name, settings.couchdb.users_db_suffix):
        return None
    security = request.server.authn.security(request.db)
    if is_owner_or_admin(request.doc_id, request.ctx, security):
        return None
    opened = open_doc(request.db.reader, request.doc_id, None)
    doc = json.decode(document(opened))
    shown = visible_user_doc(request.doc_id, doc, request.ctx, security, settings.chttpd_auth)
    return json_response(shown, headers=(etag(opened.leaf.rev),))


def is_owner_or_admin(doc_id: str, ctx: UserCtx, security: Security) -> bool:
    """Whether the user may see all of a document of a users database."""
    return is_db_admin(ctx, security) or (ctx.name is not None and ctx.name == user_name(doc_id))
