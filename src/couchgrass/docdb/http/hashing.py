"""Password hashing on threads, few at a time: it neither holds up the event loop nor takes all cores.

One hash is slow on purpose: some 0.2 s of one core with CouchDB's 600,000 iterations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from couchgrass.errors import ServiceUnavailable

T = TypeVar("T")

AT_ONCE: Final = 2
"""Hashes that run at the same time."""

WAITING_MAX: Final = 200
"""Hashes that run or wait for their turn: the last one waits some 20 s. Past it a client is told 503."""


class Hashing:
    """The turns of one server."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A block in which to hash, once it is its turn. Raises ServiceUnavailable when too many wait."""
        if self._waiting >= WAITING_MAX:
            raise ServiceUnavailable("Too many passwords wait to be hashed: try again in a moment.")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """What `work`, run on a thread in a turn of its own, returns. Raises ServiceUnavailable."""
        async with self.turn():
            return await on_thread(work)


async def on_thread(work: Callable[[], T]) -> T:
    """What `work` returns; only in a turn."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
