"""How many changes lie ahead: exact where nothing is updated, near it elsewhere, and cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import apsw
import pytest

from couchgrass.docdb.sqlite import pending
from couchgrass.docdb.sqlite.pending import PendingCounter
from couchgrass.docdb.sqlite.schema import MIGRATIONS
from couchgrass.docdb.sqlite.transaction import Totals


class Table:
    """A database's rows, and a count of the queries that went to them."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        for step in MIGRATIONS:
            self.connection.execute(step)
        self.totals = Totals()
        self.scans = 0
        self.counter = PendingCounter(self.scan)

    async def scan(self, query: Callable[[apsw.Connection], Any]) -> Any:
        self.scans += 1
        return query(self.connection)

    def add(self, count: int) -> None:
        first = self.totals.seq + 1
        rows = [(seq, f"doc{seq}", "1-a", 0, b"{}") for seq in range(first, first + count)]
        self.connection.executemany("INSERT INTO docs(seq,id,rev,deleted,body) VALUES(?,?,?,?,?)", rows)
        self.totals.seq += count
        self.totals.docs += count

    def update(self, count: int) -> None:
        """Moves the oldest documents to the end."""
        found = self.connection.execute("SELECT seq FROM docs ORDER BY seq LIMIT ?", (count,)).fetchall()
        for (seq,) in found:
            self.totals.seq += 1
            self.connection.execute("UPDATE docs SET seq=? WHERE seq=?", (self.totals.seq, seq))

    def after(self, seq: int) -> int:
        return asyncio.run(self.counter.after(seq, self.totals))

    def true_after(self, seq: int) -> int:
        return int(self.connection.execute("SELECT count(*) FROM docs WHERE seq>?", (seq,)).get)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(pending, "NEAR", 50)
    return Table()


def test_at_the_end_and_before_the_start_nothing_is_counted(table: Table) -> None:
    table.add(1000)
    table.update(10)
    assert table.after(table.totals.seq) == 0
    assert table.after(table.totals.seq + 5) == 0
    assert table.after(0) == 1000
    assert table.scans == 0


def test_without_updates_the_sequences_tell(table: Table) -> None:
    table.add(1000)
    assert table.after(300) == 700
    assert table.scans == 0


@pytest.mark.parametrize("step", [40, 50, 60, 333])
def test_it_is_exact_at_every_place_of_a_database_that_rests(table: Table, step: int) -> None:
    table.add(1000)
    table.update(300)
    places = [*range(0, table.totals.seq + 1, step), 700, 20, 1200]
    assert [table.after(seq) for seq in places] == [table.true_after(seq) for seq in places]


def test_a_reader_in_batches_stays_exact_while_documents_are_added(table: Table) -> None:
    table.add(1000)
    table.update(200)
    for seq in range(40, 1100, 40):
        table.add(7)
        assert table.after(seq) == table.true_after(seq)


def test_a_reader_in_batches_stays_within_a_hundredth_while_documents_are_updated(table: Table) -> None:
    table.add(5000)
    table.update(100)
    for seq in range(40, 4000, 40):
        table.update(3)
        true = table.true_after(seq)
        assert abs(table.after(seq) - true) <= true / 100 + 1
    table.update(500)
    assert abs(table.after(4000) - table.true_after(4000)) <= table.true_after(4000) / 100 + 1
