"""One HTTP request and its answer, as small as they can be: what functions and the gateway serve with.

The edge where a server's errors become its answers is `Edge.refuse`, which each server writes for itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from couchgrass.errors import BadRequest, CouchgrassError, RequestTimeout, TooLarge
from couchgrass.serving.counted import Requests

log = logging.getLogger("couchgrass.http")

Header = tuple[bytes, bytes]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

BODY_IDLE_S: Final = 60.0
"""How long a body may pause; a client that sends nothing must not hold its place for good."""

BODY_PACE_BYTES_S: Final = 1024
"""How fast a body has to come on average, once it has taken longer than a pause may: a byte now and then must
not hold a place either."""

DRAINED_BYTES_MAX: Final = 16 * 1024 * 1024
DRAIN_S: Final = 10.0
"""How much of an unwanted body is read (and dropped) before a refusal, and for how long at most: a client
that is cut off while it sends sees a broken pipe, not the answer. It is well above what any of the servers
takes, so whoever is a little over a limit gets to read which."""

PART_BYTES_MAX: Final = 512 * 1024
"""What is handed to the HTTP server at a time."""


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


class Request:
    """A request. `raw_path` is as it came, percent-encoded; of a header that came twice, the values are
    joined by ", " (cookies by "; "), as RFC 9110 5.3 and RFC 9113 8.2.3 have it."""

    __slots__ = (
        "_body",
        "_hung_up",
        "_receive",
        "_taken",
        "_waited_s",
        "_whole",
        "headers",
        "method",
        "query_string",
        "raw_path",
        "scope",
    )

    def __init__(self, scope: dict[str, Any], receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        self.query_string: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in self.headers:
                value = self.headers[name] + (b"; " if name == b"cookie" else b", ") + value
            self.headers[name] = value
        self._receive = receive
        self._taken = 0
        self._waited_s = 0.0
        self._whole = False
        self._body: bytes | None = None
        self._hung_up: asyncio.Task[None] | None = None

    @property
    def client(self) -> str:
        """The peer's address, "" where there is none."""
        found = self.scope.get("client")
        return found[0] if found else ""

    def header(self, name: bytes) -> str | None:
        """A header's text; `name` in lower case."""
        found = self.headers.get(name)
        return None if found is None else found.decode("latin-1")

    async def body(self, bytes_max: int) -> bytes:
        """The whole body. Raises TooLarge, RequestTimeout, ClientGone."""
        if self._body is not None:
            return self._body
        length = self.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > bytes_max:
            raise TooLarge(f"The body has {int(length)} bytes; {bytes_max} are allowed")
        message = await self._next()
        whole: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts = bytearray(whole)
            while message.get("more_body"):
                message = await self._next()
                parts += message.get("body", b"")
                if len(parts) > bytes_max:
                    raise TooLarge(f"The body is over {bytes_max} bytes")
            whole = bytes(parts)
        if len(whole) > bytes_max:
            raise TooLarge(f"The body is over {bytes_max} bytes")
        self._body = whole
        return whole

    async def pieces(self, bytes_max: int) -> AsyncGenerator[bytes, None]:
        """The body as it comes, once. Raises TooLarge as soon as it is, RequestTimeout, ClientGone."""
        taken = 0
        while not self._whole:
            piece: bytes = (await self._next()).get("body", b"")
            taken += len(piece)
            if taken > bytes_max:
                raise TooLarge(f"The body is over {bytes_max} bytes")
            if piece:
                yield piece

    async def _next(self) -> dict[str, Any]:
        left_s = BODY_IDLE_S + self._taken / BODY_PACE_BYTES_S - self._waited_s
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(BODY_IDLE_S, left_s)):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout("The body stopped coming") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._waited_s += asyncio.get_running_loop().time() - began_s
        self._taken += len(message.get("body", b""))
        self._whole = not message.get("more_body")
        return message

    async def drain(self) -> None:
        """Reads a little of a body that nobody wants, so that the client gets to read the answer."""
        has_body = b"content-length" in self.headers or b"transfer-encoding" in self.headers
        if self._whole or not has_body:
            return
        taken = 0
        try:
            async with asyncio.timeout(DRAIN_S):
                while not self._whole and taken <= DRAINED_BYTES_MAX:
                    taken += len((await self._next()).get("body", b""))
        except (TimeoutError, ClientGone, CouchgrassError):
            return

    async def gone(self) -> None:
        """Returns when the client hangs up. The body must have been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def hung_up(self) -> asyncio.Task[None]:
        """`gone`, as one task for the whole request: once such a wait was given up, the HTTP server answers
        the next one at once, as if the client had gone."""
        if self._hung_up is None:
            self._hung_up = asyncio.create_task(self.gone())
        return self._hung_up

    def end(self) -> None:
        """Nobody waits for the client any more."""
        if self._hung_up is not None:
            self._hung_up.cancel()


class Answer:
    """A status, headers (names in lower case), and a body: whole, or pieces that are streamed. Status and
    headers go out with the first piece, which may be empty."""

    __slots__ = ("body", "headers", "pieces", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: list[Header] | None = None,
        pieces: AsyncGenerator[bytes, None] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers: list[Header] = [] if headers is None else headers
        self.pieces = pieces


class Edge(ABC):
    """An ASGI application around `answer`; a subclass brings `answer`, `refuse` and `close`. `requests` are
    counted."""

    def __init__(self) -> None:
        self.inflight = 0
        self.draining = False
        self.requests = Requests()
        self.signature: tuple[Header, ...] = ()
        """Headers of all answers."""

    @abstractmethod
    async def answer(self, request: Request) -> Answer:
        """The answer to a request; may raise CouchgrassError."""

    @abstractmethod
    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        """The answer that says what is wrong. The one mapping of errors."""

    @abstractmethod
    async def close(self) -> None:
        """Ends what the application began."""

    def counts(self, request: Request) -> bool:
        """Whether it is one of those `requests`; one that only asks how we are may not be."""
        return True

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        self.inflight += 1
        began_s = time.perf_counter()
        try:
            answer = await self._answered(request)
            if self.counts(request):
                self.requests.add(request.method, answer.status, time.perf_counter() - began_s)
            if self.signature:
                answer.headers = [*answer.headers, *self.signature]
            if self.draining:
                answer.headers.append((b"connection", b"close"))
            await self._send(request, answer, send)
        except ClientGone:
            return
        finally:
            request.end()
            self.inflight -= 1

    async def _answered(self, request: Request) -> Answer:
        try:
            return await self.answer(request)
        except CouchgrassError as refused:
            await request.drain()
            return self.refuse(request, refused)
        except ClientGone:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.raw_path.decode("latin-1"))
            return self.refuse(request, CouchgrassError("The server failed; its log says why."))

    async def _send(self, request: Request, answer: Answer, send: Send) -> None:
        head = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        if answer.pieces is None:
            body = answer.body
            if request.method == "HEAD":
                if not any(name == b"content-length" for name, _ in answer.headers):
                    answer.headers.append((b"content-length", b"%d" % len(body)))
                body = b""
            await send(head)
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await send(head)
        # The HTTP server takes pieces for a client that has gone, without a word; and a feed may be silent.
        sending = asyncio.current_task()
        assert sending is not None
        gone = request.hung_up()
        gone.add_done_callback(lambda found: None if found.cancelled() else sending.cancel())
        try:
            if request.method != "HEAD":
                async for piece in answer.pieces:
                    for at in range(0, len(piece) or 1, PART_BYTES_MAX):
                        part = piece[at : at + PART_BYTES_MAX]
                        await send({"type": "http.response.body", "body": part, "more_body": True})
        except asyncio.CancelledError:
            if not gone.done():
                raise
            sending.uncancel()
            raise ClientGone from None
        finally:
            request.end()
            await answer.pieces.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def unquoted(segment: str) -> str:
    """One percent-encoded path segment to text. Raises BadRequest when it is not UTF-8."""
    if "%" not in segment and segment.isascii():
        return segment
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError as bad:
        raise BadRequest("The path is not valid UTF-8") from bad
