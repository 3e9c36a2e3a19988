"""Looks at the cells that run nothing now, and ends those that live on at the cost of others.

A run is bounded by its time; what an action leaves behind (a thread, a child, a timer) is not. So once a
second all idle cells are looked at, in one pass: one that has more memory or processes than it may, or that
goes on using the processor, is ended. Its next run gets a new one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from couchgrass.functions.runtimes.cell import End
from couchgrass.functions.runtimes.spawn import PROCESSES_MAX, Process, Spawner
from couchgrass.functions.runtimes.trees import Used, used

INTERVAL_S: Final = 1.0
SHARE_MAX: Final = 0.5
"""Of a core."""
HOT_S: Final = 5.0
"""For so long it may use more: garbage is collected, a connection is closed, a cache is written."""
SHARE_MIN: Final = 0.01
"""What is below is never too much."""

log = logging.getLogger("couchgrass.functions")


class Idle(Protocol):
    """A cell. `path`: its action's."""

    process: Process
    memory_bytes_max: int
    path: str

    def end(self, how: End) -> None: ...


class _Seen:
    """What is known of a cell since its last run."""

    __slots__ = ("at", "cpu_s", "hot_s")

    def __init__(self, cpu_s: float, at: float) -> None:
        self.cpu_s = cpu_s
        self.at = at
        self.hot_s = 0.0


def share_max(shares: Collection[float], cores: int) -> float:
    """How much of a core each may use. Where idle cells take more than half of all cores together, each has
    so little that none stands out: then those are too many that take more than half of the mean."""
    if sum(shares) <= SHARE_MAX * cores:
        return SHARE_MAX
    return max(SHARE_MIN, min(SHARE_MAX, sum(shares) / len(shares) / 2))


class IdleWatch:
    """One for all cells."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._loop = asyncio.get_running_loop()
        self._cells: dict[Idle, _Seen | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_task: asyncio.Task[None] | None = None

    def add(self, cell: Idle) -> None:
        """Its run has ended, or its code was loaded."""
        self._cells[cell] = None
        self._arm()

    def discard(self, cell: Idle) -> None:
        """It runs again, or has ended."""
        self._cells.pop(cell, None)

    async def close(self) -> None:
        """Looks no more."""
        self._cells.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._look_task is not None:
            await asyncio.wait((self._look_task,))

    def _arm(self) -> None:
        if self._cells and self._timer is None and self._look_task is None:
            self._timer = self._loop.call_later(INTERVAL_S, self._start)

    def _start(self) -> None:
        self._timer = None
        if self._cells:
            self._look_task = self._loop.create_task(self._look())

    async def _look(self) -> None:
        try:
            before = dict(self._cells)
            found = await self._spawner.off_loop(lambda: _used(before))
            now = self._loop.time()
            # One that has run meanwhile is not idle since then.
            same = [cell for cell in before if cell in self._cells and self._cells[cell] is before[cell]]
            self._end_large(same, found)
            self._end_hot([cell for cell in same if cell in self._cells], found, now)
        finally:
            self._look_task = None
            self._arm()

    def _end_large(self, cells: Collection[Idle], found: Mapping[Idle, Used]) -> None:
        for cell in cells:
            if found[cell].resident_bytes > cell.memory_bytes_max:
                self._end(cell, End.OUT_OF_MEMORY, "has more memory than its limit")
            elif found[cell].processes > PROCESSES_MAX:
                self._end(cell, End.DIED, f"has more than {PROCESSES_MAX} processes")

    def _end_hot(self, cells: Collection[Idle], found: Mapping[Idle, Used], now: float) -> None:
        shares: dict[Idle, tuple[float, float]] = {}
        for cell in cells:
            seen = self._cells[cell]
            if seen is None:
                self._cells[cell] = _Seen(found[cell].cpu_s, now)
                continue
            shares[cell] = ((found[cell].cpu_s - seen.cpu_s) / (now - seen.at), now - seen.at)
            seen.cpu_s, seen.at = found[cell].cpu_s, now
        if not shares:
            return
        most = share_max([share for share, _ in shares.values()], len(os.sched_getaffinity(0)))
        for cell, (share, elapsed_s) in shares.items():
            seen = self._cells[cell]
            assert seen is not None
            seen.hot_s = seen.hot_s + elapsed_s if share > most else 0.0
            if seen.hot_s >= HOT_S:
                self._end(cell, End.DIED, f"used {share:.0%} of a core for {seen.hot_s:.0f} s")

    def _end(self, cell: Idle, how: End, why: str) -> None:
        log.warning("a process of %s is ended: while nothing ran it %s", cell.path, why)
        self.discard(cell)
        cell.end(how)


def _used(cells: Collection[Idle]) -> dict[Idle, Used]:
    """Blocks. What a tree has resident is more than its own memory, which is asked for only when that is over
    the limit."""
    trees = used([cell.process.pid for cell in cells])
    found: dict[Idle, Used] = {}
    for cell in cells:
        tree = trees[cell.process.pid]
        if tree.resident_bytes > cell.memory_bytes_max:
            tree = tree._replace(resident_bytes=cell.process.usage()[0])
        found[cell] = tree
    return found
