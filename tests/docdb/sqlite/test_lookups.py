"""Counts, purge history and missing revisions, against plain models."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.revtree import missing
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, purge_many, write_one
from couchgrass.docdb.sqlite.lookups import (
    design_count,
    local_of,
    missing_revs,
    purge_history,
)
from couchgrass.docdb.sqlite.reads import row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.update import tree_of
from couchgrass.testing.faults import unsynced
from tests.docdb.sqlite.conftest import with_store

IDS = st.sampled_from(["A", "a", "ab", "b", "é", "_design/a", "_design/b"])
REVS = st.builds(Rev, st.integers(1, 6), st.sampled_from(["a" * 32, "b" * 32, "short", "c" * 32]))


async def graft(db: Database, doc_id: str, pos: int, ids: list[str], *, deleted: bool = False) -> None:
    doc = {"_id": doc_id, "_revisions": {"start": pos, "ids": ids}, "_deleted": deleted}
    await db.submit(write_one(Write(parse_document(doc)), new_edits=False, revs_limit=1000))


@given(
    paths=st.lists(
        st.tuples(st.sampled_from(["x", "y"]), st.integers(1, 6), st.lists(REVS, min_size=1, max_size=6)),
        max_size=4,
    ),
    asked=st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(REVS, max_size=5)),
)
@settings(max_examples=60)
def test_missing_revs_is_what_the_trees_say(
    paths: list[tuple[str, int, list[Rev]]], asked: dict[str, list[Rev]]
) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        for doc_id, pos, revs in paths:
            await graft(db, doc_id, pos, [rev.id for rev in revs][:pos])
        found = missing_revs(db.reader, asked)
        for doc_id, revs in asked.items():
            row = row_of(db.reader, doc_id)
            unknown, ancestors = missing(None if row is None else tree_of(row), revs)
            if not unknown:
                assert doc_id not in found
            else:
                assert found[doc_id].revs == [str(rev) for rev in unknown]
                assert found[doc_id].ancestors == [str(rev) for rev in ancestors]
        assert list(found) == [doc_id for doc_id in asked if doc_id in found]

    with unsynced(), TemporaryDirectory() as folder:
        with_store(Path(folder) / "data", run)


def test_missing_revs_answers_more_documents_than_one_statement_takes(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        asked = {f"d{number}": [Rev(1, "x")] for number in range(1234)}
        await graft(db, "d7", 1, ["x"])
        found = missing_revs(db.reader, asked)
        assert list(found) == [doc_id for doc_id in asked if doc_id != "d7"]

    with_store(folder, run)


@given(live=st.sets(IDS), dead=st.sets(IDS))
@settings(max_examples=40)
def test_the_count_of_design_documents_is_of_live_ones_only(live: set[str], dead: set[str]) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        for doc_id in live | dead:
            await graft(db, doc_id, 1, ["x"], deleted=doc_id in dead)
        assert design_count(db.reader) == sum(doc_id.startswith("_design/") for doc_id in live - dead)

    with unsynced(), TemporaryDirectory() as folder:
        with_store(Path(folder) / "data", run)


def test_the_purge_history_names_what_was_purged_oldest_first(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        assert purge_history(db.reader) == []
        for doc_id in ("b", "a"):
            await graft(db, doc_id, 1, ["x"])
            await db.submit(purge_many({doc_id: [Rev(1, "x")]}, 10))
        assert purge_history(db.reader) == [{"id": "b", "revs": ["1-x"]}, {"id": "a", "revs": ["1-x"]}]

    with_store(folder, run)


def test_a_local_document_is_found_by_its_id(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        write = Write(parse_document({"_id": "_local/a", "v": 1}))
        await db.submit(write_one(write, new_edits=True, revs_limit=1000))
        assert local_of(db.reader, "_local/a") == (1, b'{"v":1}')
        assert local_of(db.reader, "_local/b") is None

    with_store(folder, run)
