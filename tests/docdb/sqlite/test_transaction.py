"""What operations do inside a transaction: totals that fit the rows, local documents, purges, bytes."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.reads import blob_chunks
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import Transaction, totals_of
from tests.docdb.sqlite.conftest import with_store


def write(doc: dict[str, Any]) -> Any:
    return write_one(Write(parse_document(doc)), new_edits=True, revs_limit=10)


def test_totals_fit_the_rows_after_every_kind_of_edit(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})

        def counted() -> tuple[Any, ...]:
            sql = "SELECT max(seq),sum(1-deleted),sum(deleted),sum(length(body)) FROM docs"
            return db.reader.execute(sql).fetchall()[0]

        named: dict[str, str] = {}
        docs: tuple[dict[str, Any], ...] = (
            {"v": "one"},
            {"v": "longer than before"},
            {"_deleted": True},
            {"v": "made anew"},
        )
        for number, doc in enumerate(docs):
            rev = await db.submit(write({"_id": "a", **named, **doc}))
            named = {} if "_deleted" in doc else {"_rev": str(rev)}
            await db.submit(write({"_id": f"other{number}", "v": number}))
            totals = db.totals
            assert counted() == (totals.seq, totals.docs, totals.deleted, totals.bytes)
        assert totals_of(db.reader) == db.totals
        assert (db.totals.seq, db.totals.docs, db.totals.deleted) == (8, 5, 0)

    with_store(folder, work)


def test_the_last_change_of_a_design_document_is_noted(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(write({"_id": "a"}))
        rev = await db.submit(write({"_id": "_design/d"}))
        assert db.totals.design == 2
        await db.submit(write({"_id": "b"}))
        assert db.totals.design == 2
        await db.submit(write({"_id": "_design/d", "_rev": str(rev)}))
        assert db.totals.design == 4

    with_store(folder, work)


def test_local_documents_move_no_sequence(folder: Path) -> None:
    def put(transaction: Transaction) -> None:
        transaction.put_local("_local/a", 3, b'{"v":1}')

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(put)
        stored = "SELECT rev,body FROM local WHERE id='_local/a'"
        assert db.reader.execute(stored).fetchall() == [(3, b'{"v":1}')]
        await db.submit(lambda transaction: transaction.delete_local("_local/a"))
        assert db.reader.execute(stored).fetchall() == []
        assert (db.totals.seq, db.totals.docs) == (0, 0)

    with_store(folder, work)


def purge(number: int, transaction: Transaction) -> None:
    transaction.note_purge(f"d{number}", [f"1-{number}"], 2)


def test_the_purge_history_keeps_its_newest(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        for number in range(6):
            await db.submit(partial(purge, number))
        kept = db.reader.execute("SELECT seq,id,revs FROM purges ORDER BY seq").fetchall()
        assert kept == [(5, "d4", '["1-4"]'), (6, "d5", '["1-5"]')]
        assert db.totals.purge_seq == 6

    with_store(folder, work)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_bytes_come_back_as_they_were_stored(folder: Path, size: int) -> None:
    content = os.urandom(size)

    def store_twice(transaction: Transaction) -> tuple[int, int]:
        first, second = transaction.new_blob(), transaction.new_blob()
        transaction.store_blob(first, content)
        transaction.store_blob(second, b"other")
        return first, second

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        first, second = await db.submit(store_twice)
        assert second == first + 1
        assert b"".join(blob_chunks(db.reader, first)) == content
        assert b"".join(blob_chunks(db.reader, second)) == b"other"
        assert all(len(piece) <= CHUNK_BYTES for piece in blob_chunks(db.reader, first))

    with_store(folder, work)
