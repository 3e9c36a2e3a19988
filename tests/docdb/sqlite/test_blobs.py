"""Bytes of attachments that no document names: stored in chunks, deleted in steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from couchgrass.docdb.sqlite.blobs import CHUNKS_AT_ONCE, add_chunks, delete_some, new_blob
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.reads import blob_chunks
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES
from couchgrass.docdb.sqlite.store import Store
from tests.docdb.sqlite.conftest import with_store


async def stored(db: Database, data: bytes, at_once: int) -> int:
    """Stores `data` in operations of `at_once` chunks; the blob's number."""
    blob = await db.submit(new_blob)
    step = at_once * CHUNK_BYTES
    for start in range(0, len(data), step):
        await db.submit(add_chunks(blob, start // CHUNK_BYTES, data[start : start + step]))
    return blob


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_what_is_stored_in_several_operations_is_one_blob(folder: Path, at_once: int) -> None:
    data = os.urandom(4 * CHUNK_BYTES + 3)

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        blob = await stored(db, data, at_once)
        pieces = list(blob_chunks(db.reader, blob))
        assert b"".join(pieces) == data
        assert [len(piece) for piece in pieces] == [CHUNK_BYTES] * 4 + [3]

    with_store(folder, work)


def test_a_number_is_never_given_twice_even_after_a_restart(folder: Path) -> None:
    numbers: list[int] = []

    async def take(store: Store) -> None:
        db = store.get("db") if "db" in store else await store.create("db", {})
        numbers.extend([await db.submit(new_blob), await db.submit(new_blob)])

    with_store(folder, take)
    with_store(folder, take)
    assert len(set(numbers)) == 4
    assert min(numbers) > 0


def test_deleting_takes_bounded_steps_and_leaves_the_neighbours(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        before = await stored(db, b"before", 1)
        blob = await stored(db, bytes(CHUNK_BYTES * (2 * CHUNKS_AT_ONCE + 1)), CHUNKS_AT_ONCE)
        after = await stored(db, b"after", 1)
        steps = 1
        while await db.submit(delete_some(blob)):
            steps += 1
        assert steps == 3
        assert list(blob_chunks(db.reader, blob)) == []
        assert list(blob_chunks(db.reader, before)) == [b"before"]
        assert list(blob_chunks(db.reader, after)) == [b"after"]
        assert await db.submit(delete_some(blob)) is False

    with_store(folder, work)
