"""Rows of changes on their way from the reader to the copiers, and how they become batches.

A copier that is free takes all that waits, up to a batch: a lone change goes at once, and while all copiers
are busy the next ones gather. The reader waits when too many rows do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from couchgrass.docdb.wire import Change, Seq
from couchgrass.replication.plan import Batch, batch_of


class _Rows:
    """Rows that came together; `end`: what the source said after them."""

    __slots__ = ("at", "end", "rows", "seen_s")

    def __init__(self, rows: Sequence[Change], seen_s: float, end: Seq | None) -> None:
        self.rows = rows
        self.seen_s = seen_s
        self.end = end
        self.at = 0


class Inbox:
    """At most about `rows_max` rows wait."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._waiting: deque[_Rows] = deque()
        self._count = 0
        self._number = 0
        self._closed = False
        self._came = asyncio.Condition()

    async def put(self, rows: Sequence[Change], seen_s: float, end: Seq | None = None) -> None:
        """Waits while too many are there already."""
        async with self._came:
            while self._count >= self._rows_max:
                await self._came.wait()
            self._waiting.append(_Rows(rows, seen_s, end))
            self._count += len(rows)
            self._came.notify_all()

    async def close(self) -> None:
        """No more rows come."""
        async with self._came:
            self._closed = True
            self._came.notify_all()

    async def take(self, most: int) -> Batch | None:
        """The next batch; None at the end."""
        async with self._came:
            while not self._waiting:
                if self._closed:
                    return None
                await self._came.wait()
            batch = self._batch(most)
            self._came.notify_all()
            return batch

    def _batch(self, most: int) -> Batch:
        seen_s = self._waiting[0].seen_s
        rows: list[Change] = []
        end: Seq | None = None
        while self._waiting and (len(rows) < most or not self._waiting[0].rows):
            first = self._waiting[0]
            some = first.rows[first.at : first.at + most - len(rows)]
            rows += some
            first.at += len(some)
            end = None
            if first.at >= len(first.rows):
                end = first.end
                self._waiting.popleft()
        self._count -= len(rows)
        number, self._number = self._number, self._number + 1
        return batch_of(number, rows, seen_s, end)

    def __len__(self) -> int:
        """Rows that wait."""
        return self._count

    @property
    def oldest_s(self) -> float | None:
        """When the first of the rows came that wait."""
        return min((one.seen_s for one in self._waiting), default=None)
