"""A store in a folder of the test's own, on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.store import Store

T = TypeVar("T")
WithStore = Callable[[Callable[[Store], Awaitable[T]]], T]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


class StandingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until `now_s` is set."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s


def standing(work: Callable[[StandingLoop], Awaitable[None]]) -> None:
    """Runs `work` on such a loop: its timers wait for the test, however slow the machine is."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StandingLoop)
        await work(loop)

    with asyncio.Runner(loop_factory=StandingLoop) as runner:
        runner.run(run())


async def quiet(*databases: Database) -> None:
    """Returns once no thread of the writers works on any of them: an answer comes a moment before that."""
    async with asyncio.timeout(60):
        while any(database.busy() for database in databases):
            await asyncio.sleep(0)


def with_store(folder: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the folder, does the work, closes it again, whatever happens."""

    async def run() -> T:
        store = Store.open(folder)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
