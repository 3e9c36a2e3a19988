"""Copies the leaves that the target lacks: compare, fetch, write; and notes what was refused.

Everything is written before `copy` returns, or is in the letters that it returns. It raises PeerLost when one
of the two can't do it now; then it is to be called again, which changes nothing that was done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing

from couchgrass.clock import Clock
from couchgrass.couch.attached import MISMATCH
from couchgrass.couch.peer import Peer
from couchgrass.docdb.document import is_design
from couchgrass.docdb.wire import Fetched, NotThere, Opened, Wanted
from couchgrass.errors import CouchgrassError, PeerLost, TooLarge
from couchgrass.replication.deadletter import Letter, letter
from couchgrass.replication.plan import Sizes, Verdict, verdict, verdict_of, wanted_of, writes
from couchgrass.replication.progress import Totals

log = logging.getLogger("couchgrass.replication")

MISSING_PAUSE_S = 0.5
"""How long to wait before a leaf is asked for again that the source listed and then did not have."""

ATTACHED_TRIES = 4
"""How often a document with attachments is begun anew before its job is."""

ATTACHED_PAUSE_S = 0.25

ABOUT_ONE = frozenset({400, 413, 415})
"""Statuses with which a target refuses a request because of one document in it, or for its size."""


class Copier:
    """Copies for one job. `totals` counts what it does."""

    def __init__(self, source: Peer, target: Peer, totals: Totals, clock: Clock, *, batch_docs: int) -> None:
        self._source = source
        self._target = target
        self._totals = totals
        self._clock = clock
        self._batch_docs = batch_docs
        self._sizes = Sizes()

    async def copy(self, revs: Mapping[str, Sequence[str]]) -> list[Letter]:
        """Copies these revisions, as far as the target lacks them. What was refused."""
        if not revs:
            return []
        missing = await self._target.revs_diff(revs)
        self._totals.revisions_checked += sum(map(len, revs.values()))
        wanted = wanted_of(missing)
        self._totals.missing_revisions_found += len(wanted)
        letters: list[Letter] = []
        while wanted:
            count = self._sizes.portion(self._batch_docs)
            portion, wanted = wanted[:count], wanted[count:]
            letters += await self._copy_portion(portion)
        return letters

    async def _copy_portion(self, wanted: Sequence[Wanted]) -> list[Letter]:
        try:
            answers = await self._source.bulk_get(wanted)
        except TooLarge as large:
            if len(wanted) == 1:
                return [self._letter(wanted[0], large)]
            half = len(wanted) // 2
            self._sizes.seen(half, half * int(self._sizes.doc_bytes * 2))
            return await self._copy_portion(wanted[:half]) + await self._copy_portion(wanted[half:])
        self._totals.bulk_get_attempts += len(wanted)
        fetched = [one for one in answers if isinstance(one, Fetched)]
        self._sizes.seen(len(fetched), sum(len(one.doc) for one in fetched))
        plain = [one for one in fetched if not one.has_attachments]
        self._totals.docs_read += len(plain)
        self._totals.bulk_get_docs += len(plain)
        letters = await self._write(plain)
        if len(plain) < len(fetched):
            by_leaf = {(one.id, one.rev): one for one in wanted}
        for one in fetched:
            if one.has_attachments:
                known = by_leaf.get((one.id, one.rev), Wanted(one.id, one.rev))
                letters += await self._copy_attached(known)
        return letters + await self._look_again([one for one in answers if isinstance(one, NotThere)])

    # --- writing ---------------------------------------------------------------------------------

    async def _write(self, fetched: Sequence[Fetched]) -> list[Letter]:
        """Design documents go by themselves: who may not write them is refused for them alone."""
        letters: list[Letter] = []
        ordinary = [one for one in fetched if not is_design(one.id)]
        for some in (ordinary, [one for one in fetched if is_design(one.id)]):
            at = 0
            for portion in writes((one.doc for one in some), self._batch_docs):
                letters += await self._write_portion(some[at : at + len(portion)])
                at += len(portion)
        return letters

    async def _write_portion(self, fetched: Sequence[Fetched]) -> list[Letter]:
        alone = len(fetched) == 1
        try:
            refusals = await self._target.bulk_docs([one.doc for one in fetched])
        except CouchgrassError as refused:
            about_one = refused.status in ABOUT_ONE or (alone and is_design(fetched[0].id))
            if not about_one or verdict_of(refused) is Verdict.AGAIN:
                raise
            if alone:
                reason = refused.reason or "too large"
                return [self._refused(fetched[0].id, fetched[0].rev, refused.error, reason)]
            half = len(fetched) // 2
            return await self._write_portion(fetched[:half]) + await self._write_portion(fetched[half:])
        letters: list[Letter] = []
        failed = 0
        for row in refusals:
            what = verdict(row.error)
            if what is Verdict.AGAIN:
                raise PeerLost(f"{self._target.name}: {row.id}: {row.error}: {row.reason}")
            # Who does not say which leaf it was may mean each that came of the document.
            for rev in [row.rev] if row.rev else [one.rev for one in fetched if one.id == row.id]:
                failed += 1
                if what is Verdict.WHOLE:
                    letters += await self._copy_attached(Wanted(row.id, rev))
                else:
                    letters.append(self._refused(row.id, rev, row.error, row.reason))
        self._totals.docs_written += max(0, len(fetched) - failed)
        return letters

    # --- attachments -----------------------------------------------------------------------------

    async def _copy_attached(self, wanted: Wanted, *, is_last_look: bool = False) -> list[Letter]:
        """One leaf with its attachments, begun anew when it is cut off on the way.

        `is_last_look`: it was missing before, and is not looked for once more.
        """
        pause_s = ATTACHED_PAUSE_S
        for tries in range(ATTACHED_TRIES):
            try:
                letters, absent = await self._stream(wanted)
                return letters + (self._not_given(absent) if is_last_look else await self._look_again(absent))
            except PeerLost as lost:
                is_last = tries == ATTACHED_TRIES - 1
                if is_last and lost.error == MISMATCH:
                    # The source's copy is damaged: this document must not keep all others back.
                    return [self._letter(wanted, lost)]
                if lost.is_down or is_last:
                    raise
            except TooLarge as large:
                return [self._letter(wanted, large)]
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("the last try returns or raises")

    async def _stream(self, wanted: Wanted) -> tuple[list[Letter], list[NotThere]]:
        letters: list[Letter] = []
        whole: list[Wanted] = []
        absent: list[NotThere] = []
        came = 0
        async with aclosing(self._source.open_revs(wanted.id, [wanted])) as leaves:  # type: ignore[type-var]
            async for one in leaves:
                came += 1
                if isinstance(one, NotThere):
                    absent.append(one)
                    continue
                self._totals.docs_read += 1
                refused = await self._put(one)
                if refused is None:
                    self._totals.docs_written += 1
                elif verdict_of(refused) is Verdict.WHOLE and wanted.known:
                    whole.append(Wanted(one.id, one.rev))
                else:
                    letters.append(self._refused(one.id, one.rev, refused.error, refused.reason))
        if not came:
            absent.append(NotThere(wanted.id, wanted.rev, reason="the answer is empty"))
        for again in whole:
            more, missing = await self._stream(again)
            letters += more
            absent += missing
        return letters, absent

    async def _put(self, opened: Opened) -> CouchgrassError | None:
        try:
            await self._target.put_opened(opened)
        except CouchgrassError as refused:
            if verdict_of(refused) is Verdict.AGAIN:
                raise
            return refused
        return None

    # --- what the source does not have -------------------------------------------------------------

    async def _look_again(self, absent: Sequence[NotThere]) -> list[Letter]:
        """Leaves that the source listed and then did not have.

        One that it does not know at all was purged: nothing is left to copy. Else it is asked for once more,
        and then noted; a successor, which brings it along, comes by the feed.
        """
        if not absent:
            return []
        asked: dict[str, list[str]] = {}
        for one in absent:
            asked.setdefault(one.id, []).append(one.rev)
        unknown = await self._source.revs_diff(asked)
        left = [one for one in absent if one.id not in unknown or one.rev not in unknown[one.id].missing]
        if not left:
            return []
        await asyncio.sleep(MISSING_PAUSE_S)
        answers = await self._source.bulk_get([Wanted(one.id, one.rev) for one in left])
        fetched = [one for one in answers if isinstance(one, Fetched)]
        plain = [one for one in fetched if not one.has_attachments]
        self._totals.docs_read += len(plain)
        letters = await self._write(plain)
        for found in fetched:
            if found.has_attachments:
                letters += await self._copy_attached(Wanted(found.id, found.rev), is_last_look=True)
        return letters + self._not_given([one for one in answers if isinstance(one, NotThere)])

    def _not_given(self, absent: Sequence[NotThere]) -> list[Letter]:
        return [
            self._refused(one.id, one.rev, one.error, f"the source does not give it: {one.reason}")
            for one in absent
        ]

    def _letter(self, wanted: Wanted, refused: CouchgrassError) -> Letter:
        return self._refused(wanted.id, wanted.rev, refused.error, refused.reason)

    def _refused(self, doc_id: str, rev: str, error: str, reason: str) -> Letter:
        log.warning("%s refuses %s %s: %s: %s", self._target.name, doc_id, rev, error, reason)
        return letter(doc_id, rev, error, reason, self._clock.now())
