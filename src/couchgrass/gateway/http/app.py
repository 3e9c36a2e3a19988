"""The gateway's ASGI application: a request finds its operation, passes its checks, goes to the functions.

Refusals are `{"status": ..., "message": ...}`, as upstream. The order of checks: route, preflight, verb,
security, rate limit, body, idempotency key. What the functions answer goes back without change, CORS headers
apart. A request that is refused because the region can't serve is refused before all of these.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import (
    CouchgrassError,
    GatewayTimeout,
    MethodNotAllowed,
    NotFound,
    PeerLost,
    ServiceUnavailable,
    TooLarge,
    Unauthorized,
)
from couchgrass.gateway.api import Api, Cors, Operation
from couchgrass.gateway.cors import preflight_headers, with_cors
from couchgrass.gateway.forward import (
    NOT_RUN,
    REGION,
    Caller,
    Header,
    Trust,
    answer_headers,
    forwarded,
    request_head,
    target_of,
)
from couchgrass.gateway.http.backend import Backend, Response, Upload
from couchgrass.gateway.http.keys import Keys
from couchgrass.gateway.http.once import Forward, Once
from couchgrass.gateway.http.pages import PagesOfApps
from couchgrass.gateway.idempotency import (
    ACTIVATION_ID,
    FAILURE,
    HEADER,
    IDEMPOTENT,
    REPLAYED,
    StillRunning,
    fingerprint_of,
    id_of,
    key_of,
)
from couchgrass.gateway.ratelimit import Buckets, RateExceeded
from couchgrass.gateway.security import ApiKey, Check, ClientSecret, Demand
from couchgrass.gateway.standing import NotRun, Standing
from couchgrass.gateway.store.apis import Apis
from couchgrass.gateway.subscription import check
from couchgrass.gateway.token import Refused, challenge
from couchgrass.serving.asgi import Answer, Edge, Request

log = logging.getLogger("couchgrass.gateway")

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
"""Upstream's limit."""

WHOLE_BYTES_MAX: Final = 64 * 1024
"""A body up to this is read whole, so that it can be sent again; a larger one is passed on as it comes."""

HEALTH: Final = b"/.well-known/couchgrass/gateway"
_JSON: Final[Header] = (b"content-type", b"application/json")

Mount = Callable[[Request], Awaitable[Answer]]


class ActionFailed(CouchgrassError):
    """The action did not give an answer that can be sent. Its record says why."""

    status = 502
    error = "action_failed"


class Gateway(Edge):
    """`mounts`: what is served below a prefix beside the APIs, such as the sign-in service; `probes` are the
    same, and are answered while the region can't serve, too. `pages` are served where no API is. `region` is
    named in all answers; without `standing` requests are taken always, and without `once` idempotency keys
    mean nothing."""

    def __init__(
        self,
        apis: Apis,
        backend: Backend,
        keys: Keys,
        clock: Clock,
        *,
        trust: Trust | None = None,
        mounts: Mapping[bytes, Mount] | None = None,
        probes: Mapping[bytes, Mount] | None = None,
        pages: PagesOfApps | None = None,
        region: str = "",
        standing: Standing | None = None,
        once: Once | None = None,
    ) -> None:
        super().__init__()
        self.signature = ((REGION, region.encode()),) if region else ()
        self._apis = apis
        self._backend = backend
        self._keys = keys
        self._clock = clock
        self._trust = trust or Trust()
        self._mounts = dict(mounts or {})
        self._probes = dict(probes or {})
        self._prefixes = (*self._probes, *self._mounts)
        self._pages = pages
        self._standing = standing or Standing()
        self._once = once
        self._buckets = Buckets()

    async def close(self) -> None:
        """Closes the connections to the functions and to issuers."""
        await self._backend.close()
        await self._keys.close()

    def counts(self, request: Request) -> bool:
        """Users' requests: balancers ask for the region's health several times a second."""
        return _mounted(self._probes, request.raw_path) is None

    async def answer(self, request: Request) -> Answer:
        """The answer to a request. Raises CouchgrassError for what concerns no API."""
        path = request.raw_path
        if path.startswith(self._prefixes):
            if (probe := _mounted(self._probes, path)) is not None:
                return await probe(request)
            if (mount := _mounted(self._mounts, path)) is not None:
                self._check_standing()
                return await mount(request)
        if path == HEALTH:
            return self._health()
        found = self._apis.routes.find(path)
        if found is None:
            page = None if self._pages is None else await self._pages.answer(request)
            if page is not None:
                return page
            self._check_standing()
            raise NotFound("Not found.")
        resource, below, rest = found
        cors = resource.api.cors
        if cors is Cors.ENABLED and request.method == "OPTIONS":
            return Answer(200, b"", preflight_headers(request.headers))
        try:
            self._check_standing()
            pair = resource.operations.get(request.method)
            if pair is None:
                raise NotFound("Whoops. Verb not supported.")
            answer = await self._forward(request, *pair, below, rest)
        except CouchgrassError as refused:
            await request.drain()
            answer = self.refuse(request, refused)
        if cors is not Cors.UNTOUCHED:
            answer.headers = with_cors(cors, answer.headers, request.headers)
        return answer

    def _check_standing(self) -> None:
        """Raises NotRun while the region can't serve."""
        self._standing.check(self._clock.monotonic(), is_followed=self._apis.is_current)

    async def _forward(
        self, request: Request, api: Api, operation: Operation, below: bytes, rest: bytes
    ) -> Answer:
        subscriber = await self._admit(request, api, operation.demands) if operation.demands else ""
        if api.limits:
            wait_s = self._buckets.take((api.key, subscriber), api.limits, self._clock.monotonic())
            if wait_s:
                raise RateExceeded(wait_s)
        if operation.target is None:
            raise PeerLost("The API's target is no web action")
        headers = request.scope["headers"]
        method = operation.verb or request.method.encode()
        key = self._key(request)
        body, told = await (self._body(request) if key is None else self._whole(request))
        query = request.query_string
        uri = request.raw_path + b"?" + query if query else request.raw_path
        head = request_head(
            method,
            target_of(operation.target, below, rest, query),
            self._backend.authority,
            headers,
            told + forwarded(self._caller(request), request.headers, uri),
            operation,
        )
        forward = partial(self._backend.ask, method, head, body, told[:1] == [_CHUNKED])
        if key is not None:
            response = await self._run_once(request, api, subscriber, below, key, forward)
        else:
            response = await forward()
        if not isinstance(body, bytes):
            await request.drain()
        if response.status in _FAILED_WITH and (failure := _failure(response.headers)) is not None:
            if response.pieces is not None:
                await response.pieces.aclose()
            return self._failed(request, response, failure)
        return _answer(request, response)

    def _key(self, request: Request) -> str | None:
        """The idempotency key, None where none is given or it means nothing. Raises BadRequest."""
        value = request.headers.get(HEADER)
        if value is None or self._once is None or request.method in IDEMPOTENT:
            return None
        return key_of(value)

    async def _run_once(
        self, request: Request, api: Api, subscriber: str, below: bytes, key: str, forward: Forward
    ) -> Response:
        """Raises what `Once.run` raises."""
        assert self._once is not None
        # A key that is reserved in vain would be in the way when the request comes to another region.
        await self._backend.reach()
        key_id = id_of(
            namespace=api.namespace,
            base_path=api.base_path,
            caller=subscriber,
            authorization=request.header(b"authorization") or "",
            method=request.method,
            path=below,
            key=key,
        )
        body = await request.body(BODY_BYTES_MAX)
        return await self._once.run(key_id, fingerprint_of(request.query_string, body), forward)

    def _failed(self, request: Request, response: Response, failure: CouchgrassError) -> Answer:
        """The refusal, with the id under which the activation's record and logs are found."""
        answer = self.refuse(request, failure)
        answer.headers += [header for header in response.headers if header[0] == ACTIVATION_ID]
        return answer

    def _caller(self, request: Request) -> Caller:
        scope = request.scope
        server = scope.get("server") or ("localhost", None)
        host = str(server[0]) if server[1] is None else f"{server[0]}:{server[1]}"
        address = request.client
        return Caller(address, address in self._trust, scope.get("scheme", "http").encode(), host.encode())

    async def _body(self, request: Request) -> tuple[Upload, list[Header]]:
        """The body, and the header that tells its length."""
        length = request.headers.get(b"content-length")
        if length is None and b"transfer-encoding" not in request.headers:
            if request.method in _BODILESS or request.scope["http_version"].startswith("1"):
                return b"", []
            # HTTP/2 has an end of a body without any header that tells of it.
            return await self._whole(request)
        if length is None:
            return request.pieces(BODY_BYTES_MAX), [_CHUNKED]
        size = int(length) if length.isdigit() else 0
        if size > BODY_BYTES_MAX:
            raise TooLarge(f"The body has {size} bytes; {BODY_BYTES_MAX} are allowed")
        if size <= WHOLE_BYTES_MAX:
            return await self._whole(request)
        return request.pieces(BODY_BYTES_MAX), [(b"content-length", b"%d" % size)]

    async def _whole(self, request: Request) -> tuple[Upload, list[Header]]:
        """The same, read to its end."""
        body = await request.body(BODY_BYTES_MAX)
        return body, [(b"content-length", b"%d" % len(body))]

    # --- who may ---------------------------------------------------------------------------------------

    async def _admit(self, request: Request, api: Api, demands: tuple[Demand, ...]) -> str:
        """The subscriber, "" where none is asked for. Raises what the last of the alternatives was refused
        with."""
        refusal: CouchgrassError | None = None
        for demand in demands:
            try:
                subscriber = ""
                for each in demand:
                    subscriber = await self._pass(request, api, each) or subscriber
                return subscriber
            except (Unauthorized, ServiceUnavailable) as refused:
                refusal = refused
        assert refusal is not None
        raise refusal

    async def _pass(self, request: Request, api: Api, each: Check) -> str:
        if isinstance(each, ApiKey):
            key = _field(request, each)
            return check(self._apis.subscription(api.namespace, key), api).key_hash
        if isinstance(each, ClientSecret):
            key, secret = _field(request, each.id), _field(request, each.secret)
            return check(self._apis.subscription(api.namespace, key), api, secret).key_hash
        await self._keys.check(request.header(b"authorization"), each)
        return ""

    # --- what is wrong ---------------------------------------------------------------------------------

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        """The one mapping of errors."""
        headers = [_JSON]
        if isinstance(error, RateExceeded):
            headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.wait_s))))
        elif isinstance(error, ServiceUnavailable | StillRunning):
            headers.append((b"retry-after", b"1"))
            if isinstance(error, NotRun):
                headers.append(NOT_RUN)
        elif isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        elif isinstance(error, Unauthorized):
            scheme = challenge(error) if isinstance(error, Refused) else b'ApiKey realm="api"'
            headers.append((b"www-authenticate", scheme))
        elif isinstance(error, PeerLost):
            log.warning("%s %s: %s", request.method, request.raw_path.decode("latin-1"), error.reason)
        body = {"status": error.status, "message": f"Error: {error.reason}"}
        return Answer(error.status, json.encode(body), headers)

    def _health(self) -> Answer:
        body: dict[str, Any] = {
            "status": "ok",
            "database": "followed" if self._apis.is_current else "away",
            "broken_apis": len(self._apis.broken),
            "requests": self.inflight,
        }
        if self._once is not None:
            body["idempotency"] = self._once.counts.told()
        return Answer(200, json.encode(body), [_JSON, (b"cache-control", b"no-store")])


_FAILED_WITH: Final = frozenset({202, 400})
"""What a web action answers that failed or was not ready; then FAILURE says so."""

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_CHUNKED: Final[Header] = (b"transfer-encoding", b"chunked")


def _mounted(mounts: Mapping[bytes, Mount], path: bytes) -> Mount | None:
    """What serves the path, if it begins with the prefix of one."""
    for prefix, mount in mounts.items():
        if path.startswith(prefix):
            return mount
    return None


def _field(request: Request, key: ApiKey) -> str:
    """What the request has in this place. Raises Unauthorized when it is empty."""
    if key.in_query:
        query = parse_qsl(request.query_string.decode("latin-1"), max_num_fields=None)
        found = next((value for name, value in query if name == key.name), "")
    else:
        found = request.header(key.name.encode()) or ""
    if not found:
        raise Unauthorized(f"{key.name} required")
    return found


def _failure(headers: Sequence[Header]) -> CouchgrassError | None:
    """What the functions say of a web action that did not give the answer itself."""
    for name, value in headers:
        if name == FAILURE:
            late = value == b"time"
            return (
                GatewayTimeout("The action was not ready in time")
                if late
                else ActionFailed("The action failed")
            )
    return None


def _answer(request: Request, response: Response) -> Answer:
    headers = answer_headers(response.headers)
    if response.is_replayed:
        headers.append(REPLAYED)
    pieces = response.pieces
    if pieces is None and request.method == "HEAD":
        # How long the body would be is what the functions said, or is not told.
        pieces = _nothing()
    return Answer(response.status, response.body, headers, pieces)


async def _nothing() -> AsyncGenerator[bytes, None]:
    for _ in range(0):
        yield b""
