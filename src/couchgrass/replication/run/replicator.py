"""All replication jobs of one server: which there are, which of them run, and what is said about them.

Jobs come from ``_replicator`` documents (`couchgrass.replication.run.documents`) and from ``_replicate``. All
of them run while they fit into ``max_jobs``; past it they take turns (`replication.schedule`). They share one
connection pool for each server, and the turns for copying a batch, so that a thousand of them are fair to
each other and bounded in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from urllib.parse import unquote
from weakref import WeakValueDictionary

import msgspec

from couchgrass.clock import Clock
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.transport import Transport
from couchgrass.docdb.access import UserCtx
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.replication import schedule
from couchgrass.replication.address import Address
from couchgrass.replication.deadletter import Letter
from couchgrass.replication.identity import RepId, replication_id
from couchgrass.replication.lifecycle import Happening
from couchgrass.replication.run.job import Job, Origin
from couchgrass.replication.run.letters import LetterBox, LocalStore
from couchgrass.replication.run.peers import Peers, Server, Tls, database_of
from couchgrass.replication.spec import Defaults, Replication
from couchgrass.replication.status import State

log = logging.getLogger("couchgrass.replication")

BATCHES_AT_ONCE = 8
"""Batches that all jobs between the same two servers copy at a time; they take turns in the order in which
they came. Counted by the pair, so that a server that is slow keeps only its own jobs waiting."""

LOCAL_BULKS_AT_ONCE = 2
"""Requests with many documents that all jobs together have under way in the server of this process. Two keep
it busy; with more, the other clients' requests wait behind them."""

TRANSIENT_MAX = 1000
"""Jobs that ``_replicate`` may have under way."""

TRANSIENT_MAX_OF_USER = 100
"""How many of them one user may have who is no server admin, so that nobody takes the place of all others."""

STOP_S = 1.8
"""How long all jobs together may take to stop."""


INTERVAL_S_MIN = 0.05
SETTINGS_S = 1.0
"""How soon a change of ``[replicator] interval`` is heeded."""

KEEPER = UserCtx("couchgrass", ("_admin", "_replicator"), "internal")
"""As whom the replicator keeps its own notes, and reads and marks the documents that ask for jobs."""


class Duplicate(CouchgrassError):
    """The same replication is a job already."""

    status = 409
    error = "conflict"

    def __init__(self, job: Job) -> None:
        super().__init__(f"Replication {job.key} is under way already")
        self.job = job


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the replicator is set to: the server's `uuid`, and ``[replicator]``."""

    uuid: str
    defaults: Defaults = Defaults()
    tls: Tls = Tls()
    max_jobs: int = 2000
    max_churn: int = 20
    interval_s: float = 60.0
    history_max: int = 20
    update_docs: bool = False


class Replicator:
    """`local(user)` is the way into the server of this process as that user. `config` is read anew each time.

    `heard` hears of everything that happens to a job.
    """

    def __init__(
        self, local: Callable[[UserCtx], Transport], config: Callable[[], Config], clock: Clock
    ) -> None:
        self.config = config
        self.heard: Callable[[Job, Happening], None] = lambda job, what: None
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.crashes = 0
        self._local = local
        self._peers = Peers(lambda: config().tls)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()
        self._local_bulks = asyncio.Semaphore(LOCAL_BULKS_AT_ONCE)
        self._by_document: dict[tuple[str, str], Job] = {}
        self._stopping: set[asyncio.Future[None]] = set()
        self._due = asyncio.Event()
        self._running: set[str] = set()
        self._loop_task = asyncio.create_task(self._schedule_for_ever())

    def identify(self, wanted: Replication, user: UserCtx, filter_code: str | None = None) -> RepId:
        """The id of a replication on this server, which uses its databases as `user`."""
        name = None if user.is_server_admin else user.name or ""
        return replication_id(self.config().uuid, wanted, filter_code, user=name)

    async def filter_code(self, wanted: Replication, user: UserCtx) -> str | None:
        """The source text of a design document's filter, which is part of the replication's identity.

        Raises what the source answers when it has no such function, or is not there.
        """
        name = wanted.filter.name
        if name is None or name.startswith("_"):
            return None
        ddoc, _, function = name.partition("/")
        source = self._database(wanted, wanted.source, user)
        try:
            design = await source.document(f"_design/{ddoc}")
        except NotFound as missing:
            raise NotFound(f"{source.name} has no filter {name}: {missing.reason}") from missing
        filters = design.get("filters")
        code = filters.get(function) if isinstance(filters, dict) else None
        if not isinstance(code, str):
            raise NotFound(f"{source.name} has no filter {name}")
        return code

    def add(self, rep_id: RepId, wanted: Replication, origin: Origin, user: UserCtx) -> Job:
        """A new job; it starts as soon as there is room. Raises Duplicate."""
        key = str(rep_id)
        if key in self.jobs:
            raise Duplicate(self.jobs[key])
        job = Job(
            rep_id=rep_id,
            wanted=wanted,
            origin=origin,
            clock=self.clock,
            letters=LetterBox(self.store(rep_id.base)),
            turns=self._turns_between(wanted),
            peers=lambda: (
                self._database(wanted, wanted.source, user),
                self._database(wanted, wanted.target, user),
            ),
            servers=lambda: self._servers(wanted),
            history_max=self.config().history_max,
            heard=self._heard,
        )
        self.jobs[key] = job
        if origin.database is not None and origin.doc_id is not None:
            self._by_document[origin.database, origin.doc_id] = job
        job.ended.add_done_callback(lambda _: self._over(job))
        self._take_turns()
        return job

    def store(self, base: str) -> LocalStore:
        """Where the dead letters of a replication are kept."""
        return LocalStore(self._local(KEEPER), base)

    async def letters_of(self, base: str) -> list[Letter]:
        """The dead letters of a replication that may be over, oldest first."""
        box = LetterBox(self.store(base))
        await box.open()
        return box.letters()

    async def remove(self, job: Job) -> None:
        """Stops it and forgets it; who waits for its end is told that it was cancelled.

        The same replication may be a job again at once; the document that asked for it is answered until it
        has stopped.
        """
        self._forget_id(job)
        try:
            await job.stop()
            # Not when nobody waits for that any longer: who comes next is to find it still.
            self._forget(job)
        finally:
            if not job.ended.done():
                job.ended.cancel()
            self._due.set()

    def _forget(self, job: Job) -> None:
        self._forget_id(job)
        origin = (job.origin.database or "", job.origin.doc_id or "")
        if self._by_document.get(origin) is job:
            del self._by_document[origin]

    def _forget_id(self, job: Job) -> None:
        if self.jobs.get(job.key) is job:
            del self.jobs[job.key]
            self._running.discard(job.key)

    def _over(self, job: Job) -> None:
        """It ended by itself. What a document asked for is removed by who watches the document."""
        if job.origin.is_transient:
            self._forget(job)
        self._due.set()

    def _turns_between(self, wanted: Replication) -> asyncio.Semaphore:
        pair = (_place(wanted.source), _place(wanted.target))
        return self._turns.setdefault(pair, asyncio.Semaphore(BATCHES_AT_ONCE))

    def _heard(self, job: Job, what: Happening) -> None:
        if what is Happening.CRASHED:
            self.crashes += 1
        self.heard(job, what)

    def _database(self, wanted: Replication, address: Address, user: UserCtx) -> CouchDatabase:
        if address.url is None:
            assert address.database is not None
            transport, name = self._local(user), address.database
        else:
            server = self._peers.server(address)
            transport, name = (
                server.transport(address, wanted.connection_timeout_s),
                unquote(database_of(address)),
            )
        return CouchDatabase(
            transport,
            name,
            retries=wanted.retries_per_request,
            connections=wanted.http_connections,
            bulk_get=wanted.use_bulk_get,
            idle_s=max(wanted.connection_timeout_s, 1.0),
            bulk_turns=self._local_bulks if address.url is None else None,
        )

    def _servers(self, wanted: Replication) -> list[Server]:
        remote = [address for address in (wanted.source, wanted.target) if address.url is not None]
        return list(dict.fromkeys(self._peers.server(address) for address in remote))

    # --- turns -------------------------------------------------------------------------------------

    def _take_turns(self) -> None:
        """Starts and stops jobs as the schedule says."""
        ended = [key for key in self._running if key not in self.jobs or self.jobs[key].ended.done()]
        self._running.difference_update(ended)
        config = self.config()
        turn = schedule.turn(
            list(self._scheduled()),
            max_jobs=config.max_jobs,
            max_churn=config.max_churn,
            now_s=self.clock.now(),
            least_run_s=config.interval_s,
        )
        for key in turn.stop:
            self._running.discard(key)
            self.jobs[key].begin_stop()
            task = asyncio.ensure_future(self.jobs[key].stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopped)
        for key in turn.start:
            self._running.add(key)
            self.jobs[key].start()

    def _stopped(self, task: asyncio.Future[None]) -> None:
        self._stopping.discard(task)
        self._due.set()

    def _scheduled(self) -> Iterator[schedule.Job]:
        for key, job in self.jobs.items():
            if job.ended.done() or job.is_stopping:
                continue
            state: schedule.State
            if key in self._running:
                state = schedule.Running(job.turn_at)
            else:
                state = schedule.Waiting(job.life.since)
            # One that waits for its next try has nothing to lose.
            may_stop = job.wanted.continuous or job.life.state is State.CRASHING
            yield schedule.Job(key, state, may_stop)

    async def _schedule_for_ever(self) -> None:
        turned_s = self.clock.monotonic()
        while True:
            interval_s = max(INTERVAL_S_MIN, self.config().interval_s)
            try:
                # The interval may be set to less meanwhile.
                async with asyncio.timeout(min(interval_s, SETTINGS_S)):
                    await self._due.wait()
            except TimeoutError:
                if self.clock.monotonic() - turned_s < min(interval_s, self.config().interval_s):
                    continue
            self._due.clear()
            turned_s = self.clock.monotonic()
            try:
                self._take_turns()
            except Exception:  # the loop's edge: one bug must not keep all jobs from running
                log.exception("taking turns failed")

    def by_document(self, database: str, doc_id: str) -> Job | None:
        """The job of a document."""
        return self._by_document.get((database, doc_id))

    def transient(self) -> list[Job]:
        """The jobs that ``_replicate`` asked for."""
        return [job for job in self.jobs.values() if job.origin.is_transient]

    def running(self) -> list[Job]:
        """The jobs that copy now, or wait for a change."""
        return [job for job in self.jobs.values() if job.life.state is State.RUNNING]

    async def close(self) -> None:
        """Stops all jobs, each after a last checkpoint as far as there is time."""
        self._loop_task.cancel()
        stops = [asyncio.ensure_future(job.stop()) for job in self.jobs.values()]
        pending = [one for one in self._stopping if not one.done()]
        if stops or pending:
            await asyncio.wait({*stops, *pending}, timeout=STOP_S)
        await self._peers.close()


def _place(address: Address) -> str:
    """The server that an address is at; "" for this one."""
    return "" if address.url is None else address.url.rpartition("/")[0]
