"""The rows of one view in memory: ordered by key, found by document.

A SQLite database that is never on a disk: it orders and finds rows by bytes, and says how large it is. Rows
come in pages that go on after the last one, so that nobody is kept out while a slow client takes its time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from couchgrass.docdb.reduce import Emitted
from couchgrass.docdb.sqlite.reads import CHUNK_BYTES_MAX
from couchgrass.docdb.view_query import KeyRange

PAGE_ROWS_MAX: Final = 5000

_SCHEMA: Final = """
PRAGMA page_size=8192; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
CREATE TABLE rows(
  sort BLOB NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(sort, id, number)) WITHOUT ROWID;
CREATE INDEX rows_id ON rows(id);
"""
_COLUMNS: Final = "SELECT sort,id,number,key,value FROM rows WHERE"


class Page(NamedTuple):
    """Some rows of a range. `is_last`: there are no more behind them, so they were seen all at once."""

    rows: list[Emitted]
    is_last: bool


class ViewRows:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(_SCHEMA).fetchall()  # runs all of it: a pragma answers with a row
        self._lock = threading.Lock()
        self.count = 0
        self.bytes = self._size()

    def replace(self, doc_ids: Iterable[str], rows: Sequence[Emitted]) -> None:
        """Takes away all rows of these documents and adds those."""
        with self._lock, self._connection:
            before = self._connection.total_changes()
            self._connection.executemany("DELETE FROM rows WHERE id=?", ((doc_id,) for doc_id in doc_ids))
            deleted = self._connection.total_changes() - before
            self._connection.executemany("INSERT INTO rows VALUES(?,?,?,?,?)", rows)
            self.count += len(rows) - deleted
            self.bytes = self._size()

    def page(self, rows: KeyRange, *, after: Emitted | None = None, limit: int = -1, skip: int = 0) -> Page:
        """The next rows of a range."""
        if after is not None:
            bound = {"high": None} if rows.descending else {"low": None}
            where, values = _where(msgspec.structs.replace(rows, **bound))
            where += f" AND (sort,id,number){'<' if rows.descending else '>'}(?,?,?)"
            values += after[:3]
        else:
            where, values = _where(rows)
        order = "sort DESC,id DESC,number DESC" if rows.descending else "sort,id,number"
        most = PAGE_ROWS_MAX if limit < 0 else min(limit, PAGE_ROWS_MAX)
        found: list[Emitted] = []
        size, is_cut = 0, False
        with self._lock:
            cursor = self._connection.execute(
                f"{_COLUMNS} {where} ORDER BY {order} LIMIT ? OFFSET ?", (*values, most, skip)
            )
            for values_of_row in cursor:
                row = Emitted(*values_of_row)
                found.append(row)
                size += len(row.key) + len(row.value)
                if size >= CHUNK_BYTES_MAX:
                    cursor.close(True)
                    is_cut = True
                    break
        return Page(found, is_last=not is_cut and len(found) < most)

    def count_of(self, rows: KeyRange) -> int:
        """How many rows a range has."""
        where, values = _where(rows)
        with self._lock:
            counted = self._connection.execute(f"SELECT count(*) FROM rows WHERE {where}", values)
            return int(counted.get)

    def _size(self) -> int:
        return int(self._connection.pragma("page_count")) * int(self._connection.pragma("page_size"))


def before(rows: KeyRange) -> KeyRange | None:
    """What comes before a range in its direction; None when that is nothing."""
    if rows.descending:
        if rows.high is None:
            return None
        return msgspec.structs.replace(
            rows, low=rows.high, low_id=rows.high_id, low_open=not rows.high_open, high=None, high_id=None
        )
    if rows.low is None:
        return None
    return msgspec.structs.replace(
        rows, high=rows.low, high_id=rows.low_id, high_open=not rows.low_open, low=None, low_id=None
    )


def _where(rows: KeyRange) -> tuple[str, list[Any]]:
    terms = ["1"]
    values: list[Any] = []
    for sign, key, doc_id, is_open in (
        (">", rows.low, rows.low_id, rows.low_open),
        ("<", rows.high, rows.high_id, rows.high_open),
    ):
        if key is None:
            continue
        equal = "" if is_open else "="
        if doc_id is None:
            terms.append(f"sort{sign}{equal}?")
            values.append(key)
        else:
            terms.append(f"(sort,id){sign}{equal}(?,?)")
            values += [key, doc_id]
    return " AND ".join(terms), values
