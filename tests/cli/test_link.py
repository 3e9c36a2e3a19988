"""``couchgrass link``, ``links`` and ``unlink`` as a user runs them: on our servers, and on two Apaches."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.server import ServerProcess, running
from tests.linking.apache import ADMIN, Apache, apaches

WAIT_S = 60.0
POLL_S = 0.02
SECURITY = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that whoever runs the tests has set for the command is taken."""
    for name in [name for name in os.environ if name.startswith("COUCHGRASS_")]:
        monkeypatch.delenv(name)


def ran(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of the command line, as a process of its own: those who play a server
    need this one's loop."""
    ended = subprocess.run(
        [sys.executable, "-m", "couchgrass", *arguments],
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=2 * WAIT_S,
    )
    return ended.returncode, ended.stdout, ended.stderr


def well(*arguments: str) -> Any:
    """The JSON of a command that ends well."""
    status, out, error = called(*arguments, "--json")
    assert status == 0, (out, error)
    return json.loads(out)


# --- two couchgrass servers ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("pair")
    with running(folder / "a") as a, running(folder / "b") as b:
        yield a, b


def shown(server: ServerProcess, path: str) -> Any:
    """The JSON of what is at `path`, as soon as it is there."""
    late = time.monotonic() + WAIT_S
    while (reply := call(server.auth_url, "GET", path)).status == 404:
        assert time.monotonic() < late, f"{path} did not come to {server.url}"
        time.sleep(POLL_S)
    assert reply.status == 200, reply
    return reply.json()


def state(servers: tuple[ServerProcess, ServerProcess], db: str) -> list[bytes]:
    """All that a link could change on the servers."""
    paths = (
        "/_replicator/_all_docs?include_docs=true",
        "/_users/_all_docs",
        f"/{db}/_security",
        f"/{db}/_changes",
    )
    return [call(server.auth_url, "GET", path).body for server in servers for path in paths]


def test_databases_are_linked_both_ways_and_separated_again(
    pair: tuple[ServerProcess, ServerProcess], db_name: str
) -> None:
    a, b = pair
    call(a.auth_url, "PUT", f"/{db_name}")
    call(a.auth_url, "PUT", f"/{db_name}/before", {"n": 1})
    call(a.auth_url, "PUT", f"/{db_name}/_design/d", {"views": {}})
    urls = (a.auth_url, b.auth_url)
    users = [call(server.auth_url, "GET", "/_users/_all_docs").json()["rows"] for server in pair]
    linked = well("link", *urls, "--db", db_name)
    assert linked["changed"] is True and {job["state"] for job in linked["jobs"]} == {"running"}
    proof = linked["proofs"][db_name]
    assert proof["refused"] is None and proof["there_s"] > 0 and proof["back_s"] > 0
    assert shown(b, f"/{db_name}/before")["n"] == 1
    assert shown(b, f"/{db_name}/_design/d")["views"] == {}
    call(b.auth_url, "PUT", f"/{db_name}/after", {"n": 2})
    assert shown(a, f"/{db_name}/after")["n"] == 2

    (rows,) = [[row for row in well("links", *urls)["links"] if db_name in row["source"] + row["target"]]]
    assert {row["server"] for row in rows} == {a.url, b.url}
    assert all(row["state"] == "running" and row["dead_letters"] == 0 for row in rows)

    before = state(pair, db_name)
    assert well("link", *urls, "--db", db_name) == {**linked, "changed": False, "done": [], "proofs": {}}
    assert state(pair, db_name) == before

    assert well("unlink", *urls, "--db", db_name)["changed"] is True
    for server, accounts in zip(pair, users, strict=True):
        assert call(server.auth_url, "GET", "/_users/_all_docs").json()["rows"] == accounts
        assert call(server.auth_url, "GET", f"/{db_name}/_security").json() == SECURITY
        assert {"before", "after"} <= {
            row["id"] for row in call(server.auth_url, "GET", f"/{db_name}/_all_docs").json()["rows"]
        }
        assert call(server.auth_url, "GET", f"/{db_name}/_local_docs").json().get("rows", []) == []
    assert well("unlink", *urls, "--db", db_name)["done"] == []


def made_by_links(server: ServerProcess, db: str) -> dict[str, Any]:
    """All that links leave on a server and in one of its databases."""
    lists = ("_replicator/_all_docs", "_replicator/_local_docs", "_users/_all_docs", f"{db}/_local_docs")
    left = {path: call(server.auth_url, "GET", f"/{path}").json().get("rows", []) for path in lists}
    return {**left, "security": call(server.auth_url, "GET", f"/{db}/_security").json()}


@pytest.mark.parametrize("mode", ["--pull", "--push"])
def test_what_a_dead_server_had_of_a_link_goes_when_it_is_back(tmp_path: Path, mode: str) -> None:
    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        urls = (a.auth_url, b.auth_url)
        for server in (a, b):
            call(server.auth_url, "PUT", "/todos")
        before = [made_by_links(server, "todos") for server in (a, b)]
        well("link", *urls, "--db", "todos", mode)
        b.kill()
        status, _, error = called("unlink", *urls, "--all")
        assert status == 1 and "run it again when it answers" in error
        at_a = made_by_links(a, "todos")
        (note,) = at_a.pop("_replicator/_local_docs")
        assert at_a == {name: found for name, found in before[0].items() if name in at_a}
        assert call(a.auth_url, "GET", f"/_replicator/{note['id']}").json()["keys"] == []
        b.start()
        assert (a.auth_url, b.auth_url) == urls
        assert well("unlink", *urls, "--all")["changed"] is True
        assert [made_by_links(server, "todos") for server in (a, b)] == before
        assert well("unlink", *urls, "--all")["done"] == []


def test_of_a_server_that_never_comes_back_nothing_is_left_on_the_other_one(tmp_path: Path) -> None:
    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        urls = (a.auth_url, b.auth_url)
        call(b.auth_url, "PUT", "/todos")
        before = made_by_links(b, "todos")
        well("link", *urls, "--db", "todos")
        assert made_by_links(b, "todos") != before
        a.kill()
        assert called("unlink", *urls, "--db", "todos")[0] == 1
        left = made_by_links(b, "todos")
        assert left.pop("_replicator/_local_docs") != before.pop("_replicator/_local_docs") == []
        assert left == before


def test_a_job_that_moves_to_and_fro_is_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        urls = (a.auth_url, b.auth_url)
        for server in (a, b):
            call(server.auth_url, "PUT", "/todos")
        before = [made_by_links(server, "todos") for server in (a, b)]
        for mode in ("--pull", "--push", "--pull"):
            assert well("link", *urls, "--db", "todos", mode)["changed"] is True
            assert [len(made_by_links(server, "todos")["_users/_all_docs"]) for server in (a, b)] == [1, 1]
        well("unlink", *urls, "--db", "todos")
        assert [made_by_links(server, "todos") for server in (a, b)] == before


def test_many_databases_are_told_in_numbers(pair: tuple[ServerProcess, ServerProcess], db_name: str) -> None:
    a, b = pair
    urls = (a.auth_url, b.auth_url)
    names = [f"{db_name}-{number}" for number in range(5)]
    for name in names:
        call(a.auth_url, "PUT", f"/{name}")
    dbs = [argument for name in names for argument in ("--db", name)]
    status, out, _ = called("link", *urls, *dbs)
    assert status == 0 and out.splitlines()[:3] == [
        "5 databases: 5 databases created, 10 keys made, 10 jobs written.",
        "--verbose shows each.",
        "10 of 10 jobs run.",
    ]
    assert re.search(r"In 5 databases a document went there and back, in \d+ ms at the most;", out)
    status, out, _ = called("unlink", *urls, *dbs, "--verbose")
    assert status == 0 and all(out.count(f"{name} ") >= 6 for name in names)
    assert "rights taken from apikey-" in out and "--verbose" not in out


@pytest.mark.parametrize("mode", ["--pull", "--push"])
def test_one_way_takes_what_matches_from_a_to_b_only(
    pair: tuple[ServerProcess, ServerProcess], db_name: str, mode: str
) -> None:
    a, b = pair
    urls = (a.auth_url, b.auth_url)
    call(a.auth_url, "PUT", f"/{db_name}")
    arguments = ("--db", db_name, "--one-way", mode, "--selector", '{"type":"todo"}')
    linked = well("link", *urls, *arguments)
    (job,) = linked["jobs"]
    assert job["server"] == (a.url if mode == "--push" else b.url)
    assert linked["proofs"][db_name]["there_s"] > 0 and linked["proofs"][db_name]["back_s"] is None
    call(a.auth_url, "PUT", f"/{db_name}/note", {"type": "note"})
    call(a.auth_url, "PUT", f"/{db_name}/todo", {"type": "todo"})
    shown(b, f"/{db_name}/todo")
    assert call(b.auth_url, "GET", f"/{db_name}/note").status == 404
    well("unlink", *urls, "--db", db_name)


def test_a_target_s_rule_that_refuses_the_proof_is_told_at_once_and_is_no_failure(
    pair: tuple[ServerProcess, ServerProcess], db_name: str
) -> None:
    a, b = pair
    urls = (a.auth_url, b.auth_url)
    for server in pair:
        call(server.auth_url, "PUT", f"/{db_name}")
    rule = "function (doc) { if (!doc._deleted && !doc.title) { throw({forbidden: 'a title is needed'}); } }"
    call(b.auth_url, "PUT", f"/{db_name}/_design/rule", {"validate_doc_update": rule})
    linked = well("link", *urls, "--db", db_name, "--no-design-docs")
    assert linked["proofs"][db_name]["refused"].endswith("refuses it: a title is needed")
    well("unlink", *urls, "--db", db_name)


def test_a_link_whose_database_was_deleted_runs_again(
    pair: tuple[ServerProcess, ServerProcess], db_name: str
) -> None:
    a, b = pair
    urls = (a.auth_url, b.auth_url)
    call(a.auth_url, "PUT", f"/{db_name}")
    well("link", *urls, "--db", db_name)
    call(a.auth_url, "DELETE", f"/{db_name}")
    assert [done["text"].split()[0] for done in well("link", *urls, "--db", db_name)["done"]] == [
        "database",
        "rights",
    ]
    well("unlink", *urls, "--db", db_name)


def test_no_secret_stays_in_the_process_list_or_is_printed(
    pair: tuple[ServerProcess, ServerProcess], db_name: str
) -> None:
    a, b = pair
    call(a.auth_url, "PUT", f"/{db_name}")
    process = subprocess.Popen(
        [sys.executable, "-m", "couchgrass", "links", a.auth_url, b.url, "--watch", "--json"],
        env={**os.environ, "COUCHGRASS_B_USER": b.user, "COUCHGRASS_B_PASSWORD": b.password},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "links" in json.loads(process.stdout.readline())
        seen = (
            Path(f"/proc/{process.pid}/cmdline").read_bytes()
            + Path(f"/proc/{process.pid}/environ").read_bytes()
        )
        assert a.password.encode() not in seen and b.password.encode() not in seen
    finally:
        process.terminate()
        process.communicate()


# --- two servers that play Apache CouchDB --------------------------------------------------------------


def with_apaches(work: Callable[[Apache, Apache], Awaitable[None]]) -> None:
    async def main() -> None:
        async with apaches(2) as (a, b):
            a.create("todos")
            await work(a, b)

    asyncio.run(main())


async def said(*arguments: str, **environment: str) -> tuple[int, str, str]:
    return await asyncio.to_thread(ran, *arguments, **environment)


def test_what_was_done_is_a_table_and_nothing_the_second_time() -> None:
    async def work(a: Apache, b: Apache) -> None:
        status, out, _ = await said("link", a.auth_url, b.auth_url, "--db", "todos")
        assert status == 0
        assert re.search(rf"todos +{b.url} +database created", out)
        assert out.count("which reads here") == out.count("which writes here") == 2
        assert "2 of 2 jobs run." in out
        assert re.search(r"todos: a document went there in \d+ ms and back in \d+ ms", out)
        status, out, _ = await said("link", a.auth_url, b.auth_url, "--db", "todos")
        assert status == 0 and out.startswith("Nothing was to be done.\n2 of 2 jobs run.")
        status, out, _ = await said("links", a.auth_url, b.auth_url)
        assert status == 0 and out.count("running") == 2
        assert re.search(rf"{a.url}/todos → {b.url}/todos +running +– +0 +0", out)
        status, out, _ = await said("unlink", a.auth_url, b.auth_url, "--all")
        assert status == 0 and out.endswith("All documents are where they were.\n")
        status, out, _ = await said("unlink", a.auth_url, b.auth_url, "--all")
        assert (status, out) == (0, "Nothing was to be done.\n")
        status, out, _ = await said("links", a.auth_url)
        assert (status, out) == (0, "No replication runs there.\n")

    with_apaches(work)


def test_names_and_passwords_are_taken_from_the_environment() -> None:
    async def work(a: Apache, b: Apache) -> None:
        names = {"COUCHGRASS_A_USER": ADMIN[0], "COUCHGRASS_A_PASSWORD": ADMIN[1]}
        url_b = b.url.replace("://", f"://{ADMIN[0]}@")
        status, out, _ = await said(
            "link", a.url, url_b, "--db", "todos", "--json", **names, COUCHGRASS_B_PASSWORD=ADMIN[1]
        )
        assert status == 0 and json.loads(out)["changed"] is True

    with_apaches(work)


def test_failures_say_what_to_do_and_hide_the_password() -> None:
    async def work(a: Apache, b: Apache) -> None:
        b.stuck = True
        status, out, error = await said("link", a.auth_url, b.auth_url, "--db", "todos", "--timeout", "1")
        assert status == 1 and "database created" in out
        assert re.search(r"job couchgrass-link-todos-\w+ does not run: pending\n", error)
        assert "each server must reach the other" in error
        status, _, error = await said("link", a.auth_url, b.auth_url, "--db", "tods")
        assert status == 1 and "create it on one of them first" in error
        status, _, error = await said("link", a.auth_url, b.url, "--db", "todos")
        assert status == 1 and "COUCHGRASS_B_PASSWORD" in error
        https = b.auth_url.replace("http:", "https:")
        status, _, error = await said("link", a.auth_url, https, "--db", "todos")
        assert status == 1 and "is it http:// instead of https://?" in error
        status, out, _ = await said("links", https)
        assert (status, out) == (1, "")
        b.down = True
        status, _, error = await said("links", a.auth_url, b.auth_url)
        assert status == 1 and f"couchgrass links: {b.url}: the connection was closed" in error
        status, _, error = await said("unlink", a.auth_url, b.auth_url, "--all")
        assert status == 1 and "run it again when it answers" in error
        status, _, error = await said("link", a.auth_url, b.auth_url, "--db", "todos")
        assert status == 1 and error == f"couchgrass link: {b.url}: the connection was closed\n"

    with_apaches(work)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("link", "http://a", "http://b"), "say which databases"),
        (("link", "http://a", "http://b", "--all", "--db", "x"), "say which databases"),
        (("link", "http://a", "http://A/", "--all"), "http://a is named twice"),
        (("link", "http://u:sec/ret@a", "http://b", "--all"), "http://***@a"),
        (("link", "a", "http://b", "--all"), "must look like https://host:port"),
        (
            ("link", "http://a", "http://b", "--db", "x", "--db", "_users"),
            "'_users' is one of the server's own",
        ),
        (("link", "http://a", "http://b", "--all", "--selector", "{"), "the selector is no JSON: {"),
        (("link", "http://a", "http://b", "--all", "--selector", "[]"), "a selector is a JSON object"),
        (("unlink", "http://a", "http://b"), "say which databases"),
        (("links", "ftp://a"), "is no server's URL"),
        (("link", "http://a"), "URL_B"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anyone_is_asked(
    arguments: tuple[str, ...], complaint: str
) -> None:
    status, out, error = called(*arguments)
    assert status == 2 and out == ""
    assert complaint in error and "sec/ret" not in error and "Traceback" not in error


@pytest.mark.parametrize("command", ["link", "links", "unlink"])
def test_the_help_teaches_with_examples(command: str) -> None:
    status, out, _ = called(command, "--help")
    assert status == 0 and out.count(f"couchgrass {command} ") >= 2
    assert "COUCHGRASS_A_PASSWORD" in out
