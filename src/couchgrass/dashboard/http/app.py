"""The dashboard's server: the pages, the region's servers behind them, and what it knows itself.

GET /, /assets/…      the built pages; /config.json says whose they are
/couch/…              the region's database
/functions/…          its functions
/gateway/…            its gateway
/_dashboard/…         its own, for server admins; see `web/src/api/dashboard.ts`

All but the pages is for the pages only (`dashboard/gate.py`). Answers of errors are CouchDB's:
{"error", "reason"}.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from couchgrass.dashboard.gate import check_own
from couchgrass.dashboard.http.backends import COUCH, FUNCTIONS, GATEWAY, Backends
from couchgrass.dashboard.http.passing import Passing, until_told
from couchgrass.dashboard.passed import POLICY
from couchgrass.dashboard.paths import below
from couchgrass.dashboard.told import Told
from couchgrass.dashboard.who import Who, check_may
from couchgrass.errors import CouchgrassError, MethodNotAllowed, NotFound
from couchgrass.serving.asgi import Answer, Edge, Header, Request, unquoted
from couchgrass.serving.inner import json_answer
from couchgrass.serving.pages import Pages

OWN: Final = b"/_dashboard"
NAMESPACES: Final = b"/_dashboard/namespaces"
CONFIG: Final = b"/config.json"

ALLOWED_S: Final = 5.0
"""How long a feed of ours goes on until it is asked again whether it may."""

Serve = Callable[[Request, bytes], Awaitable[Answer]]


class Own(Protocol):
    """What serves the paths below /_dashboard/. `who` may do it: that was looked at."""

    async def answer(self, request: Request, who: Who) -> Answer:
        """Raises CouchgrassError."""


class App(Edge):
    """`told` is looked at anew each time. `pages` may raise ServiceUnavailable, where they were not built."""

    def __init__(
        self,
        backends: Backends,
        passing: Passing,
        *,
        pages: Callable[[], Pages],
        told: Callable[[], Told],
        own: Own | None = None,
        allowed_s: float = ALLOWED_S,
    ) -> None:
        self._stops = False
        super().__init__()
        self._backends = backends
        self._passing = passing
        self._pages = pages
        self._told = told
        self._own = own
        self._allowed_s = allowed_s
        self._ways: Sequence[tuple[bytes, Serve]] = (
            (COUCH.encode(), backends.couch),
            (FUNCTIONS.encode(), backends.functions),
            (GATEWAY.encode(), backends.gateway),
            (OWN, self._dashboard),
        )

    @property
    def draining(self) -> bool:
        """Whether the server stops. Then feeds end, whose connections would hold it up."""
        return self._stops

    @draining.setter
    def draining(self, stops: bool) -> None:
        self._stops = stops
        if stops:
            self._passing.end_feeds()

    async def answer(self, request: Request) -> Answer:
        """Raises Forbidden for requests that may be another site's, NotFound, NoAnswer, Late and others."""
        for prefix, serve in self._ways:
            path = below(request.raw_path, prefix)
            if path is not None:
                check_own(request.method, request.headers)
                return await serve(request, path)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET", "HEAD")
        if request.raw_path == CONFIG:
            return _with_policy(json_answer(200, self._told()))
        return self._page(request)

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        answer = _with_policy(json_answer(error.status, {"error": error.error, "reason": error.reason}))
        if isinstance(error, MethodNotAllowed):
            answer.headers.append((b"allow", ", ".join(error.allowed).encode()))
        return answer

    async def close(self) -> None:
        await self._passing.close()

    def _page(self, request: Request) -> Answer:
        found = self._pages().find(
            unquoted(request.raw_path.decode("latin-1")).removeprefix("/"),
            accepts=request.header(b"accept-encoding") or "",
            known=request.header(b"if-none-match") or "",
        )
        if found is None:
            raise NotFound("There is no such page.")
        headers: list[Header] = [(name.encode(), value.encode()) for name, value in found.headers]
        return Answer(found.status, found.body, [*headers, (b"content-type", found.media_type.encode())])

    async def _dashboard(self, request: Request, path: bytes) -> Answer:
        seen = await self._backends.who(request, patient=True)
        check_may(seen.who, request.method, request.raw_path)
        if request.raw_path == NAMESPACES and request.method in ("GET", "HEAD"):
            answer = json_answer(200, {"namespaces": await self._backends.namespaces()})
        elif self._own is not None:
            answer = await self._own.answer(request, seen.who)
        else:
            raise NotFound("Not found.")
        if answer.pieces is not None:
            allowed = self._while_allowed(request, answer.pieces)
            answer.pieces = until_told(allowed, self._passing.told)
        answer.headers += self._backends.set_cookies(request, seen.cookies)
        return _with_policy(answer)

    async def _while_allowed(
        self, request: Request, pieces: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """A feed that ends when who listens has signed out, or may not any more."""
        clock = asyncio.get_running_loop().time
        asked_s = clock()
        async with aclosing(pieces):
            async for piece in pieces:
                if clock() - asked_s >= self._allowed_s:
                    try:
                        seen = await self._backends.who(request, patient=True)
                        check_may(seen.who, request.method, request.raw_path)
                    except CouchgrassError:
                        return
                    asked_s = clock()
                yield piece


def _with_policy(answer: Answer) -> Answer:
    """What says that an answer is no page that may do something, unless it says itself what it may."""
    named = {name for name, _ in answer.headers}
    answer.headers += [header for header in POLICY if header[0] not in named]
    return answer
