"""Starting, stopping and starting again: what is under way ends, what was acknowledged is there."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from couchgrass.docdb.config import section_values
from couchgrass.docdb.http import serve
from couchgrass.docdb.http.serve import ADMIN_FILE, Service, Wanted, close_extension, complete_settings
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.password import admin_credentials, verify_password
from couchgrass.docdb.settings import ChttpdAuth, snapshot
from couchgrass.serving.listen import StartRefused
from couchgrass.testing.call import call
from couchgrass.testing.server import QUICK, ServerProcess

FEEDS = 200
STOP_MAX_S = 5.0
"""What a stop may take; the machine that the tests run on is not held to it."""

LIMIT_S = 60.0
PATIENT_S, HASTY_S = 600.0, 0.2
"""What a stopping server gives its clients: more than any test takes, or as good as nothing."""


@contextmanager
def started(data: Path, stop_s: float | None = None) -> Iterator[ServerProcess]:
    """A server with a database ``db``; the test stops it."""
    server = ServerProcess(data, stop_s=stop_s)
    server.start()
    try:
        assert call(server.auth_url, "PUT", "/db").status == 201
        yield server
    finally:
        assert server.process is not None
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(server_data: Path) -> Iterator[ServerProcess]:
    with started(server_data) as server:
        yield server


@pytest.fixture
def patient(server_data: Path) -> Iterator[ServerProcess]:
    """A server that waits for its clients for as long as they like."""
    with started(server_data, PATIENT_S) as server:
        yield server


def head(server: ServerProcess, method: str, path: str, *headers: str) -> bytes:
    """A request's head, signed in as the admin."""
    token = b64encode(f"{server.user}:{server.password}".encode()).decode()
    lines = [f"{method} {path} HTTP/1.1", "Host: db", f"Authorization: Basic {token}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def connected(server: ServerProcess, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)
    connection.sendall(sent)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, which is then closed."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ended(server: ServerProcess) -> int:
    """The exit status of a server that stops."""
    assert server.process is not None and server.process.stdout is not None
    status = server.process.wait(LIMIT_S)
    server.process.stdout.close()
    return status


def refuses(server: ServerProcess) -> None:
    """Returns once the server takes no new connection."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue


def uploading(server: ServerProcess, size: int) -> socket.socket:
    """An upload of `size` bytes whose head the server has taken."""
    length = f"Content-Length: {size}"
    connection = connected(
        server, head(server, "PUT", "/db/slow/file", length, "Expect: 100-continue", "Connection: close")
    )
    assert b"100 Continue" in connection.recv(1000)
    return connection


def test_a_stopping_server_ends_its_feeds_and_finishes_an_upload(patient: ServerProcess) -> None:
    server = patient
    feed = head(server, "GET", "/db/_changes?feed=continuous&since=now")
    feeds = [connected(server, feed) for _ in range(FEEDS)]
    for one in feeds:
        assert one.recv(15) == b"HTTP/1.1 200 OK"
    idle = connected(server, head(server, "GET", "/"))
    assert idle.recv(15) == b"HTTP/1.1 200 OK"
    silent = connected(server, b"")
    half = secrets.token_bytes(700_000)
    upload = uploading(server, 2 * len(half))
    upload.sendall(half)
    os.kill(server.pid, signal.SIGTERM)
    refuses(server)
    for one in feeds:
        last = rest(one).split(b"\r\n")[-4].strip()
        assert json.loads(last).keys() == {"last_seq", "pending"}
    assert rest(idle).endswith(b"}\n")
    assert rest(silent) == b""
    upload.sendall(half)
    assert rest(upload).startswith(b"HTTP/1.1 201 Created")
    assert ended(server) == 0
    server.start()
    assert call(server.auth_url, "GET", "/db/slow/file").body == half + half
    assert server.stop() == 0


def test_clients_that_hang_do_not_keep_a_server_from_stopping(server_data: Path) -> None:
    with started(server_data, HASTY_S) as server:
        hanging = [
            connected(server, head(server, "PUT", "/db/a", "Content-Length: 10") + b"{"),
            connected(server, b"GET /db HTTP/1.1\r\nHo"),
            uploading(server, 10_000_000),
        ]
        os.kill(server.pid, signal.SIGTERM)
        assert ended(server) == 0
        for one in hanging:
            one.close()
        server.start()
        assert call(server.auth_url, "GET", "/db").json()["doc_count"] == 0
        assert server.stop() == 0


def test_what_a_stopping_server_gives_its_clients_is_less_than_a_stop_may_take() -> None:
    assert 0 < serve.EXTENSION_STOP_S < serve.STOP_S < STOP_MAX_S


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)]
)
def test_a_second_signal_does_not_wait_for_clients(
    patient: ServerProcess, first: signal.Signals, second: signal.Signals
) -> None:
    server = patient
    written = call(server.auth_url, "PUT", "/db/kept", {"v": 1}).json()["rev"]
    upload = uploading(server, 10_000_000)
    os.kill(server.pid, first)
    refuses(server)
    assert server.process is not None and server.process.poll() is None
    os.kill(server.pid, second)
    assert ended(server) == 0
    upload.close()
    server.start()
    assert call(server.auth_url, "GET", "/db/kept").json()["_rev"] == written
    assert server.stop() == 0


def test_a_write_whose_client_is_gone_is_written_and_harms_nobody(server: ServerProcess) -> None:
    docs = json.dumps({"docs": [{"_id": f"d{number}"} for number in range(2000)]}).encode()
    request = head(server, "POST", "/db/_bulk_docs", "Content-Type: application/json")
    request = request[:-2] + f"Content-Length: {len(docs)}\r\n\r\n".encode() + docs
    feed = connected(server, head(server, "GET", "/db/_changes?feed=continuous&since=now"))
    assert feed.recv(15) == b"HTTP/1.1 200 OK"
    connected(server, request).close()
    seen = b""
    while b'"id":"d1999"' not in seen:
        seen += feed.recv(65536)
    feed.close()
    assert call(server.auth_url, "PUT", "/db/after", {}).status == 201
    assert call(server.auth_url, "GET", "/db").json()["doc_count"] == 2001
    assert server.stop() == 0


def test_a_restart_goes_on_with_the_data_and_the_sequence(server: ServerProcess) -> None:
    rev = call(server.auth_url, "PUT", "/db/a", {"v": 1}).json()["rev"]
    before = call(server.auth_url, "GET", "/db").json()
    for _ in range(2):
        assert server.stop() == 0
        server.start()
        after = call(server.auth_url, "GET", "/db").json()
        assert {**after, "sizes": None} == {**before, "sizes": None}
        assert call(server.auth_url, "GET", "/db/a").json() == {"_id": "a", "_rev": rev, "v": 1}
        since = call(server.auth_url, "GET", f"/db/_changes?since={before['update_seq']}").json()
        assert since["results"] == []
    assert server.stop() == 0
    assert [log for log in server.data.rglob("*-wal") if log.stat().st_size] == []


def settings_of(folder: Path) -> SettingsFile:
    quick = folder / "quick.ini"
    quick.write_text(QUICK)
    return SettingsFile(operators=quick, own=folder / "settings.ini")


def test_a_first_start_adds_what_later_ones_keep(tmp_path: Path) -> None:
    file = settings_of(tmp_path)
    first, shown = complete_settings(file, Wanted(tmp_path))
    assert shown == tmp_path / ADMIN_FILE
    assert complete_settings(file, Wanted(tmp_path)) == (first, shown)
    assert section_values(first, "couchdb").keys() >= {"uuid"}
    password = json.loads(shown.read_bytes())["password"]
    credentials = admin_credentials(section_values(first, "admins")["admin"])
    assert credentials is not None
    assert verify_password(password, credentials, snapshot({}).chttpd_auth)


def test_an_admin_that_is_given_needs_no_file(tmp_path: Path) -> None:
    file = settings_of(tmp_path)
    wanted = Wanted(tmp_path, admin=("me", "secret"))
    first, shown = complete_settings(file, wanted)
    assert shown is None
    assert not (tmp_path / ADMIN_FILE).exists()
    assert section_values(first, "admins").keys() == {"me"}
    assert complete_settings(file, wanted) == (first, None)
    second, _ = complete_settings(file, Wanted(tmp_path, admin=("me", "other")))
    assert section_values(second, "admins") != section_values(first, "admins")


def test_a_server_with_an_admin_generates_none(tmp_path: Path) -> None:
    file = settings_of(tmp_path)
    first, _ = complete_settings(file, Wanted(tmp_path, admin=("me", "secret")))
    assert complete_settings(file, Wanted(tmp_path)) == (first, None)


class Beside:
    """An extension that remembers what it saw, and ends as it is told to."""

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._close = close

    async def close(self) -> None:
        await self._close()


def closed(close: Callable[[], Awaitable[None]], *, is_hurried: bool = False) -> None:
    """Closes such an extension as a server does that stops."""

    async def run() -> None:
        hurried: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if is_hurried:
            hurried.set_result(True)
        await close_extension(Beside(close), hurried)

    asyncio.run(run())


def test_an_admin_for_programs_is_made_once_and_put_right_again(tmp_path: Path) -> None:
    file = SettingsFile(operators=None, own=tmp_path / "settings.ini")
    place = tmp_path / "service.json"
    wanted = Wanted(tmp_path, service=Service("robot", place))

    def signs_in(password: str) -> bool:
        config, _ = complete_settings(file, wanted)
        credentials = admin_credentials(section_values(config, "admins")["robot"])
        assert credentials is not None
        return verify_password(password, credentials, ChttpdAuth())

    first, _ = complete_settings(file, wanted)
    assert set(section_values(first, "admins")) == {"admin", "robot"}
    assert place.stat().st_mode & 0o777 == 0o600
    made = json.loads(place.read_text())
    assert made["name"] == "robot"
    assert signs_in(made["password"])
    assert complete_settings(file, wanted)[0] == first
    # A folder whose settings are others by now, or a start that was cut off in between.
    place.write_text('{"name": "robot", "password": "another one"}')
    assert signs_in("another one")
    assert not signs_in(made["password"])


@pytest.mark.parametrize("text", ["hidden", '{"password": "hidden"}', '{"name": "a"}'])
def test_a_bad_file_of_the_admin_for_programs_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    place = tmp_path / "service.json"
    place.write_text(text)
    file = SettingsFile(operators=None, own=tmp_path / "settings.ini")
    with pytest.raises(StartRefused) as refused:
        complete_settings(file, Wanted(tmp_path, service=Service("robot", place)))
    assert "service.json" in refused.value.reason
    assert "hidden" not in refused.value.reason


def test_an_extension_is_closed_and_its_failure_keeps_nobody_from_stopping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []

    async def well() -> None:
        ended.append("well")

    async def badly() -> None:
        raise KeyError("lost")

    closed(well)
    assert (ended, caplog.text) == (["well"], "")
    closed(badly)
    assert "did not end well" in caplog.text


@pytest.mark.parametrize("is_hurried", [False, True])
def test_an_extension_that_takes_too_long_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, is_hurried: bool
) -> None:
    monkeypatch.setattr(serve, "EXTENSION_STOP_S", 60.0 if is_hurried else 0.01)
    cancelled: list[bool] = []

    async def never() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.append(True)

    closed(never, is_hurried=is_hurried)
    assert cancelled == [True]


SERVE = """
import sys
from pathlib import Path
from couchgrass.docdb.http.serve import Wanted, run
from couchgrass.docdb.mount import MountPoint, Told

class Beside:
    def __init__(self, server):
        self.server = server

    async def close(self):
        feeds = self.server.stats.clients_requesting_changes
        print("closed", self.server.stopping.done(), "_users" in self.server.store, feeds, flush=True)

async def extend(app):
    async def answer(call):
        return Told(200, {"path": call.path})
    app.server.mounts["_scheduler"] = MountPoint(answer, None)
    print("extended", "_replicator" in app.server.store, flush=True)
    return Beside(app.server)

async def refuse(app):
    raise KeyError("no extension")

wanted = Wanted(Path(sys.argv[1]), "127.0.0.1", 0, None, ("admin", "x"))
run(wanted, lambda started: print(started.url, flush=True), refuse if sys.argv[2:] else extend)
"""


def test_an_extension_begins_before_the_server_listens_and_is_closed_first(server_data: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(server_data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "extended True\n"
        url = process.stdout.readline().strip()
        assert call(url, "GET", "/_scheduler/a%2Fb").json() == {"path": ["a/b"]}
        process.terminate()
        assert process.stdout.read() == "closed False True 0\n"
        assert process.wait(LIMIT_S) == 0


def test_a_server_whose_extension_fails_does_not_start(server_data: Path) -> None:
    for _ in range(2):  # nothing of the first keeps the folder
        command = [sys.executable, "-c", SERVE, str(server_data), "refuse"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.strip().endswith("KeyError: 'no extension'")
