"""``couchgrass dashboard`` as a user calls it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.server import ServerProcess

WAIT_S = 60.0
OWN = {"x-couchgrass-dashboard": "1"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--database", "couch.example"], "--database takes a URL like https://couch.example.org"),
        (["--database", "ftp://couch.example"], "--database takes a URL like"),
        (["--database", "http://me:pw@couch.example"], "has a name or password in it"),
        (["--database", "http://c", "--region", "r.toml"], "name one of --region and --database"),
        (["--host", "::1"], "--host is for --database"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments: list[str], said: str) -> None:
    status, out, error = called("dashboard", *arguments)
    assert (status, out) == (2, "")
    assert said in error and "pw" not in error


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    status, _, error = called("dashboard", "--region", str(tmp_path / "none.toml"))
    assert status == 1 and "none.toml is not there" in error


def test_a_port_that_is_taken_is_named_by_its_key(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = tmp_path / "region.toml"
        file.write_text(f"[dashboard]\nport = {port}\n")
        status, _, error = called("dashboard", "--region", str(file))
        assert status == 1 and f"choose another with port of [dashboard] in {file}" in error
        status, _, error = called("dashboard", "--database", "http://127.0.0.1:1", "--port", str(port))
        assert status == 1 and "choose another with --port" in error


def test_any_database_has_a_dashboard(couch_server: ServerProcess) -> None:
    command = [sys.executable, "-m", "couchgrass", "dashboard", "--port", "0", "--database", couch_server.url]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "COLUMNS": "200"}, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(f"couchgrass dashboard serves {couch_server.url} at http://127.0.0.1:")
        url = line.split(" at ")[1].strip()
        told = call(url, "GET", "/config.json").json()
        assert (told["mode"], told["couch"], told["has"]["functions"]) == ("database", "couch/", False)
        login = {"name": couch_server.user, "password": couch_server.password}
        signed_in = call(url, "POST", "/couch/_session", login, headers=OWN)
        assert signed_in.headers["set-cookie"].startswith(f"couchgrass-{url.rpartition(':')[2]}=")
        assert call(url, "GET", "/functions/api/v1", headers=OWN).status == 404
        process.terminate()
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
