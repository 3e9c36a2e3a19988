"""The REST API of OpenWhisk as an ASGI application: dispatch, sign-in, what every answer carries.

A request's way is a few look-ups in dictionaries: the path's segments give the collection and the form of the
path, these give the endpoint. Order of refusals: no such key (401), no such path (404), no such method (405),
then what the endpoint says. Bodies of errors are {"error", "code"}: clients need both; `code` is the
transaction id, which is the answer's X-Request-ID and the request's, when it named one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from couchgrass.errors import CouchgrassError, MethodNotAllowed, NotFound, Unauthorized
from couchgrass.functions.entity import Identity
from couchgrass.functions.http import info, namespaces
from couchgrass.functions.http.authn import CHALLENGE, identified
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered
from couchgrass.functions.http.docs import described
from couchgrass.functions.names import OWN_NAMESPACE, check_namespace
from couchgrass.functions.store.subjects import Subjects
from couchgrass.functions.throttle import Throttled
from couchgrass.ids import new_id
from couchgrass.serving.asgi import Answer, Edge, Header, Request, unquoted
from couchgrass.serving.inner import PREFIX as INNER
from couchgrass.serving.inner import Inner

Mounted = Callable[[Request, str], Awaitable[Answer]]
"""Serves whole requests below a path; the text is the transaction id."""

REQUEST_ID: Final = b"x-request-id"
_GIVEN_ID: Final = re.compile(rb"[!-~]{1,128}")
_API: Final = [b"api", b"v1"]
_NAMESPACES: Final = b"namespaces"
_WEB_PREFIX: Final = b"/api/v1/web/"
_NOTHING_HERE: Final = "The requested resource could not be found."

_ORIGIN: Final[Header] = (b"access-control-allow-origin", b"*")
_HEADERS: Final[Header] = (
    b"access-control-allow-headers",
    b"Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
)
_METHODS: Final = b"access-control-allow-methods"
REST_CORS: Final[Sequence[Header]] = (_ORIGIN, _HEADERS, (_METHODS, b"GET, DELETE, POST, PUT, HEAD"))
SERVER_CORS: Final[Sequence[Header]] = (_ORIGIN, _HEADERS, (_METHODS, b"OPTIONS, GET, POST"))
WEB_CORS: Final[Sequence[Header]] = (
    _ORIGIN,
    _HEADERS,
    (_METHODS, b"OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH"),
)


class App(Edge):
    """`collections`: the routes of all of them. `web` serves the web actions; `mounts` are served in front of
    it, by the first prefix of the path (below /api/v1/web/) that fits. `inner` is for the region's other
    processes, which show `region_secret`. `on_close` ends what runs behind it."""

    def __init__(
        self,
        *,
        subjects: Subjects,
        about: info.About,
        collections: Sequence[Routes],
        web: Mounted | None = None,
        mounts: Mapping[bytes, Mounted] | None = None,
        inner: Inner | None = None,
        region_secret: str = "",
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._subjects = subjects
        self._about = about
        self._web = web
        self._inner = inner
        self._region_secret = region_secret
        self._on_close = on_close
        self._mounts = tuple((mounts or {}).items())
        self._routes: dict[Shape, Mapping[str, Endpoint]] = {
            shape: methods for routes in collections for shape, methods in routes.items()
        }

    async def answer(self, request: Request) -> Answer:
        transaction_id = transaction(request)
        if request.raw_path.startswith(_WEB_PREFIX):
            answer = await self._web_action(request, transaction_id)
        else:
            answer = await self._rest(request, transaction_id)
        answer.headers.append((REQUEST_ID, transaction_id.encode()))
        return answer

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        transaction_id = transaction(request)
        reason = error.reason or "The request failed."
        headers: list[Header] = [*_cors(request), (REQUEST_ID, transaction_id.encode())]
        match error:
            case MethodNotAllowed():
                allowed = ", ".join(error.allowed)
                reason = f"HTTP method not allowed, supported methods: {allowed}"
                headers.append((b"allow", allowed.encode()))
            case Unauthorized():
                headers.append(CHALLENGE)
            case Throttled():
                headers.append((b"retry-after", b"%d" % error.retry_after_s))
        return answered({"error": reason, "code": transaction_id}, error.status, headers)

    async def close(self) -> None:
        if self._on_close is not None:
            await self._on_close()

    async def _web_action(self, request: Request, transaction_id: str) -> Answer:
        for prefix, mounted in self._mounts:
            if request.raw_path.startswith(prefix):
                return await mounted(request, transaction_id)
        if self._web is None:
            raise NotFound(_NOTHING_HERE)
        return await self._web(request, transaction_id)

    async def _rest(self, request: Request, transaction_id: str) -> Answer:
        parts = request.raw_path.split(b"/")
        if self._inner is not None and request.raw_path.startswith(INNER):
            return await self._inner.answer(request)
        if request.method == "OPTIONS":
            answer = Answer(200)
        elif parts[1:3] != _API:
            answer = self._root(request, parts)
        else:
            answer = await self._api(request, parts[3:], transaction_id)
        answer.headers += _cors(request)
        return answer

    def _root(self, request: Request, parts: list[bytes]) -> Answer:
        if parts == [b"", b""]:
            _only_get(request)
            return self._about.region()
        if parts == [b"", b"ping"]:
            _only_get(request)
            return info.pong()
        raise NotFound(_NOTHING_HERE)

    async def _api(self, request: Request, parts: list[bytes], transaction_id: str) -> Answer:
        if not any(parts):
            _only_get(request)
            return self._about.api()
        if parts == [b"api-docs"]:
            _only_get(request)
            return answered(described(self._routes))
        identity = identified(self._subjects, request, self._region_secret)
        if parts[0] != _NAMESPACES:
            raise NotFound(_NOTHING_HERE)
        if not any(parts[1:]):
            _only_get(request)
            return namespaces.names(identity)
        namespace, *below = parts[1:]
        endpoint, names = self._endpoint(request.method, below)
        call = Call(
            request,
            identity,
            namespace=_namespace(namespace, identity),
            names=tuple(unquoted(name.decode("latin-1")) for name in names),
            transaction_id=transaction_id,
        )
        return await endpoint(call)

    def _endpoint(self, method: str, below: list[bytes]) -> tuple[Endpoint, list[bytes]]:
        """The endpoint for the segments below a namespace, and the names among them."""
        collection, *names = below or [b""]
        slash = bool(names) and not names[-1]
        if slash:
            names.pop()
        methods = self._routes.get(Shape(collection, len(names), slash))
        if methods is None:
            raise NotFound(_NOTHING_HERE)
        endpoint = methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            raise MethodNotAllowed(*methods)
        return endpoint, names


def transaction(request: Request) -> str:
    """The request's id: its own when it is well formed, else a new one, which it carries from then on."""
    given = request.headers.get(REQUEST_ID)
    if given is None or not _GIVEN_ID.fullmatch(given):
        given = new_id().encode()
        request.headers[REQUEST_ID] = given
    return given.decode()


def _namespace(segment: bytes, identity: Identity) -> str:
    name = unquoted(segment.decode("latin-1"))
    return identity.namespace if name == OWN_NAMESPACE else check_namespace(name)


def _cors(request: Request) -> Sequence[Header]:
    if request.raw_path.startswith(_WEB_PREFIX):
        return WEB_CORS
    return REST_CORS if request.raw_path.startswith(b"/api/v1") else SERVER_CORS


def _only_get(request: Request) -> None:
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed("GET")
