"""A whole drill on two databases that replicate, with an app that changes sides when its region is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from couchgrass.agent.seen import Health
from couchgrass.couch.server import CouchServer, path
from couchgrass.drill.ops import Load
from couchgrass.drill.report import Fault, Report, broken_promises
from couchgrass.drill.run import load as load_module
from couchgrass.drill.run.drill import Drill
from couchgrass.drill.run.load import Driver
from couchgrass.drill.run.watch import Watch
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from tests.drill.run.todos import Todos

KILLED = Fault("region", "kill", "london")
WAIT_S = 60
REFUSALS = 20
"""An outage that nobody can miss."""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request fails because the machine is busy."""
    monkeypatch.setattr(load_module, "REQUEST_S", 60.0)


class Place:
    """Two regions: the app of one is served by the other as long as the first is held."""

    regions = ("london", "dallas")

    def __init__(self, london: Todos, dallas: Todos, *, keeps_serving: bool = True) -> None:
        self.london = london
        self.dallas = dallas
        self.serving = london
        self.keeps_serving = keeps_serving
        self.process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.serving(scope, receive, send)

    def pids(self, region: str) -> Mapping[str, int]:
        return {"supervisor": self.process.pid}

    def balancer_pid(self) -> int | None:
        return None

    def hold(self, region: str, seconds: float) -> None:
        self.serving = self.dallas if self.keeps_serving else self.london
        self.london.broken = True
        if not self.keeps_serving:
            self.london.owes = REFUSALS

    def release(self, region: str) -> None:
        self.london.broken = False

    def set_wires(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        raise AssertionError("this drill has no wires")

    @property
    def health(self) -> Callable[[str], Awaitable[Health | None]]:
        return self._health

    async def _health(self, region: str) -> Health | None:
        well = not self.london.broken
        return Health(region, well, well, "1", database=well, functions=well, caught_up=well)


async def drilled(
    server: ServerProcess, *, replicated: bool = True, keeps_serving: bool = True, bound_s: float = 60.0
) -> Report:
    names = {region: f"drill{uuid.uuid4().hex}" for region in Place.regions}
    async with AsyncExitStack() as stack:
        couch = await stack.enter_async_context(CouchServer(server.url, server.user, server.password))
        for name in names.values():
            await couch.ask("PUT", path(name))
            stack.push_async_callback(couch.ask, "DELETE", path(name))
        for source, target in (("london", "dallas"), ("dallas", "london")) if replicated else ():
            job = {"source": names[source], "target": names[target], "continuous": True}
            await couch.ask("POST", "/_replicate", job)
            stack.push_async_callback(couch.ask, "POST", "/_replicate", {**job, "cancel": True})
        place = Place(
            Todos(couch, names["london"], "london"),
            Todos(couch, names["dallas"], "dallas"),
            keeps_serving=keeps_serving,
        )
        url = await stack.enter_async_context(listening(place))
        began = asyncio.get_running_loop().time()
        told: list[str] = []

        def now() -> float:
            return asyncio.get_running_loop().time() - began

        driver = Driver([f"{url}/todo"], Load(random.Random(2).randrange), now, mark="drill")
        watches = {region: Watch(couch, name) for region, name in names.items()}
        drill = Drill(place, driver, watches, now, told.append, equal_s_max=bound_s)
        report = await drill.run(KILLED, 100, 2.0)
        assert place.process.wait(WAIT_S) == -9
        assert told[-1] == "all regions have what was acknowledged" or not replicated
        return report


def in_time(report: Report) -> Report:
    """Whatever it took: how quick this machine is now is not the question."""
    rto_s = None if report.rto_s is None else 0.0
    converged_s = None if report.converged_s is None else 0.0
    return msgspec.structs.replace(report, rto_s=rto_s, converged_s=converged_s)


def test_a_drill_that_goes_well_says_so(couch_server: ServerProcess) -> None:
    report = asyncio.run(drilled(couch_server))
    assert broken_promises(in_time(report)) == ()
    assert report.lost == 0
    assert len(set(report.digests.values())) == 1
    assert {region for slot in report.slots for region in slot.served} == {"london", "dallas"}
    assert report.rpo is not None
    assert sum(one.requests for one in report.methods) > 100


def test_writes_that_do_not_arrive_are_lost_and_counted(couch_server: ServerProcess) -> None:
    report = asyncio.run(drilled(couch_server, replicated=False, bound_s=0.5))
    assert report.lost > 0
    assert report.rpo is not None
    assert report.rpo.writes > 0
    assert report.converged_s is None
    said = "; ".join(broken_promises(report))
    assert "are lost" in said
    assert "digests differ" in said


def test_an_outage_is_seen_by_method_and_in_seconds(couch_server: ServerProcess) -> None:
    report = asyncio.run(drilled(couch_server, keeps_serving=False))
    assert report.rto_s is not None
    assert report.rto_s > 0
    assert any("GET requests failed" in said for said in broken_promises(report))
    assert sum(slot.failed for slot in report.slots) >= REFUSALS
    assert report.lost == 0


@pytest.mark.parametrize("region", ["dallas"])
def test_what_is_broken_is_healed_when_the_drill_fails(
    couch_server: ServerProcess, db_name: str, region: str
) -> None:
    """A region without processes can't be broken: the drill says so, and its load ends."""

    async def work() -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            with pytest.raises(Exception, match=r"(?i)not exist|missing|not_found"):
                place = Place(Todos(couch, db_name, "london"), Todos(couch, db_name, region))
                driver = Driver([], Load(random.Random(3).randrange), lambda: 0.0, mark="drill")
                try:
                    await Drill(
                        place, driver, {region: Watch(couch, db_name)}, lambda: 0.0, lambda _: None
                    ).run(KILLED, 100, 2.0)
                finally:
                    place.process.kill()
                    place.process.wait(WAIT_S)

    asyncio.run(work())
