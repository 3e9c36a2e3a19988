"""A loop's turns, each with how late it comes: an event loop that measures how long it could not run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from couchgrass.clock import Clock


async def ticks(every_s: float, clock: Clock) -> AsyncGenerator[float, None]:
    """For ever, a turn each `every_s`; each gives the seconds that it comes too late."""
    wanted_at = clock.monotonic()
    while True:
        await asyncio.sleep(every_s)
        wanted_at += every_s
        now = clock.monotonic()
        late_s, wanted_at = max(0.0, now - wanted_at), max(now, wanted_at)
        # What arrived meanwhile is told first: the loop reads all sockets before our next turn.
        await asyncio.sleep(0)
        yield late_s
