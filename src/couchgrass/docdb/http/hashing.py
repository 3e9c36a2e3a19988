"""Password hashing on threads, few at a time: it neither holds up the event loop nor takes all cores.

One hash is slow on purpose: some 0.2 s of one core with CouchDB's 600,000 iterations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from couchgrass.errors import ServiceUnavailable

T = TypeVar("T")

AT_ONCE: Final = 2
"""Hashes that run at the same time."""

WAITING_MAX: Final = 200
"""Hashes that run or wait for their turn: the last one waits some 20 s. Past it a client is told 503."""


class Hashing:
    """The turns. Made on the running event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def run(self, work: Callable[[], T], check: Callable[[], None] | None = None) -> T:
        """What `work`, run on a thread, returns. Raises ServiceUnavailable when too many wait.

        `check` is called on the event loop when the turn has come, and calls it off by raising.
        """
        if self._waiting >= WAITING_MAX:
            raise ServiceUnavailable("Too many passwords wait to be hashed: try again in a moment.")
        self._waiting += 1
        try:
            async with self._turns:
                if check is not None:
                    check()
                return await asyncio.get_running_loop().run_in_executor(None, work)
        finally:
            self._waiting -= 1
