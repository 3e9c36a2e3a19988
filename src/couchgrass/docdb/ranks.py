"""How many live documents come before an id: counts of stretches of ids, so that only one is ever counted.

The ids of a database, in the order of their bytes, are cut into stretches; a stretch begins at its fence,
which need not be an id that is there, and ends before the next fence. For each we know how many rows lie in
it, and how many of these are live. The rank of an id is then the sum of the live ones of all stretches
before its own, and a count within its own, which the database makes. CouchDB reads the same number off the
inner nodes of its B-tree.

At first all ids are one stretch, and nothing is gained. Whoever has counted far cuts the stretch up: one
reading transaction at some sequence finds new fences and the counts between them (`cut`). That takes a
while, and moves (documents that come to be, live, die or go) are added meanwhile. So a stretch knows as of
which sequence it was counted, and takes no move from before.

(Python compares texts by code point, which is the order of their UTF-8 bytes.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

STRETCH_ROWS = 1000
"""Rows in a fresh stretch: counting half of them takes some tens of microseconds."""

FENCES_AIM = 4096
"""A database of more than this many times STRETCH_ROWS gets longer stretches."""

FENCES_MAX = 4 * FENCES_AIM
"""Past it all is thrown away, to be cut anew with stretches that fit the database."""

FENCE_CHARS_MAX = 256
"""A fence is at most so much of an id. With FENCES_MAX it bounds the memory: 4 MB for ASCII ids."""

_SUMS_EVERY = 64
"""Sums up to every so-manieth stretch are kept while no count changes."""

Move = tuple[int, str, int, int]
"""What happened to a document: its sequence, the id, and the changes of the counts of rows and live ones."""


class Place(NamedTuple):
    """Where an id is: its stretch is fence <= id < end (None: no end) with so many rows, and `before` live
    documents come before the fence. `crowded`: the stretch is worth to be cut up."""

    fence: str
    end: str | None
    before: int
    crowded: bool


class Stretch(NamedTuple):
    """One counted stretch."""

    fence: str
    rows: int
    live: int


class Ranks:
    """The stretches of one database that has so many rows and live documents at sequence `seq`."""

    __slots__ = ("_as_of", "_crowd", "_fences", "_live", "_rows", "_sums")

    def __init__(self, seq: int, rows: int, live: int) -> None:
        self._fences = [""]
        self._rows = [rows]
        self._live = [live]
        self._as_of = [seq]
        self._crowd = [2 * STRETCH_ROWS]
        """Rows past which a stretch is worth to be cut."""
        self._sums: list[int] | None = None

    def __len__(self) -> int:
        return len(self._fences)

    def live(self) -> int:
        """How many live documents there are."""
        return sum(self._live)

    def place(self, doc_id: str) -> Place:
        """Where an id is, or would be."""
        fences = self._fences
        at = bisect_right(fences, doc_id) - 1
        end = fences[at + 1] if at + 1 < len(fences) else None
        return Place(fences[at], end, self._before(at), self._rows[at] > self._crowd[at])

    def _before(self, at: int) -> int:
        if self._sums is None:
            live = self._live
            blocks = (sum(live[start : start + _SUMS_EVERY]) for start in range(0, len(live), _SUMS_EVERY))
            self._sums = list(accumulate(blocks, initial=0))
        block = at // _SUMS_EVERY
        return self._sums[block] + sum(self._live[block * _SUMS_EVERY : at])

    def add(self, moves: Iterable[Move]) -> None:
        """Takes in what happened, in the order of the sequences."""
        fences, as_of, all_rows, all_live = self._fences, self._as_of, self._rows, self._live
        self._sums = None
        last, at = len(fences) - 1, 0
        for seq, doc_id, rows, live in moves:
            # Documents that are written together are often neighbours.
            if doc_id < fences[at] or (at < last and doc_id >= fences[at + 1]):
                at = bisect_right(fences, doc_id) - 1
            if seq > as_of[at]:
                all_rows[at] += rows
                all_live[at] += live

    def cut(self, place: Place, stretches: Sequence[Stretch], seq: int, since: Iterable[Move]) -> bool:
        """Puts stretches that were counted at `seq` for the one that `place` told of, which must be whole.

        `since` has at least the moves after `seq` that were added already. False when there are too many
        stretches now: then throw the ranks away.
        """
        at = bisect_right(self._fences, place.fence) - 1
        assert self._fences[at] == place.fence == stretches[0].fence
        assert (self._fences[at + 1] if at + 1 < len(self._fences) else None) == place.end
        here = slice(at, at + 1)
        wide = stretch_rows(sum(self._rows))
        self._fences[here] = [stretch.fence for stretch in stretches]
        self._rows[here] = [stretch.rows for stretch in stretches]
        self._live[here] = [stretch.live for stretch in stretches]
        self._as_of[here] = [seq] * len(stretches)
        self._crowd[here] = [2 * max(wide, stretch.rows) for stretch in stretches]
        fence, end = place.fence, place.end
        self.add(move for move in since if fence <= move[1] and (end is None or move[1] < end))
        return len(self._fences) <= FENCES_MAX


def stretch_rows(rows: int) -> int:
    """How many rows a fresh stretch should have in a database of this many."""
    return max(STRETCH_ROWS, rows // FENCES_AIM)
