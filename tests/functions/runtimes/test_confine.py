"""The start without namespaces: what it takes away, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from couchgrass.functions.runtimes import confine

SYSTEM = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"]
NO_LANDLOCK = not confine.abi()
LIMIT_S = 60


def start(landlock: bool, home: Path, *command: str) -> subprocess.Popen[str]:
    options = ["-", str(home), "yes" if landlock else "no", *SYSTEM]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", confine.__file__, *options, "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_its_status_is_the_program_s(tmp_path: Path) -> None:
    for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)):
        with start(False, tmp_path, "/bin/sh", "-c", script) as started:
            started.communicate(timeout=LIMIT_S)
            assert started.returncode == status
    with start(False, tmp_path, "/nothing/there") as started:
        _, said = started.communicate(timeout=LIMIT_S)
        assert (started.returncode, "confine: " in said) == (126, True)


@pytest.mark.skipif(NO_LANDLOCK, reason="the kernel has no Landlock")
def test_landlock_leaves_the_paths_given_and_nothing_else(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.write_text("x")
    script = f"""
echo 1 > {home}/mine && cat {home}/mine
cat {other} || echo unread
ls /proc || echo unlisted
(echo 2 > {other}) || echo unwritten
kill -URG {os.getpid()} || echo unsignalled
echo nothing > /dev/null && echo devices
"""
    with start(True, home, "/bin/sh", "-c", script) as started:
        said, _ = started.communicate(timeout=LIMIT_S)
    expected = ["1", "unread", "unlisted", "unwritten", "unsignalled", "devices"]
    if confine.abi() < confine.SCOPES_SINCE:
        expected.remove("unsignalled")
    assert said.split() == expected
    assert other.read_text() == "x"


def test_no_privilege_can_be_won(tmp_path: Path) -> None:
    with start(False, tmp_path, "/bin/sh", "-c", "grep NoNewPrivs /proc/self/status") as started:
        said, _ = started.communicate(timeout=LIMIT_S)
    assert said.split() == ["NoNewPrivs:", "1"]


def test_the_program_has_no_signal_held_back(tmp_path: Path) -> None:
    with start(False, tmp_path, "/bin/sh", "-c", "grep SigBlk /proc/self/status") as started:
        said, _ = started.communicate(timeout=LIMIT_S)
    assert int(said.split()[1], 16) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, None])
def test_what_detached_itself_ends_with_it(tmp_path: Path, how: signal.Signals | None) -> None:
    script = 'setsid setsid sleep 1000 & echo started; [ -n "$1" ] || exec sleep 1000'
    last = [] if how else ["end"]
    with start(False, tmp_path, "/bin/sh", "-c", script, "sh", *last) as started:
        until(lambda: len(confine.descendants(started.pid)) > 1 or started.poll() is not None)
        below = confine.descendants(started.pid)
        if how:
            started.send_signal(how)
        assert started.wait(LIMIT_S) == (143 if how else 0)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))


def test_descendants_are_all_below(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & sleep 1000 & wait"]) as started:
        until(lambda: len(confine.descendants(started.pid)) == 2)
        for pid in confine.descendants(started.pid):
            os.kill(pid, signal.SIGKILL)
    assert confine.descendants(started.pid) == []
