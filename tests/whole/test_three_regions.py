"""Three regions: databases made later, drift, a region more and a region less, as the documentation says."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from couchgrass.region.config import Region
from couchgrass.region.run.account import served_at
from couchgrass.region.run.state_file import read_state
from couchgrass.serving.files import replace_file
from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.ports import free_ports
from couchgrass.testing.up import UpProcess, running_up
from couchgrass.topology.generate import FIRST_PORTS
from tests.whole.site import LIMIT_S, TEST_S, command, database, documents, is_well, serving

COUNT = 300
NAMES = ("london", "dallas", "sydney")
ALL_WAYS = frozenset(itertools.permutations(NAMES, 2))


pytestmark = pytest.mark.timeout(TEST_S)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """Two regions at first, with a database that has documents."""
    with running_up(tmp_path_factory.mktemp("whole") / "three") as up:
        assert call(database(up, "london"), "PUT", "/todos").status == 201
        docs = [{"_id": f"doc{number}", "order": number} for number in range(COUNT)]
        assert call(database(up, "london"), "POST", "/todos/_bulk_docs", {"docs": docs}).status == 201
        up.until(lambda: len(documents(up, "dallas", "todos")) == COUNT, LIMIT_S)
        yield up


@pytest.fixture
def three(site: UpProcess) -> UpProcess:
    """With Sydney, and well."""
    if "sydney" not in site.topology.names:
        start_again(site, with_sydney(site))
        command(site, "undrain", "sydney", "--dir", str(site.folder))
    site.until(lambda: is_well(site) and ways(site, "todos") == ALL_WAYS, LIMIT_S)
    return site


def with_sydney(up: UpProcess) -> str:
    """The file with one region more, before all others."""
    ports = zip(FIRST_PORTS, free_ports(len(FIRST_PORTS)), strict=True)
    table = "[regions.sydney]\n" + "".join(f"{name}.port = {port}\n" for name, port in ports)
    return up.file.read_text(encoding="utf-8").replace("[regions.london]", f"{table}\n[regions.london]", 1)


def without_sydney(up: UpProcess) -> str:
    return re.sub(r"\[regions\.sydney\]\n(.+\n)*\n", "", up.file.read_text(encoding="utf-8"))


def start_again(up: UpProcess, text: str) -> None:
    """With another file, which is whole whenever somebody reads it."""
    assert up.stop() == 0
    replace_file(up.file, text.encode())
    up.start()


def ways(up: UpProcess, name: str) -> set[tuple[str, str]]:
    """Between which regions a database is copied right now."""
    links = up.status().links
    return {(one.source, one.target) for one in links if one.database == name and one.state == "running"}


NOTHING: dict[str, Any] = {"drift": [], "unreached": {}}


def topology(up: UpProcess, action: str, status: int) -> dict[str, Any]:
    found = json.loads(command(up, "topology", action, "-c", str(up.file), "--json", status=status))
    assert isinstance(found, dict)
    return found


def is_as_planned(up: UpProcess) -> bool:
    """Whether the agents have come to the end of what they have to do."""
    _, out, _ = called("topology", "plan", "-c", str(up.file), "--json")
    return bool(out) and json.loads(out) == NOTHING


class Claims:
    """Asks Sydney's agent all the time whether it is ready, and if so, how many documents there are."""

    def __init__(self, up: UpProcess) -> None:
        self.ready: list[int] = []
        self._up = up
        self._ended = threading.Event()

    def ask(self) -> None:
        while not self._ended.wait(0.01):
            try:
                url = served_at(self._up.region("sydney"), "agent")
                if call(url, "GET", "/_couchgrass/ready").status == 200:
                    self.ready.append(len(documents(self._up, "sydney", "todos")))
            except (OSError, KeyError, HTTPException):
                continue

    @classmethod
    @contextmanager
    def heard(cls, up: UpProcess) -> Iterator[Claims]:
        claims = cls(up)
        thread = threading.Thread(target=claims.ask)
        thread.start()
        try:
            yield claims
        finally:
            claims._ended.set()
            thread.join()


@contextmanager
def frozen_agents(up: UpProcess) -> Iterator[None]:
    """So that what is changed by hand stays so."""
    pids = [agent_pid(up.region(name)) for name in up.topology.names]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def agent_pid(region: Region) -> int:
    state = read_state(Path(region.data))
    assert state is not None
    pid = state.processes["agent"].pid
    assert pid is not None
    return pid


def test_a_region_more_has_everything_before_it_is_ready(site: UpProcess) -> None:
    if "sydney" in site.topology.names:
        start_again(site, without_sydney(site))
    shutil.rmtree(site.folder / "sydney", ignore_errors=True)
    with Claims.heard(site) as claims:
        start_again(site, with_sydney(site))
        command(site, "undrain", "sydney", "--dir", str(site.folder))
        site.until(lambda: bool(claims.ready), LIMIT_S)
    assert set(claims.ready) == {COUNT}
    site.until(lambda: serving(site)["sydney"] == "serving", LIMIT_S)
    site.until(lambda: ways(site, "todos") == ALL_WAYS, LIMIT_S)


def test_a_database_that_is_made_in_any_region_is_in_all_and_copied_between_all(three: UpProcess) -> None:
    for name in NAMES:
        assert call(database(three, name), "PUT", f"/todos-of-{name}").status in (201, 202)
    for name in NAMES:
        made = f"todos-of-{name}"
        three.until(lambda made=made: ways(three, made) == ALL_WAYS, LIMIT_S)  # type: ignore[misc]
        for writer in NAMES:
            assert call(database(three, writer), "PUT", f"/{made}/from-{writer}", {}).status in (201, 202)
    wanted = {f"from-{writer}" for writer in NAMES}
    for name, made in itertools.product(NAMES, NAMES):
        three.until(
            lambda name=name, made=made: documents(three, name, f"todos-of-{made}") == wanted,  # type: ignore[misc]
            LIMIT_S,
        )


def test_drift_is_shown_and_mended(three: UpProcess) -> None:
    london, dallas = database(three, "london"), database(three, "dallas")
    security = call(london, "GET", "/todos/_security").json()
    jobs = [one.job for one in three.status().links if (one.source, one.target) == ("london", "dallas")]
    job = next(id for id in jobs if "-todos-" in id and "-of-" not in id)
    assert call(london, "PUT", "/private").status in (201, 202, 412)
    three.until(lambda: is_as_planned(three), LIMIT_S)
    with frozen_agents(three):
        assert topology(three, "plan", 0) == NOTHING
        rev = call(dallas, "GET", f"/_replicator/{job}").json()["_rev"]
        assert call(dallas, "DELETE", f"/_replicator/{job}?rev={rev}").status == 200
        more = {**security, "admins": {"names": ["couchgrass-link-dallas"], "roles": ["_admin"]}}
        assert call(london, "PUT", "/todos/_security", more).status == 200
        given = {"members": {"names": ["somebody", "couchgrass-link-sydney"], "roles": []}}
        assert call(london, "PUT", "/private/_security", given).status == 200

        drift = {(one["region"], one["database"], one["what"]) for one in topology(three, "plan", 1)["drift"]}
        assert drift == {
            ("dallas", "todos", "write job from london"),
            ("london", "todos", "grant couchgrass-link-dallas"),
            ("london", "private", "revoke couchgrass-link-sydney"),
        }
        applied = topology(three, "apply", 0)
        assert (applied["failed"], applied["drift"], applied["unreached"]) == ([], [], {})
        done = {(one["region"], one["database"], one["what"]) for one in applied["done"]}
        assert done == drift
        assert topology(three, "plan", 0) == NOTHING
        assert call(dallas, "GET", f"/_replicator/{job}").status == 200
        held = call(london, "GET", "/todos/_security").json()
        assert "couchgrass-link-dallas" not in held["admins"].get("names", [])
        assert set(held["members"]["names"]) == set(security["members"]["names"])
        assert call(london, "GET", "/private/_security").json()["members"]["names"] == ["somebody"]


def test_a_region_less_is_drained_first_and_leaves_no_key_behind(three: UpProcess) -> None:
    command(three, "drain", "sydney", "--dir", str(three.folder))
    three.until(lambda: serving(three).get("sydney") == "drained", LIMIT_S)
    start_again(three, without_sydney(three))
    three.until(lambda: is_well(three), LIMIT_S)
    assert set(serving(three)) == {"london", "dallas"}
    drift = topology(three, "plan", 1)["drift"]
    left = {(one["region"], one["what"]) for one in drift if one["what"].startswith("delete")}
    assert left == {(name, "delete key couchgrass-link-sydney") for name in ("london", "dallas")}
    topology(three, "apply", 0)
    assert topology(three, "plan", 0) == NOTHING
    for name in ("london", "dallas"):
        users = documents(three, name, "_users")
        assert "org.couchdb.user:couchgrass-link-sydney" not in users
        assert b"couchgrass-link-sydney" not in call(database(three, name), "GET", "/todos/_security").body
        assert len(documents(three, name, "todos")) == COUNT
