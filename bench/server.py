"""The servers under test: ours, the peer from npm, or one that runs already.

Each is a context manager that yields a `Server`. Ours and the peer start on a free port of 127.0.0.1
with an empty folder, and stop when the block ends.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
PEER_FOLDER = ROOT / "bench" / ".peer"
PEER = "pouchdb-server"
PEER_VERSION = "4.2.0"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
USER = "admin"
SCRATCH = ROOT / "bench" / "results"


@dataclass(frozen=True, slots=True)
class Server:
    """A CouchDB API at host:port. `authorization` is the header of an admin, `pid` None if it is not ours."""

    name: str
    host: str
    port: int
    authorization: str
    pid: int | None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def resident_mb(self) -> dict[str, float] | None:
        """Resident memory of the server's processes in MB: now, and the sum of their peaks."""
        if self.pid is None:
            return None
        seen = [_status(pid) for pid in family(self.pid)]
        return {
            "now": round(sum(status["VmRSS"] for status in seen) / 1000, 1),
            "peak": round(sum(status["VmHWM"] for status in seen) / 1000, 1),
        }


def _status(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/status, in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def family(pid: int) -> list[int]:
    """The process and all its descendants, whichever of its threads started them."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:  # it has just ended
            continue
        found += (one for child in children for one in family(int(child)))
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder on the disk that holds this tree: /tmp may be memory, where an fsync costs nothing."""
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        yield Path(folder)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _password(server: Server) -> str:
    return base64.b64decode(server.authorization.split()[1]).decode().partition(":")[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ours(folder: Path, again: Server | None = None) -> Iterator[Server]:
    """`couchgrass db` of this tree; in the place of `again`, which ran on the same folder and has ended."""
    port, password = (again.port, _password(again)) if again else (free_port(), secrets.token_hex(16))
    command = [ROOT / ".venv/bin/couchgrass", "db", "--data", folder / "data", "--port", str(port)]
    env = {**os.environ, "COUCHDB_USER": USER, "COUCHDB_PASSWORD": password}
    with running([str(part) for part in command], env, folder) as pid:
        server = Server("couchgrass", "127.0.0.1", port, basic(USER, password), pid)
        wait_until_up(server)
        yield server


@contextmanager
def pouchdb_server(folder: Path) -> Iterator[Server]:
    """pouchdb-server on LevelDB, with an admin, as its documentation starts it."""
    program = PEER_FOLDER / "node_modules" / ".bin" / PEER
    if not program.exists():
        _install_peer()
    port, password = free_port(), secrets.token_hex(16)
    (folder / "data").mkdir()
    command = ["node", str(program), "-n", "-p", str(port), "-d", str(folder / "data")]
    command += ["-c", str(folder / "config.json")]
    with running(command, dict(os.environ), folder) as pid:
        open_server = Server(f"{PEER} {PEER_VERSION}", "127.0.0.1", port, "", pid)
        wait_until_up(open_server)
        call(open_server, "PUT", f"/_config/admins/{USER}", json.dumps(password).encode())
        yield Server(open_server.name, "127.0.0.1", port, basic(USER, password), pid)


@contextmanager
def plain(folder: Path) -> Iterator[Server]:
    """A plain function behind granian: bench/plain.py in one process, as its author would start it."""
    port = free_port()
    command = [str(ROOT / ".venv/bin/granian"), "--interface", "asginl", "--no-ws", "--port", str(port)]
    command += ["--working-dir", str(ROOT), "--no-log", "bench.plain:app"]
    with running(command, {**os.environ, "PYTHONPATH": str(ROOT)}, folder) as pid:
        server = Server("granian", "127.0.0.1", port, "", pid)
        wait_until_up(server)
        yield server


@contextmanager
def given(url: str) -> Iterator[Server]:
    """A server that runs already, as http://user:password@host:port."""
    parts = urlsplit(url)
    authorization = basic(unquote(parts.username), unquote(parts.password or "")) if parts.username else ""
    server = Server(
        url.rpartition("@")[2], parts.hostname or "127.0.0.1", parts.port or 80, authorization, None
    )
    wait_until_up(server)
    yield server


def peer(wanted: str) -> Callable[[Path], AbstractContextManager[Server]]:
    """What `--peer` names: pouchdb-server, or the URL of a server."""
    return pouchdb_server if wanted == PEER else lambda _: given(wanted)


def _install_peer() -> None:
    if shutil.which("npm") is None:
        sys.exit("The peer pouchdb-server needs Node.js 20 with npm: `make bench` installs it.")
    print(f"installing {PEER} {PEER_VERSION} into {PEER_FOLDER.relative_to(ROOT)}", file=sys.stderr)
    PEER_FOLDER.mkdir(exist_ok=True)
    command = ["npm", "install", "--prefix", str(PEER_FOLDER), "--no-save", "--no-package-lock"]
    command += ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", f"{PEER}@{PEER_VERSION}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


@contextmanager
def running(command: list[str], env: dict[str, str], folder: Path) -> Iterator[int]:
    """Runs the command in `folder`, what it prints goes to a file there; yields its pid."""
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process.pid
        except BaseException:
            log.flush()
            print((folder / "log").read_text(errors="replace")[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def call(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """One request on a connection of its own; (status, body)."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    try:
        connection.request(method, path, body, headers(server))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def headers(server: Server) -> dict[str, str]:
    known = {"Content-Type": "application/json", "Accept": "application/json"}
    return {**known, "Authorization": server.authorization} if server.authorization else known


def wait_until_up(server: Server) -> None:
    """Returns when the server answers; RuntimeError after START_TIMEOUT_S or when its process has ended."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if call(server, "GET", "/")[0] < 500:
                return
        except OSError:
            if server.pid is not None and not _alive(server.pid):
                break
        time.sleep(0.05)
    raise RuntimeError(f"{server.name} does not answer at {server.url}")


def _alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"
