"""Breaking and healing, with real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from couchgrass.agent.seen import Health
from couchgrass.drill.report import Fault
from couchgrass.drill.run.faults import SLOW, Faults
from couchgrass.errors import BadRequest

WAIT_S = 60


class Place:
    """A site of two sleeping processes that writes down what is done to it."""

    regions = ("london", "dallas")

    def __init__(self) -> None:
        self.processes = {name: _sleeper() for name in ("supervisor", "database")}
        self.balancer: subprocess.Popen[bytes] | None = None
        self.held: list[str] = []
        self.wires: list[dict[str, Any]] = []

    def pids(self, region: str) -> Mapping[str, int]:
        return {name: one.pid for name, one in self.processes.items()} if region == "london" else {}

    def balancer_pid(self) -> int | None:
        return None if self.balancer is None else self.balancer.pid

    def hold(self, region: str, seconds: float) -> None:
        assert self.processes["supervisor"].poll() is None
        assert seconds > 5
        self.held.append(region)

    def release(self, region: str) -> None:
        self.held.remove(region)

    def set_wires(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        self.wires.append({way: dict(one) for way, one in faults.items()})

    @property
    def health(self) -> Callable[[str], Awaitable[Health | None]]:
        raise AssertionError("breaking and healing ask for nobody's health")

    def close(self) -> None:
        for one in (*self.processes.values(), self.balancer):
            if one is not None:
                one.kill()
                one.wait(WAIT_S)


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


@pytest.fixture
def place() -> Iterator[Place]:
    found = Place()
    yield found
    found.close()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def until(done: Callable[[], bool]) -> None:
    """A signal arrives a moment after it was sent."""
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_region_is_killed_whole_and_held_down_until_it_is_healed(place: Place) -> None:
    faults = Faults(place)
    faults.break_it(Fault("region", "kill", "london"), 6)
    assert [one.wait(WAIT_S) for one in place.processes.values()] == [-signal.SIGKILL] * 2
    assert place.held == ["london"]
    faults.heal()
    faults.heal()
    assert place.held == []


def test_a_database_is_killed_alone(place: Place) -> None:
    Faults(place).break_it(Fault("database", "kill", "london"), 6)
    assert place.processes["database"].wait(WAIT_S) == -signal.SIGKILL
    assert place.processes["supervisor"].poll() is None
    assert place.held == []


def test_what_is_paused_goes_on_when_healed(place: Place) -> None:
    faults = Faults(place)
    faults.break_it(Fault("region", "pause", "london"), 6)
    pids = [one.pid for one in place.processes.values()]
    until(lambda: [state(pid) for pid in pids] == ["T", "T"])
    faults.heal()
    until(lambda: "T" not in [state(pid) for pid in pids])


def test_a_link_is_cut_both_ways_and_repaired(place: Place) -> None:
    faults = Faults(place)
    faults.break_it(Fault("link", "cut", "london", "dallas"), 6)
    assert place.wires == [{"london->dallas": {"cut": True}, "dallas->london": {"cut": True}}]
    faults.heal()
    assert place.wires[-1] == {}
    faults.break_it(Fault("link", "slow", "london", "dallas"), 6)
    assert place.wires[-1] == {"london->dallas": SLOW, "dallas->london": SLOW}


def test_the_balancer_is_told_to_stop(place: Place) -> None:
    place.balancer = _sleeper()
    Faults(place).break_it(Fault("balancer-restart", "restart", ""), 6)
    assert place.balancer.wait(WAIT_S) == -signal.SIGTERM


@pytest.mark.parametrize(
    "fault",
    [
        Fault("region", "kill", "dallas"),
        Fault("functions", "kill", "london"),
        Fault("balancer-restart", "restart", ""),
    ],
)
def test_nothing_to_break_is_said(place: Place, fault: Fault) -> None:
    with pytest.raises(BadRequest):
        Faults(place).break_it(fault, 6)
    assert place.held == []


def test_a_process_that_is_gone_already_is_no_trouble(place: Place) -> None:
    place.processes["database"].kill()
    place.processes["database"].wait(WAIT_S)
    Faults(place).break_it(Fault("database", "kill", "london"), 6)
