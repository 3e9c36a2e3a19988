"""One run of a replication: from the checkpoint to the source's end, or on and on.

A reader brings rows of the source's changes feed, copiers bring the target what it lacks, checkpoints follow.
Whatever stops a run raises; the job (`couchgrass.replication.run.job`) decides when the next one begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import aclosing

from couchgrass.clock import Clock
from couchgrass.couch.peer import Peer
from couchgrass.docdb.wire import Change, FeedEnd, Info, Seq
from couchgrass.errors import CouchgrassError, NotFound, PeerLost
from couchgrass.replication.deadletter import AGAIN_S, RULES_S, Letter, by_document, settled
from couchgrass.replication.plan import Batch
from couchgrass.replication.progress import Lag, Progress, Totals
from couchgrass.replication.run.checkpoints import Checkpoints
from couchgrass.replication.run.copier import Copier
from couchgrass.replication.run.inbox import Inbox
from couchgrass.replication.run.letters import LetterBox
from couchgrass.replication.spec import Replication

PAGE_ROWS = 2000
"""Rows in one page of changes: about 250 kB, decoded in 2 ms."""

SPARE_PAGES = 10
"""Pages that a one-shot run reads at least past where its source ended when it began."""

LOOK_S = 60.0
"""How often a job looks whether its target is the one that it began with."""

NEAR_S = 0.03
"""Two databases that both tell of themselves within this time are near each other."""

NEAR_COPIERS = 2
"""Copiers between near databases, at the most: two keep both busy, and what more of them bring only waits
there, with everybody else's requests behind it. Over a long way there are `worker_processes`."""

LAST_CHECKPOINT_S = 2.0
"""How long the checkpoint of a job that is stopped may take."""


class DatabaseNotFound(NotFound):
    """One of the two databases is not there. CouchDB's name for it."""

    error = "db_not_found"


class Run:
    """One run. `run` may be called once; the rest may be looked at while it runs, and after."""

    def __init__(
        self,
        *,
        source: Peer,
        target: Peer,
        wanted: Replication,
        rep_id: str,
        clock: Clock,
        letters: LetterBox,
        turns: asyncio.Semaphore,
        totals: Totals | None = None,
        lag: Lag | None = None,
    ) -> None:
        self.totals = totals or Totals()
        self.lag = lag or Lag(clock.monotonic())
        self.letters = letters
        self._source = source
        self._target = target
        self._wanted = wanted
        self._clock = clock
        self._turns = turns
        self.checkpoints = Checkpoints(
            source, target, rep_id, clock=clock, enabled=wanted.use_checkpoints, since=wanted.since_seq
        )
        self._copier = Copier(source, target, self.totals, clock, batch_docs=wanted.worker_batch_size)
        self._inbox = Inbox(max(PAGE_ROWS, wanted.worker_batch_size * (wanted.worker_processes + 1)))
        self._copiers = wanted.worker_processes
        self.is_abandoned = False
        self.progress: Progress | None = None
        self.source_seq: Seq | None = None
        self.pending: int | None = None
        self.updated_at = clock.now()
        self._copying: dict[int, int] = {}
        self._heard_s: float | None = None
        self._caught_up_s: float | None = None
        self._retry = asyncio.Event()
        self._retry_of: set[str] | None = set()
        """The documents whose letters are to be tried; None: all."""
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Returns when the target has all that the source had; a continuous run goes on until cancelled.

        Raises PeerLost, and what else keeps it from going on.
        """
        await self.letters.open()
        asked_s = self._clock.monotonic()
        try:
            infos = await self._infos()
        except CouchgrassError:
            if not self.lag.has_caught_up:
                self._resume_lag(await self.checkpoints.caught_up())
            self.lag.broke()
            raise
        if self._clock.monotonic() - asked_s < NEAR_S:
            self._copiers = min(self._copiers, NEAR_COPIERS)
        start = await self.checkpoints.open(infos)
        self.source_seq = infos[0].update_seq
        self._resume_lag(self.checkpoints.caught_up_at)
        self.progress = Progress(start)
        try:
            await self._work(start)
        except asyncio.CancelledError:
            if not self.is_abandoned:
                await self._say_goodbye()
            raise
        finally:
            self._refresh_lag()
            self._heard_s = None
            self.lag.broke()
        await self._save()

    def _resume_lag(self, caught_up_at: float | None) -> None:
        age_s = None if caught_up_at is None else self._clock.now() - caught_up_at
        self.lag.resume(age_s, self._clock.monotonic())

    async def _infos(self) -> tuple[Info, Info]:
        source = await _opened(self._source)
        try:
            target = await _opened(self._target)
        except DatabaseNotFound:
            if not self._wanted.create_target:
                raise
            await self._target.create(self._wanted.create_target_params)
            target = await _opened(self._target)
        return source, target

    async def _work(self, start: Seq) -> None:
        refused = self.letters.letters()
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._keep_checkpoints()),
                    group.create_task(self._keep_letters()),
                    group.create_task(self._keep_looking()),
                ]
                copiers = [group.create_task(self._copy()) for _ in range(self._copiers)]
                await self._read(start)
                await self._inbox.close()
                await asyncio.gather(*copiers)
                for task in beside:
                    task.cancel()
            # Who asks for a replication once more asks for what was refused then, too.
            await self._try_letters(refused)
        except BaseExceptionGroup as failed:
            raise _cause(failed) from failed

    # --- reading ---------------------------------------------------------------------------------

    async def _read(self, start: Seq) -> None:
        since = start
        while True:
            since = await self._catch_up(since)
            if not self._wanted.continuous:
                return
            since = await self._follow(since)

    async def _catch_up(self, since: Seq) -> Seq:
        """Pages until there are no more.

        A document that is written meanwhile moves to the end, so a one-shot run goes on there; but only for
        so long that a source which is written faster than it is read does not keep it for ever.
        """
        left: int | None = None
        spare = 0
        while True:
            asked_s = self._clock.monotonic()
            page = await self._source.changes(since, self._wanted.filter, PAGE_ROWS)
            count = len(page.results)
            if page.pending is not None:
                if left is None:
                    left = page.pending + count
                    spare = left + SPARE_PAGES * PAGE_ROWS
                self.pending = page.pending
                left -= count
            is_last = count < PAGE_ROWS
            if not self._wanted.continuous and left is not None and left <= -spare:
                is_last = True
            if is_last:
                self._caught_up_s = asked_s
            # Rows of a page are as old as what was last known of the source.
            if count:
                self.lag.is_known = True
            if count or bytes(page.last_seq) != bytes(since):
                await self._inbox.put(page.results, self.lag.floor_s, page.last_seq)
            since = self.source_seq = page.last_seq
            if is_last:
                self.pending = 0
                self._note_caught_up()
                return since

    async def _follow(self, since: Seq) -> Seq:
        """The live feed, until it ends well."""
        async with self._source.feed(since, self._wanted.filter) as events, aclosing(events):  # type: ignore[type-var]
            self._heard_s = self._clock.monotonic()
            async for event in events:
                now = self._heard_s = self._clock.monotonic()
                match event:
                    case Change():
                        await self._inbox.put((event,), now)
                        if bytes(event.seq) != b"null":
                            since = self.source_seq = event.seq
                    case FeedEnd(last_seq):
                        if bytes(last_seq) != bytes(since):
                            await self._inbox.put((), now, last_seq)
                        self._heard_s = None
                        self.lag.broke()
                        return last_seq
                self._refresh_lag()
        self._heard_s = None
        raise PeerLost(f"{self._source.name}: its changes feed ended")

    # --- copying ---------------------------------------------------------------------------------

    async def _copy(self) -> None:
        assert self.progress is not None
        while (batch := await self._inbox.take(self._wanted.worker_batch_size)) is not None:
            self.progress.taken(batch.number, batch.seen_s)
            self._copying[batch.number] = batch.rows
            if batch.revs:
                async with self._turns:
                    await self._copy_batch(batch)
            self.progress.done(batch.number, batch.seq)
            del self._copying[batch.number]
            self.updated_at = self._clock.now()
            self._moved.set()
            self._note_caught_up()

    async def _copy_batch(self, batch: Batch) -> None:
        changed = not self.letters.names.isdisjoint(batch.revs)
        letters = await self._copier.copy(batch.revs)
        if letters:
            self.totals.doc_write_failures += await self.letters.add(letters)
        if changed:
            self.retry_letters()

    def _oldest_s(self) -> float | None:
        assert self.progress is not None
        times = [at for at in (self.progress.oldest_s, self._inbox.oldest_s) if at is not None]
        return min(times, default=None)

    def _note_caught_up(self) -> None:
        if self._caught_up_s is not None and self._oldest_s() is None:
            self.lag.caught_up(self._caught_up_s)
        self._refresh_lag()

    def _refresh_lag(self) -> None:
        if self._heard_s is not None and self.progress is not None:
            self.lag.feed(self._oldest_s(), self._heard_s)

    def changes_pending(self) -> int | None:
        """Changes of the source that are not copied; None when the source does not count them."""
        waiting = len(self._inbox) + sum(self._copying.values())
        return None if self.pending is None else self.pending + waiting

    def lag_s(self) -> float | None:
        """Seconds by which the target may be behind; None when nothing is known yet."""
        self._refresh_lag()
        return self.lag.lag_s(self._clock.monotonic())

    # --- checkpoints -----------------------------------------------------------------------------

    async def _keep_checkpoints(self) -> None:
        while True:
            await self._moved.wait()
            await asyncio.sleep(self._wanted.checkpoint_interval_s)
            self._moved.clear()
            await self._save()

    async def _keep_looking(self) -> None:
        """An idle job would else not notice that its target was replaced."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.checkpoints.check()

    async def _save(self) -> None:
        assert self.progress is not None
        age = self.lag_s() if self.lag.has_caught_up else None
        at = None if age is None else self._clock.now() - age
        await self.checkpoints.save(self.progress.through, self.totals, at)

    async def _say_goodbye(self) -> None:
        """The last checkpoint of a run that is stopped: without it the next run does a little again."""
        try:
            async with asyncio.timeout(LAST_CHECKPOINT_S):
                await self._save()
        except (TimeoutError, CouchgrassError):
            return

    # --- dead letters ----------------------------------------------------------------------------

    def retry_letters(self, doc_ids: Collection[str] | None = None) -> None:
        """Tries dead letters again, soon: those of some documents, or all."""
        if doc_ids is None:
            self._retry_of = None
        elif self._retry_of is not None:
            self._retry_of.update(doc_ids)
        self._retry.set()

    async def _keep_letters(self) -> None:
        """Tries them again when asked, when the target's rules change, and from time to time."""
        rules: bytes | None = None
        tried_s = self._clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(RULES_S):
                    await self._retry.wait()
            except TimeoutError:
                if not len(self.letters):
                    rules = None
                    continue
                before, rules = rules, await self._target.rules()
                if rules == before and self._clock.monotonic() - tried_s < AGAIN_S:
                    continue
            only = self._retry_of if self._retry.is_set() else None
            self._retry.clear()
            self._retry_of = set()
            letters = self.letters.letters()
            if only is None:
                tried_s = self._clock.monotonic()
            else:
                letters = [letter for letter in letters if letter.id in only]
            async with self._turns:
                await self._try_letters(letters)

    async def _try_letters(self, letters: list[Letter]) -> None:
        size = self._wanted.worker_batch_size
        for start in range(0, len(letters), size):
            some = letters[start : start + size]
            refused = await self._copier.copy(by_document(some))
            # What comes in another's place is kept first, so that a power cut between the two loses nothing.
            await self.letters.add(refused)
            await self.letters.remove(settled(some, by_document(refused)))


async def _opened(side: Peer) -> Info:
    try:
        return await side.info()
    except NotFound as missing:
        raise DatabaseNotFound(f"could not open {side.name}") from missing
    except PeerLost:
        raise
    except CouchgrassError as refused:
        refused.reason = f"{side.name}: {refused.reason}"  # which of the two it was
        raise


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a run, out of its tasks' group.

    A bug tells most; then what a database said; that a peer is lost may only follow from the others.
    """

    def rank(error: BaseException) -> int:
        if not isinstance(error, CouchgrassError):
            return 0
        return 2 if isinstance(error, PeerLost) else 1

    return min(_errors(group), key=rank)


def _errors(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _errors(error)
        else:
            yield error
