"""A dashboard's server on a port, in front of servers that are real too, or that say what they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from couchgrass import json
from couchgrass.dashboard.cookies import cookie_name
from couchgrass.dashboard.http.app import ALLOWED_S, App, Own
from couchgrass.dashboard.http.backends import Backends, Servers
from couchgrass.dashboard.http.passing import ANSWER_S, Passing
from couchgrass.dashboard.told import Told
from couchgrass.errors import CouchgrassError
from couchgrass.serving.asgi import Answer, ClientGone, Edge, Request
from couchgrass.serving.pages import Pages, page_file
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.listening import listening

OWN = {"x-couchgrass-dashboard": "1"}
COOKIE = cookie_name("london")
ACTING = "Bearer only functions may see this"
LIMIT_S = 60.0


class Echo(Edge):
    """Says what it was sent. `respond` may answer instead; `gone` is set when a client hung up."""

    def __init__(self, respond: Callable[[Request], Awaitable[Answer | None]] | None = None) -> None:
        super().__init__()
        self.respond = respond
        self.seen: list[Request] = []
        self.gone = asyncio.Event()

    async def answer(self, request: Request) -> Answer:
        self.seen.append(request)
        try:
            found = None if self.respond is None else await self.respond(request)
            if found is not None:
                return found
            taken = 0
            async for piece in request.pieces(1 << 40):
                taken += len(piece)
        except ClientGone:
            self.gone.set()
            raise
        told = {
            "method": request.method,
            "path": request.raw_path.decode(),
            "query": request.query_string.decode(),
            "headers": {name.decode(): value.decode("latin-1") for name, value in request.headers.items()},
            "bytes": taken,
        }
        return Answer(200, json.encode(told), [(b"content-type", b"application/json")])

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status, error.reason.encode())

    async def close(self) -> None:
        """Nothing began."""


class Site:
    """The dashboard at `url`, asked as its pages would ask it."""

    def __init__(
        self, app: App, url: str, passing: Passing, clock: MovedClock, session: aiohttp.ClientSession
    ) -> None:
        self.app = app
        self.url = url
        self.passing = passing
        self.clock = clock
        self.session = session

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] = OWN,
        user: str = "",
        **more: str,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, the JSON (or text) and the headers of an answer. `user`: whose session it is; `more` are
        headers with _ for -."""
        sent = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        if user:
            sent["cookie"] = f"{COOKIE}={user}; AuthSession=somebody-elses; other=1"
        url = URL(self.url + path, encoded=True)
        async with self.session.request(
            method, url, data=body, headers=sent, allow_redirects=False
        ) as answer:
            text = await answer.text()
            kind = answer.headers.get("content-type", "")
            return (
                answer.status,
                json.decode(text.encode()) if "json" in kind and text else text,
                answer.headers,
            )


@asynccontextmanager
async def site(
    database: str,
    *,
    functions: str = "",
    gateway: str = "",
    acting: str = ACTING,
    in_any: bool = True,
    own: Own | None = None,
    answer_s: float = ANSWER_S,
    allowed_s: float = ALLOWED_S,
) -> AsyncIterator[Site]:
    """The servers' URLs, "" for one that does not run."""
    passing, clock = Passing(answer_s=answer_s), MovedClock()
    servers = Servers(
        "london",
        COOKIE,
        lambda: database,
        functions=lambda: functions,
        gateway=lambda: gateway,
        acting=acting,
        in_any=in_any,
    )
    pages = Pages({"index.html": page_file("index.html", b"<!doctype html>the pages")})
    app = App(
        Backends(servers, passing, clock),
        passing,
        pages=lambda: pages,
        told=lambda: Told("1.0", region="london"),
        own=own,
        allowed_s=allowed_s,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.close)
        url = await stack.enter_async_context(listening(app))
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield Site(app, url, passing, clock, session)
        app.draining = True


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Runs a test's work, for not too long."""

    async def whole() -> None:
        async with asyncio.timeout(LIMIT_S):
            await work()

    asyncio.run(whole())


async def pieces_of(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    """A body in pieces."""
    for piece in pieces:
        yield piece
