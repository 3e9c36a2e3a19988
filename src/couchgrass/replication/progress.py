"""How far a replication is: up to where everything is done, and how old the oldest change is that is not.

Batches end in any order. A checkpoint may only be set to the end of the run of batches that are all done.

Lag is the age of the oldest change that the target may lack, and needs no clock but the replicator's own: a
change is as old as the time since the replicator first could have seen it.

- While the live feed is open and every row that came is copied, it is 0.
- While rows wait, it is the time since the first of them came.
- When the source is not there, nothing is known of it since it was last heard: the lag grows from then.
- While a job catches up, it is the time since it was last known to have caught up.
- Before a job has once caught up there is no such time, and it counts from the job's start.
"""

from __future__ import annotations

import msgspec

from couchgrass.docdb.wire import Seq


class Progress:
    """The batches of one run. `through` is the sequence up to which everything is done."""

    def __init__(self, start: Seq) -> None:
        self.through = start
        self._next = 0
        self._done: dict[int, Seq | None] = {}
        self._waiting: dict[int, float] = {}

    def taken(self, number: int, seen_s: float) -> None:
        """A batch begins. Numbers count from 0."""
        self._waiting[number] = seen_s

    def done(self, number: int, seq: Seq | None) -> None:
        """A batch is on the target's disk, or its refusals are on the list of dead letters."""
        self._done[number] = seq
        self._waiting.pop(number)
        while self._next in self._done:
            end = self._done.pop(self._next)
            self._next += 1
            if end is not None:
                self.through = end

    @property
    def oldest_s(self) -> float | None:
        """When the oldest change came that is not copied; None when there is none."""
        return min(self._waiting.values(), default=None)


class Lag:
    """The age of the oldest change that the target may lack, over all runs of a job. Times are monotonic.

    `floor_s`: all that the source had then, the target has. `is_known`: the source was looked at, or could
    not be.
    """

    def __init__(self, now_s: float) -> None:
        self.floor_s = now_s
        self.is_known = False
        self.has_caught_up = False
        self.live = False
        self._oldest_s: float | None = None

    def resume(self, age_s: float | None, now_s: float) -> None:
        """What the checkpoint says: it was `age_s` ago that the target had everything. Counts only once."""
        if age_s is not None and not self.has_caught_up:
            self.floor_s = now_s - max(0.0, age_s)
            self.has_caught_up = True

    def caught_up(self, as_of_s: float) -> None:
        """The target has all that the source had at that time."""
        self.floor_s = max(self.floor_s, as_of_s)
        self.has_caught_up = self.is_known = True

    def feed(self, oldest_s: float | None, heard_s: float) -> None:
        """The live feed is open and was last heard then; `oldest_s` is when the oldest waiting row came."""
        self.live = True
        self._oldest_s = oldest_s
        self.caught_up(heard_s if oldest_s is None else min(oldest_s, heard_s))

    def broke(self) -> None:
        """No live feed any more."""
        self.live, self._oldest_s = False, None
        self.is_known = True

    def lag_s(self, now_s: float) -> float | None:
        """Seconds; None while nothing is known yet."""
        if not self.is_known:
            return None
        if self.live:
            return 0.0 if self._oldest_s is None else max(0.0, now_s - self._oldest_s)
        return max(0.0, now_s - self.floor_s)


class Totals(msgspec.Struct):
    """What a job has done, in CouchDB's terms."""

    revisions_checked: int = 0
    missing_revisions_found: int = 0
    docs_read: int = 0
    docs_written: int = 0
    doc_write_failures: int = 0
    bulk_get_docs: int = 0
    bulk_get_attempts: int = 0
