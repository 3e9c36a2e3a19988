"""``couchgrass status`` as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state


def called(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "couchgrass", "status", *arguments],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_says_what_runs_and_fails_when_something_is_wrong(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "d")
    (tmp_path / "region.toml").write_text('data = "d"\n')
    processes = {"functions": Seen(Phase.RESTING, 1.0, None, "http://127.0.0.1:1", 4)}
    write_state(tmp_path / "d", RegionState("local", "r", 1, 1.0, "http://127.0.0.1:1", processes))
    status, out, _ = called("--data", str(tmp_path / "region.toml"))
    assert status == 1
    assert "Region local in " in out
    table = [line.split() for line in out.splitlines()]
    assert ["database", "elsewhere,", "but", "does", "not", "answer", "0", "http://127.0.0.1:1"] in table
    assert any(words[:2] == ["functions", "resting"] and words[-2] == "4" for words in table)
    status, out, _ = called("--data", str(tmp_path / "d"), "--json")
    told = json.loads(out)
    assert (status, told["ready"], told["running"]) == (1, False, True)
    assert told["processes"][1] | {"since": 0} == {
        "name": "functions",
        "phase": "resting",
        "answers": False,
        "ready": False,
        "url": "http://127.0.0.1:1",
        "pid": None,
        "since": 0,
        "restarts": 4,
    }
    hold.close()


def test_a_region_that_does_not_run_is_said(tmp_path: Path) -> None:
    status, out, error = called("--data", str(tmp_path))
    assert (status, out) == (1, "")
    assert error == f"couchgrass status: no region runs in {tmp_path}\n"
    status, out, _ = called("--data", str(tmp_path), "--json")
    assert (status, json.loads(out)["running"]) == (1, False)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    status, _, error = called("--data", str(tmp_path / "none.toml"))
    assert status == 1
    assert "none.toml is not there: couchgrass region --example prints one to begin with" in error
