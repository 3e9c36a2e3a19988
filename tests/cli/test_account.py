"""``couchgrass account`` against a real database, and what an account may do there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from couchgrass.region.run.account import Account, write_account
from couchgrass.testing import command
from couchgrass.testing.server import ServerProcess


def called(*arguments: str) -> tuple[int, str, str]:
    return command.called("account", *arguments)


@pytest.fixture
def region(couch_server: ServerProcess, tmp_path: Path) -> str:
    """The file of a region whose database is the server."""
    write_account(tmp_path / "couch.json", Account(couch_server.user, couch_server.password))
    text = f'data = "d"\n[database]\nurl = "{couch_server.url}"\ncredentials = "couch.json"\n'
    (tmp_path / "region.toml").write_text(text)
    return str(tmp_path / "region.toml")


def test_an_account_is_made_listed_and_deleted_and_has_databases_of_its_own(
    region: str, couch_server: ServerProcess, tmp_path: Path, db_name: str
) -> None:
    name = db_name.replace("_", "-")
    status, out, error = called("create", name, "--region", region)
    assert (status, error) == (0, "")
    file = tmp_path / "d" / "accounts" / f"{name}.json"
    assert out.startswith(f"The credentials of the account {name} are in {file}\n")
    assert file.stat().st_mode & 0o777 == 0o600
    told = json.loads(file.read_bytes())
    assert (told["username"], told["host"]) == (name, f"{name}.cloudant.com")
    assert told["url"] == f"https://{name}:{told['password']}@{name}.cloudant.com"
    assert told["database"] == couch_server.url

    login = (name, told["password"])
    assert requests.put(f"{couch_server.url}/{db_name}", auth=login).status_code == 201
    assert requests.post(f"{couch_server.url}/{db_name}", json={}, auth=login).status_code == 201

    status, _, error = called("create", name, "--region", region, "--file", str(tmp_path / "again.json"))
    assert (status, error) == (1, f"couchgrass account create: there is a user {name} already\n")
    assert not (tmp_path / "again.json").exists()
    assert name in called("list", "--region", region)[1]

    assert called("delete", name, "--region", region)[0] == 0
    assert not file.exists()
    status, _, error = called("delete", name, "--region", region)
    assert status == 1 and f"there is no account {name}" in error
    assert requests.get(f"{couch_server.url}/{db_name}", auth=login).status_code == 401
    requests.delete(f"{couch_server.auth_url}/{db_name}")


def test_an_account_whose_credentials_can_not_be_kept_is_taken_back(
    region: str, couch_server: ServerProcess, tmp_path: Path, db_name: str
) -> None:
    name = db_name.replace("_", "-")
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "acme.json"
    status, _, error = called("create", name, "--region", region, "--file", str(place))
    assert (status, error) == (1, f"couchgrass account create: {place} can't be written: File exists\n")
    assert requests.get(f"{couch_server.auth_url}/_users/org.couchdb.user:{name}").status_code == 404


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a/b", "ä", "a" * 64])
def test_a_name_that_is_no_account_is_refused(region: str, name: str) -> None:
    status, _, error = called("create", "--region", region, "--", name)
    assert status == 2 and "a name has letters a to z" in error
