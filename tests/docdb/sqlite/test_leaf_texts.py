"""Leaves in bulk are the same texts as one by one, in the order asked, in bounded pieces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.http.doc_read import Options, document, open_revs
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.leaf_texts import LeafName, leaf_texts, path_ids
from couchgrass.docdb.sqlite.store import Store
from tests.docdb.sqlite.conftest import with_store

HASHES = [letter * 32 for letter in "abcd"]
PLENTY = 1 << 20


async def graft(db: Database, doc_id: str, *ids: str, **members: Any) -> LeafName:
    """Stores a replicated leaf with these ids, newest first."""
    doc = {"_id": doc_id, "_revisions": {"start": len(ids), "ids": list(ids)}, **members}
    write = Write(parse_document(doc))
    return LeafName(doc_id, str(await db.submit(write_one(write, new_edits=False, revs_limit=1000))))


def singly(db: Database, leaf: LeafName, *, revs: bool) -> bytes:
    (found,) = open_revs(db.reader, leaf.id, [parse_rev(leaf.rev)], Options(revs=revs))
    assert not isinstance(found, tuple)
    return b'{"id":%b,"docs":[{"ok":%b}]}' % (
        json.dumps(leaf.id, ensure_ascii=False).encode(),
        document(found, Options(revs=revs)),
    )


def test_a_run_of_plain_leaves_is_what_they_are_one_by_one_in_the_order_asked(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        leaves = [
            await graft(db, "z", HASHES[0], n=1),
            await graft(db, "a", *HASHES, text='ümlaut \U0001f600 " \\ \n'),
            await graft(db, 'quote"', HASHES[0], _deleted=True),
            await graft(db, "empty", HASHES[2], HASHES[1]),
            await graft(db, "own-id", 'x"y'),
        ]
        leaves.append(leaves[0])
        for revs in (False, True):
            (run,) = leaf_texts(db.reader, leaves, revs=revs, bytes_max=PLENTY)
            assert run.leaves == len(leaves)
            assert run.text == b",".join(singly(db, leaf, revs=revs) for leaf in leaves)

    with_store(folder, work)


def test_what_is_no_only_leaf_or_not_here_is_left_to_the_caller(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        plain = await graft(db, "plain", HASHES[0])
        old = await graft(db, "changed", HASHES[1])
        new = await graft(db, "changed", HASHES[2], HASHES[1])
        forked = await graft(db, "forked", HASHES[0])
        await graft(db, "forked", HASHES[1])
        absent = LeafName("absent", "1-x")
        asked = [plain, old, forked, absent, new, plain]
        runs = leaf_texts(db.reader, asked, revs=True, bytes_max=PLENTY)
        assert [(run.leaves, run.text is None) for run in runs] == [(1, False), (3, True), (2, False)]

    with_store(folder, work)


def test_a_piece_ends_when_it_is_large_enough(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        leaves = [await graft(db, f"doc{number}", HASHES[0], text="x" * 1000) for number in range(5)]
        assert [run.leaves for run in leaf_texts(db.reader, leaves, revs=True, bytes_max=2500)] == [3]
        assert [run.leaves for run in leaf_texts(db.reader, leaves, revs=True, bytes_max=1)] == [1]
        assert leaf_texts(db.reader, [], revs=True, bytes_max=1) == []

    with_store(folder, work)


def test_ids_of_a_path_follow_as_json() -> None:
    assert path_ids(bytes.fromhex(HASHES[0])) == f',"{HASHES[0]}"'
    assert path_ids(bytes.fromhex(HASHES[0] + HASHES[1])) == f',"{HASHES[0]}","{HASHES[1]}"'
