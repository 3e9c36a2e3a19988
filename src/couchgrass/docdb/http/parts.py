"""The parts of a multipart request body, one after the other, each as a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from couchgrass.docdb.http.request import Request
from couchgrass.docdb.multipart import End, Event, Parser, PartBegin, PartData, PartEnd, boundary_of
from couchgrass.errors import BadRequest, TooLarge


class Parts:
    """Call `next_part` until it gives None, and take each part's `body` in between.

    Raises BadRequest for a body that is no multipart, or is cut off.
    """

    def __init__(self, request: Request) -> None:
        boundary = boundary_of(request.header(b"content-type") or "")
        if boundary is None:
            raise BadRequest("Content-Type has no usable boundary")
        self._parser = Parser(boundary)
        self._chunks = request.chunks()
        self._events: deque[Event] = deque()

    async def next_part(self) -> dict[str, str] | None:
        """The next part's headers, names in lower case; None after the last, when all input was read.

        What is left of the part before it is passed over.
        """
        while True:
            match await self._event():
                case PartBegin(headers):
                    return headers
                case End():
                    async for _ in self._chunks:
                        pass
                    return None

    async def body(self) -> AsyncIterator[bytes | memoryview]:
        """The open part's bytes."""
        while True:
            match await self._event():
                case PartData(data):
                    yield data
                case PartEnd():
                    return

    async def text(self, bytes_max: int) -> bytes:
        """The open part's bytes in memory. Raises TooLarge."""
        pieces: list[bytes | memoryview] = []
        size = 0
        async for data in self.body():
            size += len(data)
            if size > bytes_max:
                raise TooLarge("the request entity is too large")
            pieces.append(data)
        return b"".join(pieces)

    async def _event(self) -> Event:
        while not self._events:
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                self._parser.close()
                raise BadRequest("multipart body ends early") from None
            self._events.extend(self._parser.feed(chunk))
        return self._events.popleft()
