"""What the dashboard of a region knows, put together of what runs in a folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from couchgrass.balancer.envoy.folder import Hold as BalancerHold
from couchgrass.balancer.envoy.folder import read_drained, write_state
from couchgrass.balancer.state import BalancerState
from couchgrass.cli.dashboard_own import (
    ANSWER_S,
    counts,
    drain_of,
    folder_of,
    is_of_up,
    site_of,
    why_no_drill,
)
from couchgrass.cli.fleet import up_kept
from couchgrass.dashboard.overview import Place
from couchgrass.dashboard.run.watch import LOOK_S
from couchgrass.errors import Conflict, NotFound
from couchgrass.region.config import Agent, Region
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import Hold, RegionState, Seen
from couchgrass.region.run.state_file import write_state as write_region
from couchgrass.testing.scripted import answers, scripted
from couchgrass.topology.config import App, Balancer, Policy, Topology
from couchgrass.topology.run import look as looking
from couchgrass.topology.run.look import Look

LONDON = Region(name="london", location="London, GB")
DALLAS = Region(name="dallas", coordinates=(32.8, -96.8))
TWO = Topology((LONDON, DALLAS), apps=(App("todo"),))


def balanced(folder: Path, **changes: object) -> Topology:
    balancer = Balancer(data=str(folder / "balancer"), **changes)  # type: ignore[arg-type]
    return msgspec.structs.replace(TWO, balancer=balancer)


@contextmanager
def up(folder: Path) -> Iterator[None]:
    """As while a `couchgrass up` runs there."""
    (folder / "couchgrass.toml").touch()
    hold = Hold(folder, up_kept())
    try:
        yield
    finally:
        hold.close()


@contextmanager
def balancer(folder: Path) -> Iterator[None]:
    """As while a balancer runs there."""
    hold = BalancerHold(folder / "balancer")
    write_state(folder / "balancer", BalancerState(1, "http://b", "", 0.0, "failover", "running", 0, {}))
    try:
        yield
    finally:
        hold.close()


def test_what_the_file_says_of_places_and_weights(tmp_path: Path) -> None:
    site = site_of(LONDON, balanced(tmp_path, policy=Policy.WEIGHTED, weights={"london": 5}))
    assert (site.region, site.policy) == ("london", "weighted")
    assert site.places["dallas"] == Place("", (32.8, -96.8), 1)
    london = site.places["london"]
    assert (london.location, london.weight) == ("London, GB", 5)
    assert london.coordinates == pytest.approx((51.5, -0.1), abs=0.1)
    assert site_of(LONDON, balanced(tmp_path)).places["london"].weight is None
    assert site_of(LONDON, TWO).policy == ""


def test_a_drill_needs_all_that_it_breaks(tmp_path: Path) -> None:
    topology = balanced(tmp_path)
    assert "no couchgrass up runs" in why_no_drill(tmp_path, topology)
    with up(tmp_path):
        assert is_of_up(tmp_path)
        assert why_no_drill(tmp_path, topology) == "The balancer does not run now."
        with balancer(tmp_path):
            assert why_no_drill(tmp_path, topology) == ""
            alone = msgspec.structs.replace(topology, regions=(LONDON,))
            assert "two regions" in why_no_drill(tmp_path, alone)
            assert "todo app" in why_no_drill(tmp_path, msgspec.structs.replace(topology, apps=()))
            (tmp_path / "balancer" / "balancer.json").write_text("{", encoding="utf-8")
            assert "can't be read" in why_no_drill(tmp_path, topology)
        assert "no [balancer]" in why_no_drill(tmp_path, TWO)
    assert not is_of_up(tmp_path)


def drained(topology: Topology, folder: Path, region: str, is_drained: bool) -> bool:
    async def whole() -> bool:
        return await drain_of(folder, topology)(region, is_drained)

    return asyncio.run(whole())


def test_a_region_is_drained_where_the_balancer_is(tmp_path: Path) -> None:
    topology = balanced(tmp_path)
    with balancer(tmp_path):
        assert drained(topology, tmp_path, "london", True) is True
        assert drained(topology, tmp_path, "london", True) is False
        assert read_drained(tmp_path / "balancer") == {"london"}
        # As the command does: the last one too, if somebody wants that.
        assert drained(topology, tmp_path, "dallas", True) is True
        assert drained(topology, tmp_path, "london", False) is True
    with up(tmp_path):
        (tmp_path / "balancer" / "balancer.json").unlink()
        assert drained(topology, tmp_path, "dallas", False) is True, "it is being started again"
    assert read_drained(tmp_path / "balancer") == frozenset()


def test_where_no_balancer_is_one_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no region paris: there is london, dallas"):
        drained(balanced(tmp_path), tmp_path, "paris", True)
    with pytest.raises(Conflict, match="Where it runs: couchgrass undrain london"):
        drained(balanced(tmp_path), tmp_path, "london", False)
    with pytest.raises(Conflict, match=r"no \[balancer\]"):
        drained(TWO, tmp_path, "london", True)
    assert not (tmp_path / "balancer").exists()


def test_only_what_runs_here_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "METRICS_S", 60.0)

    async def whole() -> None:
        async with scripted(answers(200, b"couchgrass_live 1\n")) as peer, Look() as asking:
            here = Region(name="london", data=str(tmp_path / "london"), agent=Agent(port=0))
            other = Region(name="dallas", data=str(tmp_path / "dallas"))
            hold = Hold(tmp_path / "london")
            processes = {"agent": Seen(Phase.READY, 1.0, 7, peer.url)}
            write_region(tmp_path / "london", RegionState("london", "f", os.getpid(), 1.0, "", processes))
            read = counts(Topology((here, other)), asking)
            told = await read(lambda region: True)
            assert told.regions == {"london": "couchgrass_live 1\n", "dallas": ""}
            assert told.balancer == {}
            assert (await read(lambda region: False)).regions == {"london": "", "dallas": ""}
            hold.close()

    asyncio.run(whole())


def test_the_folder_of_a_region_that_is_alone_is_its_own(tmp_path: Path) -> None:
    region = Region(data=str(tmp_path / "data"))
    assert folder_of(tmp_path / "region.toml", region) == tmp_path / "data"
    assert folder_of(Path(f"{tmp_path}/couchgrass.toml#london"), region) == tmp_path


def test_a_dead_region_is_seen_within_a_second_and_a_half() -> None:
    assert LOOK_S + ANSWER_S < 1.5
