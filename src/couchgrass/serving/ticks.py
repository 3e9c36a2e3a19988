"""A loop's turns, each with how late it comes: an event loop that measures how long it could not run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator


async def ticks(every_s: float) -> AsyncGenerator[float, None]:
    """For ever, a turn each `every_s`; each gives the seconds that it comes too late."""
    clock = asyncio.get_running_loop().time
    while True:
        wanted_at = clock() + every_s
        await asyncio.sleep(every_s)
        late_s = max(0.0, clock() - wanted_at)
        # What arrived meanwhile is told first: the loop reads all sockets before our next turn.
        await asyncio.sleep(0)
        yield late_s
