"""``couchgrass tenant`` and ``couchgrass user`` as a user calls them, against a real database."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from couchgrass.couch.auth import basic
from couchgrass.region.run.account import Account, write_account
from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.server import ServerProcess

WAIT_S = 60.0
CALLBACK = "http://localhost:3000/callback"
ISSUER = "https://id.example/oauth/v4/"


class Region:
    """A region's file whose database is the server, and commands that are given it."""

    def __init__(self, folder: Path, server: ServerProcess) -> None:
        self.folder = folder
        self.file = folder / "region.toml"
        self.server = server
        self.write(server.url, Account(server.user, server.password))

    def write(self, url: str, account: Account) -> None:
        write_account(self.folder / "couch.json", account)
        self.file.write_text(
            f'data = "d"\n[database]\nurl = "{url}"\ncredentials = "couch.json"\n'
            '[identity]\nenabled = true\nissuer = "https://id.example/"\n'
        )

    def calls(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        return called(*arguments, "--region", str(self.file), stdin=stdin)

    def well(self, *arguments: str, stdin: bytes = b"") -> str:
        status, out, error = self.calls(*arguments, stdin=stdin)
        assert (status, error) == (0, ""), (out, error)
        return out

    def complains(self, *arguments: str, stdin: bytes = b"", status: int = 1) -> str:
        """The one line on stderr."""
        found, out, error = self.calls(*arguments, stdin=stdin)
        assert (found, out) == (status, ""), (out, error)
        assert error.count("\n") == 1 and "Traceback" not in error, error
        return error.rstrip("\n")

    def tenant(self) -> str:
        """The id of a new tenant."""
        made = str(uuid.uuid4())
        self.well("tenant", "create", "Todo", "--id", made, "--redirect-uri", CALLBACK)
        return made

    def doc(self, database: str, doc_id: str) -> Any:
        return call(self.server.auth_url, "GET", f"/{database}/{quote(doc_id, safe='')}").json()

    def signs_in(self, tenant: str, email: str, password: str) -> bool:
        """Does the database take the password?"""
        header = {"Authorization": basic(f"{tenant}/{email}", password)}
        session = requests.get(f"{self.server.url}/_session", headers=header, timeout=WAIT_S)
        return session.status_code == 200


@pytest.fixture
def region(couch_server: ServerProcess, tmp_path: Path) -> Region:
    return Region(tmp_path, couch_server)


def test_a_tenant_is_made_listed_and_ended(region: Region) -> None:
    made = str(uuid.uuid4())
    out = region.well("tenant", "create", " Todo [x] ", "--id", made, "--redirect-uri", CALLBACK)
    file = region.folder / "d" / "tenants" / f"{made}.json"
    assert out.splitlines()[-1] == f"The app's credentials are in {file}"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    app = json.loads(file.read_bytes())
    assert (app["tenantId"], app["name"], app["oauthServerUrl"]) == (made, "Todo [x]", ISSUER + made)
    assert app["discoveryEndpoint"] == f"{ISSUER}{made}/.well-known/openid-configuration"
    assert app["secret"] not in out
    told = f"tenant  {made}\nclient  {app['clientId']}\nissuer  {ISSUER}{made}\n"
    assert out.startswith(told) and len(out.splitlines()) == 4
    listed = region.well("tenant", "list")
    assert re.search(rf"{made} +{app['clientId']} +Todo \[x\] *\n", listed)
    assert listed.endswith(f"The issuer of their tokens is {ISSUER}TENANT\n")

    (client,) = region.doc("couchgrass_identity", f"tenant:{made}")["clients"]
    assert client["secret_sha256"] == hashlib.sha256(app["secret"].encode()).hexdigest()
    told_json = {one["id"]: one for one in json.loads(region.well("tenant", "list", "--json"))}
    client = {"clientId": app["clientId"], "name": "Todo [x]", "redirectUris": [CALLBACK]}
    assert told_json[made] == {"id": made, "name": "Todo [x]", "clients": [client]}

    assert region.well("tenant", "delete", made) == f"Tenant {made} is gone.\n"
    assert not file.exists() and made not in region.well("tenant", "list")
    gone = f"couchgrass tenant delete: there is no tenant {made}: couchgrass tenant list shows them"
    assert region.complains("tenant", "delete", made).startswith(gone)


def test_a_public_client_has_no_secret_and_must_have_somewhere_to_take_its_code(region: Region) -> None:
    made = str(uuid.uuid4())
    uris = ("--redirect-uri", "com.example.todo:/cb", "--redirect-uri", CALLBACK)
    region.well("tenant", "create", "Todo", "--id", made, "--public", "--sign-up", *uris)
    assert json.loads((region.folder / "d" / "tenants" / f"{made}.json").read_bytes())["secret"] == ""
    doc = region.doc("couchgrass_identity", f"tenant:{made}")
    assert doc["may_sign_up"] is True
    assert doc["clients"][0]["redirect_uris"] == ["com.example.todo:/cb", CALLBACK]
    told = region.complains("tenant", "create", "Todo", "--public", status=2)
    assert told.endswith("gets its tokens at a redirect URI: it must have one")


def test_a_second_tenant_of_an_id_does_not_replace_the_first(region: Region) -> None:
    made = region.tenant()
    file = region.folder / "d" / "tenants" / f"{made}.json"
    before = file.read_bytes(), region.doc("couchgrass_identity", f"tenant:{made}")
    create = ("tenant", "create", "Other", "--id", made)
    told = region.complains(*create)
    assert told == f"couchgrass tenant create: {file} is there already: move it away or take another --id"
    file.rename(region.folder / "moved.json")
    told = region.complains(*create)
    assert told.startswith(f"couchgrass tenant create: there is a tenant {made} already")
    after = (region.folder / "moved.json").read_bytes(), region.doc("couchgrass_identity", f"tenant:{made}")
    assert before == after and not file.exists()


def test_no_tenant_is_left_whose_secret_nobody_has(region: Region) -> None:
    made = str(uuid.uuid4())
    (region.folder / "d").write_text("a file where the folder should be")
    told = region.complains("tenant", "create", "Todo", "--id", made)
    assert re.search(rf"{made}\.json can't be written: (Not a directory|File exists)$", told)
    assert made not in region.well("tenant", "list")


def test_it_says_so_when_the_region_has_no_sign_in_service(region: Region) -> None:
    region.file.write_text(region.file.read_text().replace("enabled = true", "enabled = false"))
    made = str(uuid.uuid4())
    out = region.well("tenant", "create", "Todo", "--id", made, "--redirect-uri", CALLBACK)
    assert out.endswith(f"Nobody can sign in yet: write enabled = true below [identity] in {region.file}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Todo", "--redirect-uri", "http://todo.example/cb"), "A redirect URI is https, or http on loop"),
        (("Todo", "--redirect-uri", "https://todo.example/#x"), "is no redirect URI"),
        (("Todo", "--id", "../../x"), "A tenant's id has letters, digits"),
        (("Todo", "--id", "x" * 65), "A tenant's id has letters, digits"),
        (("  ",), "A tenant's name has 1 to 200 characters"),
    ],
)
def test_a_tenant_that_makes_no_sense_is_refused(
    region: Region, arguments: tuple[str, ...], said: str
) -> None:
    told = region.complains("tenant", "create", *arguments, status=2)
    assert told.startswith("couchgrass tenant create: ") and said in told
    assert not (region.folder / "d").exists()


def test_a_user_is_made_given_another_password_listed_and_ended(region: Region) -> None:
    tenant = region.tenant()
    assert region.well("user", "list", tenant) == f"{tenant} has no users.\n"
    add = ("user", "add", tenant, "Ada@Example.org", "--name", "Ada [L]")
    out = region.well(*add, stdin="grüne Wiese\r\nanother line".encode())
    match = re.fullmatch(rf"ada@example.org can sign in to {tenant} as ([0-9a-f-]{{36}})\n", out)
    assert match is not None
    (listed,) = json.loads(region.well("user", "list", tenant, "--json"))
    assert listed == {"sub": match[1], "email": "ada@example.org", "name": "Ada [L]"}
    assert re.search(rf"ada@example.org +Ada \[L\] +{match[1]}", region.well("user", "list", tenant))
    assert region.signs_in(tenant, "ada@example.org", "grüne Wiese")

    change = ("user", "password", tenant, "ada@example.org")
    assert region.well(*change, stdin=b"red meadow\n") == "ada@example.org has another password.\n"
    assert region.signs_in(tenant, "ada@example.org", "red meadow")
    assert not region.signs_in(tenant, "ada@example.org", "grüne Wiese")

    assert region.well("user", "delete", tenant, "ada@example.org") == "ada@example.org is gone.\n"
    assert not region.signs_in(tenant, "ada@example.org", "red meadow")
    for command in ("password", "delete"):
        told = region.complains("user", command, tenant, "ada@example.org")
        assert told.startswith(f"couchgrass user {command}: ada@example.org has no account at {tenant}")


def test_an_address_has_one_account(region: Region) -> None:
    tenant = region.tenant()
    region.well("user", "add", tenant, "ada@example.org", stdin=b"green meadow")
    told = region.complains("user", "add", tenant, "ADA@example.org", stdin=b"other meadow")
    assert told == f"couchgrass user add: ada@example.org has an account at {tenant} already"
    assert region.signs_in(tenant, "ada@example.org", "green meadow")


def test_a_deleted_tenants_users_stay_and_can_be_ended(region: Region) -> None:
    tenant = region.tenant()
    region.well("user", "add", tenant, "ada@example.org", stdin=b"green meadow")
    region.well("tenant", "delete", tenant)
    assert "there is no tenant" in region.complains("user", "add", tenant, "bob@example.org", stdin=b"x" * 8)
    assert "ada@example.org" in region.well("user", "list", tenant)
    region.well("user", "delete", tenant, "ada@example.org")
    assert f"there is no tenant {tenant}" in region.complains("user", "list", tenant)


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "no password: type it at a terminal, or let it be the first line of stdin"),
        (b"\nsecond line", "no password: type it at a terminal, or let it be the first line of stdin"),
        (b"short", "A password has 8 to 256 characters"),
        (b"x" * 100_000, "A password has 8 to 256 characters"),
        (b"\xff\xfe long enough", "the password is not UTF-8 text"),
    ],
)
def test_a_bad_password_makes_no_user(region: Region, stdin: bytes, said: str) -> None:
    tenant = region.tenant()
    told = region.complains("user", "add", tenant, "ada@example.org", stdin=stdin, status=2)
    assert told == f"couchgrass user add: {said}"
    assert region.well("user", "list", tenant) == f"{tenant} has no users.\n"


@pytest.mark.parametrize("command", ["add", "password", "delete"])
def test_what_is_no_address_is_refused(region: Region, command: str) -> None:
    told = region.complains("user", command, "todo", "ada", stdin=b"green meadow", status=2)
    assert told == f"couchgrass user {command}: 'ada': That is no e-mail address"


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(region: Region) -> None:
    tenant = region.tenant()
    ours, theirs = pty.openpty()
    add = [sys.executable, "-m", "couchgrass", "user", "add", tenant, "ada@example.org"]
    process = subprocess.Popen(
        [*add, "--region", str(region.file)], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    seen = b""
    for prompt in (b"Password: ", b"confirmation: "):
        while prompt not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, b"green meadow\n")
    assert process.wait(WAIT_S) == 0
    os.close(ours)
    assert b"green meadow" not in seen
    assert region.signs_in(tenant, "ada@example.org", "green meadow")


def test_what_cannot_be_reached_is_told_in_one_line(region: Region) -> None:
    region.write("http://127.0.0.1:9", Account("x", "not to be seen"))
    told = region.complains("user", "list", "todo")
    assert "user list: the region's database does not answer: http://127.0.0.1:9: " in told
    # A name that nobody tries passwords of: after some that are wrong it is locked.
    region.write(region.server.url, Account(uuid.uuid4().hex, "not to be seen"))
    told = region.complains("tenant", "list")
    assert "Name or password is incorrect" in told and "not to be seen" not in told
    (region.folder / "couch.json").unlink()
    told = region.complains("tenant", "delete", "todo")
    assert told.endswith("couch.json can't be read: No such file or directory")
    region.file.unlink()
    told = region.complains("user", "add", "todo", "ada@example.org")
    assert told.startswith(f"couchgrass user add: {region.file} is not there: ")


@pytest.mark.parametrize("command", ["tenant", "user"])
def test_the_help_teaches_with_examples(command: str) -> None:
    status, out, _ = called(command, "--help")
    assert status == 0 and out.count(f"couchgrass {command} ") >= 2
