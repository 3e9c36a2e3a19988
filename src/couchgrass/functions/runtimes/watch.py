"""Looks at the memory and the processes of the cells that run, and ends those that are over their limit.

Those that run nothing now are idle.py's."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from couchgrass.functions.runtimes.cell import End
from couchgrass.functions.runtimes.idle import IdleWatch
from couchgrass.functions.runtimes.spawn import PROCESSES_MAX, Process, Spawner

INTERVAL_S: Final = 0.1


class Watched(Protocol):
    """What can be watched: a cell."""

    process: Process
    memory_bytes_max: int
    path: str

    def end(self, how: End) -> None: ...


class Watch:
    """One for all cells; runs that are shorter than its interval cost next to nothing."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._idle = IdleWatch(spawner)
        self._loop = asyncio.get_running_loop()
        self._cells: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._look_task: asyncio.Task[None] | None = None

    def add(self, cell: Watched) -> None:
        """It runs."""
        self._idle.discard(cell)
        self._cells.add(cell)
        if self._timer is None and self._look_task is None:
            self._timer = self._loop.call_later(INTERVAL_S, self._start)

    def discard(self, cell: Watched) -> None:
        """It has ended."""
        self._cells.discard(cell)
        self._idle.discard(cell)

    def rest(self, cell: Watched) -> None:
        """It runs no longer, and may run again."""
        self._cells.discard(cell)
        self._idle.add(cell)

    def _start(self) -> None:
        self._timer = None
        if self._cells:
            self._look_task = self._loop.create_task(self._look())

    async def _look(self) -> None:
        try:
            cells = list(self._cells)
            used = await self._spawner.off_loop(lambda: [cell.process.usage() for cell in cells])
            for cell, (memory_bytes, processes) in zip(cells, used, strict=True):
                if cell not in self._cells:
                    continue
                if memory_bytes > cell.memory_bytes_max:
                    cell.end(End.OUT_OF_MEMORY)
                elif processes > PROCESSES_MAX:
                    cell.end(End.DIED)
        finally:
            self._look_task = None
            if self._cells:
                self._timer = self._loop.call_later(INTERVAL_S, self._start)

    async def close(self) -> None:
        """Looks no more."""
        await self._idle.close()
        self._cells.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._look_task is not None:
            await asyncio.wait((self._look_task,))
