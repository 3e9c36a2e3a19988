"""One connection to the functions: a request goes out, its answer comes back, then the next one.

asyncio's own transport and llhttp (`httptools`), because each request of the gateway pays for what stands
here: 17 us, where aiohttp's client takes 76 (measured in the gateway on one core). Nothing is read ahead
without bound: past `AHEAD_BYTES_MAX` the peer has to wait. Specification: RFC 9112.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import httptools

Header = tuple[bytes, bytes]

WHOLE_BYTES_MAX: Final = 64 * 1024
"""An answer whose length is told and is at most this is waited for; larger ones are passed on in pieces."""

AHEAD_BYTES_MAX: Final = 256 * 1024
"""What is read of a body before anybody takes it."""

HEAD_BYTES_MAX: Final = 256 * 1024
"""The headers of an answer, taken together."""


class Connection(asyncio.Protocol):
    """A connection and the answer under way on it. `failed` says in words what went wrong, once it did;
    `gone` is told when the connection has ended."""

    __slots__ = (
        "_ahead",
        "_gone",
        "_head_bytes",
        "_is_head",
        "_is_reading",
        "_parser",
        "_waiter",
        "can_write",
        "expired",
        "failed",
        "has_begun",
        "has_head",
        "headers",
        "idle_since",
        "is_whole",
        "length",
        "loop",
        "parts",
        "status",
        "transport",
        "until_closed",
        "uses",
    )

    def __init__(self, gone: Callable[[Connection], None]) -> None:
        self._gone = gone
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.failed: str | None = None
        self.uses = 0
        self.idle_since = 0.0
        self.can_write = True
        self.parts: deque[bytes] = deque()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._is_reading = True
        self.is_whole = True
        self._forget()

    def _forget(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.length: int | None = None
        self.until_closed = False
        self.has_begun = self.has_head = self.expired = False
        self._ahead = self._head_bytes = 0

    def begin(self, is_head: bool) -> None:
        """Makes ready for a request; `is_head`: its answer has no body, whatever its headers say."""
        self._forget()
        self._is_head = is_head
        self.is_whole = False
        self.uses += 1

    @property
    def is_reusable(self) -> bool:
        """The answer is whole and the peer keeps the connection."""
        return self.is_whole and self.failed is None and not self.until_closed

    # --- what a request waits for ------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """There is something to go on with: the whole answer, the head of a large one, or the end."""
        if self.is_whole or self.failed is not None:
            return True
        return self.has_head and (self.length is None or self.length > WHOLE_BYTES_MAX)

    async def ready(self) -> None:
        """Returns once the answer is whole, or begins if it is large, or has failed."""
        while not self.is_ready:
            await self._wait()

    async def part(self) -> bytes | None:
        """The next piece of the body; None at its end or once the connection has failed."""
        while not self.parts:
            if self.is_whole or self.failed is not None:
                return None
            await self._wait()
        piece = self.parts.popleft()
        self._ahead -= len(piece)
        if not self._is_reading and self._ahead < AHEAD_BYTES_MAX // 2:
            self._is_reading = True
            assert self.transport is not None
            self.transport.resume_reading()
        return piece

    async def writable(self) -> bool:
        """Returns once more can be sent; False when it shall not, for the answer is there already."""
        while not self.can_write and not self.is_ready:
            await self._wait()
        return not self.is_ready

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def expire(self) -> None:
        """Time is up."""
        self.expired = True
        self.fail("no answer in time")

    def fail(self, why: str) -> None:
        """Gives the connection up."""
        if self.failed is None:
            self.failed = why
        if self.transport is not None:
            self.transport.abort()
        self._wake()

    # --- asyncio's events --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        if self.is_whole:
            self.fail("bytes came that nobody asked for")
            return
        self.has_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("the answer is no HTTP")
            return
        if self._ahead > AHEAD_BYTES_MAX and self._is_reading and not self.is_whole:
            self._is_reading = False
            assert self.transport is not None
            self.transport.pause_reading()
        if self.is_ready or self.parts:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended: the end of a body without a length, else a failure."""
        if self.has_head and self.until_closed and not self.is_whole and error is None and not self.failed:
            self.is_whole = True
        if self.failed is None:
            self.failed = "the connection was closed"
        self._gone(self)
        self._wake()

    def pause_writing(self) -> None:
        """The peer reads more slowly than we send."""
        self.can_write = False

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.can_write = True
        self._wake()

    # --- the parser's events -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; after the one that was asked for there must be none."""
        if self.has_head:
            raise ValueError("another answer came")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the answer, or one after a chunked body, which is dropped."""
        if self.has_head:
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise ValueError("the head is too large")
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is there; one of 1xx is followed by another."""
        status = self._parser.get_status_code()
        if status < 200:
            self.headers = []
            return
        self.status = status
        self.has_head = True
        is_chunked = False
        for name, value in self.headers:
            if name == b"content-length":
                self.length = int(value)
            elif name == b"transfer-encoding":
                is_chunked = True
        if is_chunked:
            self.length = None
        has_body = not self._is_head and status not in (204, 304)
        self.until_closed = not self._parser.should_keep_alive() or (
            has_body and self.length is None and not is_chunked
        )
        if self._is_head:
            # llhttp can't be told of HEAD and would wait for a body.
            self._parser = httptools.HttpResponseParser(self)
            self.is_whole = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._is_head:
            raise ValueError("a body came for HEAD")
        self.parts.append(body)
        self._ahead += len(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self.has_head:
            self.is_whole = True
