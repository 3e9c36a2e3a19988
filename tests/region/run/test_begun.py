"""The wait for a region's database: as long as its supervisor starts it, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchgrass.region.config import Region, parse_region
from couchgrass.region.restart import Phase
from couchgrass.region.run.begun import PATIENCE_S, database_begun
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state

LIMIT_S = 5.0
assert LIMIT_S < PATIENCE_S


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder that a supervisor has: us."""
    hold = Hold(tmp_path)
    yield tmp_path
    hold.close()


def region(data: Path) -> Region:
    return parse_region(f'data = "{data}"\n', str(data), "region.toml")


def tell(data: Path, **processes: Seen) -> None:
    write_state(data, RegionState("local", "region.toml", 1, 0.0, "", processes))


async def until_begun(data: Path) -> None:
    async with asyncio.timeout(LIMIT_S):
        await database_begun(region(data))


def test_nobody_waits_where_no_supervisor_is(tmp_path: Path) -> None:
    tell(tmp_path, database=Seen(Phase.STARTING, 0.0))
    asyncio.run(until_begun(tmp_path))


def test_a_database_elsewhere_is_not_waited_for(data: Path) -> None:
    tell(data, functions=Seen(Phase.STARTING, 0.0))
    asyncio.run(until_begun(data))


def test_one_that_is_started_is_waited_for(data: Path) -> None:
    async def whole() -> None:
        tell(data, database=Seen(Phase.STARTING, 0.0))
        waiting = asyncio.create_task(until_begun(data))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        tell(data, database=Seen(Phase.READY, 1.0, url="http://127.0.0.1:5984"))
        await waiting

    asyncio.run(whole())


def test_one_that_was_ready_before_is_not_waited_for_when_it_falls(data: Path) -> None:
    tell(data, database=Seen(Phase.RESTING, 1.0, url="http://127.0.0.1:5984"))
    asyncio.run(until_begun(data))


def test_the_wait_is_bounded(data: Path) -> None:
    tell(data, database=Seen(Phase.STARTING, 0.0))

    async def whole() -> None:
        async with asyncio.timeout(LIMIT_S):
            await database_begun(region(data), patience_s=0.05)

    asyncio.run(whole())
