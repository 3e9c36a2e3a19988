"""Drills as processes of their own, with a command that does what a drill does to its files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from couchgrass.clock import SystemClock
from couchgrass.dashboard.drilled import DRILLS_KEPT, LOCK, REPORT, Running
from couchgrass.dashboard.run.drills import DrillFolder
from couchgrass.dashboard.seen import DrillAsked, DrillSeen
from couchgrass.errors import BadRequest, Conflict, NotFound
from couchgrass.serving.locks import is_taken
from couchgrass.testing.region import until

LIMIT_S = 60.0
T = TypeVar("T")

FAKE = """
import json, pathlib, signal, sys, threading
options = dict(zip(sys.argv[1:], sys.argv[2:]))
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
print("load of", *sys.argv[3:], flush=True)
go = pathlib.Path(options["--dir"], "go")
while not go.exists() and not stopped.wait(0.02):
    pass
if stopped.is_set():
    print("healed", file=sys.stderr)
    sys.exit(130)
report = [{"fault": {"kind": "region", "how": "kill", "region": "london"}, "broken_promises": %s}]
pathlib.Path(options["--json"]).write_text(json.dumps(report))
pathlib.Path(options["--html"]).write_text("<!doctype html><p>a report")
"""
"""It runs until DIR/go is there."""

START = """
import asyncio, os, sys
from pathlib import Path
from couchgrass.clock import SystemClock
from couchgrass.dashboard.run.drills import DrillFolder
from couchgrass.dashboard.seen import DrillAsked
folder = DrillFolder(Path(sys.argv[1]), ("a", "b"), lambda: "", SystemClock(), command=sys.argv[2:])
print(asyncio.run(folder.start(DrillAsked())), flush=True)
os.kill(os.getpid(), 9)
"""


def fake(*broken: str) -> tuple[str, ...]:
    return (sys.executable, "-c", FAKE % list(broken))


def wait(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class Place:
    """A folder of `couchgrass up`, and dashboards that look at its drills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drills = folder / "drills"

    def dashboard(self, *broken: str, why: str = "", command: tuple[str, ...] | None = None) -> DrillFolder:
        return DrillFolder(
            self.drills, ("london", "dallas"), lambda: why, SystemClock(), command=command or fake(*broken)
        )

    def go(self) -> None:
        (self.folder / "go").touch()

    def ends(self, dashboard: DrillFolder, name: str) -> DrillSeen:
        until(lambda: wait(dashboard.seen(name)).ended is not None, LIMIT_S, lambda: "it runs on")
        return wait(dashboard.seen(name))

    def says(self, dashboard: DrillFolder, name: str, word: str) -> None:
        until(lambda: word in "\n".join(wait(dashboard.seen(name)).log), LIMIT_S, lambda: f"no {word}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.go()
    until(lambda: not is_taken(made.drills / LOCK), LIMIT_S, lambda: "a drill runs on")


def test_a_drill_runs_says_what_it_does_and_leaves_a_report(place: Place) -> None:
    dashboard = place.dashboard()
    name = wait(dashboard.start(DrillAsked("link", "slow", "london", 50, 8)))
    place.says(dashboard, name, "load of --fault=link --load=50 --seconds=8 --how=slow --region=london")
    seen = wait(dashboard.seen(name))
    assert (seen.fault, seen.ended, seen.kept, bytes(seen.reports)) == ("link", None, None, b"[]")
    with pytest.raises(NotFound, match="no report yet"):
        wait(dashboard.page(name))
    place.go()
    seen = place.ends(dashboard, name)
    assert (seen.kept, seen.broken_promises) == (True, ())
    assert seen.ended is not None
    assert seen.ended >= seen.began
    assert json.loads(bytes(seen.reports))[0]["fault"]["region"] == "london"
    assert wait(dashboard.page(name)) == b"<!doctype html><p>a report"


def test_what_was_not_kept_is_told(place: Place) -> None:
    dashboard = place.dashboard("2 GET requests failed; none may")
    place.go()
    name = wait(dashboard.start(DrillAsked()))
    seen = place.ends(dashboard, name)
    assert (seen.kept, seen.broken_promises) == (False, ("2 GET requests failed; none may",))
    assert wait(dashboard.list()).drills[0].kept is False


def test_one_runs_at_a_time_whoever_started_it(place: Place) -> None:
    one, other = place.dashboard(), place.dashboard()
    name = wait(one.start(DrillAsked()))
    for dashboard in (one, other):
        with pytest.raises(Conflict, match="one at a time"):
            wait(dashboard.start(DrillAsked()))
    assert [(run.id, run.ended) for run in wait(other.list()).drills] == [(name, None)]
    place.go()
    place.ends(other, name)
    assert place.ends(other, wait(other.start(DrillAsked()))).kept


def test_a_drill_outlives_the_dashboard_that_started_it(place: Place) -> None:
    place.drills.mkdir()
    command = [sys.executable, "-c", START, str(place.drills), *fake()]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == -signal.SIGKILL
    name = done.stdout.strip()
    dashboard = place.dashboard()
    place.says(dashboard, name, "load of")
    assert wait(dashboard.seen(name)).ended is None
    assert wait(dashboard.end(name)) is True
    assert place.ends(dashboard, name).log[-1] == "healed"


def test_it_is_in_a_session_of_its_own(place: Place) -> None:
    dashboard = place.dashboard()
    name = wait(dashboard.start(DrillAsked()))
    running = msgspec.json.decode((place.drills / LOCK).read_bytes(), type=Running)
    assert running.id == name
    assert running.pid is not None
    assert os.getsid(running.pid) == running.pid


def test_who_ends_one_that_runs_keeps_its_folder_and_who_ends_it_again_removes_it(place: Place) -> None:
    dashboard = place.dashboard()
    name = wait(dashboard.start(DrillAsked()))
    place.says(dashboard, name, "load of")
    assert wait(dashboard.end(name)) is True
    seen = place.ends(dashboard, name)
    assert (seen.kept, seen.log[-1]) == (None, "healed")
    assert wait(dashboard.end(name)) is False
    assert wait(dashboard.list()).drills == ()
    for gone in (dashboard.seen, dashboard.page, dashboard.end):
        work: Callable[[str], Coroutine[Any, Any, Any]] = gone
        with pytest.raises(NotFound, match="no such drill"):
            wait(work(name))


def test_what_can_not_be_started_leaves_nothing(place: Place) -> None:
    with pytest.raises(BadRequest):
        wait(place.dashboard().start(DrillAsked("fire")))
    why = "no couchgrass up runs"
    with pytest.raises(Conflict, match=why):
        wait(place.dashboard(why=why).start(DrillAsked()))
    seen = wait(place.dashboard(why=why).list())
    assert (seen.available, seen.why, seen.drills) == (False, why, ())
    assert not place.drills.exists()
    with pytest.raises(Exception, match="can't be started: No such file"):
        wait(place.dashboard(command=(str(place.folder / "nothing"),)).start(DrillAsked()))
    assert wait(place.dashboard().list()).drills == ()


@pytest.mark.parametrize("name", ["..", "lock", "../london", "", "20260101T000000-01234567"])
def test_nothing_but_a_drill_is_found(place: Place, name: str) -> None:
    place.drills.mkdir()
    with pytest.raises(NotFound):
        wait(place.dashboard().seen(name))


def test_all_of_it_is_its_owners_alone(place: Place) -> None:
    dashboard = place.dashboard()
    place.go()
    place.ends(dashboard, wait(dashboard.start(DrillAsked())))
    for path in (place.drills, *place.drills.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_oldest_make_room(place: Place) -> None:
    place.drills.mkdir()
    asked = b'{"asked": {}, "began": 5.0}'
    names = [f"2001010{day}T000000-{number:08x}" for day in range(1, 9) for number in range(10)]
    for name in names:
        (place.drills / name).mkdir()
        (place.drills / name / "asked.json").write_bytes(asked)
    dashboard = place.dashboard()
    place.go()
    new = wait(dashboard.start(DrillAsked()))
    kept = [one.id for one in wait(dashboard.list()).drills]
    assert len(kept) == DRILLS_KEPT
    assert kept == sorted([new, *names[1 - DRILLS_KEPT :]], reverse=True)
    assert len([one for one in place.drills.iterdir() if one.is_dir()]) == DRILLS_KEPT


def test_what_is_half_written_or_large_is_no_report(place: Place) -> None:
    dashboard = place.dashboard()
    place.go()
    name = wait(dashboard.start(DrillAsked()))
    place.ends(dashboard, name)
    for text in ('[{"broken', "7", ""):
        (place.drills / name / REPORT).write_text(text, encoding="utf-8")
        assert wait(place.dashboard().list()).drills[0].kept is None, text
    (place.drills / name / "asked.json").write_text("{", encoding="utf-8")
    assert wait(place.dashboard().list()).drills == ()
