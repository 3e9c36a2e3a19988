"""``couchgrass key`` against a real database, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from couchgrass.region.run.account import Account, write_account
from couchgrass.testing import command
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess


def called(*arguments: str) -> tuple[int, str, str]:
    return command.called("key", *arguments)


@pytest.fixture
def region(couch_server: ServerProcess, tmp_path: Path) -> str:
    """The file of a region whose database is the server."""
    write_account(tmp_path / "couch.json", Account(couch_server.user, couch_server.password))
    text = f'data = "d"\n[database]\nurl = "{couch_server.url}"\ncredentials = "couch.json"\n'
    (tmp_path / "region.toml").write_text(text)
    return str(tmp_path / "region.toml")


def test_a_key_is_made_listed_and_deleted(
    region: str, couch_server: ServerProcess, tmp_path: Path, db_name: str
) -> None:
    status, out, error = called("create", db_name, "--region", region)
    assert (status, error) == (0, "")
    file = tmp_path / "d" / "keys" / f"{db_name}.json"
    assert out.splitlines()[0] == f"The key of the namespace {db_name} is in {file}"
    assert file.stat().st_mode & 0o777 == 0o600
    key = json.loads(file.read_bytes())
    assert list(key) == ["name", "description", "apikey", "createdAt", "uuid"]
    assert key["apikey"].startswith(key["uuid"] + ":")
    secret = key["apikey"].partition(":")[2]
    assert secret not in out
    assert secret.encode() not in call(couch_server.auth_url, "GET", f"/whisk_subjects/{db_name}").body

    status, _, error = called("create", db_name, "--region", region, "--file", str(tmp_path / "again.json"))
    assert (status, error) == (1, f"couchgrass key create: The namespace {db_name} has a key already.\n")
    assert not (tmp_path / "again.json").exists()

    status, out, _ = called("list", "--region", region)
    rows = [row.split()[:2] for row in out.splitlines()[1:]]
    assert status == 0 and [db_name, key["uuid"]] in rows

    assert called("delete", db_name, "--region", region)[0] == 0
    assert not file.exists()
    status, _, error = called("delete", db_name, "--region", region)
    assert (status, error) == (1, f"couchgrass key delete: There is no namespace {db_name}.\n")
    assert key["uuid"] not in called("list", "--region", region)[1]


def test_the_lines_for_wsk_make_its_file(region: str, tmp_path: Path, db_name: str) -> None:
    status, out, _ = called("create", db_name, "--region", region, "--file", str(tmp_path / "it's.json"))
    assert status == 0
    shell = subprocess.run(
        ["sh", "-c", out.splitlines()[-1]], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True
    )
    assert shell.returncode == 0, shell.stderr
    key = json.loads((tmp_path / "it's.json").read_bytes())["apikey"]
    lines = (tmp_path / ".wskprops").read_text().splitlines()
    assert lines == ["APIHOST=http://127.0.0.1:3233", f"AUTH={key}"]
    assert called("delete", db_name, "--region", region)[0] == 0


def test_a_file_for_wsk_is_written_when_asked_for(region: str, tmp_path: Path, db_name: str) -> None:
    props = tmp_path / "props"
    status, out, _ = called("create", db_name, "--region", region, "--wskprops", str(props))
    assert status == 0
    key = json.loads((tmp_path / "d" / "keys" / f"{db_name}.json").read_bytes())["apikey"]
    assert props.read_text() == f"APIHOST=http://127.0.0.1:3233\nAUTH={key}\nNAMESPACE=_\n"
    assert props.stat().st_mode & 0o777 == 0o600
    assert key not in out
    assert called("delete", db_name, "--region", region)[0] == 0


def test_a_key_whose_file_can_not_be_written_is_not_made(region: str, tmp_path: Path, db_name: str) -> None:
    (tmp_path / "file").write_text("mine")
    for place, said in (("file", "is there already"), ("file/below.json", "can't be written")):
        status, out, error = called("create", db_name, "--region", region, "--file", str(tmp_path / place))
        assert (status, out) == (1, "")
        assert said in error
    assert (tmp_path / "file").read_text() == "mine"
    assert db_name not in called("list", "--region", region)[1]


def test_a_key_is_shown_when_asked_for(region: str, tmp_path: Path, db_name: str) -> None:
    _, out, _ = called("create", db_name, "--show", "--region", region)
    assert json.loads((tmp_path / "d" / "keys" / f"{db_name}.json").read_bytes())["apikey"] in out
    assert called("delete", db_name, "--region", region)[0] == 0


@pytest.mark.parametrize("name", ["_", "a/b", "../x", "", " a"])
def test_what_is_no_name_is_refused(region: str, name: str) -> None:
    status, _, error = called("create", name, "--region", region)
    assert status == 1
    assert error == "couchgrass key create: The namespace contains illegal characters.\n"


def test_without_a_region_it_says_what_is_missing(tmp_path: Path) -> None:
    status, _, error = called("list", "--region", str(tmp_path / "none.toml"))
    assert status == 1
    assert "none.toml is not there" in error
    (tmp_path / "new.toml").write_text("")
    status, _, error = called("list", "--region", str(tmp_path / "new.toml"))
    assert status == 1
    assert "the region's database never ran" in error
