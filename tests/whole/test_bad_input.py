"""Commands for several regions with files that are missing, cut off or wrong: a clear line, nothing done.

What their own tests try already (`tests/cli`, `tests/drill`, `tests/topology/run`) is not here again.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from couchgrass.region.run.account import Account, write_account
from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.ports import free_ports
from couchgrass.testing.server import ServerProcess, running
from couchgrass.topology.generate import FIRST_PORTS
from tests.whole.site import LIMIT_S

CUT_OFF = '{"na'
MANIFEST = (
    "packages:\n  one:\n    actions:\n      echo:\n        function: echo.py\n        runtime: python:3\n"
)
LOCKS = {"up.lock", "balancer/drained.lock", "london/region.lock", "balancer/balancer.lock"}
"""They are made by whoever looks whether something runs, and hold nothing."""


@pytest.fixture(scope="module")
def text() -> str:
    """Two regions on any free ports: a number could be taken by others meanwhile."""
    ports = "".join(f"{name}.port = 0\n" for name in FIRST_PORTS)
    tables = "".join(f"[regions.{region}]\n{ports}" for region in ("london", "dallas"))
    balancer = "[balancer]\nport = 0\nmetrics_port = 0\n"
    return f'[[databases]]\nmatch = "todos*"\n[[apps]]\nfolder = "app"\n{tables}{balancer}'


@pytest.fixture
def folder(tmp_path: Path, text: str) -> Path:
    """As `couchgrass up` would begin with it."""
    (tmp_path / "couchgrass.toml").write_text(text, encoding="utf-8")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "app" / "echo.py").write_text("def main(args):\n    return args\n", encoding="utf-8")
    return tmp_path


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    (folder / name).chmod(0o600)


def content(folder: Path) -> dict[str, bytes]:
    """All files but locks."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in LOCKS}


def refused(folder: Path, *arguments: str, status: int = 1) -> str:
    """What a command says that does nothing; no file is another one afterwards."""
    before = content(folder)
    found, out, said = called(*arguments)
    assert (found, out) == (status, ""), (found, out, said)
    assert said.startswith(f"couchgrass {arguments[0]}"), said
    assert content(folder) == before
    return said


@pytest.mark.parametrize(
    "command",
    [
        "topology plan -c FILE", "topology apply -c FILE", "deploy -c FILE --yes", "undeploy -c FILE --yes",
        "drain london -c FILE", "undrain london -c FILE", "status -c FILE", "agent --region FILE#london",
        "region london -c FILE", "balancer -c FILE", "wires --dir DIR", "drill --dir DIR", "status --dir DIR",
        "drain london --dir DIR", "undrain london --dir DIR", "deploy --dir DIR --yes",
    ],
)  # fmt: skip
def test_a_file_that_is_missing_or_cut_off(tmp_path: Path, text: str, command: str) -> None:
    arguments = (
        command.replace("FILE", str(tmp_path / "couchgrass.toml")).replace("DIR", str(tmp_path)).split()
    )
    assert "couchgrass.toml is not there" in refused(tmp_path, *arguments)
    put(tmp_path, "couchgrass.toml", text[: text.index("[regions") + 5])
    assert "couchgrass.toml:5: " in refused(tmp_path, *arguments)


@pytest.mark.parametrize(
    ("name", "command", "words"),
    [
        ("balancer/drained.json", "drain london --dir DIR", "drained.json can't be read"),
        ("balancer/drained.json", "undrain london --dir DIR", "drained.json can't be read"),
        ("wires.json", "wires --dir DIR", "wires.json: "),
        ("wires.json", "up --dir DIR", "Remove the file; it is made again"),
        ("credentials.json", "status --dir DIR", "credentials.json is not a file of credentials"),
        ("up.json", "status --dir DIR", "nothing runs in "),
        ("up.json", "down --dir DIR", "nothing runs in "),
        ("london/region.json", "status --dir DIR", "nothing runs in "),
        ("balancer/balancer.json", "status --dir DIR", "nothing runs in "),
        ("balancer/balancer.json", "drill --dir DIR", "no balancer runs in "),
    ],
)
def test_what_is_left_of_a_write_that_was_cut_off(folder: Path, name: str, command: str, words: str) -> None:
    put(folder, name, CUT_OFF)
    assert words in refused(folder, *command.replace("DIR", str(folder)).split())


def ended(*command: str) -> str:
    """What a process says that serves nothing, since it can't start."""
    done = subprocess.run(
        [sys.executable, "-m", "couchgrass", *command], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_balancer_does_not_start_when_it_can_t_know_who_is_drained(folder: Path) -> None:
    put(folder, "balancer/drained.json", CUT_OFF)
    assert "drained.json can't be read" in ended("balancer", "-c", str(folder / "couchgrass.toml"))
    assert (folder / "balancer" / "drained.json").read_text(encoding="utf-8") == CUT_OFF


def test_an_agent_does_not_start_with_a_piece_of_a_secret(folder: Path) -> None:
    put(folder, "london/agent/secret", CUT_OFF)
    said = ended("agent", "--region", f"{folder / 'couchgrass.toml'}#london")
    assert "london/agent/secret holds no secret: remove it" in said
    assert CUT_OFF not in said


def test_a_port_of_an_agent_that_is_taken(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = (folder / "couchgrass.toml").read_text(encoding="utf-8")
        lines = [line if "agent" not in line else f"agent.port = {port}" for line in text.splitlines()]
        at = next(number for number, line in enumerate(lines) if line.startswith("[regions.dallas]"))
        (folder / "couchgrass.toml").write_text("\n".join(lines[:at]) + "\n", encoding="utf-8")
        file = str(folder / "couchgrass.toml")
        assert f"{port} " in (said := ended("agent", "--region", f"{file}#london")) and "is taken" in said


# --- with servers that run -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    data = tmp_path_factory.mktemp("servers")
    with running(data / "london") as london, running(data / "dallas") as dallas:
        call(london.auth_url, "PUT", "/todos")
        yield london, dallas


def elsewhere(folder: Path, london: ServerProcess, dallas: ServerProcess) -> str:
    """A file whose regions' databases run elsewhere."""
    text = '[[databases]]\nmatch = "todos*"\n'
    ports = iter(free_ports(6))
    for name, server in (("london", london), ("dallas", dallas)):
        write_account(folder / f"{name}.json", Account(server.user, server.password))
        text += f'[regions.{name}]\ndatabase.url = "{server.url}"\ndatabase.credentials = "{name}.json"\n'
        text += "".join(f"{process}.port = {next(ports)}\n" for process in ("functions", "gateway", "agent"))
    put(folder, "couchgrass.toml", text)
    return str(folder / "couchgrass.toml")


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ('{"name": "admin", "password": "not-the-password"}', "Name or password is incorrect."),
        ('{"name": "admin", "pass', 'dallas.json does not hold {"name": …, "password": …}'),
        (None, "dallas.json can't be read"),
    ],
)
def test_a_wrong_key_of_one_region_leaves_it_and_is_not_told(
    tmp_path: Path, servers: tuple[ServerProcess, ServerProcess], account: str | None, words: str
) -> None:
    london, dallas = servers
    file = elsewhere(tmp_path, london, dallas)
    (tmp_path / "dallas.json").unlink()
    if account is not None:
        put(tmp_path, "dallas.json", account)
    before = call(dallas.auth_url, "GET", "/_all_dbs").json()
    for action in ("plan", "apply"):
        status, out, said = called("topology", action, "-c", file)
        assert status == 1
        assert words in said
        assert "not-the-password" not in out + said
    assert call(dallas.auth_url, "GET", "/_all_dbs").json() == before
