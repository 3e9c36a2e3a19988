"""A request's body that goes out piece by piece, so that every pause of whoever takes it is bounded.

While a piece is awaited from where it comes from the clock stands still: that side has its own bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

PIECE_BYTES = 256 * 1024
"""A body in memory is sent in pieces of this size."""

Pieces = AsyncIterator[bytes | memoryview]


class Upload:
    """Goes over `pieces` once, within `bound`, which is set off anew for each of them.

    `has_begun`: some of it may have been sent. `failed`: what its source raised.
    """

    def __init__(self, pieces: Pieces, idle_s: float, bound: asyncio.Timeout) -> None:
        self.has_begun = False
        self.failed: Exception | None = None
        self._pieces = pieces
        self._idle_s = idle_s
        self._bound: asyncio.Timeout | None = bound
        self._sender: asyncio.Task[None] | None = None

    def answered(self) -> None:
        """The answer has begun: what was not sent by now nobody wants."""
        self._bound = None

    async def end(self) -> None:
        """Returns when nobody goes over the pieces any more, so that their source is free for the next."""
        sender = self._sender
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait({sender})

    async def __aiter__(self) -> Pieces:
        self.has_begun = True
        sender = self._sender = asyncio.current_task()
        while True:
            self._allow(None)
            try:
                piece = await anext(self._pieces, None)
            except Exception as failed:
                self.failed = failed
                raise
            self._allow(self._idle_s)
            if piece is None:
                return
            # A server that refuses a body may close the connection at once, and then the next write throws
            # away what was not read yet: so reading goes first.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if self._bound is None:
                await asyncio.Event().wait()  # until the sender is cancelled, which closes the connection
            yield piece
            if asyncio.current_task() is not sender:
                # aiohttp would send the rest into a new connection, as if it were the whole.
                raise ConnectionResetError

    def _allow(self, idle_s: float | None) -> None:
        if self._bound is not None and not self._bound.expired():
            now = asyncio.get_running_loop().time()
            self._bound.reschedule(None if idle_s is None else now + idle_s)


async def sliced(body: bytes) -> Pieces:
    """A body in memory, in pieces."""
    view = memoryview(body)
    for at in range(0, len(view), PIECE_BYTES):
        yield view[at : at + PIECE_BYTES]
