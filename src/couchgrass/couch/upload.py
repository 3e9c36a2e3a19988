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

    def answered(self) -> None:
        """The answer has begun; from now on its own pauses are bounded."""
        self._bound = None

    async def __aiter__(self) -> Pieces:
        self.has_begun = True
        sender = asyncio.current_task()
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
