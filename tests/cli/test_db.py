"""``couchgrass db`` as a user starts it: the admin, and a clear word when it can't start."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from couchgrass.docdb.http.settings_file import read_sections
from couchgrass.testing.call import call
from couchgrass.testing.server import QUICK

WAIT_S = 60.0
ADMIN = {"COUCHDB_USER": "me", "COUCHDB_PASSWORD": "not to be seen"}


def started(data: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command under way, on a free port unless told."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("COUCHDB_")}
    return subprocess.Popen(
        [sys.executable, "-m", "couchgrass", "db", "--data", str(data), "--port", "0", *arguments],
        env={**inherited, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(data: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """(the process, its URL) of a server that started; it must stop well."""
    process = started(data, *arguments, **environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert f"couchgrass db serves {data} at http://" in line
    try:
        yield process, line.split(" at ")[1].strip()
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 0


def refused(data: Path, *arguments: str, **environment: str) -> str:
    """What the command says when it does not start: one line, no traceback."""
    out, error = started(data, *arguments, **environment).communicate(timeout=WAIT_S)
    assert out == ""
    assert error.startswith("couchgrass db: ")
    assert error.count("\n") == 1
    return error.removeprefix("couchgrass db: ").strip()


@pytest.fixture
def quick(tmp_path: Path) -> tuple[str, str]:
    """Arguments that make password hashes cheap."""
    path = tmp_path / "quick.ini"
    path.write_text(QUICK)
    return "--config", str(path)


def test_all_files_are_the_owners_alone_even_in_a_folder_that_others_may_read(
    server_data: Path, quick: tuple[str, str]
) -> None:
    server_data.mkdir(mode=0o755)
    with serving(server_data, *quick):
        for path in server_data.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_generated_admin_is_in_a_file_of_the_owners_that_a_line_names(
    server_data: Path, quick: tuple[str, str]
) -> None:
    with serving(server_data, *quick) as (process, url):
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        path = server_data / "admin.json"
        assert line == f"The admin's name and password are in {path}"
        assert path.stat().st_mode & 0o777 == 0o600
        admin = json.loads(path.read_bytes())
        assert admin["name"] == "admin"
        assert len(admin["password"]) >= 32
        assert server_data.stat().st_mode & 0o777 == 0o700
        signed_in = url.replace("://", f"://admin:{admin['password']}@")
        assert call(signed_in, "PUT", "/db").status == 201
        assert call(url, "PUT", "/other").status == 401
        stored = read_sections(server_data / "settings.ini")["admins"]["admin"]
        assert stored.startswith("-pbkdf2")
        assert admin["password"] not in (server_data / "settings.ini").read_text()
    with serving(server_data, *quick) as (process, url):
        assert process.stdout is not None
        assert process.stdout.readline().strip() == line
        assert json.loads(path.read_bytes()) == admin
        signed_in = url.replace("://", f"://admin:{admin['password']}@")
        assert call(signed_in, "GET", "/db").status == 200


def test_the_admin_of_the_environment_is_in_no_file_and_no_process_list(
    server_data: Path, quick: tuple[str, str]
) -> None:
    with serving(server_data, *quick, **ADMIN) as (process, url):
        shown = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"COUCHDB_PASSWORD" in shown
        assert ADMIN["COUCHDB_PASSWORD"].encode() not in shown
        assert b"not to be seen" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        token = {"Authorization": "Basic bWU6bm90IHRvIGJlIHNlZW4="}
        assert call(url, "PUT", "/db", headers=token).status == 201
        assert not (server_data / "admin.json").exists()
        held = [path.read_bytes() for path in server_data.rglob("*") if path.is_file()]
        assert not any(b"not to be seen" in content for content in held)


def test_another_password_in_the_environment_replaces_the_old_one(
    server_data: Path, quick: tuple[str, str]
) -> None:
    statuses: dict[str, list[int]] = {}
    for password in ("first", "second", "second"):
        with serving(server_data, *quick, COUCHDB_USER="me", COUCHDB_PASSWORD=password) as (_, url):
            statuses.setdefault(password, []).extend(
                call(url.replace("://", f"://me:{tried}@"), "GET", "/_all_dbs").status
                for tried in ("first", "second")
            )
    assert statuses == {"first": [200, 401], "second": [401, 200, 401, 200]}


@pytest.mark.parametrize(("given", "missing"), [("USER", "PASSWORD"), ("PASSWORD", "USER")])
def test_half_an_admin_is_refused(server_data: Path, given: str, missing: str) -> None:
    said = refused(server_data, **{f"COUCHDB_{given}": "half"})
    assert said == f"COUCHDB_{missing} is not set: set both or neither"
    assert not server_data.exists()


def test_a_taken_port_is_named(server_data: Path, quick: tuple[str, str]) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(server_data, *quick, "--port", str(port), **ADMIN)
    assert said == (
        f"Port {port} of 127.0.0.1 is taken: stop what listens there or choose another with --port"
    )


def test_of_two_servers_on_one_port_the_second_is_refused(tmp_path: Path, quick: tuple[str, str]) -> None:
    with serving(tmp_path / "one", *quick, **ADMIN) as (_, url):
        port = url.rpartition(":")[2]
        said = refused(tmp_path / "two", *quick, "--port", port, **ADMIN)
        assert said.startswith(f"Port {port} of 127.0.0.1 is taken")


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(
    server_data: Path, quick: tuple[str, str]
) -> None:
    with serving(server_data, *quick, **ADMIN) as (process, _):
        said = refused(server_data, *quick, **ADMIN)
    assert said == (
        f"{server_data} is in use by process {process.pid}: stop it or name another folder with --data"
    )


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    said = refused(tmp_path)
    assert said == (
        f"{tmp_path} holds other things and is no couchgrass folder: name an empty or new one with --data"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(tmp_path / "file" / "data")
    assert said == f"{tmp_path}/file/data can't be used: Not a directory"


def test_a_folder_where_nothing_can_be_written_is_refused() -> None:
    said = refused(Path("/proc/sys"))
    assert said.startswith("/proc/sys holds other things")
    said = refused(Path("/proc/couchgrass"))
    assert said == "/proc/couchgrass can't be used: No such file or directory"


def test_an_admin_file_that_can_not_be_written_is_named(server_data: Path, quick: tuple[str, str]) -> None:
    with serving(server_data, *quick, **ADMIN):
        pass
    (server_data / "settings.ini").unlink()
    (server_data / "admin.json").mkdir()
    assert refused(server_data, *quick) == f"{server_data}/admin.json can't be written: Is a directory"
    (server_data / "admin.json").rmdir()
    with serving(server_data, *quick):
        assert (server_data / "admin.json").is_file()


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("[chttpd]\nport = many\n", ":2: ", "port"),
        ("[chttpd]\n\n\nport = 70000\n", ":4: ", "port"),
        ("; a word first\nno section\n", ":2: ", ""),
        ("[couchdb]\nmax_dbs_open = -3\n", ":2: ", "max_dbs_open"),
    ],
)
def test_a_bad_setting_is_named_with_its_file_and_line(
    server_data: Path, tmp_path: Path, text: str, where: str, reason: str
) -> None:
    path = tmp_path / "couch.ini"
    path.write_text(text)
    said = refused(server_data, "--config", str(path))
    assert said.startswith(f"{path}{where}")
    assert reason in said


def test_a_config_that_is_no_text_is_named(server_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "couch.ini"
    path.write_bytes(b"[couchdb]\xff\n")
    assert refused(server_data, "--config", str(path)) == f"{path}: not UTF-8 text"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "192.0.2.1 is no address of this machine: choose another with --host"),
        ("a..b", r"a\.\.b can't be listened on: .+"),
    ],
)
def test_a_host_that_is_not_here_is_named(
    server_data: Path, quick: tuple[str, str], host: str, reason: str
) -> None:
    said = refused(server_data, *quick, "--host", host, **ADMIN)
    assert re.fullmatch(reason, said)


def test_a_refused_start_lets_the_folder_go(server_data: Path, quick: tuple[str, str]) -> None:
    refused(server_data, *quick, "--host", "192.0.2.1", **ADMIN)
    lock = os.open(server_data / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("localhost", "localhost")])
def test_it_listens_on_the_host_that_is_named(
    server_data: Path, quick: tuple[str, str], host: str, shown: str
) -> None:
    with serving(server_data, *quick, "--host", host, **ADMIN) as (_, url):
        assert url.startswith(f"http://{shown}:")
        assert call(url, "GET", "/_up").json()["status"] == "ok"


def test_options_of_the_command_line_come_before_the_settings(server_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "couch.ini"
    path.write_text(QUICK + "[chttpd]\nport = 1\nbind_address = 192.0.2.1\n")
    with serving(server_data, "--config", str(path), "--host", "127.0.0.1", **ADMIN) as (_, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d{4,5}", url)
