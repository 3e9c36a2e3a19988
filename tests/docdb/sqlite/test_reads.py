"""Lists come in pieces that go on where the last one ended, in either direction, and miss nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.reads import CHUNK_BYTES_MAX, Chunk, Range
from couchgrass.docdb.sqlite.store import Store
from tests.docdb.sqlite.conftest import with_store

BIG = "x" * (CHUNK_BYTES_MAX // 4)
IDS = ["", "a", "b", "ab", "é", "Z", "\U0001f600", "\uffff"]


def write(doc: dict[str, Any]) -> Any:
    return write_one(Write(parse_document(doc)), new_edits=True, revs_limit=10)


async def filled(store: Store, count: int) -> Database:
    """Documents d00, d01, … of which about four fill a piece."""
    db = await store.create("db", {})
    for number in range(count):
        await db.submit(write({"_id": f"d{number:02}", "text": BIG}))
    return db


def ids_in(chunk: Chunk) -> list[str]:
    return [json.loads(row)["id"] for row in chunk.rows]


def walked(first: Chunk, more: Callable[[Any], Chunk]) -> list[list[str]]:
    """The ids of each piece up to the end."""
    pieces, chunk = [], first
    while chunk.last is not None:
        pieces.append(ids_in(chunk))
        chunk = more(chunk.last)
    return pieces


@pytest.mark.parametrize("descending", [False, True])
def test_pieces_of_all_docs_are_bounded_and_make_the_whole(folder: Path, descending: bool) -> None:
    async def work(store: Store) -> None:
        db = await filled(store, 10)
        whole = Range(descending=descending)

        def piece(ids: Range) -> Chunk:
            return reads.all_docs(db.reader, ids, limit=100, include_docs=True)

        pieces = walked(piece(whole), lambda last: piece(whole.after(last)))
        assert [len(some) for some in pieces] == [4, 4, 2]
        expected = [f"d{number:02}" for number in range(10)]
        assert [*chain(*pieces)] == (expected[::-1] if descending else expected)

    with_store(folder, work)


@pytest.mark.parametrize("descending", [False, True])
def test_pieces_of_changes_are_bounded_and_make_the_whole(folder: Path, descending: bool) -> None:
    async def work(store: Store) -> None:
        db = await filled(store, 10)

        def piece(low: int, high: int) -> Chunk:
            return reads.changes(
                db.reader, low, high, suffix="-u", limit=100, descending=descending, include_docs=True
            )

        pieces = walked(piece(0, 10), lambda last: piece(0, last - 1) if descending else piece(last, 10))
        assert [len(some) for some in pieces] == [4, 4, 2]
        expected = [f"d{number:02}" for number in range(10)]
        assert [*chain(*pieces)] == (expected[::-1] if descending else expected)
        assert json.loads(piece(4, 5).rows[0])["seq"] == "5-u"

    with_store(folder, work)


def test_a_reader_is_free_for_the_next_query_after_a_piece(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await filled(store, 6)
        assert len(reads.change_rows(db.reader, 0, 6, limit=100)) == 4
        assert len(reads.id_rows(db.reader, Range(), limit=100)) == 4
        assert not db.reader.in_transaction
        await db.submit(write({"_id": "later"}))
        assert reads.row_of(db.reader, "later") is not None

    with_store(folder, work)


@given(
    low=st.none() | st.sampled_from(IDS),
    high=st.none() | st.sampled_from(IDS),
    low_open=st.booleans(),
    high_open=st.booleans(),
    descending=st.booleans(),
)
def test_a_range_is_by_the_bytes_of_the_ids(
    low: str | None, high: str | None, low_open: bool, high_open: bool, descending: bool
) -> None:
    ids = Range(low, high, low_open, high_open, descending)
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE docs(id TEXT, deleted INTEGER)")
    connection.executemany("INSERT INTO docs VALUES(?,0)", [(one,) for one in IDS])
    where, values = ids.where()
    found = {one for (one,) in connection.execute(f"SELECT id FROM docs WHERE {where}", values)}
    connection.close()

    def inside(one: str) -> bool:
        key = one.encode()
        above = low is None or (key > low.encode() if low_open else key >= low.encode())
        return above and (high is None or (key < high.encode() if high_open else key <= high.encode()))

    assert found == {one for one in IDS if inside(one)}


def test_rows_are_found_by_id_and_by_sequence_and_by_range(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        for doc_id in ("a", "b", "c", "a"):
            row = reads.row_of(db.reader, doc_id)
            await db.submit(write({"_id": doc_id, **({"_rev": row.rev} if row else {})}))
        many = ["a", "missing", "c", *(f"m{number}" for number in range(reads.KEYS_AT_ONCE))]
        assert reads.rows_of(db.reader, many).keys() == {"a", "c"}
        assert reads.row_of(db.reader, "missing") is None
        assert reads.seqs_of_ids(db.reader, many, 0, 4) == [3, 4]
        assert reads.seqs_of_ids(db.reader, many, 3, 4) == [4]
        assert reads.seqs_of_range(db.reader, Range("a", "b"), 0, 4) == [2, 4]
        assert reads.seqs_and_ids(db.reader, 0, 4) == [(2, "b"), (3, "c"), (4, "a")]
        assert [row.id for row in reads.change_rows_at(db.reader, [4, 1, 2])] == ["a", "b"]
        assert ids_in(reads.changes_at(db.reader, [4, 1, 2], suffix="")) == ["a", "b"]

    with_store(folder, work)
