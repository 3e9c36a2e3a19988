"""``couchgrass tenant`` and ``couchgrass user`` against a real database."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from typer.testing import CliRunner

from couchgrass.cli.main import app
from couchgrass.region.run.account import Account, write_account
from couchgrass.testing.server import ServerProcess

CALLBACK = ("--redirect-uri", "http://localhost:3000/callback")


@pytest.fixture
def region(couch_server: ServerProcess, tmp_path: Path) -> str:
    """The file of a region whose database is the server."""
    write_account(tmp_path / "couch.json", Account(couch_server.user, couch_server.password))
    text = f'data = "d"\n[database]\nurl = "{couch_server.url}"\ncredentials = "couch.json"\n'
    (tmp_path / "region.toml").write_text(text + "[identity]\nenabled = true\n")
    return str(tmp_path / "region.toml")


def said(*arguments: str, typed: str = "") -> tuple[int, str]:
    """The exit status and all that was printed, at a terminal of usual width."""
    outcome = CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": "80", "NO_COLOR": "1"})
    return outcome.exit_code, outcome.output


def test_a_tenant_and_its_users(region: str, tmp_path: Path) -> None:
    status, text = said("tenant", "create", "Todo", *CALLBACK, "--region", region)
    assert status == 0
    shown = dict(line.split() for line in text.splitlines()[:3])
    file = tmp_path / "d" / "tenants" / f"{shown['tenant']}.json"
    kept = json.loads(file.read_bytes())
    assert (kept["tenantId"], kept["clientId"]) == (shown["tenant"], shown["client"])
    assert kept["oauthServerUrl"] == shown["issuer"]
    assert kept["secret"] and kept["secret"] not in text
    assert file.stat().st_mode & 0o777 == 0o600

    _, text = said("tenant", "list", "--region", region)
    assert f"Todo  {shown['tenant']}  {shown['client']}" in text

    email = f"{uuid.uuid4().hex}@example.org"
    user = (shown["tenant"], email)
    assert said("user", "list", shown["tenant"], "--region", region) == (0, "It has no users.\n")
    status, text = said("user", "add", *user, "--region", region, typed="correct horse\n")
    assert status == 0 and f"{email} can sign in" in text
    status, text = said("user", "add", *user, "--region", region, typed="correct horse\n")
    assert status == 1 and "This e-mail address has an account already" in text
    assert email in said("user", "list", shown["tenant"], "--region", region)[1]
    assert said("user", "delete", *user, "--region", region)[0] == 0
    assert said("tenant", "delete", shown["tenant"], "--region", region)[0] == 0


def test_a_client_without_a_secret_needs_a_place_for_its_codes(region: str) -> None:
    status, text = said("tenant", "create", "Todo", "--public", "--region", region)
    assert status == 2 and "needs a --redirect-uri" in text


def test_a_region_without_sign_in_is_said(region: str) -> None:
    Path(region).write_text(Path(region).read_text().replace("true", "false"))
    status, text = said("tenant", "create", "Todo", "--region", region)
    assert status == 0
    assert "nobody can sign in until" in text and "enabled = true in [identity]" in text


@pytest.mark.parametrize("command", [("list",), ("add", "ada@example.org")])
def test_the_users_of_no_tenant(region: str, command: tuple[str, ...]) -> None:
    name, *more = command
    status, text = said("user", name, "nonesuch", *more, "--region", region, typed="correct horse\n")
    assert status == 1
    assert "there is no tenant nonesuch: couchgrass tenant list shows them" in " ".join(text.split())
