"""How many changes lie ahead of a reader: ``pending`` of ``_changes``.

Exactly, it is a count over all that the reader has not seen, which for a replicator that reads in batches
would make each batch read the whole rest. So what was counted once is kept, as the number of documents at
or before a sequence: the next batch adds the rows between, and a writer that only adds documents leaves it
right. Updates make it stale, each by one at the most; it is counted anew when that could be more than a
hundredth of the answer. At the end of the feed the answer is exact, 0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import apsw

from couchgrass.docdb.sqlite.transaction import Totals

NEAR = 2000
"""Sequences that are counted by reading them: less than a millisecond."""

STALE_SHARE = 100
"""The kept count may be off by one in so many."""


class _Counted(NamedTuple):
    seq: int
    before: int
    moves: int


class PendingCounter:
    """One database's. `scan` runs a query on a thread."""

    def __init__(self, scan: Callable[[Callable[[apsw.Connection], Any]], Awaitable[Any]]) -> None:
        self._scan = scan
        self._counted = _Counted(0, 0, 0)

    async def after(self, seq: int, totals: Totals) -> int:
        """Documents whose sequence is over `seq`."""
        rows = totals.docs + totals.deleted
        if seq >= totals.seq:
            return 0
        if seq <= 0:
            return rows
        if rows == totals.seq:
            return totals.seq - seq
        if totals.seq - seq <= NEAR:
            return int(await self._scan(lambda connection: count(connection, seq, totals.seq)))
        before = await self._before(seq, rows, totals)
        return max(0, rows - before)

    async def _before(self, seq: int, rows: int, totals: Totals) -> int:
        known = self._counted
        moves = totals.seq - rows
        stale = moves - known.moves if known.seq else 0
        if abs(seq - known.seq) > NEAR or abs(stale) * STALE_SHARE > rows - known.before:
            before = int(await self._scan(lambda connection: count_all(connection, seq)))
            self._counted = _Counted(seq, before, moves)
            return before
        low, high = sorted((known.seq, seq))
        between = int(await self._scan(lambda connection: count(connection, low, high)))
        before = known.before + (between if seq >= known.seq else -between)
        if stale == 0 or known.seq == 0:
            self._counted = _Counted(seq, before, moves)
        else:
            self._counted = known._replace(seq=seq, before=before)
        return before


def count(connection: apsw.Connection, low: int, high: int) -> int:
    """Documents with low < seq <= high, read from the table: for short ranges."""
    counted = connection.execute("SELECT count(*) FROM docs WHERE seq>? AND seq<=?", (low, high))
    return int(counted.get)


def count_all(connection: apsw.Connection, seq: int) -> int:
    """Documents at or before `seq`, read from the index of ids, which holds no bodies."""
    counted = connection.execute("SELECT count(*) FROM docs WHERE +seq<=?", (seq,))
    return int(counted.get)
