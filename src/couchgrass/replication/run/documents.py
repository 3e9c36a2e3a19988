"""``_replicator`` documents: each that asks for a replication gets a job, and its end is written into it.

All databases named ``_replicator`` or ``*/_replicator`` are watched by their changes feeds. Only the two
ends, ``completed`` and ``failed``, are written into a document, unless ``update_docs`` asks for more; where a
job is now, ``_scheduler`` says. What cannot be set up because a source is not there is tried again.
Specification: ``couch_replicator_doc_processor``, ``couch_replicator_docs``.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from couchgrass import json
from couchgrass.couch import feed
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.transport import Transport, whole
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.replicator_doc import is_replicator_db
from couchgrass.docdb.wire import ZERO, Change
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, NotFound
from couchgrass.replication.backoff import delay_s
from couchgrass.replication.deadletter import Letter
from couchgrass.replication.lifecycle import Happening
from couchgrass.replication.run.job import Job, Origin
from couchgrass.replication.run.replicator import Duplicate, Replicator
from couchgrass.replication.spec import Replication, parse
from couchgrass.replication.status import State, iso8601

log = logging.getLogger("couchgrass.replication")

AGAIN_S = 1.0
FILTER_S = 60.0
"""How often the code of a job's filter is looked at, as in CouchDB."""

NAMES_BYTES_MAX = 64 * 1024 * 1024
WRITE_TRIES = 5

STATE, STATE_TIME, REASON = "_replication_state", "_replication_state_time", "_replication_state_reason"
ID, STATS = "_replication_id", "_replication_stats"
_NOT_ASKED = frozenset({"_id", "_rev", STATE, STATE_TIME, REASON, ID, STATS})


class Entry:
    """One document: what it asks for, and how far that has come while it has no job, or has one no more."""

    def __init__(self, database: str, doc_id: str, asked: bytes, now: float) -> None:
        self.database = database
        self.doc_id = doc_id
        self.asked = asked
        self.state = State.INITIALIZING
        self.error: str | None = None
        self.error_count = 0
        self.stats: Mapping[str, Any] | None = None
        self.letters: list[Letter] = []
        """What the target still refused when its job was over."""
        self.start_at = self.updated_at = now
        self.next_try_at: float | None = None
        self.wanted: Replication | None = None
        self.task: asyncio.Task[None] | None = None
        self.marking = asyncio.Lock()
        """One mark at a time, in the order in which they are made."""
        self.marks = 0
        """Marks that are not written yet."""
        self.marked = 0
        """The generation of the revision that we wrote last."""

    @property
    def dead_letters(self) -> int:
        """How many there are."""
        return len(self.letters)

    def enter(self, state: State, now: float, error: str | None = None) -> None:
        """It is in this state now."""
        self.state, self.updated_at, self.error = state, now, error


class Documents:
    """Watches the documents of one server. `user_of` says as whom a document's job uses local databases."""

    def __init__(
        self,
        replicator: Replicator,
        transport: Transport,
        user_of: Callable[[Replication], UserCtx],
    ) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self._replicator = replicator
        self._transport = transport
        self._user_of = user_of
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._writes: set[asyncio.Task[None]] = set()
        replicator.heard = self._heard
        self._task = asyncio.create_task(self._live())

    # --- which databases ---------------------------------------------------------------------------

    async def _live(self) -> None:
        while True:
            try:
                await self._follow_databases()
            except CouchgrassError as why:
                log.warning("the list of databases can't be followed: %s", why.reason)
            except Exception:  # the loop's edge
                log.exception("the list of databases can't be followed")
            await asyncio.sleep(AGAIN_S)

    async def _follow_databases(self) -> None:
        query = [("feed", "continuous"), ("since", "now"), ("heartbeat", "60000")]
        async with self._transport.request("GET", "/_db_updates", query=query) as reply:
            names = await self._names()
            for name in [name for name in self._watches if name not in names]:
                await self._forget(name)
            for name in names:
                self._watch(name)
            rest = b""
            async for chunk in reply.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    await self._database_event(line)

    async def _names(self) -> list[str]:
        async with self._transport.request("GET", "/_all_dbs") as reply:
            return [
                name for name in json.decode(await whole(reply, NAMES_BYTES_MAX)) if is_replicator_db(name)
            ]

    async def _database_event(self, line: bytes) -> None:
        if b"_replicator" not in line:
            return
        event = json.decode(line)
        name = event.get("db_name", "")
        if not is_replicator_db(name):
            return
        if event.get("type") == "deleted":
            await self._forget(name)
        elif event.get("type") == "created":
            await self._forget(name)
            self._watch(name)

    def _watch(self, name: str) -> None:
        if name not in self._watches or self._watches[name].done():
            self._watches[name] = asyncio.create_task(self._watch_database(name))

    async def _forget(self, name: str) -> None:
        """A database is gone: so are the jobs that its documents asked for."""
        task = self._watches.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        for key in [key for key in self.entries if key[0] == name]:
            await self._drop(key)

    async def _watch_database(self, name: str) -> None:
        database = CouchDatabase(self._transport, name)
        since = ZERO
        while True:
            try:
                async with feed.open_feed(self._transport, database.path, since, Filter(), name) as events:
                    async for event in events:
                        if isinstance(event, Change):
                            await self._changed(database, name, event)
                            since = event.seq
            except NotFound:
                return
            except CouchgrassError as why:
                log.warning("%s can't be followed: %s", name, why.reason)
            except Exception:  # the loop's edge
                log.exception("%s can't be followed", name)
            await asyncio.sleep(AGAIN_S)

    # --- one document ------------------------------------------------------------------------------

    async def _changed(self, database: CouchDatabase, name: str, change: Change) -> None:
        key = (name, change.id)
        if change.id.startswith("_design/"):
            return
        try:
            doc = None if change.deleted else await database.document(change.id)
        except NotFound:
            doc = None
        if doc is None:
            await self._drop(key)
            return
        asked = asked_of(doc)
        entry, now = self.entries.get(key), self._replicator.clock.now()
        if doc.get(STATE) in (State.COMPLETED.value, State.FAILED.value):
            if entry is None or entry.asked != asked:
                await self._drop(key)
                entry = self.entries[key] = self._ended(Entry(name, change.id, asked, now), doc)
                if isinstance(base := doc.get(ID), str):
                    entry.letters = await self._replicator.letters_of(base)
            return
        if entry is not None and entry.asked == asked:
            if not entry.state.is_terminal:
                return  # what we wrote ourselves
            if entry.marks or generation(doc) < entry.marked:
                return  # how it was before its end was written
        await self._start(key, doc)

    async def _start(self, key: tuple[str, str], doc: Mapping[str, Any]) -> None:
        await self._drop(key)
        entry = self.entries[key] = Entry(*key, asked_of(doc), self._replicator.clock.now())
        entry.task = asyncio.create_task(self._begin(entry, doc))

    async def again(self, database: str, doc_id: str) -> None:
        """Does once more what a document asked for. Raises NotFound."""
        doc = await CouchDatabase(self._transport, database).document(doc_id)
        await self._start((database, doc_id), doc)

    def _ended(self, entry: Entry, doc: Mapping[str, Any]) -> Entry:
        reason = doc.get(REASON)
        entry.start_at = epoch(doc.get(STATE_TIME), entry.start_at)
        entry.enter(State(doc[STATE]), entry.start_at, reason if isinstance(reason, str) else None)
        stats = doc.get(STATS)
        entry.stats = stats if isinstance(stats, dict) else None
        try:
            entry.wanted = parse(doc, self._replicator.config().defaults)
        except CouchgrassError:
            entry.wanted = None
        return entry

    async def _drop(self, key: tuple[str, str]) -> None:
        """The document asks for nothing any more. It is shown until its job wrote its last checkpoint."""
        while (entry := self.entries.get(key)) is not None:
            if entry.task is not None:
                entry.task.cancel()
            job = self._replicator.by_document(*key)
            if job is not None:
                await self._replicator.remove(job)
            if self.entries.get(key) is entry:
                del self.entries[key]

    async def _begin(self, entry: Entry, doc: Mapping[str, Any]) -> None:
        """Makes the job; and another one when its filter's code changes, which then passes other documents.

        Tried again while the source can't say what its filter is.
        """
        while True:
            try:
                if not await self._job_is_over(entry, *await self._make(entry, doc)):
                    return
                continue
            except BadRequest as bad:
                self._fail(entry, bad.reason)
                return
            except Duplicate as twice:
                self._fail(entry, _already(twice.job))
                return
            except CouchgrassError as why:
                entry.error_count += 1
                entry.enter(State.ERROR, self._replicator.clock.now(), f"{why.error}: {why.reason}")
            except Exception:  # the loop's edge
                log.exception("%s of %s can't be begun", entry.doc_id, entry.database)
                entry.error_count += 1
                entry.enter(State.ERROR, self._replicator.clock.now(), "internal_server_error: see the log")
            pause_s = delay_s(entry.error_count, random.random())  # noqa: S311  jitter, not a secret
            entry.next_try_at = self._replicator.clock.now() + pause_s
            await asyncio.sleep(pause_s)

    async def _make(self, entry: Entry, doc: Mapping[str, Any]) -> tuple[Job, UserCtx, str | None]:
        """The job, as whom it runs, and the code of its filter. Raises what keeps it from being made."""
        wanted = entry.wanted = parse(doc, self._replicator.config().defaults)
        user = self._user_of(wanted)
        code = await self._replicator.filter_code(wanted, user)
        rep_id = self._replicator.identify(wanted, user, code)
        owner = doc.get("owner")
        origin = Origin(entry.database, entry.doc_id, owner if isinstance(owner, str) else None)
        return self._replicator.add(rep_id, wanted, origin, user), user, code

    async def _job_is_over(self, entry: Entry, job: Job, user: UserCtx, code: str | None) -> bool:
        """Waits until the code of the job's filter changes, then ends the job. False when that can't be."""
        if code is None:
            return False
        while not entry.state.is_terminal:
            await asyncio.sleep(FILTER_S)
            try:
                if await self._replicator.filter_code(job.wanted, user) == code:
                    continue
            except CouchgrassError:
                continue  # of which the job says itself what is wrong
            log.info("the filter of %s of %s has changed", entry.doc_id, entry.database)
            await self._replicator.remove(job)
            return True
        return False

    def _fail(self, entry: Entry, reason: str) -> None:
        log.warning("document %s of %s asks for what can't be: %s", entry.doc_id, entry.database, reason)
        entry.enter(State.FAILED, self._replicator.clock.now(), reason)
        self._write(entry, {STATE: State.FAILED.value, REASON: reason})

    # --- what happens to jobs ------------------------------------------------------------------------

    def _heard(self, job: Job, what: Happening) -> None:
        entry = self.entries.get((job.origin.database or "", job.origin.doc_id or ""))
        if entry is None:
            return
        now = self._replicator.clock.now()
        if what is Happening.COMPLETED:
            entry.enter(State.COMPLETED, now)
            entry.stats = statistics(job)
            entry.letters = job.letters.letters()
            self._write(entry, {STATE: State.COMPLETED.value, ID: job.rep_id.base, STATS: entry.stats})
            self._spawn(self._replicator.remove(job))
        elif self._replicator.config().update_docs and what is Happening.STARTED:
            self._write(entry, {STATE: "triggered", ID: job.rep_id.base})
        elif self._replicator.config().update_docs and what is Happening.CRASHED:
            self._write(entry, {STATE: "error", REASON: job.error()})

    def _write(self, entry: Entry, members: Mapping[str, Any]) -> None:
        at = iso8601(self._replicator.clock.now())
        entry.marks += 1
        self._spawn(self._mark(entry, {**members, STATE_TIME: at}))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _mark(self, entry: Entry, members: Mapping[str, Any]) -> None:
        """Writes members into a document, unless it asks for something else by now."""
        database = CouchDatabase(self._transport, entry.database)
        try:
            async with entry.marking:
                for _ in range(WRITE_TRIES):
                    doc = await database.document(entry.doc_id)
                    if asked_of(doc) != entry.asked:
                        return
                    kept = {name: value for name, value in doc.items() if name not in (REASON, STATS)}
                    try:
                        await database.put_document(entry.doc_id, {**kept, **members})
                    except Conflict:
                        continue
                    entry.marked = generation(doc) + 1
                    return
        except CouchgrassError as why:
            log.warning("%s of %s can't be marked: %s", entry.doc_id, entry.database, why.reason)
        finally:
            entry.marks -= 1

    async def close(self) -> None:
        """Ends watching, and what is being written."""
        begun = [
            entry.task for entry in self.entries.values() if entry.task is not None and not entry.task.done()
        ]
        tasks = [self._task, *self._watches.values(), *begun]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if self._writes:
            await asyncio.wait(self._writes, timeout=1.0)


def asked_of(doc: Mapping[str, Any]) -> bytes:
    """What a document asks for: all of it but what is written into it about its job."""
    return json.encode({name: value for name, value in doc.items() if name not in _NOT_ASKED})


def generation(doc: Mapping[str, Any]) -> int:
    """The number of edits that made a document."""
    return int(str(doc.get("_rev", "0")).partition("-")[0])


def epoch(text: Any, default: float) -> float:
    """Seconds since the epoch of a time as `iso8601` writes it."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (TypeError, ValueError):
        return default


def _already(job: Job) -> str:
    """CouchDB's words for a replication that two documents ask for."""
    if job.origin.is_transient:
        return f"Replication `{job.rep_id.base}` is already started by _replicate"
    return (
        f"Replication `{job.rep_id.base}` specified by document, already started, triggered by document "
        f"`{job.origin.doc_id}` from db `{job.origin.database}`"
    )


def statistics(job: Job) -> dict[str, Any]:
    """A job's counts, as they are written into its document."""
    seq = None if job.run is None else json.decode(job.run.checkpoints.last)
    return {
        **msgspec.structs.asdict(job.totals),
        "changes_pending": 0,
        "checkpointed_source_seq": seq,
    }
