"""``offset`` of a list without counting everything before it: keeps a database's `Ranks` right.

The first list that counts far turns it on: from then on the writer tells what it moves, and the stretch
that was counted is cut up on a thread. Every later list counts within one stretch, and cuts up the one it
is in when that has grown. A writer is never waited for: what it commits while a stretch is being counted is
kept, and added behind. Without such lists for IDLE_S all is forgotten, and writers tell nothing again.

What can't be told for sure starts over: a commit that began before it was turned on, or a writer whose
connection had to be opened anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import apsw

from couchgrass.docdb.ranks import FENCE_CHARS_MAX, Move, Place, Ranks, Stretch, stretch_rows
from couchgrass.docdb.sqlite.reads import Range
from couchgrass.docdb.sqlite.transaction import Totals, totals_of
from couchgrass.errors import CouchgrassError

log = logging.getLogger("couchgrass.docdb")

FAR = 3000
"""A list that comes after so many documents is far in; one that counted so many rows took 100 us for it."""

KEPT_MOVES_MAX = 200_000
"""Moves kept while a stretch is being counted: a second of the fastest writing, some 30 MB."""

IDLE_S = 300.0


class Counted(NamedTuple):
    """Live documents before a list, and how many rows were looked at for it."""

    before: int
    looked: int


class Offsets:
    """One database's. `scan` runs a query on a thread; `track` tells the writer whether to note its moves.

    All methods run on the event loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scan: Callable[[Callable[[apsw.Connection], Any]], Awaitable[Any]],
        track: Callable[[bool], None],
    ) -> None:
        self._loop = loop
        self._scan = scan
        self._track = track
        self._ranks: Ranks | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._kept: list[Move] = []
        self._used_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many stretches are known."""
        return 0 if self._ranks is None else len(self._ranks)

    def place(self, ids: Range) -> Place | None:
        """From where the documents before a range have to be counted; None: from the start."""
        edge = ids.high if ids.descending else ids.low
        return None if self._ranks is None or edge is None else self._ranks.place(edge)

    def counted(self, ids: Range, found: Counted, totals: Totals) -> None:
        """Hears what a list found, and prepares for the next one like it. `totals` are the last committed."""
        if max(found.before, found.looked) < FAR:
            return
        self._used_at = self._loop.time()
        if self._ranks is None and found.looked >= FAR:
            self._track(True)
            self._ranks = _whole(totals)
            self._timer = self._loop.call_later(IDLE_S, self._look)
        place = self.place(ids)
        if self._ranks is not None and place is not None and place.crowded and self._cutting is None:
            self._kept = []
            self._cutting = self._loop.create_task(self._cut(self._ranks, place))

    async def _cut(self, ranks: Ranks, place: Place) -> None:
        try:
            seq, stretches = await self._scan(partial(cut_up, place))
            if ranks is self._ranks and not ranks.cut(place, stretches, seq, self._kept):
                self.forget()
        except (CouchgrassError, apsw.Error) as failed:
            log.info("counting documents: %s", failed)
            self.forget()
        finally:
            self._cutting = None
            self._kept = []

    def committed(self, totals: Totals, moves: Sequence[Move] | None) -> None:
        """A commit that moved the sequence; `moves` is None when they were not noted."""
        if self._ranks is None:
            return
        if moves is None or len(self._kept) > KEPT_MOVES_MAX:
            self._ranks = _whole(totals)
            self._kept = []
            return
        self._ranks.add(moves)
        if self._cutting is not None:
            self._kept += moves

    def _look(self) -> None:
        """Forgets all when it was not used for long."""
        unused_s = self._loop.time() - self._used_at
        if unused_s >= IDLE_S:
            self.forget()
        else:
            self._timer = self._loop.call_later(IDLE_S - unused_s, self._look)

    def forget(self) -> None:
        """Frees the memory and asks nothing of the writer any more. The next far list starts over."""
        self._track(False)
        self._ranks = None
        self._kept = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _whole(totals: Totals) -> Ranks:
    return Ranks(totals.seq, totals.docs + totals.deleted, totals.docs)


def live_before(connection: apsw.Connection, ids: Range, totals: Totals, place: Place | None) -> Counted:
    """Counts the live documents before a range in its direction.

    `place` is where the range's first id is, when that is known.
    """
    edge, is_open = (ids.high, ids.high_open) if ids.descending else (ids.low, ids.low_open)
    if edge is None:
        return Counted(0, 0)
    if ids.descending and place is None:
        return _count(connection, f"id{'>=' if is_open else '>'}?", (edge,), totals)
    # Up to the edge without or with itself. What comes before a list that runs down is all but that.
    below = "<" if ids.descending == is_open else "<="
    if place is None:
        return _count(connection, f"id{below}?", (edge,), totals)
    found = _count(connection, f"id>=? AND id{below}?", (place.fence, edge), totals)
    below_edge = place.before + found.before
    before = totals.docs - below_edge if ids.descending else below_edge
    return Counted(max(0, before), found.looked)


def cut_up(place: Place, connection: apsw.Connection) -> tuple[int, list[Stretch]]:
    """Cuts a stretch into smaller ones: the sequence at which they were counted, and they."""
    connection.execute("BEGIN")
    try:
        totals = totals_of(connection)
        wide = stretch_rows(totals.docs + totals.deleted)
        stretches: list[Stretch] = []
        fence: str | None = place.fence
        while fence is not None:
            end = _next_fence(connection, fence, place.end, wide)
            until = place.end if end is None else end
            upper = () if until is None else (until,)
            found = _count(connection, "id>=?" + " AND id<?" * len(upper), (fence, *upper), totals)
            stretches.append(Stretch(fence, found.looked, found.before))
            fence = end
        return totals.seq, stretches
    finally:
        connection.execute("ROLLBACK")


def _next_fence(connection: apsw.Connection, fence: str, end: str | None, wide: int) -> str | None:
    """A fence about `wide` rows behind this one; None when there is none before the end.

    Where very long ids share so much of their beginnings that it could not tell them apart, the fence is
    farther off.
    """
    upper = "" if end is None else " AND id<?"
    sql = f"SELECT id FROM docs WHERE id>=?{upper} ORDER BY id LIMIT 1 OFFSET ?"
    start = fence
    while True:
        values = (start, wide) if end is None else (start, end, wide)
        found: Any = connection.execute(sql, values).fetchone()
        if found is None:
            return None
        start = found[0]
        if start[:FENCE_CHARS_MAX] > fence:
            return str(start[:FENCE_CHARS_MAX])


def _count(connection: apsw.Connection, where: str, values: Sequence[str], totals: Totals) -> Counted:
    """Counts live documents. Both counts read an index only."""
    looked = int(connection.execute(f"SELECT count(*) FROM docs WHERE {where}", values).get)
    if not looked or not totals.deleted:
        return Counted(looked, looked)
    dead = int(connection.execute(f"SELECT count(*) FROM docs WHERE {where} AND deleted=1", values).get)
    return Counted(looked - dead, looked)
