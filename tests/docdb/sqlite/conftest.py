"""A store in a folder of the test's own, on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from couchgrass.docdb.sqlite.store import Store

T = TypeVar("T")
WithStore = Callable[[Callable[[Store], Awaitable[T]]], T]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def with_store(folder: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the folder, does the work, closes it again, whatever happens."""

    async def run() -> T:
        store = Store.open(folder)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
