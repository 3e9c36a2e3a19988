"""Real processes under the supervisor: started at once, started again, stopped in order, gone with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from couchgrass.region.places import STATE
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import RegionState, read_state
from couchgrass.testing.region import is_gone

WAIT_S = 60.0

CHILD = """
import os, signal, sys, time
name, folder = sys.argv[1:3]
# Held back until it is waited for: one that came just before a pause would not end it.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
if os.path.exists(folder + "/refuse-" + name):
    while not os.path.exists(folder + "/serves-database"):
        time.sleep(0.01)
    sys.exit("refused: port taken")
print("a word", file=sys.stderr)
print(name, "serves at http://" + name + ":1", *sys.argv[3:], flush=True)
open(folder + "/serves-" + name, "w").close()
while signal.sigwait([signal.SIGTERM]) and name == "stubborn":
    pass
open(folder + "/stops", "a").write(name + "\\n")
"""

REGION = """
import asyncio, os, sys
from pathlib import Path
from couchgrass.clock import SystemClock
from couchgrass.region.run.state_file import Hold
from couchgrass.region.run.supervisor import Spec, Supervisor, Told
folder, child, *names = sys.argv[1:]
hold = Hold(Path(folder))
command = lambda name: [sys.executable, "-c", child, name, folder]
specs = [Spec(n, command(n), dict(os.environ)) for n in names]
async def main():
    told = Told("local", "region.toml", Path(folder))
    ready = lambda urls: print("ready:", *urls.values(), flush=True)
    return await Supervisor(specs, told, SystemClock(), ready=ready).run()
sys.exit(asyncio.run(main()))
"""


def until(condition: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < ends_at, f"not in {WAIT_S} s: {what}"
        time.sleep(0.01)


class Region:
    def __init__(self, folder: Path, names: tuple[str, ...], child: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", REGION, str(folder), child, *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def state(self) -> RegionState:
        state = read_state(self.folder)
        assert state is not None
        return state

    def until_ready(self, name: str, restarts: int = 0) -> int:
        """The process id once it is ready."""

        def ready() -> bool:
            state = read_state(self.folder)
            seen = None if state is None else state.processes[name]
            return seen is not None and seen.phase is Phase.READY and seen.restarts == restarts

        until(ready, f"{name} is ready")
        pid = self.state().processes[name].pid
        assert pid is not None
        return pid

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, error = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, error


@contextmanager
def region(folder: Path, *names: str, child: str = CHILD) -> Iterator[Region]:
    started = Region(folder, names, child)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.communicate()


def test_all_start_at_once_and_stop_in_the_other_order(tmp_path: Path) -> None:
    with region(tmp_path, "database", "functions", "gateway") as running:
        for name in ("database", "functions", "gateway"):
            running.until_ready(name)
        state = running.state()
        assert (state.name, state.pid, state.database_url) == (
            "local",
            running.process.pid,
            "http://database:1",
        )
        status, out, error = running.end()
    assert status == 0
    assert "ready: http://database:1 http://functions:1 http://gateway:1\n" in out
    assert "database  | a word\n" in error
    assert (tmp_path / "stops").read_text() == "gateway\nfunctions\ndatabase\n"
    assert not (tmp_path / STATE).exists()


def test_what_is_killed_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    with region(tmp_path, "database", "functions") as running:
        functions = running.until_ready("functions")
        os.kill(running.until_ready("database"), signal.SIGKILL)
        running.until_ready("database", restarts=1)
        assert running.until_ready("functions") == functions
        status, _, error = running.end(signal.SIGINT)
    assert status == 0
    assert "region    | database was ended by signal 9; it is started again in 0.1 s\n" in error


def test_they_are_in_the_supervisor_s_session_but_out_of_reach_of_a_ctrl_c(tmp_path: Path) -> None:
    with region(tmp_path, "database") as running:
        child, supervisor = running.until_ready("database"), running.process.pid
        assert os.getsid(child) == os.getsid(supervisor)
        assert os.getpgid(child) == child != os.getpgid(supervisor)
        running.end()


def test_all_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    with region(tmp_path, "database", "functions") as running:
        pids = [running.until_ready("database"), running.until_ready("functions")]
        running.end(signal.SIGKILL)
        until(lambda: all(map(is_gone, pids)), "the processes are gone")
        assert read_state(tmp_path) is None


def test_a_first_start_that_is_refused_ends_the_region(tmp_path: Path) -> None:
    (tmp_path / "refuse-functions").write_text("")
    with region(tmp_path, "database", "functions") as running:
        out, error = running.process.communicate(timeout=WAIT_S)
    assert running.process.returncode == 1
    assert "functions | refused: port taken\n" in error
    assert out == ""
    assert "region    | functions could not start" in error
    assert (tmp_path / "stops").read_text() == "database\n"


def test_a_second_and_stubborn_stop_is_hurried(tmp_path: Path) -> None:
    with region(tmp_path, "database", "stubborn") as running:
        running.until_ready("database")
        running.until_ready("stubborn")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.state().processes["stubborn"].phase is Phase.STOPPING, "it stops")
        status, _, error = running.end()
    assert status == 0
    assert "region    | stubborn did not stop in time and was killed\n" in error
    assert (tmp_path / "stops").read_text() == "database\n"


@pytest.mark.parametrize(
    ("word", "shown"), [("b'x' * 200_000", "x" * 1000), (r"b'\xff broken'", "\ufffd broken")]
)
def test_a_long_or_broken_line_of_a_log_does_no_harm(tmp_path: Path, word: str, shown: str) -> None:
    child = CHILD.replace('print("a word", file=sys.stderr)', f"sys.stderr.buffer.write({word})")
    with region(tmp_path, "database", child=child) as running:
        running.until_ready("database")
        status, _, error = running.end()
    assert status == 0
    assert shown in error
