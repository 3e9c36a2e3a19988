"""The functions' HTTP server, asked by the gateway: connections that are kept, bodies passed on as they come.

What fails becomes one of three answers: 502 (PeerLost) for an answer that did not come whole, 503
(ServiceUnavailable) when nobody takes the connection or too many are open, 504 (GatewayTimeout). NotRun, a
503 too, is for the one case in which no byte of a request can have reached the functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Final, TypeVar

from couchgrass.errors import GatewayTimeout, PeerLost, ServiceUnavailable
from couchgrass.gateway.http.connection import Connection, Header
from couchgrass.gateway.standing import NotRun

T = TypeVar("T")

CONNECTIONS_MAX: Final = 4096
"""Requests under way at once. An action may take a minute, so there may be many."""

KEPT_MAX: Final = 256
"""Connections that are kept for the next request."""

KEPT_S: Final = 15.0
"""How long. The functions' server closes them after 30 s, but must not while a request is on its way."""

CONNECT_S: Final = 5.0

ANSWER_S: Final = 70.0
"""How long an answer may take to begin, and how long it may pause; OpenWhisk's gateway has the same."""

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"})
"""Methods that may be sent again (RFC 9110 9.2.2)."""

Upload = bytes | AsyncIterator[bytes]


class Overloaded(ServiceUnavailable):
    """Too many requests are under way; this one was not sent."""

    error = "overloaded"


class Response:
    """An answer: `body` when it is whole, else `pieces` that have to be read or closed. `is_replayed`: it is
    one that was given before."""

    __slots__ = ("body", "headers", "is_replayed", "pieces", "status")

    def __init__(
        self,
        status: int,
        headers: list[Header],
        body: bytes,
        pieces: AsyncGenerator[bytes, None] | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.pieces = pieces
        self.is_replayed = False


class Backend:
    """One server. `answer_s` is how long it may be silent."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connections_max: int = CONNECTIONS_MAX,
        answer_s: float = ANSWER_S,
        connect_s: float = CONNECT_S,
    ) -> None:
        self.host = host
        self.port = port
        self.authority = f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()
        self.open = 0
        """Requests under way."""
        self._connections_max = connections_max
        self._answer_s = answer_s
        self._connect_s = connect_s
        self._kept: list[Connection] = []
        self._all: set[Connection] = set()
        self._closed = False

    async def close(self) -> None:
        """Closes all connections."""
        self._closed = True
        self._kept.clear()
        for connection in self._all:
            connection.fail("closed")
        while self._all:
            await asyncio.sleep(0)

    async def ask(self, method: bytes, head: bytes, body: Upload = b"", chunked: bool = False) -> Response:
        """Sends a request and returns its answer. `head` is all before the body, the empty line included.

        `chunked`: the head says so, and the body has to be sent that way. Raises NotRun, Overloaded,
        PeerLost, ServiceUnavailable, GatewayTimeout, and what the body's source raises.
        """
        if self.open >= self._connections_max:
            raise Overloaded("Too many requests are under way")
        self.open += 1
        unreached: type[ServiceUnavailable] = NotRun
        try:
            while True:
                connection = self._take() or await self._connect(unreached)
                unreached = ServiceUnavailable
                connection.begin(method == b"HEAD")
                was_kept = connection.uses > 1
                try:
                    await self._send(connection, head, body, chunked)
                    await self._in_time(connection, connection.ready())
                except BaseException:
                    connection.fail("given up")
                    raise
                if connection.has_head and (connection.is_whole or connection.failed is None):
                    return await self._response(connection)
                if not self._may_repeat(connection, was_kept, method, body):
                    raise self._lost(connection)
        finally:
            self.open -= 1

    async def reach(self) -> None:
        """Returns when there is a connection for the next request. Raises NotRun."""
        connection = self._take() or await self._connect(NotRun)
        if connection.failed is None and not self._closed:
            connection.idle_since = connection.idle_since or connection.loop.time()
            self._kept.append(connection)

    async def _in_time(self, connection: Connection, event: Awaitable[T]) -> T:
        """Waits for the functions, which may be silent for `answer_s`."""
        timer = connection.loop.call_later(self._answer_s, connection.expire)
        try:
            return await event
        finally:
            timer.cancel()

    def _take(self) -> Connection | None:
        while self._kept:
            connection = self._kept.pop()
            if connection.failed is not None:
                continue
            if connection.loop.time() - connection.idle_since < KEPT_S:
                return connection
            connection.fail("unused for long")
        return None

    async def _connect(self, unreached: type[ServiceUnavailable]) -> Connection:
        """Raises `unreached` when nobody takes it."""
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._all.discard), self.host, self.port
                )
        except (OSError, TimeoutError) as refused:
            raise unreached("The functions can't be reached") from refused
        if connection.failed is None:
            self._all.add(connection)
        return connection

    async def _send(self, connection: Connection, head: bytes, body: Upload, chunked: bool) -> None:
        transport = connection.transport
        assert transport is not None
        if isinstance(body, bytes):
            transport.write(head + body if body else head)
            return
        transport.write(head)
        async for piece in body:
            if not await self._in_time(connection, connection.writable()):
                # Answered before it was read to the end; the rest is of no use, and nor is the connection.
                connection.until_closed = True
                return
            if piece:
                transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and connection.failed is None:
            transport.write(b"0\r\n\r\n")

    async def _response(self, connection: Connection) -> Response:
        if connection.is_whole:
            parts = connection.parts
            body = parts.popleft() if len(parts) == 1 else b"".join(parts)
            parts.clear()
            self._keep(connection)
            return Response(connection.status, connection.headers, body)
        pieces = self._pieces(connection)
        # Once begun, it gives the connection back also when nobody reads on.
        await anext(pieces)
        return Response(connection.status, connection.headers, b"", pieces)

    async def _pieces(self, connection: Connection) -> AsyncGenerator[bytes, None]:
        self.open += 1
        try:
            yield b""
            while (piece := await self._in_time(connection, connection.part())) is not None:
                yield piece
            if not connection.is_whole:
                raise self._lost(connection)
        finally:
            self.open -= 1
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        if connection.is_reusable and len(self._kept) < KEPT_MAX and not self._closed:
            connection.idle_since = connection.loop.time()
            self._kept.append(connection)
        else:
            connection.fail("no longer needed")

    def _may_repeat(self, connection: Connection, was_kept: bool, method: bytes, body: Upload) -> bool:
        """A connection that was kept and is found closed: nothing was done, unless it was just being done."""
        return (
            was_kept
            and not connection.has_begun
            and not connection.expired
            and method in IDEMPOTENT
            and isinstance(body, bytes)
        )

    def _lost(self, connection: Connection) -> PeerLost | GatewayTimeout:
        if connection.expired:
            return GatewayTimeout("The functions did not answer in time")
        return PeerLost(f"The functions did not answer: {connection.failed}")
