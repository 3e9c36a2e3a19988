"""The data folder: databases come and go whole, rest when many are open, and fail alone."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.reads import row_of
from couchgrass.docdb.sqlite.schema import Damaged
from couchgrass.docdb.sqlite.store import FolderRefused, Store
from couchgrass.errors import CouchgrassError, FileExists, NotFound, StorageFull
from couchgrass.testing.faults import Disk, failing
from tests.docdb.sqlite.conftest import quiet, with_store


def write(doc_id: str) -> Any:
    return write_one(Write(parse_document({"_id": doc_id})), new_edits=True, revs_limit=10)


def test_databases_are_there_again_after_a_restart_in_byte_order(folder: Path) -> None:
    names = ["a", "a+b", "a/b", "a0", "b"]

    async def work(store: Store) -> None:
        for name in reversed(names):
            await store.create(name, {})

    with_store(folder, work)

    async def look(store: Store) -> None:
        assert store.names() == sorted(names, key=str.encode)
        assert all(name in store for name in names)
        assert store.get("a/b").totals.docs == 0

    with_store(folder, look)


def test_a_database_is_made_once_and_removed_once(folder: Path) -> None:
    async def work(store: Store) -> None:
        events: list[tuple[str, str]] = []
        store.on_event = lambda name, kind: events.append((name, kind))
        made = await asyncio.gather(*(store.create("db", {}) for _ in range(4)), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in made) == ["Database"] + ["FileExists"] * 3
        gone = await asyncio.gather(*(store.remove("db") for _ in range(4)), return_exceptions=True)
        assert [type(outcome) for outcome in gone] == [type(None), NotFound, NotFound, NotFound]
        assert events == [("db", "created"), ("db", "deleted")]
        with pytest.raises(NotFound):
            store.get("db")

    with_store(folder, work)


def test_a_database_that_is_made_anew_has_another_life_and_nothing_of_the_old(folder: Path) -> None:
    async def work(store: Store) -> None:
        lives = set()
        for _ in range(5):
            db = await store.create("db", {})
            lives.add(db.about.uuid)
            assert (db.totals.seq, row_of(db.reader, "a")) == (0, None)
            await db.submit(write("a"))
            await store.remove("db")
        assert len(lives) == 5

    with_store(folder, work)
    assert not list((folder / "removed").iterdir()) and not list((folder / "new").iterdir())


def test_a_removal_ends_feeds_and_writes_what_it_had_taken(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        rang = asyncio.Event()
        db.changed.hang(rang.set)
        taken = [db.submit(write(f"d{number}")) for number in range(50)]
        scanning = asyncio.ensure_future(db.scan(lambda connection: connection.pragma("user_version")))
        await store.remove("db")
        assert rang.is_set() and db.closed
        assert {rev.pos for rev in await asyncio.gather(*taken)} == {1}
        assert (await asyncio.gather(scanning, return_exceptions=True))[0].__class__ in (int, NotFound)
        for late in (lambda: db.submit(write("late")), lambda: db.reader):
            with pytest.raises(NotFound):
                late()
        with pytest.raises(NotFound):
            await db.scan(lambda connection: None)

    with_store(folder, work)


def test_a_scan_that_outlives_its_database_leaves_the_next_ones_log_alone(folder: Path) -> None:
    async def work(store: Store) -> None:
        old = await store.create("db", {})
        await old.submit(write("old"))
        reached, go_on = threading.Event(), threading.Event()

        def slow(connection: Any) -> None:
            reached.set()
            assert go_on.wait(60)

        scanning = asyncio.ensure_future(old.scan(slow))
        await asyncio.get_running_loop().run_in_executor(None, reached.wait, 60)
        await store.remove("db")
        new = await store.create("db", {})
        await new.submit(write("new"))
        go_on.set()
        await scanning
        assert new.path.with_name("data.sqlite-wal").stat().st_size > 0
        await new.submit(write("newer"))
        assert new.totals.docs == 2

    with_store(folder, work)


def test_past_the_bound_those_unused_for_longest_are_closed_and_open_again_by_themselves(
    folder: Path,
) -> None:
    async def work(store: Store) -> None:
        store.open_max = 5
        for number in range(20):
            db = await store.create(f"db{number}", {})
            await db.submit(write("a"))
            await quiet(db)
            assert store.open_count() <= 5
        for number in range(20):
            again = store.get(f"db{number}")
            assert (await again.submit(write("b"))).pos == 1
            assert again.totals.docs == 2
            await quiet(again)
            assert store.open_count() <= 5

    with_store(folder, work)


def test_a_database_that_somebody_uses_or_waits_for_stays_open(folder: Path) -> None:
    async def work(store: Store) -> None:
        used, watched = await store.create("used", {}), await store.create("watched", {})
        store.open_max = 1
        used.users += 1
        number = watched.changed.hang(lambda: None)
        for other in range(5):
            await store.create(f"other{other}", {})
        assert not used.closed and not watched.closed
        assert store.get("used") is used and store.get("watched") is watched
        used.users -= 1
        watched.changed.take_off(number)
        last = await store.create("last", {})
        assert used.closed and watched.closed
        assert store.open_count() == 1 and store.get("last") is last

    with_store(folder, work)


def test_of_a_database_that_rests_nobody_can_write_beside_the_one_that_is_opened_next(folder: Path) -> None:
    async def work(store: Store) -> None:
        old = await store.create("a", {})
        await old.submit(write("first"))
        await quiet(old)
        store.open_max = 1
        await store.create("b", {})
        assert old.closed
        with pytest.raises(NotFound):
            old.submit(write("astray"))
        store.open_max = 5
        new = store.get("a")
        assert new is not old
        await asyncio.gather(*(new.submit(write(f"d{number}")) for number in range(20)))
        assert (new.totals.docs, new.totals.seq) == (21, 21)

    with_store(folder, work)


def test_what_a_crash_left_half_made_or_half_removed_is_swept_at_the_start(folder: Path) -> None:
    async def make(store: Store) -> None:
        await store.create("db", {})

    with_store(folder, make)
    for place in ("new", "removed"):
        (folder / place / "left").mkdir()
        (folder / place / "left" / "data.sqlite").write_bytes(b"half")

    async def look(store: Store) -> None:
        assert store.names() == ["db"]
        assert not list((folder / "new").iterdir()) and not list((folder / "removed").iterdir())

    with_store(folder, look)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "missing", "newer"])
def test_a_damaged_database_fails_alone_and_can_be_removed(folder: Path, damage: str) -> None:
    async def make(store: Store) -> None:
        for name in ("bad", "good"):
            await (await store.create(name, {})).submit(write("a"))

    with_store(folder, make)
    path = folder / "databases" / "bad" / "data.sqlite"
    match damage:
        case "garbage":
            path.write_bytes(os.urandom(path.stat().st_size))
        case "truncated":
            os.truncate(path, 4096)
        case "missing":
            path.rename(path.with_name("data.sqlite-wal"))
        case "newer":
            content = bytearray(path.read_bytes())
            content[60:64] = (99).to_bytes(4, "big")
            path.write_bytes(content)

    async def look(store: Store) -> None:
        assert store.names() == ["bad", "good"]
        for _ in range(2):
            with pytest.raises(CouchgrassError) as refused:
                store.get("bad")
            assert refused.value.status == 500
            assert isinstance(refused.value, Damaged) or "has format 99" in refused.value.reason
        assert row_of(store.get("good").reader, "a") is not None
        await store.get("good").submit(write("b"))
        with pytest.raises(FileExists):
            await store.create("bad", {})
        await store.remove("bad")
        await (await store.create("bad", {})).submit(write("c"))
        assert store.get("bad").totals.docs == 1

    with_store(folder, look)


def test_a_creation_that_fails_leaves_nothing_and_can_be_tried_again(folder: Path) -> None:
    async def work(store: Store) -> None:
        disk.fail_at = disk.calls + 3
        with pytest.raises(StorageFull):
            await store.create("db", {})
        assert store.names() == []
        assert not list((folder / "new").iterdir()) and not list((folder / "databases").iterdir())
        disk.fail_at = None
        assert (await store.create("db", {})).totals.seq == 0

    with failing(Disk(error=apsw.FullError, failures=10**9)) as disk:
        with_store(folder, work)


def test_a_removal_that_fails_keeps_the_database(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(write("a"))
        (folder / "removed").rmdir()
        with pytest.raises(CouchgrassError) as refused:
            await store.remove("db")
        assert refused.value.error == "storage_error"
        assert store.names() == ["db"]
        assert store.get("db").totals.docs == 1
        (folder / "removed").mkdir()
        await store.remove("db")
        assert store.names() == []

    with_store(folder, work)


def opened(folder: Path) -> None:
    async def nothing(store: Store) -> None:
        return None

    with_store(folder, nothing)


def refusal(folder: Path) -> str:
    with pytest.raises(FolderRefused) as refused:
        opened(folder)
    return refused.value.reason


def test_a_folder_serves_one_store_at_a_time(folder: Path) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(FolderRefused) as refused:
            Store.open(folder)
        assert refused.value.reason.startswith(f"{folder} is in use by process {os.getpid()}")

    with_store(folder, work)
    opened(folder)


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        (json.dumps({"format": "couchgrass", "layout": 99}), "has layout 99, this couchgrass knows 1"),
        ("{}", "is not readable as ours"),
        ("no json", "is not readable as ours"),
    ],
)
def test_a_folder_of_another_layout_is_refused_and_let_go(folder: Path, marker: str, reason: str) -> None:
    opened(folder)
    ours = (folder / "couchgrass.json").read_bytes()
    (folder / "couchgrass.json").write_text(marker)
    assert reason in refusal(folder)
    (folder / "couchgrass.json").write_bytes(ours)
    opened(folder)


def test_a_place_that_can_not_be_laid_out_is_named_and_let_go(folder: Path) -> None:
    opened(folder)
    (folder / "new").rmdir()
    (folder / "new").write_text("in the way")
    assert refusal(folder) == f"{folder} can't be used: File exists ({folder}/new)"
    (folder / "new").unlink()
    opened(folder)
