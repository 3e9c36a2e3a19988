"""A whole region in which processes are killed: what goes on, what comes back, and what is never lost."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from couchgrass.functions.runtimes.confine import descendants
from couchgrass.testing.call import Reply, call
from couchgrass.testing.gate import Waiting, gate
from couchgrass.testing.region import Owner, RegionProcess, is_gone, running_region, until
from couchgrass.testing.server import ServerProcess

ECHO = {"python": "def main(args): return args", "nodejs": "function main(args) { return args }"}
KINDS = {"python": "python:3", "nodejs": "nodejs:8"}
NAP = "import time\ndef main(args):\n    time.sleep(args['s'])\n    return args"
LONG_MS = 300_000
LONG_S = 290
"""What takes so long is under way still when something is killed."""

WAITS = """
import socket
def main(args):
    if "wait" in args:
        with socket.create_connection(("127.0.0.1", PORT)) as wire:
            wire.recv(1)
    return args
"""
DICE = "import uuid\ndef main(args):\n    return {'body': {'id': uuid.uuid4().hex}}"
CLOSED = "whisk internal error"

IN_FLIGHT = 200
ANSWERED_BEFORE = 60
"""So many of them are answered before the functions are killed."""

STOP_S = 60.0
LATE = ("stopping with", "in time")
"""What the log says of whatever waited for its clients, or was waited for, to the last moment."""

pytestmark = pytest.mark.timeout(300)
"""Some start regions of their own, and restart what they killed."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionProcess]:
    with running_region(tmp_path_factory.mktemp("whole")) as found:
        yield found


@pytest.fixture
def region(ran: RegionProcess) -> RegionProcess:
    """The region, started again when the test before ended it, and all of it ready."""
    assert ran.supervisor is not None
    if ran.supervisor.poll() is not None:
        ran.start()
    ran.until(ran.is_ready)
    return ran


def prepared(region: RegionProcess) -> Owner:
    """A namespace with a warm and a cold action of each kind, and an API that leads to a warm one."""
    owner = region.owner("guest")
    for name, code in ECHO.items():
        for how in ("warm", "cold"):
            owner.put(f"{how}-{name}", KINDS[name], code, web=True)
        assert owner.invoke(f"warm-{name}").status == 200
    owner.add_api("/echo", "/it", "warm-python")
    region.until(lambda: by_gateway(region).status == 200)
    return owner


def by_gateway(region: RegionProcess, query: str = "n=7") -> Reply:
    return call(region.gateway, "GET", f"/api/guest/echo/it?{query}")


def goes_on(region: RegionProcess, owner: Owner) -> None:
    """What needs no database is served."""
    for name in ECHO:
        for how in ("warm", "cold"):
            ran = owner.invoke(f"{how}-{name}", {"n": 1})
            assert ran.status == 200, (name, how, ran)
            assert ran.json()["response"]["result"] == {"n": 1}
    answer = by_gateway(region)
    assert (answer.status, answer.json()["n"]) == (200, "7")


# --- the database --------------------------------------------------------------------------------------


def test_functions_go_on_without_the_database_which_is_soon_back(region: RegionProcess) -> None:
    owner = prepared(region)
    former = region.kill("database")
    goes_on(region, owner)
    region.until_again("database", former)
    region.until(lambda: owner.ask("PUT", "packages/written?overwrite=true", {}).status == 200)
    owner.put("after", KINDS["python"], ECHO["python"])
    assert owner.invoke("after", {"n": 2}).json()["response"]["result"] == {"n": 2}


@contextmanager
def with_database_elsewhere(folder: Path) -> Iterator[tuple[RegionProcess, ServerProcess]]:
    """A region that only uses a database, which the test may kill for as long as it likes."""
    server = ServerProcess(folder / "couch")
    server.start()
    credentials = folder / "couch.json"
    credentials.write_text(json.dumps({"name": server.user, "password": server.password}))
    credentials.chmod(0o600)
    database = {"url": server.url, "credentials": str(credentials)}
    try:
        with running_region(folder, database=database) as region:
            yield region, server
    finally:
        assert server.process is not None
        if server.process.poll() is None:
            server.stop()


def test_functions_and_gateway_start_and_serve_while_the_database_is_away(tmp_path: Path) -> None:
    with with_database_elsewhere(tmp_path) as (region, server):
        owner = prepared(region)
        for name in ECHO:
            assert owner.invoke(f"cold-{name}").status == 200  # their code is on this disk from now on
        until(lambda: all(knows(region.data / place, word) for place, word in known(owner).items()))
        server.kill()
        goes_on(region, owner)
        former = {name: region.kill(name) for name in ("functions", "gateway")}
        for name, pid in former.items():
            region.until_again(name, pid)
        goes_on(region, owner)
        refused = owner.ask("PUT", "packages/late", {})
        assert refused.status == 503
        assert refused.json()["error"] == "The database of this region is not available. Try again later."
        assert status(region, 1)["processes"][0]["answers"] is False
        server.start()
        region.until(lambda: owner.ask("PUT", "packages/late?overwrite=true", {}).status == 200)


def known(owner: Owner) -> dict[str, str]:
    """The snapshots with which processes start without the database, and what has to be in them by then."""
    return {
        "functions/cache/whisk_whisks.json": "cold-nodejs",
        "functions/cache/whisk_subjects.json": owner.key.partition(":")[0],
        "functions/apis.json": "/echo",
        "gateway/apis.json": "/echo",
    }


def knows(snapshot: Path, word: str) -> bool:
    return snapshot.exists() and word in snapshot.read_text()


# --- the functions -------------------------------------------------------------------------------------


class Answered(NamedTuple):
    status: int
    activation_id: str


def invoked_until_killed(region: RegionProcess, owner: Owner) -> list[Answered]:
    """Keeps IN_FLIGHT invocations under way, every other one blocking, and kills the functions meanwhile."""
    answers: list[Answered] = []
    enough = asyncio.Event()
    headers = {"Authorization": aiohttp.encode_basic_auth(*owner.key.split(":"))}

    async def one(number: int, session: aiohttp.ClientSession) -> None:
        blocking = "true" if number % 2 else "false"
        url = f"{owner.url}/api/v1/namespaces/_/actions/nap?blocking={blocking}"
        try:
            async with session.post(url, json={"s": 0.02}, headers=headers) as answer:
                told = await answer.json()
        except (aiohttp.ClientError, OSError):
            return
        answers.append(Answered(answer.status, told["activationId"]))
        if len(answers) >= ANSWERED_BEFORE:
            enough.set()

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            tasks = [asyncio.create_task(one(number, session)) for number in range(IN_FLIGHT)]
            await enough.wait()
            region.kill("functions")
            await asyncio.wait(tasks)

    asyncio.run(run())
    return answers


def test_whoever_was_answered_finds_the_record_after_the_functions_are_killed(region: RegionProcess) -> None:
    owner = region.owner("guest")
    owner.put("nap", KINDS["python"], NAP, memory=128, timeout=LONG_MS)
    long = [owner.ask("POST", "actions/nap", {"s": LONG_S}).json()["activationId"] for _ in range(3)]
    gave_up = owner.ask("POST", "actions/nap?blocking=true&timeout=100", {"s": LONG_S})
    assert gave_up.status == 202
    under_way = {*long, gave_up.json()["activationId"]}
    former = region.seen("functions").pid
    assert former is not None
    answers = invoked_until_killed(region, owner)
    region.until_again("functions", former)
    assert len(answers) >= ANSWERED_BEFORE
    assert {answer.status for answer in answers} <= {200, 202}
    ended = [record(owner, answer.activation_id) for answer in answers if answer.status == 200]
    assert all(each["response"]["status"] == "success" for each in ended)
    promised = {answer.activation_id for answer in answers if answer.status == 202}
    for activation_id in promised | under_way:
        assert record(owner, activation_id)["response"]["status"] in ("success", CLOSED)
    for activation_id in under_way:
        closed = record(owner, activation_id)
        assert closed["response"]["status"] == CLOSED
        assert closed["end"] >= closed["start"]
    assert owner.invoke("nap", {"s": 0}).status == 200


def record(owner: Owner, activation_id: str) -> Any:
    found = owner.ask("GET", f"activations/{activation_id}")
    assert found.status == 200, (activation_id, found)
    return found.json()


def test_who_waits_at_the_gateway_is_told_that_the_functions_are_gone(region: RegionProcess) -> None:
    owner = prepared(region)
    with asked_slowly(region, owner) as (_, answers):
        former = region.kill("functions")
        (lost,) = answers()
    # A GET is asked again once when its connection was an old one; then nobody takes it.
    assert lost.status == lost.json()["status"]
    assert lost.status in (502, 503), lost
    assert lost.json()["message"].startswith(("Error: The functions did not", "Error: The functions can't"))
    away = by_gateway(region)
    assert away.status in (200, 503), away
    region.until_again("functions", former)
    goes_on(region, owner)


@contextmanager
def asked_slowly(region: RegionProcess, owner: Owner) -> Iterator[tuple[Waiting, Callable[[], list[Reply]]]]:
    """Asks by the gateway for what takes until it is let go: that, and what waits for the answer."""
    with gate() as open_gate:
        slow = WAITS.replace("PORT", str(open_gate.port))
        owner.put("warm-python", KINDS["python"], slow, web=True, timeout=LONG_MS)
        answers: list[Reply] = []
        asking = threading.Thread(target=lambda: answers.append(by_gateway(region, "n=7&wait")))
        asking.start()

        def answered() -> list[Reply]:
            asking.join()
            return answers

        yield open_gate.next(), answered


def test_the_processes_of_actions_end_with_the_functions_that_are_killed(region: RegionProcess) -> None:
    owner = prepared(region)
    pid = region.seen("functions").pid
    assert pid is not None
    below = descendants(pid)
    assert below
    region.until_again("functions", region.kill("functions"))
    until(lambda: all(map(is_gone, below)))
    goes_on(region, owner)


# --- the gateway, the supervisor -----------------------------------------------------------------------


def test_a_request_with_a_key_runs_once_also_when_the_gateway_dies_meanwhile(region: RegionProcess) -> None:
    owner = prepared(region)
    owner.put("dice", KINDS["python"], DICE, web=True)
    owner.add_api("/dice", "/roll", "dice", method="POST", kind="http")

    def rolled(key: str) -> Reply:
        headers = {"Idempotency-Key": key}
        return call(region.gateway, "POST", "/api/guest/dice/roll", {"n": 1}, headers=headers)

    region.until(lambda: rolled("warm-up").status == 200)
    first = rolled("one")
    assert (first.status, first.headers["x-couchgrass-region"]) == (200, "local")
    region.until_again("gateway", region.kill("gateway"))
    again, other = rolled("one"), rolled("two")
    assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
    assert other.status == 200 and other.body != first.body
    name, *_ = (name for name in call(region.database, "GET", "/_all_dbs").json() if "idempotency" in name)
    anybody = "http://" + region.database.rpartition("@")[2]
    assert call(anybody, "GET", f"/{name}/_all_docs").status == 401


def test_a_gateway_that_is_killed_is_soon_back(region: RegionProcess) -> None:
    owner = prepared(region)
    region.until_again("gateway", region.kill("gateway"))
    goes_on(region, owner)
    assert region.seen("gateway").restarts >= 1


def test_a_supervisor_that_is_killed_leaves_no_process_behind(region: RegionProcess) -> None:
    owner = prepared(region)
    owner.put("nap", KINDS["python"], NAP)
    assert owner.ask("POST", "actions/nap", {"s": 60}).status == 202
    assert region.supervisor is not None
    below = descendants(region.supervisor.pid)
    assert len(below) > 3
    region.supervisor.kill()
    region.supervisor.wait()
    until(lambda: all(map(is_gone, below)))
    assert status(region, 1)["running"] is False
    region.start()
    assert region.owner("guest").invoke("warm-python").status == 200


def test_what_is_under_way_is_answered_before_a_region_stops(region: RegionProcess) -> None:
    owner = prepared(region)
    assert region.supervisor is not None
    with asked_slowly(region, owner) as (waiting, answers):
        region.supervisor.terminate()
        until(lambda: drains(region))
        waiting.let_go()
        (answer,) = answers()
        assert region.supervisor.wait(STOP_S) == 0
    assert (answer.status, answer.json()["n"]) == (200, "7")
    with pytest.raises(OSError, match="refused"):
        call(region.gateway, "GET", "/")


def drains(region: RegionProcess) -> bool:
    """Its gateway takes no more connections."""
    try:
        call(region.gateway, "GET", "/.well-known/couchgrass/gateway")
    except OSError:
        return True
    return False


def test_a_region_that_does_nothing_stops_at_once(region: RegionProcess) -> None:
    prepared(region)
    assert region.supervisor is not None
    below = descendants(region.supervisor.pid)
    before = len(region.log.read_text())
    assert region.stop() == 0
    until(lambda: all(map(is_gone, below)))
    said = region.log.read_text()[before:].splitlines()
    assert not [line for line in said if any(words in line for words in LATE)]


# --- what is told --------------------------------------------------------------------------------------


def status(region: RegionProcess, code: int) -> Any:
    return json.loads(region.command("status", "--data", str(region.file), "--json", status=code))


def test_the_status_tells_what_runs_and_what_does_not_answer(region: RegionProcess) -> None:
    well = status(region, 0)
    assert (well["ready"], well["running"]) == (True, True)
    assert [(one["name"], one["phase"]) for one in well["processes"]] == [
        ("database", "ready"),
        ("functions", "ready"),
        ("gateway", "ready"),
        ("agent", "ready"),
        ("dashboard", "ready"),
    ]
    assert [one["url"] for one in well["processes"]] == [region.url(one["name"]) for one in well["processes"]]
    assert well["confinement"] in ("bubblewrap", "landlock", "rlimits")
    pid = region.seen("gateway").pid
    assert pid is not None
    with stopped(pid):
        ill = status(region, 1)
    assert [one["ready"] for one in ill["processes"]] == [True, True, False, True, True]
    assert ill["ready"] is False


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that hangs."""
    import os

    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# --- ports ---------------------------------------------------------------------------------------------


def test_functions_and_gateway_on_any_free_port_find_each_other_and_keep_it(tmp_path: Path) -> None:
    with running_region(tmp_path, functions={"port": 0}, gateway={"port": 0}) as region:
        owner = region.owner("guest")
        owner.put("echo", KINDS["python"], ECHO["python"], web=True)
        url = owner.add_api("/echo", "/it", "echo")
        assert url == f"{region.gateway}/api/guest/echo"
        region.until(lambda: by_gateway(region).status == 200)
        before = region.url("functions"), region.gateway
        for name in ("functions", "gateway"):
            region.until_again(name, region.kill(name))
        assert (region.url("functions"), region.gateway) == before
        region.until(lambda: by_gateway(region).status == 200)
