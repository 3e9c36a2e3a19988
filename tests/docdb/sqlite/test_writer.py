"""The writers' queue: answers in order, one commit for many, nobody suffers for another's error."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from couchgrass.docdb.document import parse_document
from couchgrass.docdb.sqlite import writer
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.reads import row_of
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.sqlite.transaction import Transaction
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.testing.faults import Disk, failing
from tests.docdb.sqlite.conftest import with_store

WRITERS = 500
CALLS_MAX = 60
"""Writes and syncs of a few transactions, each with some ten pages. One a writer would be thousands."""


def write(doc_id: str) -> Any:
    return write_one(Write(parse_document({"_id": doc_id})), new_edits=True, revs_limit=10)


def note(numbers: list[int], number: int, _: object) -> None:
    numbers.append(number)


class Gate:
    """An operation that holds the writer until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, transaction: Transaction) -> None:
        self.reached.set()
        assert self.open.wait(60)


async def held(db: Database) -> tuple[Gate, asyncio.Future[None]]:
    """Returns once the writer waits at the gate."""
    gate = Gate()
    passed = db.submit(gate)
    await asyncio.get_running_loop().run_in_executor(None, gate.reached.wait, 60)
    return gate, passed


def test_many_writers_share_few_commits(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, _ = await held(db)
        before = disk.calls
        writes = [db.submit(write(f"d{number:04}")) for number in range(WRITERS)]
        gate.open.set()
        revs = await asyncio.gather(*writes)
        assert disk.calls - before < CALLS_MAX
        assert {rev.pos for rev in revs} == {1}
        assert db.totals.docs == db.totals.seq == WRITERS

    with failing(Disk()) as disk:
        with_store(folder, work)


def test_operations_run_and_are_answered_in_the_order_they_came(folder: Path) -> None:
    answered: list[int] = []

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        count = writer.TOGETHER_MAX + 100
        gate, _ = await held(db)
        ran: list[int] = []
        futures = []
        for number in range(count):
            future = db.submit(partial(note, ran, number))
            future.add_done_callback(partial(note, answered, number))
            futures.append(future)
        gate.open.set()
        await asyncio.gather(*futures)
        assert ran == answered == list(range(count))

    with_store(folder, work)


def test_an_answer_comes_after_its_commit_is_seen_by_readers(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        for number in range(20):
            await db.submit(write(f"d{number}"))
            assert row_of(db.reader, f"d{number}") is not None
            assert db.totals.seq == number + 1

    with_store(folder, work)


def test_past_the_bound_a_writer_is_told_503_and_those_before_are_served(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_MAX", 5)

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, _ = await held(db)
        writes = [db.submit(write(f"d{number}")) for number in range(5)]
        with pytest.raises(ServiceUnavailable) as refused:
            db.submit(write("one too many"))
        assert refused.value.status == 503
        gate.open.set()
        await asyncio.gather(*writes)
        assert db.totals.docs == 5
        await db.submit(write("later"))

    with_store(folder, work)


def test_a_refused_operation_costs_the_others_nothing(folder: Path) -> None:
    def refuse(transaction: Transaction) -> None:
        raise NotFound("missing")

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, _ = await held(db)
        outcomes = [db.submit(write("a")), db.submit(refuse), db.submit(write("b"))]
        gate.open.set()
        answers: list[Any] = await asyncio.gather(*outcomes, return_exceptions=True)
        first, second, third = answers
        assert (first.pos, third.pos) == (1, 1)
        assert isinstance(second, NotFound)
        assert db.totals.docs == 2

    with_store(folder, work)


def test_an_operation_that_breaks_half_way_leaves_nothing_and_takes_nobody_along(folder: Path) -> None:
    def half(transaction: Transaction) -> None:
        transaction.put_local("_local/half", 1, b"{}")
        transaction.totals.docs += 1000
        raise ZeroDivisionError

    def corrupt(transaction: Transaction) -> None:
        transaction.put_local("_local/half", 1, b"{}")
        transaction.connection.execute("INSERT INTO nowhere VALUES(1)")

    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, _ = await held(db)
        futures = [db.submit(write("a")), db.submit(half), db.submit(corrupt), db.submit(write("b"))]
        gate.open.set()
        answers: list[Any] = await asyncio.gather(*futures, return_exceptions=True)
        first, second, third, fourth = answers
        assert (first.pos, fourth.pos) == (1, 1)
        assert isinstance(second, ZeroDivisionError)
        assert isinstance(third, CouchgrassError)
        assert third.reason == "The storage refused the write: SQLError"
        assert (db.totals.docs, db.totals.seq) == (2, 2)
        assert db.reader.execute("SELECT count(*) FROM local").fetchone() == (0,)

    with_store(folder, work)
    with_store(folder, check_two)


async def check_two(store: Store) -> None:
    totals = store.get("db").totals
    assert (totals.docs, totals.seq) == (2, 2)


def test_a_write_that_nobody_waits_for_any_more_is_written_once(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, passed = await held(db)
        abandoned = [db.submit(write(f"gone{number}")) for number in range(10)]
        for future in (*abandoned, passed):
            assert future.cancel()
        wanted = db.submit(write("wanted"))
        gate.open.set()
        assert (await wanted).pos == 1
        assert (db.totals.docs, db.totals.seq) == (11, 11)
        assert row_of(db.reader, "gone9") is not None

    with_store(folder, work)


def test_closing_writes_what_was_taken_and_takes_no_more(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        gate, _ = await held(db)
        taken = [db.submit(write(f"d{number}")) for number in range(10)]
        closing = asyncio.ensure_future(db.close())
        await asyncio.sleep(0)
        with pytest.raises(NotFound):
            db.submit(write("too late"))
        gate.open.set()
        await closing
        assert {rev.pos for rev in await asyncio.gather(*taken)} == {1}

    with_store(folder, work)

    async def look(store: Store) -> None:
        assert store.get("db").totals.docs == 10

    with_store(folder, look)


def test_a_held_database_holds_up_no_other(folder: Path) -> None:
    async def work(store: Store) -> None:
        gates = [await held(await store.create(f"held{n}", {})) for n in range(writer.THREADS - 1)]
        free = await store.create("free", {})
        assert (await free.submit(write("a"))).pos == 1
        for gate, passed in gates:
            gate.open.set()
            await passed

    with_store(folder, work)


def test_totals_that_are_not_there_are_told_as_damage(folder: Path) -> None:
    async def work(store: Store) -> None:
        db = await store.create("db", {})
        spoiler = apsw.Connection(str(db.path))
        spoiler.execute("DELETE FROM meta WHERE key='totals'")
        spoiler.close()
        with pytest.raises(CouchgrassError, match="no totals"):
            await db.submit(write("a"))

    with_store(folder, work)
