"""Walks over the failure points: whatever fails, what was acknowledged is there and the file is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from couchgrass.docdb.attachment import Inline, decode, make_ready
from couchgrass.docdb.document import parse_document
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, purge_many, write_many, write_one
from couchgrass.docdb.sqlite.reads import blob_chunks, row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import find_leaf
from couchgrass.docdb.update import tree_of
from couchgrass.errors import CouchgrassError, StorageFull
from couchgrass.testing.faults import Disk, failing, unsynced
from tests.docdb.sqlite.conftest import with_store

Acknowledged = dict[tuple[str, str], bytes]
"""(id, rev) of each acknowledged leaf, and its body."""

ROUNDS_MAX = 2000


async def script(db: Database, seen: Acknowledged) -> None:
    """A bit of everything that writes. A step that fails ends nothing: the next ones are tried too."""

    async def step(operation: Any, *keys: tuple[str, str, bytes]) -> Any:
        try:
            outcome = await db.submit(operation)
        except (CouchgrassError, apsw.Error):
            return None
        for doc_id, rev, body in keys:
            seen[doc_id, rev or str(outcome)] = body
        return outcome

    def one(doc: dict[str, Any], *, new_edits: bool = True, **members: Any) -> Any:
        return write_one(Write(parse_document(doc), **members), new_edits=new_edits, revs_limit=1000)

    first = await step(one({"_id": "a", "v": 1}), ("a", "", b'{"v":1}'))
    if first is not None and await step(one({"_id": "a", "_rev": str(first), "v": 2}), ("a", "", b'{"v":2}')):
        del seen["a", str(first)]
    fork = {"_id": "a", "_revisions": {"start": 1, "ids": ["f" * 32]}, "v": 3}
    await step(one(fork, new_edits=False), ("a", "1-" + "f" * 32, b'{"v":3}'))
    batch = [Write(parse_document({"_id": f"b{number}", "v": number})) for number in range(8)]
    outcomes = await step(write_many(batch, new_edits=True, revs_limit=1000))
    for number, outcome in enumerate(outcomes or []):
        assert isinstance(outcome, Rev)
        seen[f"b{number}", str(outcome)] = b'{"v":%d}' % number
    ready = make_ready(Inline("image/png", 0, bytes(range(256)) * 40))
    await step(one({"_id": "c"}, attachments={"x": ready}), ("c", "", b"{}"))
    gone = await step(one({"_id": "p"}))
    if gone is not None:
        await step(purge_many({"p": [gone]}, 10))
    await step(one({"_id": "last"}), ("last", "", b"{}"))


async def check(store: Store, seen: Acknowledged) -> None:
    """The file is whole by SQLite's word and ours, and each acknowledged revision is there with its body."""
    db = store.get("db")
    assert db.reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for (doc_id, rev), body in seen.items():
        row = row_of(db.reader, doc_id)
        assert row is not None, f"acknowledged {doc_id} is gone"
        # An edit that was answered with an error may have reached the disk all the same, on top of this one.
        assert parse_rev(rev) in tree_of(row)
        kept = row if row.rev == rev else find_leaf(db.reader, doc_id, rev)
        assert kept is not None and kept.body == body
    if any(doc_id == "c" for doc_id, _ in seen):
        assert b"".join(blob_chunks(db.reader, 1)) == bytes(range(256)) * 40
    rows: list[Any] = db.reader.execute("SELECT deleted,length(body),atts FROM docs").fetchall()
    deleted = sum(row[0] for row in rows)
    size = sum(row[1] + sum(one.length for one in decode(row[2] or b"").values()) for row in rows)
    assert (db.totals.docs, db.totals.deleted, db.totals.bytes) == (len(rows) - deleted, deleted, size)
    after = await db.submit(write_one(Write(parse_document({"_id": "after"})), new_edits=True, revs_limit=10))
    assert after.pos == 1


def walk(folder: Path, make_disk: Callable[[int], Disk]) -> int:
    """Runs the script with each failure point in turn; how many points there were."""
    for number in range(1, ROUNDS_MAX):
        place = folder / str(number)
        seen: Acknowledged = {}

        async def create(store: Store) -> None:
            await store.create("db", {})

        with_store(place, create)

        async def work(store: Store) -> None:
            await script(store.get("db"), seen)  # noqa: B023

        with failing(make_disk(number)) as disk:
            with_store(place, work)
        with_store(place, lambda store: check(store, seen))  # noqa: B023
        if not disk.failed:
            assert seen
            return number - 1
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_one_refused_disk_call_loses_nothing_that_was_acknowledged(
    folder: Path, error: type[Exception]
) -> None:
    with unsynced():
        assert walk(folder, lambda number: Disk(number, error=error)) > 20


def test_a_disk_that_stays_broken_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    with unsynced():
        assert walk(folder, lambda number: Disk(number, failures=10**9)) > 20


def test_a_full_disk_refuses_writes_serves_reads_and_recovers(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})

        def write(doc_id: str) -> Any:
            return db.submit(write_one(Write(parse_document({"_id": doc_id})), new_edits=True, revs_limit=10))

        await write("before")
        disk.fail_at, disk.failures = disk.calls + 1, 10**9
        with pytest.raises(StorageFull):
            await write("during")
        assert row_of(db.reader, "before") is not None
        assert row_of(db.reader, "during") is None
        disk.fail_at = None
        await write("after")
        assert row_of(db.reader, "after") is not None
        assert db.totals.docs == 2

    with failing(Disk(error=apsw.FullError)) as disk:
        with_store(folder, work)
