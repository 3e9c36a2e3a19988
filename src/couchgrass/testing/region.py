"""A real region for tests: ``couchgrass region`` with its processes, started, stopped or killed."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from couchgrass.region.places import ADMIN, account_file, key_file
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import Seen, read_state
from couchgrass.testing.call import Reply, call
from couchgrass.testing.ports import free_ports

START_S = 120.0
STOP_S = 60.0
COMMAND_S = 60.0
POLL_S = 0.01
STARTS_MAX = 3
"""Between our choice of a port and its use somebody else may take it."""

SERVERS = ("database", "functions", "gateway", "agent", "dashboard")


class RegionDied(Exception):
    """The region ended before it served; the text is its log."""


class Login(NamedTuple):
    """A name and its password."""

    name: str
    password: str


class Owner:
    """A namespace, with its key: asks the REST API in its name."""

    def __init__(self, url: str, namespace: str, key: str) -> None:
        self.url = url
        self.namespace = namespace
        self.key = key
        self._login = "Basic " + base64.b64encode(key.encode()).decode()

    def ask(self, method: str, where: str, body: Any = None) -> Reply:
        """Asks below its namespace."""
        path = f"/api/v1/namespaces/_/{where}"
        return call(self.url, method, path, body, headers={"Authorization": self._login})

    def put(self, name: str, kind: str, code: str, *, web: bool = False, **limits: int) -> None:
        """Makes an action, or replaces it. A web action can be called by anybody."""
        annotations = [{"key": "web-export", "value": web}]
        body = {"exec": {"kind": kind, "code": code}, "limits": limits, "annotations": annotations}
        done = self.ask("PUT", f"actions/{name}?overwrite=true", body)
        assert done.status == 200, done

    def invoke(self, name: str, value: Any = None) -> Reply:
        """Runs it and waits: the whole record."""
        return self.ask("POST", f"actions/{name}?blocking=true", value or {})

    def add_api(self, base: str, path: str, action: str, *, method: str = "GET", kind: str = "json") -> str:
        """An endpoint of the API with this base path that leads to a web action; the API's URL."""
        target = {
            "name": action,
            "namespace": "_",
            "backendMethod": method,
            "backendUrl": f"{self.url}{self.web(action)}.{kind}",
            "authkey": self.key,
        }
        doc = {
            "namespace": "_",
            "apiName": base,
            "gatewayBasePath": base,
            "gatewayPath": path,
            "gatewayMethod": method,
            "id": f"API:_:{base}",
            "action": target,
        }
        where = f"/api/v1/web/whisk.system/apimgmt/createApi.http?responsetype={kind}"
        made = call(self.url, "POST", where, {"apidoc": doc}, headers={"Authorization": self._login})
        assert made.status == 200, made
        return str(made.json()["gwApiUrl"])

    def web(self, name: str) -> str:
        """The path of a web action without a package."""
        return f"/api/v1/web/{self.namespace}/default/{name}"


class RegionProcess:
    """One region in `folder`, on free ports of loopback; in `ports` 0 for what may choose its own. `tables`
    go into its file; when they name the URL of a database, none is run."""

    def __init__(self, folder: Path, *, tables: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.folder = folder
        self.file = folder / "region.toml"
        self.data = folder / "data"
        self.log = folder / "region.log"
        self.ports: dict[str, int] = {}
        self.supervisor: subprocess.Popen[bytes] | None = None
        self._tables = {name: dict(table) for name, table in (tables or {}).items()}

    # --- its life

    def start(self) -> None:
        """Starts it and returns when all of it is ready. Raises RegionDied."""
        for left in reversed(range(STARTS_MAX)):
            self._write_file()
            with self.log.open("ab") as log:
                self.supervisor = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "couchgrass", "region", str(self.file)],
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            try:
                self.until(self.is_ready, START_S)
                return
            except RegionDied as died:
                if not left or " is taken: " not in str(died):
                    raise

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.supervisor is not None
        self.supervisor.terminate()
        try:
            return self.supervisor.wait(STOP_S)
        finally:
            self.supervisor.kill()
            self.supervisor.wait()

    def kill(self, name: str) -> int:
        """SIGKILL to one of its processes; its former id."""
        pid = self.seen(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """One of its processes hangs for the length of a block."""
        pid = self.seen(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def until(self, condition: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Waits until it is so. Raises RegionDied, AssertionError when it takes too long."""

        def is_so() -> bool:
            if self.supervisor is not None and self.supervisor.poll() is not None:
                raise RegionDied(self.log.read_text(errors="replace"))
            return condition()

        until(is_so, limit_s, lambda: self.log.read_text(errors="replace")[-4000:])

    def until_again(self, name: str, former: int) -> None:
        """Waits until a process that was `former` is ready again."""

        def is_another() -> bool:
            seen = self.seen(name)
            return seen.phase is Phase.READY and seen.pid != former

        self.until(is_another)

    def is_ready(self) -> bool:
        """All its processes are; what a killed supervisor wrote down does not count."""
        state = read_state(self.data)
        return (
            state is not None
            and self.supervisor is not None
            and state.pid == self.supervisor.pid
            and len(state.processes) == len(self.ports)
            and all(one.phase is Phase.READY for one in state.processes.values())
        )

    def seen(self, name: str) -> Seen:
        """What the supervisor wrote down of one of its processes."""
        state = read_state(self.data)
        assert state is not None, "no region runs"
        return state.processes[name]

    # --- who uses it

    def url(self, name: str) -> str:
        """Of "database", "functions", "gateway", "agent" or "dashboard"."""
        return f"http://127.0.0.1:{self.ports[name]}" if self.ports[name] else self.seen(name).url

    @property
    def database(self) -> str:
        """The database's URL, with the admin in it."""
        admin = self.admin
        return f"http://{admin.name}:{admin.password}@127.0.0.1:{self.ports['database']}"

    @property
    def functions(self) -> str:
        return self.url("functions")

    @property
    def gateway(self) -> str:
        return self.url("gateway")

    @property
    def agent(self) -> str:
        return self.url("agent")

    @property
    def dashboard(self) -> str:
        return self.url("dashboard")

    @property
    def admin(self) -> Login:
        """Of the database."""
        told = json.loads((self.data / ADMIN).read_text())
        return Login(told["name"], told["password"])

    def owner(self, namespace: str) -> Owner:
        """A namespace with a key, made by the command line when there is none yet."""
        file = Path(key_file(str(self.data), namespace))
        if not file.exists():
            self.command("key", "create", namespace, "--region", str(self.file))
        owner = Owner(self.functions, namespace, json.loads(file.read_text())["apikey"])
        # The functions learn of it by the database's feed of changes.
        self.until(lambda: owner.ask("GET", "limits").status == 200)
        return owner

    def account(self, name: str) -> Login:
        """An account of the database, as apps had them at Cloudant."""
        file = Path(account_file(str(self.data), name))
        if not file.exists():
            self.command("account", "create", name, "--region", str(self.file))
        told = json.loads(file.read_text())
        return Login(told["username"], told["password"])

    def topology(self, name: str) -> str:
        """The table of a file with several regions that has this one under `name`."""
        own: dict[str, dict[str, Any]] = {key: {"port": port} for key, port in self.ports.items()}
        for key, table in self._tables.items():
            own[key] = {**own.get(key, {}), **table}
        lines = [f"[regions.{name}]", f"data = {json.dumps(str(self.data))}"]
        for key, table in own.items():
            lines += [
                f"[regions.{name}.{key}]",
                *(f"{one} = {json.dumps(value)}" for one, value in table.items()),
            ]
        return "\n".join(lines) + "\n"

    def deploy(self, app: Path, namespace: str, account: str, **env: str) -> dict[str, str]:
        """An app deployed to this region; the URL of each of its operations by "verb action"."""
        place = self.folder / namespace
        place.mkdir(exist_ok=True)
        told = {"folder": str(app), "namespace": namespace, "account": account}
        if env:
            told["env_file"] = "local.env"
            (place / "local.env").write_text("".join(f"{key}={value}\n" for key, value in env.items()))
        entry = "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())
        file = place / "couchgrass.toml"
        file.write_text(f"{self.topology('local')}[[apps]]\n{entry}", encoding="utf-8")
        said = json.loads(self.command("deploy", "-c", str(file), "--yes", "--json"))
        (region,) = said["apps"][0]["regions"]
        return {f"{api['verb']} {api['action']}": api["url"] for api in region["apis"]}

    def command(self, *arguments: str, stdin: str = "", status: int = 0) -> str:
        """What ``couchgrass`` with these arguments prints; it must end with `status`."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "couchgrass", *arguments],
            env=environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def _write_file(self) -> None:
        servers = [name for name in SERVERS if "url" not in self._tables.get(name, {})]
        self.ports = dict(zip(servers, free_ports(len(servers)), strict=True))
        tables: dict[str, dict[str, Any]] = {name: {"port": port} for name, port in self.ports.items()}
        for name, table in self._tables.items():
            tables[name] = {**tables.get(name, {}), **table}
            if name in self.ports:
                self.ports[name] = tables[name]["port"]
        lines = [f"data = {json.dumps(str(self.data))}"]
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def until(condition: Callable[[], bool], limit_s: float = 60.0, told: Callable[[], str] = lambda: "") -> None:
    """Waits until it is so. Raises AssertionError with what is `told` when it takes too long."""
    ends_at = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends_at, told()
        time.sleep(POLL_S)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has, too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(b")")[2].split()[0] in (b"Z", b"X")


@contextmanager
def running_region(folder: Path, **tables: Mapping[str, Any]) -> Iterator[RegionProcess]:
    """A region for the length of a block. `tables` as in its file: ``identity={"enabled": True}``, and a
    table in a table by its dotted name: ``**{"functions.limits": {...}}``."""
    region = RegionProcess(folder, tables=tables)
    try:
        region.start()
        yield region
    finally:
        if region.supervisor is not None and region.supervisor.poll() is None:
            region.stop()


def environment() -> dict[str, str]:
    """Ours, without what would be taken for a region's."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("COUCHDB_", "__OW_"))}
    return {**mine, "COLUMNS": "200"}
