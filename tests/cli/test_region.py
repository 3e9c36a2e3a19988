"""``couchgrass region`` as a user calls it: its file, and what is said when it can't run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from couchgrass.cli.region import read_region, specs_of
from couchgrass.region.run.account import Account
from couchgrass.region.run.state_file import Hold

WAIT_S = 30.0


def called(*arguments: str, **environment: str) -> tuple[int, str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("COUCHDB_")}
    done = subprocess.run(
        [sys.executable, "-m", "couchgrass", "region", *arguments],
        env={**inherited, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_example_is_a_file_that_can_be_used(tmp_path: Path) -> None:
    status, out, _ = called("--example")
    assert status == 0
    (tmp_path / "region.toml").write_text(out)
    assert read_region(tmp_path / "region.toml").data == str(tmp_path / "couchgrass-data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "region.toml can't be read: No such file or directory"),
        ("\n[gateway]\nprot = 1\n", "region.toml:3: gateway.prot: there is no such key; did you mean port?"),
        ("x = \udcff", "region.toml:1: not UTF-8 text"),
        (
            '[database]\nurl = "http://127.0.0.1:1"\ncredentials = "none.json"\n',
            "none.json can't be read: No such file or directory",
        ),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "region.toml").write_text(text, errors="surrogateescape")
    status, out, error = called(str(tmp_path / "region.toml"))
    assert (status, out) == (1, "")
    assert error == f"couchgrass region: {tmp_path}/{said}\n"
    assert not (tmp_path / "couchgrass-data").exists()


def test_without_a_file_it_says_how_to_get_one() -> None:
    status, _, error = called()
    assert status == 2
    assert "couchgrass region --example" in error


def test_half_an_admin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text("")
    status, _, error = called(str(tmp_path / "region.toml"), COUCHDB_USER="me")
    assert (status, error) == (2, "couchgrass region: COUCHDB_PASSWORD is not set: set both or neither\n")


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('data = "d"\n')
    hold = Hold(tmp_path / "d")
    status, _, error = called(str(tmp_path / "region.toml"))
    hold.close()
    assert status == 1
    assert "is in use by another region" in error


def test_the_admin_is_in_the_databases_environment_only_and_in_no_command(tmp_path: Path) -> None:
    file = tmp_path / "region.toml"
    file.write_text("[database]\nport = 0\n")
    database, *others = specs_of(read_region(file), file, Account("me", "not to be seen"))
    assert database.env["COUCHDB_PASSWORD"] == "not to be seen"
    assert not any("not to be seen" in value for other in others for value in other.env.values())
    assert not any("not to be seen" in word for spec in (database, *others) for word in spec.command)
    assert "not to be seen" not in repr(database)
    assert [spec.name for spec in (database, *others)] == ["database", "functions", "gateway"]


def test_a_database_on_a_free_port_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "region.toml"
    file.write_text("[database]\nport = 0\n")
    database = specs_of(read_region(file), file, None)[0]
    assert database.again is not None
    assert database.command[-1] == "0"
    assert database.again("http://127.0.0.1:4711")[-1] == "4711"


def test_another_database_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "region.toml"
    file.write_text('[database]\nurl = "https://couch.example"\n')
    assert [spec.name for spec in specs_of(read_region(file), file, None)] == ["functions", "gateway"]
