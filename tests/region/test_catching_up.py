"""Two real regions: one that comes back is not ready before it has what the other took meanwhile."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from couchgrass.agent.readiness import AWAY_S, PEER_S
from couchgrass.drill.wires import Fault
from couchgrass.region.run.account import peer_access
from couchgrass.region.run.state_file import read_state
from couchgrass.testing.call import Reply, call
from couchgrass.testing.up import UpProcess, running_up

HELD_S = 280.0
DOCS = 2_000

pytestmark = pytest.mark.timeout(300)
"""Two regions are started, one of them more than once."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    with running_up(tmp_path_factory.mktemp("catching-up") / "d", balancer=False) as found:
        for name in ("london", "dallas"):
            found.until(partial(is_ready, found, name))
        ask(found, "dallas", "PUT", "/todos")
        found.until(lambda: count(found, "london", "todos") == 0)
        yield found


def ask(up: UpProcess, region: str, method: str, path: str, body: object = None) -> Reply:
    """Asks a region's database as its admin."""
    access = peer_access(up.region(region))
    assert access.account is not None
    user, password = access.account.name, access.account.password
    return call(access.url.replace("://", f"://{user}:{password}@"), method, path, body)


def count(up: UpProcess, region: str, database: str) -> int:
    """Documents; -1 when there is no such database."""
    try:
        told = ask(up, region, "GET", f"/{database}").json()
    except OSError:
        return -1
    return int(told.get("doc_count", -1))


def write(up: UpProcess, database: str) -> int:
    """More documents in Dallas; how many there are then."""
    before = max(0, count(up, "dallas", database))
    docs = [{"_id": f"{before + number:06}", "title": "x" * 200} for number in range(DOCS)]
    assert ask(up, "dallas", "POST", f"/{database}/_bulk_docs", {"docs": docs}).status == 201
    return before + DOCS


def health(up: UpProcess, region: str) -> Mapping[str, Any]:
    """What its agent says; nothing when there is none."""
    try:
        told = call(f"http://127.0.0.1:{up.region(region).agent.port}", "GET", "/_couchgrass/ready")
    except OSError:
        return {"ready": False, "live": False, "reasons": []}
    found: Mapping[str, Any] = told.json()
    return found


def silent_s(up: UpProcess, region: str) -> float:
    """For how long its database has said nothing, by its agent's own clock; that of a busy machine's agent
    leaves out when it could not run."""
    found = re.search(r"database: no answer for ([0-9.]+) s", "\n".join(health(up, region)["reasons"]))
    return float(found[1]) if found else 0.0


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_ready(up: UpProcess, region: str) -> bool:
    return bool(health(up, region)["ready"])


def is_ready_again(up: UpProcess, region: str, before: Mapping[str, Any]) -> bool:
    """It is, in another incarnation."""
    now = health(up, region)
    return bool(now["ready"]) and now["incarnation"] != before["incarnation"]


def test_a_region_that_was_down_has_all_databases_and_documents_when_it_is_ready(up: UpProcess) -> None:
    hold = up.hold("london", time.time() + HELD_S)
    former = up.kill_region("london")
    written = write(up, "todos")
    ask(up, "dallas", "PUT", "/todos-new")
    new = write(up, "todos-new")
    hold.unlink()
    up.until(lambda: is_ready(up, "london"))
    assert up.pid("london") != former
    assert (count(up, "london", "todos"), count(up, "london", "todos-new")) == (written, new)


def test_the_same_when_only_its_database_stood_still(up: UpProcess) -> None:
    up.until(lambda: is_ready(up, "london"))
    before = health(up, "london")
    state = read_state(Path(up.region("london").data))
    assert state is not None
    pid = state.processes["database"].pid
    assert pid is not None
    with frozen(pid):
        written = write(up, "todos")
        up.until(lambda: silent_s(up, "london") > AWAY_S)
        assert not health(up, "london")["live"]
    up.until(lambda: is_ready_again(up, "london", before))
    assert count(up, "london", "todos") == written


def test_a_peer_out_of_reach_does_not_hold_it_back_for_long(up: UpProcess) -> None:
    up.until(lambda: is_ready(up, "london"))
    before = health(up, "london")
    up.set_faults(dallas_london=Fault(cut=True))
    try:
        with frozen(up.pid("london")):  # so that it is not started again before it is missed
            up.kill_process("london", "database")
            up.until(lambda: not health(up, "london")["live"])
            began = time.monotonic()
        up.until(lambda: is_ready_again(up, "london", before))
        assert time.monotonic() - began > PEER_S
    finally:
        up.set_faults()
    written = write(up, "todos")
    up.until(lambda: count(up, "london", "todos") == written)
