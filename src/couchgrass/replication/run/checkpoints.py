"""The checkpoints of one run: where to start, and how far it has come, on both sides.

A checkpoint is written after what it covers is on the target's disk, the source's copy first. Before each
write both copies are read: when one is not what this run wrote, or a database is not the one that it began
with, something was lost or put back, and the job starts over from what both sides know.
Specification: ``couch_replicator_scheduler_job:do_checkpoint``; the rules are in `replication.checkpoint`.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

from couchgrass.clock import Clock
from couchgrass.couch.peer import Peer
from couchgrass.docdb.wire import ZERO, Info, Seq
from couchgrass.errors import Conflict, CouchgrassError, Forbidden, Unauthorized
from couchgrass.replication import checkpoint
from couchgrass.replication.progress import Totals

log = logging.getLogger("couchgrass.replication")


class Rewound(CouchgrassError):
    """A database or a checkpoint is not the one that the run began with."""

    status = 409
    error = "checkpoint_commit_failure"


class Checkpoints:
    """`last` is the sequence of the newest checkpoint, `newest` its document, `wrote`: this run wrote one.
    `refused` says why none can be written, if so."""

    def __init__(
        self, source: Peer, target: Peer, rep_id: str, *, clock: Clock, enabled: bool, since: Seq | None
    ) -> None:
        self._sides = (source, target)
        self._id = rep_id
        self._clock = clock
        self._enabled = enabled
        self._since = since
        self._written: list[dict[str, Any] | None] = [None, None]
        self._sent: list[dict[str, Any] | None] = [None, None]
        self._infos: tuple[Info, Info] | None = None
        self._began = clock.now()
        self.session = uuid.uuid4().hex
        self.start: Seq = ZERO
        self.last: Seq = ZERO
        self.history: list[dict[str, Any]] = []
        self.caught_up_at: float | None = None
        self.refused: str | None = None
        self.newest: dict[str, Any] | None = None
        self.wrote = False
        self._turn = asyncio.Lock()

    async def open(self, infos: tuple[Info, Info]) -> Seq:
        """Where to start."""
        self._infos = infos
        if self._enabled:
            docs = await asyncio.gather(*(side.local(self._id) for side in self._sides))
            self._written = list(docs)
            docs = [self._of_these_lives(doc) for doc in docs]
            found = checkpoint.common(*docs)
            self.newest = docs[0] if found.seq is not None else None
            self.history = found.history
            self.caught_up_at = checkpoint.caught_up_at(docs[0]) if found.seq is not None else None
            self.start = found.seq if found.seq is not None else self._since or ZERO
        else:
            self.start = self._since or ZERO
        self.last = self.start
        return self.start

    @property
    def _lives(self) -> list[str]:
        assert self._infos is not None, "open comes first"
        return [info.instance_start_time for info in self._infos]

    def _of_these_lives(self, doc: dict[str, Any] | None) -> dict[str, Any] | None:
        """A checkpoint that names other databases counts as none: it was on its way when one of them was
        deleted and made again, and arrived in the new one."""
        return doc if doc is None or doc.get("instances", self._lives) == self._lives else None

    async def caught_up(self) -> float | None:
        """When the target last had everything, if one side says so: for when the other is not there."""
        for side in reversed(self._sides):
            try:
                at = checkpoint.caught_up_at(await side.local(self._id))
            except CouchgrassError:
                continue
            if at is not None:
                return at
        return None

    def document(self, through: Seq, totals: Totals, caught_up_at: float | None) -> dict[str, Any]:
        """The checkpoint up to `through`."""
        session = checkpoint.Session(
            session_id=self.session,
            start_time_s=self._began,
            end_time_s=self._clock.now(),
            start_last_seq=self.start,
            recorded_seq=through,
            missing_checked=totals.revisions_checked,
            missing_found=totals.missing_revisions_found,
            docs_read=totals.docs_read,
            docs_written=totals.docs_written,
            doc_write_failures=totals.doc_write_failures,
            bulk_get_docs=totals.bulk_get_docs,
            bulk_get_attempts=totals.bulk_get_attempts,
        )
        doc = checkpoint.record(self.history, session, caught_up_at=caught_up_at)
        return {**doc, "instances": self._lives}

    async def save(self, through: Seq, totals: Totals, caught_up_at: float | None) -> None:
        """Writes a checkpoint, if it says something new. Raises Rewound, PeerLost."""
        if not self._enabled or self.refused is not None or bytes(through) == bytes(self.last):
            return
        async with self._turn:
            await self._save(through, totals, caught_up_at)

    async def check(self) -> None:
        """Raises Rewound when the target is not the one that the run began with; PeerLost.

        A job that has nothing to copy would not notice it otherwise. That a source was replaced is told by
        its feed.
        """
        assert self._infos is not None, "open comes first"
        target = self._sides[1]
        async with self._turn:
            if (await target.info()).instance_start_time != self._infos[1].instance_start_time:
                raise Rewound(f"{target.name} was deleted and made again, or put back")
            if self._enabled and self.refused is None:
                self._check_side(1, await target.local(self._id))

    def _check_side(self, place: int, doc: dict[str, Any] | None) -> None:
        if not any(_same(doc, mine) for mine in (self._written[place], self._sent[place])):
            raise Rewound(f"The checkpoint on {self._sides[place].name} is not the one that was written")

    async def _save(self, through: Seq, totals: Totals, caught_up_at: float | None) -> None:
        assert self._infos is not None, "open comes first"
        source, target = self._sides
        # The target first: what it has not on its disk must not be in a checkpoint.
        for side, info in ((target, self._infos[1]), (source, self._infos[0])):
            if await side.commit() != info.instance_start_time:
                raise Rewound(f"{side.name} was deleted and made again, or put back")
        found = await asyncio.gather(*(side.local(self._id) for side in self._sides))
        for place, stored in enumerate(found):
            self._check_side(place, stored)
        doc = self.document(through, totals, caught_up_at)
        for place, side in enumerate(self._sides):
            if not await self._put(place, side, doc, found[place]):
                return
        self.history, self.newest, self.wrote = doc["history"], doc, True
        self.last = through

    async def _put(self, place: int, side: Peer, doc: dict[str, Any], before: dict[str, Any] | None) -> bool:
        rev = {"_rev": before["_rev"]} if before and "_rev" in before else {}
        # Whoever cancels us here does not know whether it was written.
        self._sent[place] = doc
        try:
            new_rev = await side.put_local(self._id, {**doc, **rev})
        except Conflict:
            now = await side.local(self._id)
            if not _same(now, doc):
                raise Rewound(f"Somebody else writes the checkpoint on {side.name}") from None
            self._written[place] = now
            return True
        except (Unauthorized, Forbidden) as refused:
            # Without checkpoints a restart compares everything again, and loses nothing.
            self.refused = f"{side.name} takes no checkpoints: {refused.reason}"
            log.warning("%s", self.refused)
            return False
        self._written[place] = {**doc, "_rev": new_rev}
        return True


def _same(found: dict[str, Any] | None, written: dict[str, Any] | None) -> bool:
    """True when a side still has what was written, or has nothing where nothing was."""
    if found is None or written is None:
        return found is written
    return checkpoint.is_same(written, found)
