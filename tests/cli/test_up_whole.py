"""Two real regions, the balancer and the todo app: up, what dies, down, and up again with the data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from couchgrass.cli.fleet import up_kept
from couchgrass.cli.up import example_app
from couchgrass.drill.wires import Fault
from couchgrass.region.run.state_file import is_held
from couchgrass.testing.call import Reply, call
from couchgrass.testing.region import is_gone, until
from couchgrass.testing.up import UpProcess, running_up
from tests.whole.site import TEST_S, is_well

TODOS = "/v1/todo"
PAGE = "<!doctype html><title>todos</title>"


pytestmark = pytest.mark.timeout(TEST_S)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    web = tmp_path_factory.mktemp("web")
    (web / "index.html").write_text(PAGE)
    with running_up(tmp_path_factory.mktemp("up") / "d", app=example_app(), pages=web) as found:
        yield found


@pytest.fixture
def up(ran: UpProcess) -> UpProcess:
    """It, started again when the test before ended it, and well, with both regions let in by the balancer."""
    assert ran.process is not None
    if ran.process.poll() is not None:
        ran.start()
    ran.until(lambda: is_well(ran))
    return ran


def gateway(up: UpProcess, region: str) -> str:
    return f"http://127.0.0.1:{up.region(region).gateway.port}"


def titles(url: str) -> set[str]:
    answer = call(url, "GET", TODOS)
    return {todo["title"] for todo in answer.json()} if answer.status == 200 else set()


def post(url: str, title: str) -> Reply:
    return call(url, "POST", TODOS, {"title": title})


def until_everywhere(up: UpProcess, title: str) -> None:
    for region in up.topology.names:
        up.until(lambda region=region: title in titles(gateway(up, region)))  # type: ignore[misc]


def test_a_todo_is_stored_behind_one_address_and_is_in_both_regions(up: UpProcess) -> None:
    answer = post(up.url, "water the grass")
    assert answer.status == 201, answer
    until_everywhere(up, "water the grass")
    up.until(lambda: up.status().well)
    assert {(one.source, one.target) for one in up.status().links} >= {
        ("london", "dallas"),
        ("dallas", "london"),
    }


def page(url: str) -> tuple[int, str, str]:
    """Its status, its text, and the region that it came from."""
    answer = call(url, "GET", "/")
    return answer.status, answer.body.decode(), answer.headers.get("x-couchgrass-region", "")


def test_the_app_is_at_the_balancers_address_and_each_regions(up: UpProcess) -> None:
    assert f"The app is at {up.url}/\n" in up.words
    assert page(up.url) == (200, PAGE, "london")
    assert page(gateway(up, "dallas")) == (200, PAGE, "dallas")
    about = call(up.url, "GET", "/regions.json").json()
    assert (about["api"], about["balancer"], about["sign_in"]) == (TODOS, up.url, None)
    assert [one["gateway_url"] for one in about["regions"]] == [gateway(up, n) for n in ("london", "dallas")]


def test_a_region_that_is_killed_is_back_when_nobody_holds_it_any_more(up: UpProcess) -> None:
    assert page(up.url) == (200, PAGE, "london")
    hold = up.hold("london", time.time() + 600)
    former = up.kill_region("london")
    assert page(up.url) == (200, PAGE, "dallas"), "the very first request after it"
    up.until(lambda: up.state.processes["london"].phase.value == "resting")
    up.until(lambda: post(up.url, "while london is away").status == 201)
    assert up.state.processes["london"].pid is None
    hold.unlink()
    up.until_back("london", former)
    until_everywhere(up, "while london is away")


def test_a_wire_that_is_cut_holds_changes_up_until_it_is_healed(up: UpProcess) -> None:
    up.set_faults(london_dallas=Fault(cut=True))
    up.until(
        lambda: any(
            one.source == "london" and (one.error or not one.peer_reachable) for one in up.status().links
        )
    )
    assert post(gateway(up, "london"), "not seen yet").status == 201
    assert "not seen yet" not in titles(gateway(up, "dallas"))
    up.set_faults()
    until_everywhere(up, "not seen yet")


def test_all_stop_in_order_and_go_on_with_their_data(up: UpProcess) -> None:
    assert post(up.url, "kept").status == 201
    pids = [pid for one in up.status().regions for pid in one.pids.values()]
    assert up.stop() == 0
    assert all(map(is_gone, pids))
    said = up.said.read_text()
    order = [said.index(f"{name}: stopped") for name in ("balancer", "london", "wires")]
    assert order == sorted(order)
    environment: dict[str, Any] = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "couchgrass"]
    started = subprocess.run(
        [*command, "up", "--dir", str(up.folder), "--detach"],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert started.returncode == 0, started.stdout + started.stderr
    assert "Nothing changes" in started.stdout
    # The balancer may begin with the region that gets it by replication.
    until(lambda: "kept" in titles(up.url))
    ended = subprocess.run(
        [*command, "down", "--dir", str(up.folder)], env=environment, capture_output=True, timeout=120
    )
    assert ended.returncode == 0
    assert not is_held(up.folder, up_kept())


def test_nothing_is_left_of_one_that_is_killed(up: UpProcess) -> None:
    assert up.process is not None
    pids = [up.process.pid, *(pid for one in up.status().regions for pid in one.pids.values())]
    up.process.send_signal(signal.SIGKILL)
    up.process.wait()
    until(lambda: all(map(is_gone, pids)))
    assert not is_held(up.folder, up_kept())
