"""``couchgrass topology plan`` and ``apply`` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

from couchgrass.region.run.account import Account, write_account
from couchgrass.testing import command
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess, running


def called(*arguments: str) -> tuple[int, str, str]:
    return command.called("topology", *arguments)


def topology(folder: Path, **servers: ServerProcess) -> str:
    """A file whose regions' databases are these servers."""
    text = '[[databases]]\nmatch = "todos*"\n'
    for number, (name, server) in enumerate(servers.items()):
        write_account(folder / f"{name}.json", Account(server.user, server.password))
        text += f'\n[regions.{name}]\ndatabase.url = "{server.url}"\ndatabase.credentials = "{name}.json"\n'
        for at, process in enumerate(("functions", "gateway", "agent")):
            text += f"{process}.port = {21_000 + 10 * number + at}\n"
    (folder / "couchgrass.toml").write_text(text)
    return str(folder / "couchgrass.toml")


def test_plan_shows_apply_mends_and_then_there_is_nothing_left(tmp_path: Path) -> None:
    with running(tmp_path / "london") as london, running(tmp_path / "dallas") as dallas:
        file = topology(tmp_path, london=london, dallas=dallas)
        call(london.auth_url, "PUT", "/todos")

        status, out, error = called("plan", "-c", file, "--json")
        assert (status, error) == (1, "")
        made = {"region": "dallas", "database": "todos", "what": "create database", "why": "london has it"}
        assert made in json.loads(out)["drift"], out
        status, out, error = called("apply", "-c", file, "--json")
        assert (status, error) == (0, "")
        done = json.loads(out)
        assert made in done["done"] and (done["failed"], done["drift"], done["unreached"]) == ([], [], {})
        assert dallas.password not in out and london.password not in out
        assert called("plan", "-c", file) == (0, "All is as the file says.\n", "")
        assert called("apply", "-c", file) == (0, "Nothing was to be done.\n", "")

        dallas.stop()
        status, out, error = called("plan", "-c", file)
        assert (status, out) == (1, "")
        assert error.startswith("couchgrass topology plan: dallas can't be asked: ")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    status, out, error = called("apply", "-c", str(tmp_path / "none.toml"))
    assert (status, out) == (1, "")
    assert "none.toml is not there" in error
