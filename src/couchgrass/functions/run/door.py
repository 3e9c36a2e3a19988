"""A door on loopback to a region's database that actions can't reach as it is: by TLS, or below a path.

The preloads lead an old app's connections to a plain host and port, with the database at its root. When the
region's database is not such a one, they lead here, and each request goes on to the database with its own
credentials: the method, the rest of the path, headers and bodies as they are, streamed both ways, feeds too.
Only requests that name a host of an account are let in: no web page of somebody's browser can do that.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from couchgrass.functions.cloudant import Target, account_of, direct_target

CONNECT_S: Final = 10.0
CONNECTIONS_MAX: Final = 500
CLOSE_S: Final = 1.0
PIECE_BYTES: Final = 256 * 1024

_HOPS: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are about one connection, not about the request (RFC 9110 7.6.1)."""

_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class Door:
    """One door to one database. `target` is where it listens."""

    def __init__(self, database_url: str, *, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: whom to trust, when the system's authorities are not those."""
        parts = urlsplit(database_url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._tls: ssl.SSLContext | bool = True if tls is None else tls
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> Target:
        """Begins to listen."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,
            handler_cancellation=True,
            shutdown_timeout=CLOSE_S,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return Target(host, port)

    async def close(self) -> None:
        """Ends what is under way."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host = request.host.lower()
        if account_of(host) is None:
            return _refusal(403, "forbidden", "No account has this host.")
        assert self._session is not None
        asked = self._session.request(
            request.method,
            URL(self._base + self._prefix + request.raw_path, encoded=True),
            data=_body(request),
            headers=_passed(request.headers, but=("host", "expect")),
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            allow_redirects=False,
        )
        try:
            async with asked as found:
                return await self._streamed(request, found, host)
        except _FAILURES:
            return _refusal(502, "peer_lost", "The region's database does not answer.")

    async def _streamed(
        self, request: web.Request, found: aiohttp.ClientResponse, host: str
    ) -> web.StreamResponse:
        headers = _passed(found.headers)
        if "location" in headers:
            headers["location"] = self._seen_from_outside(headers["location"], host)
        cookies = [
            cookie.replace(f"Path={self._prefix}/", "Path=/") for cookie in headers.popall("set-cookie", [])
        ]
        for cookie in cookies:
            headers.add("set-cookie", cookie)
        answer = web.StreamResponse(status=found.status, reason=found.reason, headers=headers)
        await answer.prepare(request)
        try:
            async for piece in found.content.iter_any():
                await answer.write(piece)
        except _FAILURES:
            # The answer has begun: only a connection that breaks off says that it is not whole.
            if request.transport is not None:
                request.transport.abort()
            return answer
        await answer.write_eof()
        return answer

    def _seen_from_outside(self, location: str, host: str) -> str:
        """A URL of the database as the app knows it."""
        base = self._base + self._prefix
        if location.startswith(base):
            return f"https://{host}{location[len(base) :]}"
        if self._prefix and location.startswith(self._prefix + "/"):
            return location[len(self._prefix) :]
        return location


async def opened(database_url: str) -> tuple[Target, Door | None]:
    """Where to lead: straight to the database where that can be, else to a door that is opened for it."""
    target = direct_target(database_url)
    if target is not None:
        return target, None
    door = Door(database_url)
    return await door.open(), door


def _passed(headers: CIMultiDictProxy[str], but: tuple[str, ...] = ()) -> CIMultiDict[str]:
    named = {word.strip().lower() for word in headers.get("connection", "").split(",")}
    left_out = _HOPS | named | set(but)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in left_out)


def _body(request: web.Request) -> AsyncIterator[bytes] | None:
    return request.content.iter_chunked(PIECE_BYTES) if request.body_exists else None


def _refusal(status: int, error: str, reason: str) -> web.Response:
    return web.json_response({"error": error, "reason": reason}, status=status)
