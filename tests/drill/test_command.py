"""The command line of drills: what it refuses, and the files by which it breaks things."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from couchgrass.agent.seen import Health
from couchgrass.balancer.envoy.folder import Hold, write_state
from couchgrass.balancer.state import BalancerState, Doing, RegionSeen
from couchgrass.drill.run.place import UpSite
from couchgrass.drill.wires import Wires, wires_text
from couchgrass.errors import BadRequest
from couchgrass.testing.command import called
from couchgrass.topology.places import HOLDS, WIRES

TWO = """\
[regions.london]
database.port = 26101
functions.port = 26102
gateway.port = 26103
agent.port = 26104
[regions.dallas]
database.port = 26111
functions.port = 26112
gateway.port = 26113
agent.port = 26114
"""


def site(folder: Path, url: str = "http://127.0.0.1:9") -> UpSite:
    return UpSite(
        folder, ("london", "dallas"), pids=lambda _: {}, health_url=lambda _: url, balancer_pid=lambda: None
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seconds", "1"], "--seconds is 4 to 3600"),
        (["--load", "0"], "--load above 0"),
        (["--json", "nowhere/at/all/report.json"], "is no folder"),
        ([], "couchgrass.toml is not there"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: list[str], words: str) -> None:
    status, _, said = called("drill", "--dir", str(tmp_path), *options)
    assert status != 0
    assert words in said


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ("", [], "no [balancer]"),
        ("[balancer]\n", [], "no balancer runs"),
        ("[balancer]\n", ["--region", "sydney"], "there is no region sydney: there is london, dallas"),
    ],
)
def test_what_does_not_run_can_not_be_broken(
    tmp_path: Path, more: str, options: list[str], words: str
) -> None:
    (tmp_path / "couchgrass.toml").write_text(TWO + more, encoding="utf-8")
    status, _, said = called("drill", "--dir", str(tmp_path), *options)
    assert status == 1
    assert words in said.replace("\n", " ")


def balancer(folder: Path, **states: Doing) -> Hold:
    """As one that runs leaves its folder."""
    hold = Hold(folder / "balancer")
    regions = {
        name: RegionSeen(state, "", 0.0, live=True, ready=True, lag_s=0.0, requests=0)
        for name, state in states.items()
    }
    write_state(
        folder / "balancer",
        BalancerState(os.getpid(), "http://127.0.0.1:9", "", 0.0, "failover", "running", 0, regions),
    )
    return hold


def test_a_region_that_is_drained_would_not_take_over(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(TWO + "[balancer]\n", encoding="utf-8")
    hold = balancer(tmp_path, london=Doing.SERVING, dallas=Doing.DRAINED)
    status, _, said = called("drill", "--dir", str(tmp_path))
    hold.close()
    assert status == 1
    assert "dallas is drained and would not take over: couchgrass undrain dallas" in said


def test_what_a_balancer_left_that_was_killed_is_none_that_runs(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(TWO + "[balancer]\n", encoding="utf-8")
    balancer(tmp_path, london=Doing.SERVING).close()
    assert "no balancer runs" in called("drill", "--dir", str(tmp_path))[2]


def test_what_a_balancer_says_of_itself_and_is_half_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(TWO + "[balancer]\n", encoding="utf-8")
    hold = balancer(tmp_path, london=Doing.SERVING)
    for text in ('{"pid": 1, "reg', "[]", '{"regions": 5}'):
        (tmp_path / "balancer" / "balancer.json").write_text(text, encoding="utf-8")
        status, _, said = called("drill", "--dir", str(tmp_path))
        assert (status, "balancer.json can't be read" in said) == (1, True), said
    hold.close()


def test_a_hold_names_this_process_and_its_end(tmp_path: Path) -> None:
    place = site(tmp_path)
    before = time.time()
    place.hold("london", 60)
    told = json.loads((tmp_path / HOLDS / "london").read_text(encoding="utf-8"))
    assert told["pid"] == os.getpid()
    assert before + 60 <= told["until"] <= time.time() + 60
    place.release("london")
    place.release("london")
    assert not (tmp_path / HOLDS / "london").exists()


def test_wires_get_faults_and_keep_their_ports(tmp_path: Path) -> None:
    place = site(tmp_path)
    with pytest.raises(BadRequest, match="can't be read"):
        place.set_wires({})
    (tmp_path / WIRES).write_bytes(wires_text(Wires({"london->dallas": 21001})))
    place.set_wires({"london->dallas": {"cut": True}})
    told = json.loads((tmp_path / WIRES).read_text(encoding="utf-8"))
    assert told == {"ports": {"london->dallas": 21001}, "faults": {"london->dallas": {"cut": True}}}
    with pytest.raises(BadRequest, match="there is no wire"):
        place.set_wires({"london->sydney": {"cut": True}})
    place.set_wires({})
    assert json.loads((tmp_path / WIRES).read_text(encoding="utf-8"))["faults"] == {}


def test_a_region_that_does_not_answer_has_no_health(tmp_path: Path) -> None:
    async def asked() -> Health | None:
        return await site(tmp_path).health("london")

    assert asyncio.run(asked()) is None
