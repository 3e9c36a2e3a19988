"""The wait for a region's database, and for its other processes: as long as they begin, and no longer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchgrass.region.config import Region, parse_region
from couchgrass.region.restart import Phase
from couchgrass.region.run.begun import CALM_S, KEPT_BACK_S, PATIENCE_S, database_begun, others_begun
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state

LIMIT_S = 14.0
assert LIMIT_S < PATIENCE_S and LIMIT_S < KEPT_BACK_S


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


async def until_others(data: Path, listener: socket.socket) -> None:
    async with asyncio.timeout(LIMIT_S):
        await others_begun(region(data), "dashboard", listener)


def test_the_dashboard_keeps_back_until_somebody_comes(data: Path) -> None:
    async def whole() -> None:
        tell(data, database=Seen(Phase.READY, 1.0), gateway=Seen(Phase.STARTING, 1.0))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            waiting = asyncio.create_task(until_others(data, listener))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.3)
            with socket.create_connection(listener.getsockname()):
                await waiting

    asyncio.run(whole())


@pytest.mark.parametrize("ago_s", [1000.0, CALM_S - 0.5])
def test_the_dashboard_goes_on_when_the_others_have_been_ready_for_a_moment(data: Path, ago_s: float) -> None:
    since = time.time() - ago_s
    own = Seen(Phase.STARTING, 1.0)
    tell(data, database=Seen(Phase.READY, since), gateway=Seen(Phase.READY, since), dashboard=own)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(until_others(data, listener))


def test_a_dashboard_alone_keeps_nothing_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(until_others(tmp_path, listener))
