"""``couchgrass status`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state
from couchgrass.testing import command


def called(*arguments: str, cwd: Path | None = None, **environment: str) -> tuple[int, str, str]:
    return command.called("status", *arguments, cwd=cwd, env={"COUCHGRASS_CONFIG": None, **environment})


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


SEVERAL = """\
[regions.london]
functions.port = 1
gateway.port = 2
agent.port = 3
dashboard.port = 5
database.port = 4
"""


def test_all_regions_of_a_file_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "couchgrass.toml"
    file.write_text(SEVERAL)
    status, out, _ = called("-c", str(file), "--json")
    told = json.loads(out)
    assert (status, told["well"], told["wrong"]) == (1, False, ["london: it does not run"])
    assert told["balancer"] is None
    assert (told["links"], told["credentials_file"]) == ([], "")
    assert told["regions"] == [
        {
            "name": "london",
            "database_url": "http://127.0.0.1:4",
            "functions_url": "http://127.0.0.1:1",
            "gateway_url": "http://127.0.0.1:2",
            "dashboard_url": "http://127.0.0.1:5",
            "pids": {},
            "ready": False,
            "healthy": False,
            "lag_s": None,
            "reasons": ["it does not run"],
            "actions": None,
            "here": True,
        }
    ]
    status, out, _ = called("-c", str(file))
    assert status == 1
    assert ["london", "down"] in [line.split() for line in out.splitlines()]
    assert "london: it does not run" in out


def test_a_folder_where_up_does_not_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(SEVERAL)
    said = f"couchgrass status: nothing runs in {tmp_path}\n"
    assert called("--dir", str(tmp_path)) == (1, "", said)


def test_without_an_option_it_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / ".couchgrass").mkdir()
    (tmp_path / ".couchgrass" / "couchgrass.toml").write_text(SEVERAL.replace("london", "up"))
    assert "nothing runs in " in called(cwd=tmp_path)[2]
    (tmp_path / "couchgrass.toml").write_text(SEVERAL)
    assert "london: it does not run" in called(cwd=tmp_path)[1]
    (tmp_path / "other.toml").write_text(SEVERAL.replace("london", "paris"))
    assert "paris: it does not run" in called(cwd=tmp_path, COUCHGRASS_CONFIG="other.toml")[1]
    (tmp_path / "region.toml").write_text("")
    assert "no region runs in" in called(cwd=tmp_path)[2]


def test_options_that_say_two_things_are_refused(tmp_path: Path) -> None:
    said = "couchgrass status: name one of --region, --dir and --config\n"
    assert called("--dir", "a", "-c", "b") == (2, "", said)
    assert called("--region", "a", "-c", "b") == (2, "", said)
    status, _, error = called("--region", "a", "--watch")
    assert (status, "--watch is for several regions" in error) == (2, True)
    status, _, error = called("-c", str(tmp_path / "none.toml"))
    assert (status, "none.toml is not there: couchgrass topology example" in error) == (1, True)
