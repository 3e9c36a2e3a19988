"""Compaction as clients start it and see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.http import compact
from couchgrass.docdb.http.compact import AutoCompaction, start_compaction
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.store import Store
from couchgrass.testing.server import ServerProcess


@pytest.fixture
def url(couch_server: ServerProcess, db_name: str) -> str:
    made = f"{couch_server.auth_url}/{db_name}"
    requests.put(made).raise_for_status()
    return made


def compacted(url: str) -> None:
    answer = requests.post(f"{url}/_compact", json={})
    assert (answer.status_code, answer.json()) == (202, {"ok": True})
    while requests.get(url).json()["compact_running"]:
        pass


def test_compaction_forgets_replaced_revisions_and_gives_space_back(url: str) -> None:
    first = requests.put(f"{url}/a/x", data=b"x" * 2_000_000, headers={"content-type": "image/png"}).json()[
        "rev"
    ]
    second = requests.delete(f"{url}/a/x?rev={first}").json()["rev"]
    assert requests.get(f"{url}/a?rev={first}").status_code == 200
    before = requests.get(url).json()["sizes"]
    compacted(url)
    after = requests.get(url).json()["sizes"]
    assert before["active"] > 2_000_000 > 200_000 > after["active"]
    # The log is only emptied at a moment when nobody reads, which a crowded machine may not have at once.
    while requests.get(url).json()["sizes"]["file"] >= 200_000:
        compacted(url)
    assert requests.get(f"{url}/a?rev={first}").status_code == 404
    assert requests.get(f"{url}/a").json() == {"_id": "a", "_rev": second}


def test_a_design_documents_views_are_compacted_if_it_is_there(url: str) -> None:
    requests.put(f"{url}/_design/v", json={}).raise_for_status()
    assert requests.post(f"{url}/_compact/v", json={}).status_code == 202
    missing = requests.post(f"{url}/_compact/w", json={})
    assert (missing.status_code, missing.json()) == (404, {"error": "not_found", "reason": "missing"})


def test_only_an_admin_compacts(couch_server: ServerProcess, url: str) -> None:
    anonymous = url.replace(couch_server.auth_url, couch_server.url)
    assert requests.post(f"{anonymous}/_compact", json={}).status_code == 401


def with_server(folder: Path, work: Callable[[Server], Awaitable[None]]) -> None:
    """A server that no one can connect to."""

    async def run() -> None:
        store = Store.open(folder / "data")
        settings_file = SettingsFile(operators=None, own=folder / "settings.ini")
        server = Server(store, settings_file.load(), settings_file)
        try:
            await work(server)
        finally:
            await server.close()

    asyncio.run(run())


def doc(**members: Any) -> Any:
    return write_one(Write(parse_document(members)), new_edits=True, revs_limit=1000)


def test_one_database_has_one_compaction_which_is_an_active_task(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        db = await server.store.create("db", {})
        assert start_compaction(server, db)
        assert db.compacting and not start_compaction(server, db)
        kinds: set[tuple[str, str]] = set()
        first: dict[str, Any] = {}
        while db.compacting:
            for task in server.tasks.values():
                kinds.add((task["type"], task["database"]))
                first = first or dict(task)
            await asyncio.sleep(0)
        assert server.tasks == {}
        assert kinds == {("database_compaction", "db")}
        assert {
            "progress",
            "total_changes",
            "changes_done",
            "started_on",
            "updated_on",
            "pid",
            "phase",
        } <= set(first)
        assert start_compaction(server, db)

    with_server(tmp_path, work)


def test_a_stopping_server_starts_none_and_ends_those_that_run(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        db = await server.store.create("db", {})
        for number in range(3):
            await db.submit(doc(_id=f"a{number}"))
        assert start_compaction(server, db)
        server.stop()
        other = await server.store.create("other", {})
        assert not start_compaction(server, other)

    with_server(tmp_path, work)


def test_a_database_deleted_meanwhile_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work(server: Server) -> None:
        db = await server.store.create("db", {})
        start_compaction(server, db)
        await server.store.remove("db")
        while server.tasks:
            await asyncio.sleep(0)

    with_server(tmp_path, work)
    assert not caplog.records


def test_a_database_full_of_garbage_is_compacted_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "LOOK_S", 0.0)

    async def work(server: Server) -> None:
        db = await server.store.create("db", {})
        automatic = AutoCompaction(server)
        db.on_change = automatic.changed
        members: dict[str, Any] = {}
        while not db.compacting:
            rev = await db.submit(doc(_id="a", text="x" * 1_000_000, **members))
            members = {"_rev": str(rev)}
        while db.compacting:
            await asyncio.sleep(0)
        # The last edit may have come after the start, and its parent waits for the next time.
        assert db.reader.execute("SELECT count(*)<=1 FROM leaves").fetchone() == (1,)
        assert db.path.stat().st_size < 4_000_000

    with_server(tmp_path, work)


def test_a_closed_database_is_not_looked_at(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        db = await server.store.create("db", {})
        automatic = AutoCompaction(server)
        automatic.changed(db)
        await server.store.remove("db")
        automatic.look(db)
        assert not db.compacting

    with_server(tmp_path, work)
