"""Turns come, and tell how late they come."""

from __future__ import annotations

import asyncio
import time

from couchgrass.serving.ticks import ticks


def test_a_loop_that_could_not_run_learns_for_how_long() -> None:
    async def work() -> list[float]:
        late = []
        async for late_s in ticks(0.01):
            late.append(late_s)
            if len(late) == 3:
                return late
            if len(late) == 2:
                asyncio.get_running_loop().call_later(0.005, time.sleep, 0.1)
        raise AssertionError

    late = asyncio.run(work())
    assert late[2] >= 0.09
    assert all(one >= 0 for one in late)
