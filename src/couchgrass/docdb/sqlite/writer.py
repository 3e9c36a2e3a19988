"""Writers' queue: one transaction, and so one fsync, for all operations that wait.

Each database has a `Journal`: operations queue on it, and at most one of the pool's threads works it at a
time. While a commit waits for the disk the next operations gather, and the next transaction takes them
all. Answers go back to the event loop in one call a transaction, after the commit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.ranks import Move
from couchgrass.docdb.sqlite.schema import close, open_writer, refused
from couchgrass.docdb.sqlite.transaction import Totals, Transaction, totals_of
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable

log = logging.getLogger("couchgrass.docdb")

T = TypeVar("T")
Operation = Callable[[Transaction], T]

WAITING_MAX = 20_000
"""Operations that may wait for one database; past it a writer is told 503."""

TOGETHER_MAX = 2_000
"""Operations in one transaction: bounds how long the first of them waits."""

THREADS = 4
"""Threads that write. They mostly wait for the disk."""


class Commit(NamedTuple):
    """What one commit brought: documents that are new, revisions written, ``_local`` documents written.

    `took_ms` is what the commit itself took, which is the wait for the disk.
    """

    inserts: int
    writes: int
    local_writes: int
    took_ms: float


class _Waiting(msgspec.Struct, gc=True):
    operation: Operation[Any]
    future: asyncio.Future[Any]


class WriterPool:
    """The threads that write, shared by all databases of a server.

    `on_commit` hears on the event loop of each commit that wrote something.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int = THREADS) -> None:
        self.loop = loop
        self.on_commit: Callable[[Commit], None] | None = None
        self._ready: SimpleQueue[Journal | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"writer-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(self, journal: Journal) -> None:
        self._ready.put(journal)

    def _work(self) -> None:
        while (journal := self._ready.get()) is not None:
            if journal.work():
                self._ready.put(journal)

    def stop(self) -> None:
        """Ends the threads after what they have begun. Call from outside of them."""
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join()


class Journal:
    """The queue of one database and the connection that its operations write through.

    `committed(totals, moves)` is called on the event loop after each commit. While `tracking` is set the
    moves are all that happened to the set of live documents; they are None when that is not known.
    """

    def __init__(
        self,
        path: Path,
        pool: WriterPool,
        committed: Callable[[Totals, list[Move] | None], None],
        totals: Totals | None = None,
    ) -> None:
        self.path = path
        self.totals = totals or Totals()
        self.connection: apsw.Connection | None = None
        self.tracking = False
        self._moves: list[Move] | None = None
        self._commits: list[Commit] = []
        self._pool = pool
        self._committed = committed
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._scheduled = False
        self._closed = False
        self._to_rest = False
        self._worked_s = time.monotonic()
        self._idle = threading.Event()
        self._idle.set()

    def submit(self, operation: Operation[T]) -> asyncio.Future[T]:
        """Queues an operation. The future ends after the commit that holds it is on the disk."""
        future: asyncio.Future[T] = self._pool.loop.create_future()
        with self._lock:
            if self._closed:
                raise NotFound("Database does not exist.")
            if len(self._waiting) >= WAITING_MAX:
                raise ServiceUnavailable("Too many writes wait for this database: try again in a moment.")
            self._waiting.append(_Waiting(operation, future))
            if self._scheduled:
                return future
            self._scheduled = True
            self._idle.clear()
        self._pool.schedule(self)
        return future

    def rest(self, idle_s: float) -> bool:
        """Closes the writing connection if nothing was written for so long; the next operation opens one.
        False when there is none to close.

        A thread of the pool does it, as it does everything with the connection.
        """
        with self._lock:
            unused_s = time.monotonic() - self._worked_s
            if self._scheduled or self._closed or self.connection is None or unused_s < idle_s:
                return False
            self._to_rest = self._scheduled = True
            self._idle.clear()
        self._pool.schedule(self)
        return True

    def shut(self) -> None:
        """From now on takes no more. Does not block."""
        with self._lock:
            self._closed = True

    def close(self) -> None:
        """Waits for what was taken, closes. Blocks, so not on the event loop; `shut` comes first."""
        self._idle.wait()
        if self.connection is not None:
            close(self.connection)
            self.connection = None

    def active(self) -> bool:
        """True while operations wait or run."""
        return self._scheduled

    def opened(self) -> apsw.Connection:
        """The writing connection; only for the thread that works the journal."""
        if self.connection is None:
            self.connection = open_writer(self.path)
            self.totals = totals_of(self.connection)
            self._moves = None  # a commit that seemed to fail may have reached the disk all the same
        return self.connection

    def work(self) -> bool:
        """One transaction for what waits. True when there is more."""
        with self._lock:
            batch, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
            to_rest, self._to_rest = self._to_rest, False
        if batch:
            self._moves = [] if self.tracking else None
            self._commits = []
            outcomes = self._outcomes(batch)
            self._deliver(outcomes)
            self._worked_s = time.monotonic()
        elif to_rest and self.connection is not None:
            close(self.connection)
            self.connection = None
        with self._lock:
            if self._waiting:
                return True
            self._scheduled = False
            self._idle.set()
        return False

    def _outcomes(self, batch: list[_Waiting]) -> list[tuple[asyncio.Future[Any], Any]]:
        try:
            return self._transact(batch)
        except Exception as broken:  # noqa: BLE001  the edge of the writer's loop
            if len(batch) == 1:
                return [(batch[0].future, _explained(broken))]
        # One of them may be to blame for all: each gets a transaction of its own.
        return [outcome for waiting in batch for outcome in self._outcomes([waiting])]

    def _transact(self, batch: list[_Waiting]) -> list[tuple[asyncio.Future[Any], Any]]:
        connection = self.opened()
        before = msgspec.structs.replace(self.totals)
        outcomes: list[tuple[asyncio.Future[Any], Any]] = []
        changes = connection.total_changes()
        connection.execute("BEGIN IMMEDIATE")
        try:
            moves: list[Move] | None = None if self._moves is None else []
            transaction = Transaction(connection, self.totals, moves)
            for waiting in batch:
                try:
                    outcomes.append((waiting.future, waiting.operation(transaction)))
                except CouchgrassError as refused:
                    outcomes.append((waiting.future, refused))
            if self.totals != before:
                transaction.set_meta("totals", json.encode(self.totals).decode())
            began = time.perf_counter()
            connection.execute("COMMIT")
            took_ms = (time.perf_counter() - began) * 1000
        except BaseException:
            self.totals = before
            if not _rolled_back(connection):
                self.connection = None
            raise
        if moves and self._moves is not None:
            self._moves += moves
        if connection.total_changes() != changes:
            commit = Commit(transaction.inserts, transaction.writes, transaction.local_writes, took_ms)
            self._commits.append(commit)
        return outcomes

    def _deliver(self, outcomes: list[tuple[asyncio.Future[Any], Any]]) -> None:
        totals, moves, commits = msgspec.structs.replace(self.totals), self._moves, self._commits

        def answer() -> None:
            try:
                self._committed(totals, moves)
                if self._pool.on_commit is not None:
                    for commit in commits:
                        self._pool.on_commit(commit)
            except Exception:
                # What listens to commits must not keep the writers from their answers.
                log.exception("%s: after a commit", self.path)
            for future, outcome in outcomes:
                if future.done():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

        try:
            self._pool.loop.call_soon_threadsafe(answer)
        except RuntimeError:
            log.warning("%s: the server stopped before %d answers", self.path, len(outcomes))


def _rolled_back(connection: apsw.Connection) -> bool:
    """Takes the transaction back. False when the connection is of no more use and was closed."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except apsw.Error:
        log.exception("rollback failed; the connection starts over")
        connection.close(True)
        return False
    return True


def _explained(broken: Exception) -> Exception:
    """A storage failure as the error that the caller sees."""
    if isinstance(broken, apsw.Error):
        return refused(broken)
    log.error("write failed", exc_info=broken)
    return broken
