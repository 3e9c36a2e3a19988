"""Cells that wait for an action, by what they are started with, so that a cold start needs no new process.

A line of waiting cells grows by one each time that it is found empty, up to a bound, and falls back to its
base when it was not used for a while. Lines that nobody asked to be kept have a base of none. Cells are
started in the background one at a time, and not while taken ones have just begun to load their code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from couchgrass.errors import ServiceUnavailable
from couchgrass.functions.runtimes.process_cell import ProcessCell
from couchgrass.functions.runtimes.sandbox import Sandbox

LINE_MAX: Final = 4
"""Cells that a line grows to by itself."""
WAITING_MAX: Final = 16
"""Cells that wait in all lines."""
LINES_MAX: Final = 64
STARTS_MAX: Final = 4
"""Processes that are being started at a time."""
SETTLE_S: Final = 0.1
"""How long after a cell was taken the next one is started."""
UNUSED_S: Final = 120.0
RETRY_S_MAX: Final = 60.0

log = logging.getLogger(__name__)


class Line:
    """The waiting cells of one sandbox."""

    def __init__(self, sandbox: Sandbox, base: int, now: float) -> None:
        self.sandbox = sandbox
        self.base = base
        self.wanted = base
        self.used_at = now
        self.waiting: deque[ProcessCell] = deque()


class Stems:
    """All lines. `start` starts a cell and waits until it is ready; it raises ServiceUnavailable."""

    def __init__(
        self, start: Callable[[Sandbox], Awaitable[ProcessCell]], *, unused_s: float = UNUSED_S
    ) -> None:
        self._start = start
        self._unused_s = unused_s
        self._loop = asyncio.get_running_loop()
        self._lines: dict[object, Line] = {}
        self._slots = asyncio.Semaphore(STARTS_MAX)
        self._changed = asyncio.Event()
        self._taken_at = -SETTLE_S
        self._task = self._loop.create_task(self._keep())

    def keep(self, sandbox: Sandbox, count: int) -> None:
        """From now on so many of them wait."""
        line = self._line(sandbox)
        line.base = line.wanted = count
        self._changed.set()

    @property
    def waiting(self) -> int:
        """How many wait, in all lines."""
        return sum(len(line.waiting) for line in self._lines.values())

    @property
    def full(self) -> bool:
        """Whether all that are wanted wait."""
        return self._short() is None

    async def take(self, sandbox: Sandbox) -> ProcessCell:
        """One that waits, else a new one. Raises ServiceUnavailable."""
        line = self._line(sandbox)
        line.used_at = self._taken_at = self._loop.time()
        self._changed.set()
        while line.waiting:
            if (cell := line.waiting.popleft()).alive:
                return cell
        line.wanted = max(line.wanted, min(line.wanted + 1, LINE_MAX))
        async with self._slots:
            return await self._start(sandbox)

    def _line(self, sandbox: Sandbox) -> Line:
        key = sandbox.key
        if key not in self._lines:
            if len(self._lines) >= LINES_MAX:
                self._drop(min(self._lines, key=lambda each: self._lines[each].used_at))
            self._lines[key] = Line(sandbox, 0, self._loop.time())
        return self._lines[key]

    def _drop(self, key: object) -> None:
        for cell in self._lines.pop(key).waiting:
            cell.discard()

    def _short(self) -> Line | None:
        """A line that wants another cell, when one may be started."""
        if self.waiting >= WAITING_MAX:
            return None
        return next((line for line in self._lines.values() if len(line.waiting) < line.wanted), None)

    async def _keep(self) -> None:
        failed = 0
        while True:
            self._changed.clear()
            self._shrink()
            line = self._short()
            if line is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._unused_s):
                        await self._changed.wait()
                continue
            await asyncio.sleep(self._taken_at + SETTLE_S - self._loop.time())
            try:
                async with self._slots:
                    cell = await self._start(line.sandbox)
            except ServiceUnavailable as error:
                log.warning("no cell could be started ahead: %s", error.reason)
                await asyncio.sleep(min(2.0**failed, RETRY_S_MAX))
                failed += 1
                continue
            failed = 0
            line.waiting.append(cell)

    def _shrink(self) -> None:
        """Lines that were not used for a while fall back; cells that died go."""
        for line in self._lines.values():
            if self._loop.time() - line.used_at > self._unused_s:
                line.wanted = line.base
            line.waiting = deque(cell for cell in line.waiting if cell.alive)
            while len(line.waiting) > line.wanted:
                line.waiting.pop().discard()

    async def close(self) -> None:
        """Starts no more. Those that wait are closed by who made them."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._lines.clear()
