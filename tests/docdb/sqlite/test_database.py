"""An open database: its settings, who holds it open, and what its end means for those who use it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import apsw
import pytest

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.sqlite.database import READERS_KEPT, About, Database
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.store import SCAN_THREADS, Store
from couchgrass.errors import NotFound
from tests.docdb.sqlite.conftest import with_store


def write(doc_id: str) -> Any:
    return write_one(Write(parse_document({"_id": doc_id})), new_edits=True, revs_limit=10)


def test_settings_last(folder: Path) -> None:
    settings = {"security": {"admins": {"names": ["ä"]}}, "revs_limit": 7, "purged_infos_limit": 8}

    async def work(store: Store) -> About:
        db = await store.create("db", {"members": {}})
        assert (db.about.security, db.about.revs_limit) == ({"members": {}}, 1000)
        for key, value in settings.items():
            await db.change_setting(key, value)
        return db.about

    about = with_store(folder, work)
    assert {key: getattr(about, key) for key in settings} == settings

    async def look(store: Store) -> About:
        return store.get("db").about

    assert with_store(folder, look) == about


def test_a_commit_rings_once_and_only_when_the_sequence_moved(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        seen: list[int] = []
        db.on_change = lambda changed: seen.append(changed.totals.seq)
        await db.submit(write("a"))
        await db.change_setting("revs_limit", 5)
        await db.submit(write("b"))
        assert seen == [1, 2]
        assert db.seq(2) == f"2-{db.about.uuid}"

    with_store(folder, work)


def test_scans_run_beside_each_other_and_keep_few_connections(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(write("a"))
        seen: list[int] = []

        def count(connection: apsw.Connection) -> int:
            seen.append(id(connection))
            return int(connection.execute("SELECT count(*) FROM docs").get)

        assert await asyncio.gather(*(db.scan(count) for _ in range(50))) == [1] * 50
        assert READERS_KEPT <= SCAN_THREADS
        assert len(seen) == 50
        before = len(list(Path("/proc/self/fd").iterdir()))
        await asyncio.gather(*(db.scan(count) for _ in range(50)))
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + SCAN_THREADS

    with_store(folder, work)


def test_a_scan_that_fails_gives_its_connection_back(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        for _ in range(10):
            with pytest.raises(apsw.SQLError):
                await db.scan(lambda connection: connection.execute("SELECT nothing"))
        assert await db.scan(lambda connection: connection.execute("SELECT 1").get) == 1

    with_store(folder, work)


def test_a_database_is_busy_while_it_is_used_watched_written_or_compacted(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        assert not db.busy()
        db.users += 1
        assert db.busy()
        db.users -= 1
        number = db.changed.hang(lambda: None)
        assert db.busy()
        db.changed.take_off(number)
        db.compacting = True
        assert db.busy()
        db.compacting = False
        writing = db.submit(write("a"))
        assert db.busy()
        await writing

    with_store(folder, work)


def test_a_closed_database_is_not_found_and_its_log_is_in_its_file(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(write("a"))
        rang = asyncio.Event()
        db.changed.hang(rang.set)
        await db.close()
        assert rang.is_set()
        with pytest.raises(NotFound):
            _ = db.reader
        with pytest.raises(NotFound):
            db.submit(write("b"))
        with pytest.raises(NotFound):
            await db.scan(lambda connection: None)
        assert db.path.with_name("data.sqlite-wal").stat().st_size == 0

    with_store(folder, work)


def test_a_file_that_lacks_its_settings_is_refused_and_not_left_open(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        path: Path = db.path
        await db.submit(lambda transaction: transaction.connection.execute("DELETE FROM meta"))
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            with pytest.raises(Exception, match="can't be read"):
                Database("db", path, store._pool, store._threads)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1

    with_store(folder, work)


def test_a_scan_that_finds_its_database_closed_by_the_time_it_can_read_reads_nothing(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})

        def closes_it(connection: apsw.Connection) -> None:
            apsw.connection_hooks.remove(closes_it)
            db.shut()

        apsw.connection_hooks.append(closes_it)
        with pytest.raises(NotFound):
            await db.scan(lambda connection: connection.pragma("page_count"))
        await store.remove("db")

    with_store(folder, work)


def test_what_rests_is_opened_again_when_it_is_needed(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(write("a"))
        await db.scan(lambda connection: None)
        db.rest(3600.0)
        assert db._journal.connection is not None and db._readers
        while db._journal.connection is not None:
            db.rest(0.0)
            await asyncio.sleep(0)
        assert not db._readers
        await db.submit(write("b"))
        assert await db.scan(lambda connection: connection.execute("SELECT count(*) FROM docs").get) == 2
        assert (db.totals.docs, db.totals.seq) == (2, 2)

    with_store(folder, work)
