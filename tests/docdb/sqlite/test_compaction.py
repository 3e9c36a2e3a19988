"""Compaction: garbage goes, everything else stays, whatever is written, read or broken off meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Inline, Stub, make_ready
from couchgrass.docdb.document import parse_document
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.sqlite import compaction
from couchgrass.docdb.sqlite.blobs import add_chunks, new_blob
from couchgrass.docdb.sqlite.compaction import compact, is_worthwhile, sizes
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, purge_many, write_one
from couchgrass.docdb.sqlite.reads import blob_chunks, row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import find_leaf
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.testing.faults import Disk, failing, unsynced
from tests.docdb.sqlite.conftest import with_store

MIB = 1024 * 1024


def go_on(phase: str, done: int, total: int) -> bool:
    return True


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def attached(data: bytes) -> dict[str, Any]:
    return {"x": make_ready(Inline("application/octet-stream", 0, data))}


def put(db: Database, doc: dict[str, Any], *, new_edits: bool = True, **members: Any) -> asyncio.Future[Rev]:
    write = Write(parse_document(dict(doc)), **members)
    return db.submit(write_one(write, new_edits=new_edits, revs_limit=1000))


def with_database(folder: Path, work: Callable[[Database], Awaitable[None]]) -> None:
    async def run(store: Store) -> None:
        await work(await store.create("db", {}))

    with_store(folder, run)


def blobs(db: Database) -> set[int]:
    return {chunk >> 24 for (chunk,) in db.reader.execute("SELECT chunk FROM chunks")}


def named(db: Database) -> dict[int, int]:
    """Each blob that some revision names, and its length."""
    found: dict[int, int] = {}
    for (stored,) in db.reader.execute("SELECT atts FROM docs UNION ALL SELECT atts FROM leaves"):
        found.update((one.blob, one.encoded_length) for one in att.decode(stored or b"").values())
    return found


def check_whole(db: Database) -> None:
    """Every attachment that a revision names has all its bytes, and SQLite finds nothing wrong."""
    for blob, length in named(db).items():
        assert sum(map(len, blob_chunks(db.reader, blob))) == length
    assert db.reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_replaced_revisions_lose_their_content_and_others_keep_it(folder: Path) -> None:
    async def work(db: Database) -> None:
        first = await put(db, {"_id": "a", "v": 1})
        second = await put(db, {"_id": "a", "_rev": str(first), "v": 2})
        fork = {"_id": "a", "_revisions": {"start": 1, "ids": ["0" * 32]}, "v": 3}
        await put(db, fork, new_edits=False)
        assert find_leaf(db.reader, "a", str(first)) is not None
        await compact(db, go_on)
        assert find_leaf(db.reader, "a", str(first)) is None
        row = row_of(db.reader, "a")
        assert row is not None and (row.rev, row.body) == (str(second), b'{"v":2}')
        conflict = find_leaf(db.reader, "a", "1-" + "0" * 32)
        assert conflict is not None and conflict.body == b'{"v":3}'

    with_database(folder, work)


def test_attachments_that_no_revision_names_go_and_the_file_gets_shorter(folder: Path) -> None:
    async def work(db: Database) -> None:
        kept = await put(db, {"_id": "kept"}, attachments=attached(noise(300_000)))
        rev = await put(db, {"_id": "a"}, attachments=attached(noise(8 * MIB)))
        await put(db, {"_id": "a", "_rev": str(rev), "_deleted": True})
        await put(db, {"_id": "kept", "_rev": str(kept)}, attachments={"x": Stub(None, b"")})
        before = sizes(db.reader, db.path)
        await compact(db, go_on)
        after = sizes(db.reader, db.path)
        assert blobs(db) == set(named(db)) == {1}
        assert before.active > 8 * MIB and after.active < MIB
        assert after.file < MIB
        assert db.path.stat().st_size == after.active
        check_whole(db)

    with_database(folder, work)


@pytest.mark.parametrize("guard", ["uploading", "reading"])
def test_bytes_on_their_way_in_or_out_are_left_alone(folder: Path, guard: str) -> None:
    async def work(db: Database) -> None:
        held, garbage = await db.submit(new_blob), await db.submit(new_blob)
        for blob in (held, garbage):
            await db.submit(add_chunks(blob, 0, noise(600_000)))
        if guard == "uploading":
            db.uploading.add(held)
        else:
            db.reading[held] = 1
        await compact(db, go_on)
        assert blobs(db) == {held}
        db.uploading.clear()
        db.reading.clear()
        await compact(db, go_on)
        assert blobs(db) == set()

    with_database(folder, work)


def test_a_database_deleted_meanwhile_ends_it(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        rev = await put(db, {"_id": "a"}, attachments=attached(noise(MIB)))
        await put(db, {"_id": "a", "_rev": str(rev), "_deleted": True})
        removing: list[asyncio.Task[None]] = []

        def report(phase: str, done: int, total: int) -> bool:
            if not removing:
                removing.append(asyncio.ensure_future(store.remove("db")))
            return True

        with pytest.raises(NotFound):
            await compact(db, report)
        await removing[0]
        assert "db" not in store

    with_store(folder, run)


def test_it_can_be_stopped_at_every_report_and_goes_on_the_next_time(folder: Path) -> None:
    async def run(store: Store) -> None:
        for reports in range(100):
            db = await store.create(f"db{reports}", {})
            await fill(db)
            left = reports

            def report(phase: str, done: int, total: int) -> bool:
                nonlocal left
                left -= 1
                return left >= 0

            await compact(db, report)
            check_whole(db)
            await compact(db, go_on)
            check_whole(db)
            assert blobs(db) == set(named(db))
            if left >= 0:
                assert reports > 5
                return
        raise AssertionError("it never came to its end")

    with_store(folder, run)


async def fill(db: Database, size: int = 200_000) -> None:
    """Some of everything: live, deleted, replaced and conflicting revisions with attachments."""
    for number in range(6):
        doc = {"_id": f"d{number}", "body": "x" * 300}
        rev = await put(db, doc, attachments=attached(noise(size, number)))
        if number % 2:
            await put(db, {**doc, "_rev": str(rev), "_deleted": number == 3})
    fork = {"_id": "d0", "_revisions": {"start": 1, "ids": ["0" * 32]}}
    await put(db, fork, new_edits=False, attachments=attached(noise(size)))


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["new", "keep", "drop", "fork", "delete", "purge"]), st.integers(0, 3)),
    max_size=60,
)


@given(before=ACTIONS, meanwhile=ACTIONS, rows=st.sampled_from([1, 2, 7]))
@settings(max_examples=60)
def test_whatever_is_written_meanwhile_no_named_attachment_is_lost(
    before: list[tuple[str, int]], meanwhile: list[tuple[str, int]], rows: int
) -> None:
    async def work(db: Database) -> None:
        for action in before:
            await settled([act(db, *action)])
        waiting = iter(meanwhile)
        under_way: list[asyncio.Future[Any]] = []

        def report(phase: str, done: int, total: int) -> bool:
            action = next(waiting, None)
            if action is not None:
                under_way.append(act(db, *action))
            return True

        await compact(db, report)
        await settled(under_way)
        check_whole(db)
        await compact(db, go_on)
        check_whole(db)
        assert blobs(db) == set(named(db))
        assert db.reader.execute("SELECT count(*) FROM leaves WHERE replaced=1").fetchone() == (0,)
        assert db.reader.pragma("freelist_count") == 0

    with small_steps(rows), unsynced(), TemporaryDirectory() as folder:
        with_database(Path(folder) / "data", work)


class small_steps:
    """Compaction that looks at few rows and deletes few bytes at a time, so that more can come in between."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.patch = pytest.MonkeyPatch()

    def __enter__(self) -> None:
        for name in ("LOOK_ROWS", "STEP_ROWS", "STEP_PAGES"):
            self.patch.setattr(compaction, name, self.rows)
        self.patch.setattr(compaction, "STEP_BYTES", 1000 * self.rows)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()


COUNTER = iter(range(1, 1_000_000_000))


def act(db: Database, kind: str, number: int) -> asyncio.Future[Any]:
    """One edit of document `number`; its attachment takes one or two chunks."""
    doc_id = f"d{number}"
    row = row_of(db.reader, doc_id)
    doc: dict[str, Any] = {"_id": doc_id, "n": next(COUNTER)}
    if row is not None and not row.deleted:
        doc["_rev"] = row.rev
    data = noise(2000 if number else 300_000, doc["n"])
    match kind:
        case "new":
            return put(db, doc, attachments=attached(data))
        case "keep":
            return put(db, doc, attachments={"x": Stub(None, b"")})
        case "drop":
            return put(db, doc)
        case "fork":
            fork = {"_id": doc_id, "_revisions": {"start": 1, "ids": [f"{doc['n']:032x}"]}}
            return put(db, fork, new_edits=False, attachments=attached(data))
        case "delete":
            return put(db, {**doc, "_deleted": True})
        case _:
            rev = row.rev if row is not None else "1-" + "0" * 32
            pos, _, rev_id = rev.partition("-")
            return db.submit(purge_many({doc_id: [Rev(int(pos), rev_id)]}, 1000))


async def settled(futures: list[asyncio.Future[Any]]) -> None:
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, CouchgrassError)


def test_whatever_call_to_the_disk_fails_nothing_named_is_lost(folder: Path) -> None:
    with unsynced():
        for number in range(1, 400):
            if not fails_at(folder / str(number), number):
                assert number > 10
                return
    raise AssertionError("the walk does not end")


def fails_at(folder: Path, number: int) -> bool:
    """Compacts a database while the disk refuses call `number`; whether it came to that."""

    async def prepare(store: Store) -> None:
        await fill(await store.create("db", {}), 2000)

    async def check(store: Store) -> None:
        db = store.get("db")
        check_whole(db)
        assert len(named(db)) >= 4
        await compact(db, go_on)
        check_whole(db)
        assert blobs(db) == set(named(db))

    with_store(folder, prepare)
    with failing(Disk()) as disk:

        async def fail(store: Store) -> None:
            disk.fail_at = disk.calls + number
            try:
                await compact(store.get("db"), go_on)
            except (CouchgrassError, apsw.Error):
                pass

        with_store(folder, fail)
    with_store(folder, check)
    return disk.failed > 0


def test_it_is_worthwhile_once_much_has_become_garbage(folder: Path) -> None:
    async def work(db: Database) -> None:
        assert not is_worthwhile(db.reader)
        rev = await put(db, {"_id": "a"}, attachments=attached(noise(17 * MIB)))
        assert is_worthwhile(db.reader)
        await compact(db, go_on)
        assert not is_worthwhile(db.reader)
        rev = await put(db, {"_id": "a", "_rev": str(rev)}, attachments=attached(noise(17 * MIB, 1)))
        assert not is_worthwhile(db.reader)
        rev = await put(db, {"_id": "a", "_rev": str(rev)}, attachments=attached(noise(17 * MIB, 2)))
        assert is_worthwhile(db.reader)
        await compact(db, go_on)
        assert not is_worthwhile(db.reader)
        assert sizes(db.reader, db.path).file < 18 * MIB

    with_database(folder, work)
