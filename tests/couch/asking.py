"""What the client's tests share: transports to scripted servers, and bodies that go wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aiohttp

from couchgrass.couch.auth import Auth
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import HttpTransport, Transport, whole
from couchgrass.testing.scripted import Play, Scripted, scripted

BYTES_MAX = 64 * 1024 * 1024
ENOUGH_S = 60.0
"""Longer than a busy machine takes for anything; what is waited for in vain is skipped to."""


@asynccontextmanager
async def transport_to(url: str, **options: Any) -> AsyncIterator[HttpTransport]:
    """A transport with a connection pool of its own."""
    options.setdefault("auth", Auth())
    options.setdefault("pace", Pace())
    options.setdefault("proceed_s", ENOUGH_S)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield HttpTransport(session, url, **options)


def with_plays(
    work: Callable[[Scripted, HttpTransport], Awaitable[None]], *plays: Play, **options: Any
) -> None:
    """Runs `work` with a scripted server and a transport to it; nothing it started may be left."""

    async def run() -> None:
        async with scripted(*plays) as peer, transport_to(peer.url, **options) as transport:
            async with asyncio.timeout(2 * ENOUGH_S):
                await work(peer, transport)

    asyncio.run(run())


def skip(seconds: float) -> None:
    """Has the running loop's clock go ahead, so that what waits for so long has waited for it."""
    loop = asyncio.get_running_loop()
    time = loop.time
    loop.time = lambda: time() + seconds  # type: ignore[method-assign]


@cache
def _bound() -> socket.socket:
    """Never listens. It is kept until the tests end, so that nobody else gets its port."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    return probe


def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    port: int = _bound().getsockname()[1]
    return port


def database(transport: Transport, name: str = "db", **options: Any) -> CouchDatabase:
    """A database that repeats requests without waiting."""
    options.setdefault("retry_s", 0.0)
    return CouchDatabase(transport, name, **options)


async def ask(
    transport: Transport, method: str = "GET", path: str = "/db", **options: Any
) -> tuple[int, bytes]:
    """One request; status and body."""
    async with transport.request(method, path, **options) as reply:
        return reply.status, await whole(reply, BYTES_MAX)


async def pieces(*given: bytes | Exception) -> AsyncIterator[bytes | memoryview]:
    """A body as a stream; an exception is raised in its place."""
    for piece in given:
        if isinstance(piece, Exception):
            raise piece
        yield piece
