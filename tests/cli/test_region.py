"""``couchgrass region`` as a user calls it: its file, and what is said when it can't run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from couchgrass.cli.region import (
    PROCESSES,
    has_others,
    named_by,
    peers_of,
    read_region,
    read_topology,
    specs_of,
)
from couchgrass.errors import CouchgrassError
from couchgrass.region.restart import Phase
from couchgrass.region.run.account import Account, read_account
from couchgrass.region.run.state_file import Hold, Seen, read_state
from couchgrass.testing import command
from couchgrass.testing.call import call

WAIT_S = 60.0


def called(*arguments: str, cwd: Path | None = None, **environment: str) -> tuple[int, str, str]:
    env = {"COUCHDB_USER": None, "COUCHDB_PASSWORD": None, "COUCHGRASS_CONFIG": None, **environment}
    return command.called("region", *arguments, cwd=cwd, env=env)


def test_the_example_is_a_file_that_can_be_used(tmp_path: Path) -> None:
    status, out, _ = called("--example")
    assert status == 0
    (tmp_path / "region.toml").write_text(out)
    assert read_region(tmp_path / "region.toml").data == str(tmp_path / "couchgrass-data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
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


def test_without_a_file_it_says_how_to_get_one(tmp_path: Path) -> None:
    status, _, error = called(cwd=tmp_path)
    said = (
        "couchgrass region: region.toml is not there: couchgrass region --example > region.toml makes one\n"
    )
    assert (status, error) == (1, said)


def test_a_port_that_is_taken_is_named_as_the_file_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        file = tmp_path / "region.toml"
        file.write_text(f'data = "d"\n[database]\nport = {other.getsockname()[1]}\n')
        status, _, error = called(str(file))
    assert status == 1
    assert f"stop what listens there or choose another with port of [database] in {file}" in error


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
    assert [spec.name for spec in (database, *others)] == [
        "database",
        *PROCESSES,
    ]


DATABASE_ALONE = """
import asyncio, sys
from pathlib import Path
from couchgrass.cli.region import read_region, specs_of
from couchgrass.clock import SystemClock
from couchgrass.region.run.state_file import Hold
from couchgrass.region.run.supervisor import Supervisor, Told
file = Path(sys.argv[1])
region = read_region(file)
hold = Hold(Path(region.data))
async def main():
    told = Told(region.name, str(file), Path(region.data))
    ready = lambda urls: print("ready", flush=True)
    return await Supervisor(specs_of(region, file, None)[:1], told, SystemClock(), ready=ready).run()
sys.exit(asyncio.run(main()))
"""


def test_the_database_has_its_accounts_and_keeps_its_port_when_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "region.toml"
    file.write_text('data = "d"\n[database]\nport = 0\n')
    data = tmp_path / "d"
    with subprocess.Popen(
        [sys.executable, "-c", DATABASE_ALONE, str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as region:
        try:
            assert region.stdout is not None
            assert region.stdout.readline() == b"ready\n"
            before = seen_database(data)
            assert before.pid is not None
            os.kill(before.pid, signal.SIGKILL)
            ends_at = time.monotonic() + WAIT_S
            while (after := seen_database(data)).restarts == 0 or after.phase is not Phase.READY:
                assert time.monotonic() < ends_at
                time.sleep(0.01)
            assert (after.url, after.pid != before.pid) == (before.url, True)
            account = read_account(data / "functions.json")
            signed = before.url.replace("://", f"://{account.name}:{account.password}@")
            assert call(signed, "PUT", "/whisk").status == 201
            region.terminate()
            assert region.wait(WAIT_S) == 0
        finally:
            region.kill()
    assert all(path.stat().st_mode & 0o077 == 0 for path in data.rglob("*"))


def seen_database(data: Path) -> Seen:
    state = read_state(data)
    assert state is not None
    return state.processes["database"]


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
    assert [spec.name for spec in specs_of(read_region(file), file, None)] == [
        "functions",
        "gateway",
        "agent",
        "dashboard",
    ]


def test_functions_and_gateway_on_free_ports_keep_them(tmp_path: Path) -> None:
    file = tmp_path / "region.toml"
    file.write_text("[functions]\nport = 0\n")
    _, functions, gateway, agent, dashboard = specs_of(read_region(file), file, None)
    assert functions.again is not None and functions.again("http://127.0.0.1:4711")[-2:] == ["--port", "4711"]
    assert gateway.again is None and agent.again is None and dashboard.again is None


SEVERAL = """\
[regions.london.database]
port = 0
[regions.dallas]
agent.port = 3245
[regions.dallas.functions]
url = "https://whisk.example"
[regions.dallas.gateway]
url = "https://api.example"
"""


def test_a_region_of_a_file_with_several_is_named_after_a_mark(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(SEVERAL)
    london = read_region(tmp_path / "couchgrass.toml#london")
    assert (london.name, london.data) == ("london", str(tmp_path / "london"))
    with pytest.raises(CouchgrassError, match=r"has no region paris: there is london, dallas$"):
        read_region(tmp_path / "couchgrass.toml#paris")
    assert read_topology(tmp_path / "couchgrass.toml").names == ("london", "dallas")


def test_only_a_region_of_a_file_with_several_has_others(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(SEVERAL)
    (tmp_path / "one.toml").write_text("[regions.london]\n")
    (tmp_path / "region.toml").write_text("")
    for name, others in (
        ("couchgrass.toml#london", True),
        ("one.toml#london", False),
        ("region.toml", False),
    ):
        assert has_others(tmp_path / name) is others


def test_a_name_alone_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUCHGRASS_CONFIG", raising=False)
    (tmp_path / "london").mkdir()
    with pytest.raises(CouchgrassError, match=r"^dallas is not there: couchgrass region --exa"):
        read_region(Path("dallas"))
    (tmp_path / "couchgrass.toml").write_text(SEVERAL)
    assert read_region(Path("london")).name == "london"
    with pytest.raises(CouchgrassError, match=r"but couchgrass.toml is: .*london, dallas$"):
        read_region(Path("region.toml"))
    (tmp_path / "other.toml").write_text("[regions.paris]\n")
    monkeypatch.setenv("COUCHGRASS_CONFIG", "other.toml")
    assert read_region(Path("paris")).name == "paris"
    monkeypatch.setenv("COUCHGRASS_CONFIG", "none.toml")
    with pytest.raises(CouchgrassError, match=r"^none.toml is not there: couchgrass topology ex"):
        read_region(Path("paris"))


def test_a_file_whose_own_name_has_the_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "a#b").write_text('name = "mine"\n')
    assert read_region(tmp_path / "a#b").name == "mine"


def test_ports_are_named_as_the_file_with_several_names_them(tmp_path: Path) -> None:
    file = tmp_path / "couchgrass.toml"
    file.write_text(SEVERAL)
    assert named_by(Path(f"{file}#london"), "database").port == f"port of [regions.london.database] in {file}"


def test_a_file_with_several_and_no_name_says_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "couchgrass.toml"
    file.write_text(SEVERAL)
    status, _, error = called("-c", str(file))
    assert (status, error) == (1, f"couchgrass region: which one? {file} has london, dallas\n")
    status, _, error = called("paris", "-c", str(file))
    assert (status, error) == (
        1,
        f"couchgrass region: {file} has no region paris: there is london, dallas\n",
    )


def test_what_runs_elsewhere_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(SEVERAL)
    place = tmp_path / "c.toml#dallas"
    specs = specs_of(read_region(place), place, None)
    assert [spec.name for spec in specs] == ["database", "agent", "dashboard"]
    assert str(place) in specs[0].command


def test_peers_are_the_agents_business(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("")
    specs = specs_of(
        read_region(tmp_path / "r.toml"), tmp_path / "r.toml", None, peers={"dallas": "http://d:1"}
    )
    told = {spec.name: [word for word in spec.command if word.startswith("--peer")] for spec in specs}
    assert told == {
        "database": [],
        "functions": [],
        "gateway": [],
        "agent": ["--peer=dallas=http://d:1"],
        "dashboard": [],
    }


def test_a_peer_is_a_name_and_a_url(tmp_path: Path) -> None:
    assert peers_of("region", ["dallas=http://127.0.0.1:1"]) == {"dallas": "http://127.0.0.1:1"}
    status, _, error = called("--peer", "dallas")
    assert (status, error) == (2, "couchgrass region: --peer takes NAME=URL\n")
