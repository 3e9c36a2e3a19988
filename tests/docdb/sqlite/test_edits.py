"""Writes against real SQLite: what is stored is what a model of revision trees says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.docdb.attachment import Inline, Stub, as_ready, decode, make_ready
from couchgrass.docdb.document import Edit, parse_document
from couchgrass.docdb.rev import POS_MAX, Rev, parse_rev
from couchgrass.docdb.revtree import Tree, merge, prune, single
from couchgrass.docdb.sqlite.compaction import compact
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, purge_many, write_many, write_one
from couchgrass.docdb.sqlite.reads import blob_chunks, row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import find_leaf
from couchgrass.docdb.update import tree_of
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, MissingStub, NotFound
from couchgrass.testing.faults import unsynced
from tests.docdb.sqlite.conftest import with_store

IDS = ("a", "b")


async def put(db: Database, doc: dict[str, Any], **members: Any) -> Rev:
    write = Write(parse_document(dict(doc)), **members)
    return await db.submit(write_one(write, new_edits=True, revs_limit=db.about.revs_limit))


async def graft(db: Database, doc: dict[str, Any], **members: Any) -> Rev:
    write = Write(parse_document(dict(doc)), **members)
    return await db.submit(write_one(write, new_edits=False, revs_limit=db.about.revs_limit))


class Model:
    """What the database must hold: a tree and the leaves' bodies for each document."""

    def __init__(self) -> None:
        self.trees: dict[str, Tree] = {}
        self.bodies: dict[tuple[str, Rev], bytes] = {}

    def add(self, edit: Edit, rev: Rev, ids: tuple[str, ...]) -> None:
        known = self.trees.get(edit.id)
        path = single(rev.pos, ids, deleted=edit.deleted)
        if known is not None and rev in known:
            self.trees[edit.id] = merge(known, Tree(path.parents, {}))
            return
        self.trees[edit.id] = path if known is None else merge(known, path)
        self.bodies[edit.id, rev] = edit.body

    def may_extend(self, edit: Edit) -> tuple[str, ...] | None:
        """The parent's path when an ordinary edit is allowed, else None."""
        tree = self.trees.get(edit.id)
        if tree is None:
            return None if edit.ids else ()
        if all(tree.deleted.values()):
            return None if edit.ids or edit.deleted else tuple(tree.path(tree.winner))
        if edit.rev is None or edit.rev not in tree.deleted:
            return None
        return tuple(tree.path(edit.rev))


async def check(db: Database, model: Model) -> None:
    """The stored documents equal the model's, leaf for leaf, and so do the counts."""
    for doc_id, tree in model.trees.items():
        row = row_of(db.reader, doc_id)
        assert row is not None
        assert tree_of(row) == tree
        assert row.rev == str(tree.winner)
        assert row.deleted == tree.deleted[tree.winner]
        assert row.body == model.bodies[doc_id, tree.winner]
        for leaf in tree.leaves[1:]:
            kept = find_leaf(db.reader, doc_id, str(leaf))
            assert kept is not None
            assert (kept.body, kept.deleted) == (model.bodies[doc_id, leaf], tree.deleted[leaf])
    live = sum(not tree.deleted[tree.winner] for tree in model.trees.values())
    assert (db.totals.docs, db.totals.deleted) == (live, len(model.trees) - live)
    counted = db.reader.execute(
        "SELECT count(*),coalesce(sum(length(body)),0),coalesce(max(seq),0) FROM docs"
    )
    ((count, size, newest),) = counted
    assert (count, size) == (len(model.trees), db.totals.bytes)
    assert newest <= db.totals.seq


async def take_step(db: Database, model: Model, kind: str, doc_id: str, pick: int, deleted: bool) -> None:
    tree = model.trees.get(doc_id)
    body = {"_id": doc_id, "v": pick, **({"_deleted": True} if deleted else {})}
    if kind == "purge":
        if tree is not None:
            leaf = tree.leaves[pick % len(tree.leaves)]
            assert await db.submit(purge_many({doc_id: [leaf]}, 10)) == {doc_id: [str(leaf)]}
            left = prune(tree, [leaf])
            if left is None:
                del model.trees[doc_id]
            else:
                model.trees[doc_id] = left
        return
    known = sorted(tree.parents) if tree is not None else []
    if kind == "edit":
        if known and pick % 4:
            body["_rev"] = str(known[pick % len(known)])
        edit = parse_document(dict(body))
        above = model.may_extend(edit)
        if above is None:
            with pytest.raises(Conflict):
                await put(db, body)
        else:
            rev = await put(db, body)
            model.add(edit, rev, (rev.id, *above))
        return
    parent = known[pick % len(known)] if known and pick % 3 else None
    ids = (f"{pick:032x}", *(tree.path(parent) if tree is not None and parent else ()))
    pos = (parent.pos if parent else 0) + 1
    body["_revisions"] = {"start": pos, "ids": list(ids)}
    edit = parse_document(dict(body))
    await graft(db, body)
    model.add(edit, Rev(pos, ids[0]), tuple(ids))


steps = st.lists(
    st.tuples(
        st.sampled_from(["edit", "edit", "graft", "graft", "purge"]),
        st.sampled_from(IDS),
        st.integers(0, 40),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=30)
@given(st.lists(steps, min_size=10, max_size=10))
def test_any_sequence_of_writes_leaves_what_the_trees_say(
    tmp_path_factory: pytest.TempPathFactory, runs: Any
) -> None:
    async def work(store: Store) -> None:
        for number, run in enumerate(runs):
            db = await store.create(f"db{number}", {})
            model = Model()
            for kind, doc_id, pick, deleted in run:
                await take_step(db, model, kind, doc_id, pick, deleted)
            await check(db, model)

    with unsynced():
        with_store(tmp_path_factory.mktemp("model"), work)


def test_of_equal_edits_in_one_batch_the_second_conflicts(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        writes = [Write(parse_document({"_id": "a", "v": 1})) for _ in range(2)]
        first, second = await db.submit(write_many(writes, new_edits=True, revs_limit=1000))
        assert isinstance(first, Rev)
        assert isinstance(second, Conflict)
        assert db.totals.docs == 1

    with_store(folder, work)


def test_a_refused_document_does_not_take_its_batch_along(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        docs: list[dict[str, Any]] = [
            {"_id": "a"},
            {"_id": "b", "_rev": "1-none"},
            {"_id": "c"},
            {"_id": "_local/x", "n": 1},
            {"_id": "d", "_attachments": {"f": {"stub": True}}},
        ]
        writes = [Write(parse_document(doc)) for doc in docs]
        writes[4].attachments = {"f": Stub(None, b"")}
        outcomes = await db.submit(write_many(writes, new_edits=True, revs_limit=1000))
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [Rev, Conflict, Rev, Rev, MissingStub]
        assert db.totals.docs == 2

    with_store(folder, work)


def test_replicating_a_known_revision_moves_no_sequence(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        first = await put(db, {"_id": "a"})
        second = await put(db, {"_id": "a", "_rev": str(first)})
        seq = db.totals.seq
        for rev, ids in ((second, [second.id, first.id]), (first, [first.id])):
            await graft(db, {"_id": "a", "_revisions": {"start": rev.pos, "ids": ids}})
        assert db.totals.seq == seq

    with_store(folder, work)


def test_a_revs_limit_stems_what_is_written(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        await db.change_setting("revs_limit", 3)
        rev = await put(db, {"_id": "a", "n": 0})
        for number in range(1, 6):
            rev = await put(db, {"_id": "a", "n": number, "_rev": str(rev)})
        row = row_of(db.reader, "a")
        assert row is not None
        assert len(tree_of(row).path(rev)) == 3

    with_store(folder, work)


def test_stubs_keep_the_parents_attachments_and_new_bytes_are_stored(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        text = make_ready(Inline("text/plain", 0, b"hello " * 1000))
        first = await put(db, {"_id": "a"}, attachments={"one": text})
        second = await put(
            db,
            {"_id": "a", "_rev": str(first)},
            attachments={"one": Stub(None, b""), "two": make_ready(Inline("image/png", 0, b"\0" * 600_000))},
        )
        row = row_of(db.reader, "a")
        assert row is not None and row.rev == str(second)
        held = decode(row.atts or b"")
        assert [(one.name, one.revpos, one.encoding) for one in held.values()] == [
            ("one", 1, "gzip"),
            ("two", 2, "identity"),
        ]
        assert b"".join(blob_chunks(db.reader, held["two"].blob)) == b"\0" * 600_000
        with pytest.raises(MissingStub):
            await put(db, {"_id": "a", "_rev": str(second)}, attachments={"three": Stub(None, b"")})
        with pytest.raises(Conflict):
            await put(db, {"_id": "a", "_rev": str(first)}, attachments={"three": Stub(None, b"")})

    with_store(folder, work)


def test_the_same_attachment_gives_the_same_revision(folder: Path) -> None:
    async def work(store: Store) -> None:
        revs = []
        for name in ("one", "two"):
            db = await store.create(name, {})
            ready = make_ready(Inline("text/plain", 0, b"hello"))
            revs.append(await put(db, {"_id": "a"}, attachments={"x": ready}))
        assert revs[0] == revs[1]

    with_store(folder, work)


def test_an_operation_that_is_refused_leaves_the_others_alone(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        futures = [
            db.submit(write_one(Write(parse_document(doc)), new_edits=True, revs_limit=10))
            for doc in ({"_id": "a"}, {"_id": "a"}, {"_id": "b"})
        ]
        outcomes: list[Rev | CouchgrassError] = []
        for future in futures:
            try:
                outcomes.append(await future)
            except CouchgrassError as refused:
                outcomes.append(refused)
        assert [type(outcome) for outcome in outcomes] == [Rev, Conflict, Rev]

    with_store(folder, work)


def test_purging_all_leaves_takes_the_document_away(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        rev = await put(db, {"_id": "a"})
        assert await db.submit(purge_many({"a": [Rev(9, "no"), rev], "b": [rev]}, 10)) == {
            "a": [str(rev)],
            "b": [],
        }
        assert row_of(db.reader, "a") is None
        assert (db.totals.docs, db.totals.bytes, db.totals.purge_seq) == (0, 0, 1)
        again = await put(db, {"_id": "a"})
        assert again == rev

    with_store(folder, work)


def test_the_total_of_bytes_takes_attachments_as_users_see_them(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})

        def above_bodies() -> int:
            ((bodies,),) = db.reader.execute("SELECT coalesce(sum(length(body)),0) FROM docs")
            return int(db.totals.bytes - bodies)

        text = make_ready(Inline("text/plain", 0, b"hello " * 1000))
        rev = await put(db, {"_id": "a", "v": 1}, attachments={"x": text})
        assert above_bodies() == 6000
        image = make_ready(Inline("image/png", 0, b"1234"))
        rev = await put(db, {"_id": "a", "_rev": str(rev)}, attachments={"x": Stub(None, b""), "y": image})
        assert above_bodies() == 6004
        rev = await put(db, {"_id": "a", "_rev": str(rev)}, attachments={"y": Stub(None, b"")})
        assert above_bodies() == 4
        await db.submit(purge_many({"a": [rev]}, 10))
        assert db.totals.bytes == 0

    with_store(folder, work)


def test_local_documents_count_their_writes(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        assert await put(db, {"_id": "_local/x", "a": 1}) == parse_rev("0-1")
        assert await put(db, {"_id": "_local/x", "a": 2, "_rev": "0-1"}) == parse_rev("0-2")
        ((count, body),) = db.reader.execute("SELECT rev,body FROM local WHERE id='_local/x'")
        assert (count, json.decode(body)) == (2, {"a": 2})
        assert db.totals.seq == 0

    with_store(folder, work)


def test_a_copy_of_attachments_that_compaction_took_is_refused_and_writes_nothing(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        rev = await put(db, {"_id": "a"}, attachments={"x": make_ready(Inline("image/png", 0, b"bytes"))})
        held = row_of(db.reader, "a")
        assert held is not None
        copied = {name: as_ready(one) for name, one in decode(held.atts or b"").items()}
        await put(db, {"_id": "a", "_rev": str(rev)})
        await compact(db, lambda phase, done, total: True)
        with pytest.raises(NotFound):
            await put(db, {"_id": "b"}, attachments=copied)
        assert row_of(db.reader, "b") is None

    with_store(folder, work)


def test_purging_a_branch_takes_what_its_leaf_had_replaced(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        first = await put(db, {"_id": "a", "secret": 1})
        second = await put(db, {"_id": "a", "_rev": str(first)})
        await graft(db, {"_id": "a", "_rev": f"1-{'0' * 32}"})
        assert find_leaf(db.reader, "a", str(first)) is not None
        await db.submit(purge_many({"a": [second]}, 1000))
        assert find_leaf(db.reader, "a", str(first)) is None

    with_store(folder, work)


def test_no_generation_is_stored_that_could_not_be_read_back(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        last = await graft(db, {"_id": "a", "_rev": f"{POS_MAX}-{'a' * 32}"})
        with pytest.raises(BadRequest):
            await put(db, {"_id": "a", "_rev": str(last)})
        row = row_of(db.reader, "a")
        assert row is not None and tree_of(row).winner == last

    with_store(folder, work)
