"""The region's database, functions and gateway, each with what may be shown to it.

The database gets the session and the `Authorization` of the request; functions get a namespace's key, or the
region's secret for a server admin, and never a session; the gateway gets neither. The secret goes to paths
that functions serve themselves alone: a web action sees all headers of its requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.dashboard.cookies import cleared_cookie, kept_cookie, sent_cookie, session_of
from couchgrass.dashboard.http.passing import Passing, Told, Way
from couchgrass.dashboard.http.session import Seen, Sessions
from couchgrass.dashboard.lost import Late, NoAnswer
from couchgrass.dashboard.passed import CLIENT, client_of, sent_headers
from couchgrass.dashboard.paths import is_feed, target
from couchgrass.dashboard.who import check_admin
from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions.keys import is_key
from couchgrass.functions.names import NAMESPACE_HEADER, is_name
from couchgrass.gateway.api import MANAGEMENT
from couchgrass.serving.asgi import Answer, Header, Request
from couchgrass.serving.inner import NAMESPACES as INNER_NAMESPACES
from couchgrass.serving.inner import json_answer

COUCH: Final = "/couch"
FUNCTIONS: Final = "/functions"
GATEWAY: Final = "/gateway"

SESSION: Final = b"/_session"
LOOK_S: Final = 3.0
"""How long a server may take to say who somebody is: a page that shows how it dies must not wait."""

_CALLED: Final = {"functions": "functions server"}
"""Servers that are not called by their process's name."""

_API: Final = b"/api/v1"
_NAMESPACES: Final = b"/api/v1/namespaces"
_COOKIE: Final = b"set-cookie"


class Servers(msgspec.Struct, frozen=True):
    """Where a region's servers are now, "" while nobody knows; `functions` and `gateway` None: there are
    none. `name` is the region's, "" for a database alone, `cookie` the browser's name of its session.
    `acting`: the `Authorization` with which functions take a server admin's requests, "" without one;
    `in_any`: in the namespace that a header names, not in one of its own."""

    name: str
    cookie: str
    database: Callable[[], str]
    functions: Callable[[], str] | None = None
    gateway: Callable[[], str] | None = None
    acting: str = ""
    in_any: bool = True

    def __repr__(self) -> str:
        return f"Servers({self.name!r})"


class Backends:
    """Passes requests on. `path` is what is below a server's prefix, and begins with a slash."""

    def __init__(self, servers: Servers, passing: Passing, clock: Clock) -> None:
        self._servers = servers
        self._passing = passing
        self._sessions = Sessions(self._asked_who, clock)

    async def couch(self, request: Request, path: bytes) -> Answer:
        """The database, which says itself who may what."""
        session = self._session(request)
        headers = sent_headers(request.scope["headers"])
        headers.append((CLIENT.encode(), _client(request).encode()))
        if session:
            headers.append((b"cookie", sent_cookie(session).encode()))
        if (authorization := request.headers.get(b"authorization")) is not None:
            headers.append((b"authorization", authorization))
        way = self._way("database", self._servers.database, COUCH, request, path, headers)
        signs_out = path == SESSION and request.method == "DELETE"
        if path == SESSION and request.method in ("POST", "DELETE"):
            self._sessions.forget(session, request.header(b"authorization") or "")
        try:
            answer, cookies = await self._passing.ask(request, way)
        except (NoAnswer, Late):
            if not signs_out:
                raise
            # The cookie is all that there is to a session: the browser can lose it without the database.
            answer, cookies = json_answer(200, {"ok": True}), ()
        answer.headers += self.set_cookies(request, cookies)
        if signs_out and not cookies:
            cleared = cleared_cookie(self._servers.cookie, secure=_is_secure(request))
            answer.headers.append((_COOKIE, cleared.encode()))
        return answer

    async def functions(self, request: Request, path: bytes) -> Answer:
        """OpenWhisk's API: with the key that the request brings, or as a server admin in any namespace; and
        its root, which tells everybody the limits and the kinds. A password that is no key is the database's.

        Raises NotFound for other paths, Unauthorized and Forbidden for who is no admin and names a namespace.
        """
        if self._servers.functions is None or not (path in (b"/", _API) or path.startswith(_API + b"/")):
            raise NotFound("Not found.")
        headers = sent_headers(request.scope["headers"])
        namespace = request.header(NAMESPACE_HEADER)
        authorization = request.header(b"authorization") or ""
        if namespace is not None:
            headers += await self._acting(request, path, namespace)
        elif is_key(authorization):
            headers.append((b"authorization", authorization.encode("latin-1")))
        way = self._way("functions", self._servers.functions, FUNCTIONS, request, path, headers)
        answer, _ = await self._passing.ask(request, way)
        return answer

    async def gateway(self, request: Request, path: bytes) -> Answer:
        """An API, as anybody would call it. A password is the database's, and does not go there."""
        if self._servers.gateway is None:
            raise NotFound("Not found.")
        headers = sent_headers(request.scope["headers"])
        authorization = request.headers.get(b"authorization", b"")
        if authorization and authorization[:6].lower() != b"basic ":
            headers.append((b"authorization", authorization))
        way = self._way("gateway", self._servers.gateway, GATEWAY, request, path, headers)
        answer, _ = await self._passing.ask(request, way)
        return answer

    async def who(self, request: Request, *, patient: bool) -> Seen:
        """Who a request comes from; see `Sessions.who`."""
        return await self._sessions.who(
            self._session(request),
            request.header(b"authorization") or "",
            patient=patient,
            client=_client(request),
        )

    def set_cookies(self, request: Request, cookies: Iterable[str]) -> list[Header]:
        """The database's Set-Cookie headers, as the browser is to have them."""
        kept = (kept_cookie(cookie, self._servers.cookie, secure=_is_secure(request)) for cookie in cookies)
        return [(_COOKIE, cookie.encode("latin-1")) for cookie in kept if cookie is not None]

    async def namespaces(self) -> list[str]:
        """The names of the namespaces in which an admin may act. Raises NoAnswer, NotFound."""
        servers = self._servers
        if servers.functions is None or not servers.acting:
            raise NotFound("The key of its namespace is not known here: name its file in [functions] key.")
        url = self._base("functions", servers.functions)
        path = INNER_NAMESPACES.decode() if servers.in_any else _NAMESPACES.decode()
        told = await self._passing.look(
            f"{url}{path}", self._named("functions"), {"authorization": servers.acting}, limit_s=LOOK_S
        )
        try:
            return sorted(msgspec.json.decode(told.body, type=list[str]))
        except msgspec.DecodeError as bad:
            raise NoAnswer(
                f"{self._named('functions')} answers {told.status} instead of names of namespaces"
            ) from bad

    async def _acting(self, request: Request, path: bytes, namespace: str) -> list[Header]:
        """What shows functions that a server admin asks, in this namespace."""
        if not is_name(namespace):
            raise BadRequest(f"{NAMESPACE_HEADER.decode()} is no name of a namespace.")
        check_admin((await self.who(request, patient=False)).who)
        if not (path == _NAMESPACES or path.startswith((_NAMESPACES + b"/", MANAGEMENT))):
            raise NotFound("An admin acts in a namespace below /api/v1/namespaces only.")
        if not self._servers.acting:
            raise NotFound("The key of its namespace is not known here: name its file in [functions] key.")
        shown = [(b"authorization", self._servers.acting.encode())]
        return [*shown, (NAMESPACE_HEADER, namespace.encode())] if self._servers.in_any else shown

    def _way(
        self,
        server: str,
        url: Callable[[], str],
        prefix: str,
        request: Request,
        path: bytes,
        headers: list[Header],
    ) -> Way:
        base = self._base(server, url)
        return Way(
            url=target(base, path, request.query_string),
            who=self._named(server),
            base=base,
            prefix=prefix,
            headers=headers,
            is_feed=server == "database" and is_feed(path, request.query_string),
        )

    def _base(self, server: str, url: Callable[[], str]) -> str:
        """Raises NoAnswer while nobody knows where the server is."""
        if base := url():
            return base.rstrip("/")
        raise NoAnswer(f"{self._named(server)} does not answer: it does not run")

    def _named(self, server: str) -> str:
        called = f"the {_CALLED.get(server, server)}"
        return f"{called} of {self._servers.name}" if self._servers.name else called

    async def _asked_who(self, session: str, authorization: str, client: str) -> Told:
        """What the database answers to who they are."""
        headers = {CLIENT: client}
        if session:
            headers["cookie"] = sent_cookie(session)
        if authorization:
            headers["authorization"] = authorization
        base = self._base("database", self._servers.database)
        return await self._passing.look(
            base + SESSION.decode(), self._named("database"), headers, limit_s=LOOK_S
        )

    def _session(self, request: Request) -> str:
        return session_of(request.header(b"cookie"), self._servers.cookie)


def _client(request: Request) -> str:
    return client_of(request.client, request.header(CLIENT.encode()))


def _is_secure(request: Request) -> bool:
    """Whether the browser's own connection has TLS, which only something in front of us can bring."""
    return request.headers.get(b"x-forwarded-proto") == b"https"
