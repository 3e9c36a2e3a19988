"""The rows of a changes feed, step by step, on a store of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.changes import ChangesQuery, DesignDocs, DocIds, Selected
from couchgrass.docdb.document import parse_document
from couchgrass.docdb.http import change_rows
from couchgrass.docdb.http.change_rows import ChangeRows
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, write_many
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.stats import Stats
from couchgrass.errors import NotFound

Chosen = DocIds | DesignDocs | Selected | None
EVEN = Selected(lambda doc: doc["n"] % 2 == 0)
IDS = DocIds(frozenset({"doc3", "doc150", "doc151", "absent"}))


def here(folder: Path, work: Callable[[Store, Database], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store.open(folder)
        try:
            await work(store, await store.create("db", {}))
        finally:
            await store.close()

    asyncio.run(run())


async def put(db: Database, *docs: dict[str, Any]) -> list[Any]:
    writes = [Write(parse_document(dict(doc)), {}) for doc in docs]
    return await db.submit(write_many(writes, new_edits=True, revs_limit=1000))


def rows_of(db: Database, query: ChangesQuery, chosen: Chosen) -> ChangeRows:
    return ChangeRows(Stats(), db, query, chosen)


async def all_rows(rows: ChangeRows, query: ChangesQuery, low: int, high: int) -> list[int]:
    """The numbers of the sequences that a feed would show, in its order."""
    found: list[int] = []
    while low < high and len(found) < query.limit:
        step = await rows.step(low, high, query.limit - len(found))
        found += [int(json.loads(row)["seq"].split("-")[0]) for row in step.rows]
        if step.last is None:
            break
        low, high = (low, step.last - 1) if query.descending else (step.last, high)
    return found


@pytest.mark.parametrize("chosen", [None, EVEN, IDS, DesignDocs()])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("include_docs", [False, True])
@pytest.mark.parametrize("conflicts", [False, True])
def test_every_way_to_read_shows_the_same_documents(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: Chosen,
    descending: bool,
    include_docs: bool,
    conflicts: bool,
) -> None:
    monkeypatch.setattr(change_rows, "STEP_ROWS", 7)
    shown = {
        type(None): range(1, 304),
        Selected: [seq for seq in range(1, 304) if seq % 2],
        DocIds: [4, 151, 152],
        DesignDocs: [301, 302, 303],
    }[type(chosen)]

    async def work(store: Store, db: Database) -> None:
        await put(db, *({"_id": f"doc{n}", "n": n} for n in range(300)))
        await put(db, *({"_id": f"_design/{n}", "n": n} for n in range(300, 303)))
        for low, high in ((0, 303), (0, 50), (140, 303), (250, 303), (303, 303)):
            for limit in (1000, 2):
                query = ChangesQuery(
                    descending=descending, include_docs=include_docs, conflicts=conflicts, limit=limit
                )
                expected = [seq for seq in shown if low < seq <= high]
                if descending:
                    expected.reverse()
                found = await all_rows(rows_of(db, query, chosen), query, low, high)
                assert found == expected[:limit]

    here(tmp_path / "data", work)


def test_a_listed_document_that_moves_on_between_two_steps_does_not_stop_the_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_rows, "STEP_ROWS", 2)

    async def work(store: Store, db: Database) -> None:
        made = await put(db, *({"_id": f"doc{n}"} for n in range(200)))
        query = ChangesQuery()
        rows = rows_of(db, query, DocIds(frozenset(f"doc{n}" for n in range(0, 200, 40))))
        step = await rows.step(0, 200, 1000)
        assert step.last == 41
        moved = [{"_id": f"doc{n}", "_rev": str(made[n])} for n in (80, 120)]
        await put(db, *moved)
        assert await all_rows(rows, query, 41, 200) == [161]

    here(tmp_path / "data", work)


def test_feeds_that_wake_together_share_one_reading_until_the_next_commit(tmp_path: Path) -> None:
    async def work(store: Store, db: Database) -> None:
        await put(db, {"_id": "a"})
        query = ChangesQuery()
        one = await rows_of(db, query, None).step(0, 1, query.limit)
        two = await rows_of(db, query, None).step(0, 1, query.limit)
        assert one.rows is two.rows
        other = ChangesQuery(include_docs=True)
        assert (await rows_of(db, other, None).step(0, 1, query.limit)).rows is not one.rows
        await put(db, {"_id": "b"})
        assert not db.shared_rows

    here(tmp_path / "data", work)


def test_a_deleted_database_has_no_rows(tmp_path: Path) -> None:
    async def work(store: Store, db: Database) -> None:
        await put(db, {"_id": "a"})
        rows = rows_of(db, ChangesQuery(), None)
        await store.remove("db")
        assert rows.closed
        with pytest.raises(NotFound):
            await rows.step(0, 1, 10)

    here(tmp_path / "data", work)
