"""Offsets over the real store: exact after any writes, whenever the stretches were cut; and bounded work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.docdb import ranks
from couchgrass.docdb.document import parse_document
from couchgrass.docdb.ranks import FENCE_CHARS_MAX, Move
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.sqlite import offsets
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, purge_many, write_many, write_one
from couchgrass.docdb.sqlite.offsets import IDLE_S, Counted, Offsets, live_before
from couchgrass.docdb.sqlite.reads import Range, row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import Transaction, totals_of
from couchgrass.docdb.sqlite.writer import Journal, WriterPool
from couchgrass.errors import CouchgrassError
from couchgrass.testing.faults import Disk, failing, unsynced
from tests.docdb.sqlite.conftest import StandingLoop, standing, with_store

IDS = st.text(st.sampled_from("abcé\U0001f600"), min_size=1, max_size=2)


@contextmanager
def small() -> Iterator[None]:
    """A world in which four documents are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "STRETCH_ROWS", 2)
        patch.setattr(offsets, "FAR", 4)
        yield


async def ask(db: Database, ids: Range) -> Counted:
    """What a list does to know its offset."""
    place = db.offsets.place(ids)
    found: Counted = await db.scan(
        lambda connection: live_before(connection, ids, totals_of(connection), place)
    )
    db.offsets.counted(ids, found, db.totals)
    return found


async def rest() -> None:
    """Waits until no stretch is being cut."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))


def bulk(docs: list[dict[str, Any]], *, new_edits: bool = True) -> Callable[[Transaction], Any]:
    writes = [Write(parse_document(doc)) for doc in docs]
    return write_many(writes, new_edits=new_edits, revs_limit=1000)


async def fill(db: Database, count: int, prefix: str = "") -> None:
    await db.submit(bulk([{"_id": f"{prefix}{number:06d}"} for number in range(count)]))


def live_ids(db: Database) -> list[str]:
    return sorted(doc_id for (doc_id,) in db.reader.execute("SELECT id FROM docs WHERE deleted=0"))


async def check(db: Database, edges: list[str]) -> None:
    """At every edge, in both directions, with and without the edge, the count is what a list says."""
    ids = live_ids(db)
    for edge in edges:
        below, upto = sum(one < edge for one in ids), sum(one <= edge for one in ids)
        for is_open in (False, True):
            up = await ask(db, Range(low=edge, low_open=is_open))
            assert up.before == (upto if is_open else below)
            down = await ask(db, Range(high=edge, high_open=is_open, descending=True))
            assert down.before == len(ids) - (below if is_open else upto)


def one_write(db: Database, kind: str, ids: list[str]) -> list[Awaitable[Any]]:
    """Submits something. A write that is refused is a write too."""
    if kind == "page":
        return [ask(db, Range(low=doc_id, descending=False)) for doc_id in ids]
    if kind == "forget":
        db.offsets.forget()
        return []
    rows = {doc_id: row_of(db.reader, doc_id) for doc_id in ids}
    there = {doc_id: row for doc_id, row in rows.items() if row is not None}
    if kind == "purge":
        asked = {doc_id: [parse_rev(row.rev)] for doc_id, row in there.items()}
        return [db.submit(purge_many(asked, 100))]
    if kind == "delete":
        gone = [{"_id": doc_id, "_rev": row.rev, "_deleted": True} for doc_id, row in there.items()]
        return [
            db.submit(write_one(Write(parse_document(doc)), new_edits=True, revs_limit=9)) for doc in gone
        ]
    if kind == "graft":
        docs = [
            {"_id": doc_id, "_revisions": {"start": 1, "ids": [f"{n:032x}"]}, "_deleted": n % 2 > 0}
            for n, doc_id in enumerate(ids)
        ]
        return [db.submit(bulk(docs, new_edits=False))]
    create = bulk([{"_id": doc_id} for doc_id in ids])
    if kind == "broken":

        def broken(transaction: Transaction) -> None:
            create(transaction)
            raise ValueError("after it wrote")

        return [db.submit(create), db.submit(broken), db.submit(bulk([{"_id": ids[0] + "!"}]))]
    return [db.submit(create)]


KINDS = st.sampled_from(["create", "create", "page", "delete", "purge", "graft", "broken", "forget"])
WORK = st.lists(
    st.lists(st.tuples(KINDS, st.lists(IDS, min_size=1, max_size=6)), max_size=5), min_size=1, max_size=5
)


@given(work=WORK)
@settings(max_examples=60, deadline=None)
def test_the_count_is_exact_whenever_nothing_is_written(work: list[list[tuple[str, list[str]]]]) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        edges = sorted({"a", "~", *(doc_id for some in work for _, ids in some for doc_id in ids)})
        await db.submit(bulk([{"_id": doc_id} for doc_id in edges]))
        for together in work:
            waiting = [one for kind, ids in together for one in one_write(db, kind, ids)]
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert not isinstance(outcome, BaseException) or isinstance(
                    outcome, CouchgrassError | ValueError
                )
            await check(db, edges)
        await rest()
        await check(db, edges)

    with small(), unsynced(), TemporaryDirectory() as folder:
        with_store(Path(folder) / "data", run)


def test_after_the_first_far_list_only_one_stretch_is_counted(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await fill(db, 20_000)
        first = await ask(db, Range(low="015000"))
        assert first == Counted(15_000, 15_000)
        await rest()
        assert len(db.offsets) == 20
        for number in (0, 1, 999, 1000, 1001, 15_000, 19_999):
            found = await ask(db, Range(low=f"{number:06d}"))
            assert found.before == number and found.looked < 1000
            found = await ask(db, Range(high=f"{number:06d}", descending=True))
            assert found.before == 19_999 - number and found.looked <= 1000

    with_store(folder, run)


def test_a_stretch_that_grows_is_cut_by_the_next_list_in_it(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await fill(db, 6000)
        await ask(db, Range(low="005000"))
        await rest()
        await fill(db, 5000, prefix="003500-")
        assert len(db.offsets) == 6
        far = Range(low="003500-004000")
        assert (await ask(db, far)).before == 3501 + 4000
        await rest()
        assert len(db.offsets) > 10
        found = await ask(db, far)
        assert found.before == 3501 + 4000 and found.looked < 1000
        await check(db, ["003500", "003500-002000", "003501", "~"])

    with_store(folder, run)


def test_a_near_list_turns_nothing_on(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await fill(db, 20_000)
        await ask(db, Range(low="002000"))
        await ask(db, Range(high="019000", descending=True))
        await ask(db, Range())
        assert len(db.offsets) == 0

    with_store(folder, run)


def test_what_was_committed_before_it_was_turned_on_starts_it_over(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(bulk([{"_id": doc_id} for doc_id in "abcdef"]))
        untold = db.submit(bulk([{"_id": "aa"}]))
        await ask(db, Range(low="e"))
        await untold
        await rest()
        await check(db, ["a", "aa", "b", "f", "g"])

    with small():
        with_store(folder, run)


@pytest.mark.parametrize("again", [False, True])
def test_what_is_committed_while_a_stretch_is_being_cut_is_added_behind(folder: Path, again: bool) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(bulk([{"_id": doc_id} for doc_id in "abcdefgh"]))
        read, go_on = asyncio.Event(), asyncio.Event()

        async def slow(query: Callable[[apsw.Connection], Any]) -> Any:
            found = await db.scan(query)
            read.set()
            await go_on.wait()
            return found

        db.offsets = Offsets(asyncio.get_running_loop(), slow, db._track)
        await ask(db, Range(low="g"))
        await read.wait()
        await db.submit(bulk([{"_id": f"{doc_id}{n}"} for n in range(5) for doc_id in "ahe"]))
        if again:
            db.offsets.forget()
            await db.submit(bulk([{"_id": "b1"}]))
            await ask(db, Range(low="g"))
        go_on.set()
        await rest()
        assert (len(db.offsets) > 1) is not again
        await check(db, ["a", "a3", "b", "e", "e2", "h", "h2", "~"])

    with small():
        with_store(folder, run)


def test_a_writer_tells_its_moves_while_it_is_tracked_and_knows_of_all(folder: Path) -> None:
    async def run(store: Store) -> None:
        told: list[list[Move] | None] = []
        db = await store.create("db", {})
        pool = WriterPool(asyncio.get_running_loop(), threads=1)
        journal = Journal(db.path, pool, lambda totals, moves: told.append(moves))
        for number in range(4):
            journal.tracking = 1 <= number < 3
            await journal.submit(bulk([{"_id": f"d{number}"}, {"_id": f"x{number}", "_deleted": True}]))
        moves = [
            [(seq, f"d{number}", 1, 1), (seq + 1, f"x{number}", 1, 0)] for number, seq in ((1, 3), (2, 5))
        ]
        assert told == [None, *moves, None]
        journal.tracking = True
        assert journal.connection is not None
        journal.connection.close()
        journal.connection = None  # as after a rollback that failed
        await journal.submit(bulk([{"_id": "d4"}]))
        assert told[-1] is None
        await asyncio.get_running_loop().run_in_executor(None, journal.close)
        pool.stop()

    with_store(folder, run)


def test_a_disk_that_fails_a_commit_leaves_the_counts_exact(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await db.submit(bulk([{"_id": f"{number:02d}"} for number in range(40)]))
        await check(db, ["20"])
        for number in range(1, 40):
            with failing(Disk(number, error=apsw.IOError)) as disk:
                writes = [db.submit(bulk([{"_id": f"{n:02d}-{number}"}])) for n in (3, 20)]
                await asyncio.gather(*writes, return_exceptions=True)
            await db.submit(bulk([{"_id": f"09-{number}"}]))
            await check(db, ["05", "20", "39"])
            if not disk.failed:
                break
        else:
            raise AssertionError("the walk does not end")

    with small():
        with_store(folder, run)


def test_a_database_may_be_closed_while_a_stretch_is_being_cut(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        await fill(db, 20_000)
        await ask(db, Range(low="015000"))
        await store.remove("db")
        await rest()
        assert len(db.offsets) == 0

    with_store(folder, run)


def test_ids_that_begin_alike_for_longer_than_a_fence_are_counted_all_the_same(folder: Path) -> None:
    async def run(store: Store) -> None:
        db = await store.create("db", {})
        alike = "x" * (FENCE_CHARS_MAX + 1)
        ids = [*"abcdefgh", *(f"{alike}{number}" for number in range(9)), "y", "z"]
        await db.submit(bulk([{"_id": doc_id} for doc_id in ids]))
        await check(db, ids)
        await rest()
        assert len(db.offsets) > 4
        await check(db, [*ids, alike, alike[:FENCE_CHARS_MAX], "x"])

    with small():
        with_store(folder, run)


def test_without_far_lists_for_some_minutes_all_is_forgotten(folder: Path) -> None:
    async def work(loop: StandingLoop) -> None:
        async def wait(seconds: float) -> int:
            loop.now_s += seconds
            for _ in range(3):
                await asyncio.sleep(0)
            return len(db.offsets)

        store = Store.open(folder)
        db = await store.create("db", {})
        await fill(db, 10_000)
        far = partial(ask, db, Range(low="005000"))
        await far()
        await rest()
        assert await wait(IDLE_S - 10) == 10
        await far()
        assert await wait(IDLE_S - 10) == 10
        await ask(db, Range(low="000001"))
        assert await wait(20) == 0
        await fill(db, 5, prefix="0")
        assert (await far()).before == 5005
        await rest()
        assert len(db.offsets) == 11
        await store.close()

    standing(work)
