"""Two regions, the balancer and the todo app: what users see of them, whatever breaks."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from couchgrass.cli.up import example_app
from couchgrass.drill.ops import Load
from couchgrass.drill.run.load import Driver
from couchgrass.region.run.account import dashboard_url
from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.todo_backend import RULES, Api
from couchgrass.testing.up import UpProcess, running_up
from tests.whole.site import (
    LIMIT_S,
    TEST_S,
    TODOS,
    become_well,
    command,
    database,
    documents,
    fill,
    gateway,
    has_all,
    in_step,
    post,
    reading,
    serving,
    titles,
)

pytestmark = pytest.mark.timeout(TEST_S)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    with running_up(tmp_path_factory.mktemp("whole") / "two", app=example_app()) as found:
        yield found


@pytest.fixture
def two(ran: UpProcess) -> UpProcess:
    """It, well: whatever a test broke is mended, and the balancer lets all regions in."""
    become_well(ran)
    return ran


# --- The contract of a Todo-Backend, behind the balancer and with each request to the other region -------
Rule = Callable[[Api], Awaitable[None]]


@pytest.fixture
def same(two: UpProcess) -> UpProcess:
    """It, with the same todos in both regions: what a test before wrote to one is not still on its way."""
    two.until(lambda: in_step(two, "todos"), LIMIT_S)
    return two


class Alternating(Api):
    """Asks the regions in turn: each request goes to another one than the last, as soon as that has what the
    last one wrote."""

    def __init__(self, regions: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        super().__init__(regions[min(regions)] + TODOS, session)
        self.asked: list[str] = []
        self._regions = regions

    async def ask(self, method: str, url: str, body: Any = None) -> Any:
        await self._in_step()
        names = sorted(self._regions)
        name = names[len(self.asked) % len(names)]
        self.asked.append(name)
        return await super().ask(method, self._regions[name] + urlsplit(url).path, body)

    async def _in_step(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len({await self._todos(url) for url in self._regions.values()}) > 1:
                await asyncio.sleep(0.01)

    async def _todos(self, url: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        """All of them, but for their URLs, which are the region's own."""
        found = await super().ask("GET", url + TODOS)
        return tuple(
            sorted(tuple(sorted((k, repr(v)) for k, v in todo.items() if k != "url")) for todo in found)
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_kept_behind_the_balancer(rule: Rule, same: UpProcess) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            await rule(Api(same.url + TODOS, session))

    asyncio.run(work())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_kept_by_two_regions_in_turn(rule: Rule, two: UpProcess) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            api = Alternating({name: gateway(two, name) for name in two.topology.names}, session)
            await rule(api)
            await api.all()
            assert set(api.asked) == set(two.topology.names)

    asyncio.run(work())


# --- Drills: what must hold however slow the machine is. How soon service is back `couchgrass drill` measures
SECONDS, RATE = "4", "30"
DRAINED_RATE = 40.0

WAITING = "requests under way in a region that is out have to wait for it"
"""The balancer says so where containers may not look into their own processes (docs/balancer.md)."""


def drilled(two: UpProcess, folder: Path, *fault: str) -> dict[str, Any]:
    """The report of a drill."""
    file = folder / "report.json"
    load = ("--load", RATE, "--seconds", SECONDS, "--json", str(file))
    status, out, said = called("drill", "--dir", str(two.folder), "--fault", *fault, *load)
    assert file.exists(), (status, out, said)
    (report,) = json.loads(file.read_text())
    assert isinstance(report, dict)
    return report


def nothing_is_lost(report: dict[str, Any]) -> None:
    assert report["aborted"] == ""
    assert (report["lost"], report["lost_documents"]) == (0, [])
    digests = report["digests"]
    assert set(digests) == {"london", "dallas"}
    assert len(set(digests.values())) == 1
    assert not any("unknown" in digest for digest in digests.values())
    assert report["converged_s"] is not None
    assert report["early"] == 0, "a region that is not ready yet gets no requests"
    assert sum(one["requests"] for one in report["methods"]) > 0


@pytest.mark.parametrize(
    "fault",
    ["region", "region --how pause", "database", "functions", "link"],
)
def test_no_read_fails_and_nothing_is_lost(fault: str, two: UpProcess, tmp_path: Path) -> None:
    report = drilled(two, tmp_path, *fault.split())
    nothing_is_lost(report)
    assert report["rto_s"] is not None
    gets = [one for one in report["methods"] if one["method"] == "GET"]
    if gets[0]["failed"] and "pause" in fault and WAITING in two.words:
        pytest.skip("the system does not let the balancer close connections to a region that is frozen")
    assert [one["failed"] for one in gets] == [0], report["broken_promises"]


def test_while_the_balancer_starts_again_nobody_answers_but_nothing_is_lost(
    two: UpProcess, tmp_path: Path
) -> None:
    former = two.pid("balancer")
    report = drilled(two, tmp_path, "balancer-restart")
    nothing_is_lost(report)
    two.until(lambda: two.pid("balancer") != former)
    slots = report["slots"]
    failed = [slot["at_s"] for slot in slots if slot["failed"]]
    assert all(at >= report["broke_s"] - 0.25 for at in failed), "not before it ended"


# --- The dashboards: one dies with its region, and the other one shows it ---------------------------------
def dashboard(up: UpProcess, region: str, path: str, method: str = "GET", body: Any = None) -> Any:
    """What the dashboard of a region answers to a server admin; None while it does not answer."""
    name, password = database(up, region).partition("://")[2].rpartition("@")[0].split(":")
    url = dashboard_url(up.region(region)).replace("://", f"://{name}:{password}@")
    try:
        reply = call(url, method, f"/_dashboard/{path}", body, headers={"x-couchgrass-dashboard": "1"})
    except OSError:
        return None
    assert reply.status < 300, (reply.status, reply.body)
    return reply.json()


def test_a_drill_outlives_the_region_whose_dashboard_started_it(two: UpProcess) -> None:
    asked = {
        "fault": "region",
        "how": "kill",
        "region": "london",
        "load": float(RATE),
        "seconds": float(SECONDS),
    }
    one = f"drills/{dashboard(two, 'london', 'drills', 'POST', asked)['id']}"

    def states() -> dict[str, str]:
        return {each["name"]: each["state"] for each in dashboard(two, "dallas", "overview")["regions"]}

    two.until(
        lambda: states()["london"] == "down" and dashboard(two, "dallas", one)["ended"] is None, LIMIT_S
    )
    two.until(lambda: dashboard(two, "dallas", one)["ended"] is not None, LIMIT_S)
    (report,) = dashboard(two, "dallas", one)["reports"]
    nothing_is_lost(report)
    two.until(lambda: set(states().values()) == {"ready"}, LIMIT_S)
    two.until(lambda: dashboard(two, "london", one) is not None, LIMIT_S)
    assert dashboard(two, "london", one)["reports"] == [report]
    past = dashboard(two, "dallas", "history")
    told = [event["text"] for event in past["events"] if event["region"] == "london"]
    assert any(text.startswith("london is down") for text in told), told
    assert "london is ready" in told
    assert 0.0 in past["regions"]["london"]["up"]
    assert dashboard(two, "dallas", one, "DELETE")["ok"]
    assert dashboard(two, "london", "drills")["drills"] == []


def test_a_region_is_drained_and_taken_back_from_the_dashboard(two: UpProcess) -> None:
    def state() -> str:
        # One that does not answer in time tells of no region.
        regions = dashboard(two, "london", "overview")["balancer"]["regions"]
        return str(regions["london"]["state"]) if "london" in regions else ""

    for is_drained, expected in ((True, "drained"), (False, "serving")):
        dashboard(two, "dallas", "balancer/drained", "POST", {"region": "london", "drained": is_drained})
        two.until(lambda expected=expected: state() == expected, LIMIT_S)  # type: ignore[misc]


# --- A region drained and taken back by hand -------------------------------------------------------------
async def commanded(up: UpProcess, *arguments: str) -> str:
    """What a command of its own process says; it must end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "couchgrass", *arguments, "--dir", str(up.folder),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


async def until_served_by(driver: Driver, region: str, after_s: float) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not any(one.region == region and one.began_s > after_s for one in driver.outcomes):
            await asyncio.sleep(0.02)


def test_no_request_fails_when_a_region_is_drained_and_undrained(two: UpProcess) -> None:
    async def work() -> None:
        driver = Driver([two.url + TODOS], Load(random.Random(5).randrange), time.monotonic, mark="drained")
        load = asyncio.create_task(driver.run(DRAINED_RATE))
        try:
            await until_served_by(driver, "london", 0.0)
            assert "london is drained" in await commanded(two, "drain", "london")
            drained_s = time.monotonic()
            await until_served_by(driver, "dallas", drained_s)
            undrain_s = time.monotonic()
            assert "london is no longer drained" in await commanded(two, "undrain", "london")
            await until_served_by(driver, "london", time.monotonic())
        finally:
            driver.end()
            await load
        assert [one for one in driver.outcomes if one.failed] == []
        between = [one for one in driver.outcomes if drained_s < one.began_s and one.ended_s < undrain_s]
        assert {one.region for one in between} == {"dallas"}

    asyncio.run(work())


# --- A request with an `Idempotency-Key` that is sent again, to another region ---------------------------
PREFIX = "couchgrass_idempotency-"


def keys(up: UpProcess, region: str) -> set[str]:
    """The documents of all keys that a region knows."""
    names = [
        name for name in call(database(up, region), "GET", "/_all_dbs").json() if name.startswith(PREFIX)
    ]
    return {id for name in names for id in documents(up, region, name) if not id.startswith("_")}


def test_it_is_answered_as_before_and_runs_once_where_its_key_has_arrived(two: UpProcess) -> None:
    title, key = "only once", str(uuid.uuid4())
    before = keys(two, "london")
    first = post(gateway(two, "london"), title, key)
    assert first.status == 201, first
    (new,) = keys(two, "london") - before
    two.until(lambda: new in keys(two, "dallas"), LIMIT_S)
    # The key arrives twice: reserved, and with its answer; until then it is told that one still runs.
    two.until(lambda: post(gateway(two, "dallas"), title, key).status != 409, LIMIT_S)
    again = post(gateway(two, "dallas"), title, key)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers.get("idempotency-replayed") == "true"
    assert again.headers["x-couchgrass-region"] == "dallas"
    assert post(gateway(two, "dallas"), "another", key).status == 422
    two.until(lambda: in_step(two, "todos"), LIMIT_S)
    for region in ("london", "dallas"):
        assert titles(call(gateway(two, region), "GET", TODOS)).count(title) == 1


# --- A region that comes back without its data -----------------------------------------------------------
def test_it_gets_no_request_before_it_has_its_data_and_its_app_again(two: UpProcess) -> None:
    made = fill(two, 40)
    with reading(two.url, has_all(made)) as reader:
        two.until(lambda: reader.regions.get("london", 0) > 0, LIMIT_S)
        hold = two.hold("london", time.time() + 600)
        former = two.kill_region("london")
        two.until(lambda: two.state.processes["london"].phase.value == "resting", LIMIT_S)
        shutil.rmtree(Path(two.region("london").data))
        # What the reader began before has come to its end when it has read again twice.
        read = sum(reader.regions.values())
        two.until(lambda: sum(reader.regions.values()) >= read + 2, LIMIT_S)
        served = reader.regions["london"]
        hold.unlink()
        two.until_back("london", former)

        two.until(lambda: "couchgrass deploy" in " ".join(two.region_status("london").reasons), LIMIT_S)
        wanted = documents(two, "dallas", "todos")
        two.until(lambda: documents(two, "london", "todos") >= wanted, LIMIT_S)
        assert not two.region_status("london").ready, "it has its data, but nothing that would serve it"
        assert serving(two).get("london") != "serving"
        assert reader.regions["london"] == served

        command(two, "deploy", "--dir", str(two.folder), "--yes")
        two.until(lambda: reader.regions["london"] > served, LIMIT_S)
    assert call(database(two, "london"), "GET", "/todos").status == 200
    two.until(lambda: two.status().well, LIMIT_S)


# --- What does not belong there --------------------------------------------------------------------------
def test_a_deploy_with_half_a_file_of_keys_changes_nothing(two: UpProcess) -> None:
    place = two.folder / "credentials.json"
    good = place.read_bytes()

    def entities() -> list[object]:
        """What the regions have, with its revisions."""
        return [
            call(database(two, name), "GET", f"/{found}/_all_docs").json()["rows"]
            for name in two.topology.names
            for found in ("whisk_whisks", "whisk_apis", "whisk_subjects")
        ]

    before = entities()
    try:
        place.write_bytes(good[: len(good) // 2])
        status, _, said = called("deploy", "--dir", str(two.folder), "--yes")
        assert status == 1
        assert "credentials.json is not a file of credentials" in said
        assert entities() == before
    finally:
        place.write_bytes(good)
    status, out, said = called("deploy", "--dir", str(two.folder), "--yes", "--json")
    assert (status, json.loads(out)["ok"]) == (0, True), said
    assert entities() == before


def test_a_second_up_or_balancer_in_the_same_folder_ends_and_the_first_goes_on(two: UpProcess) -> None:
    pids = (two.process.pid if two.process else 0, two.pid("balancer"))
    status, _, said = called("up", "--dir", str(two.folder))
    assert (status, "is in use" in said) == (1, True), said
    status, _, said = called("balancer", "-c", str(two.file))
    assert status == 1
    assert "taken" in said or "in use" in said
    assert (two.process.pid if two.process else 0, two.pid("balancer")) == pids
    assert call(gateway(two, "london"), "GET", "/v1/todo").status == 200
