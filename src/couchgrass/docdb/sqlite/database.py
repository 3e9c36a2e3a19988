"""One database: its settings, its readers, its writer's queue, and who waits for its changes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.attachment import stored_stubs
from couchgrass.docdb.ranks import Move
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.bell import Bell
from couchgrass.docdb.sqlite.leaf_texts import path_ids
from couchgrass.docdb.sqlite.offsets import Offsets
from couchgrass.docdb.sqlite.pending import PendingCounter
from couchgrass.docdb.sqlite.schema import close, damaged, leave, open_reader
from couchgrass.docdb.sqlite.transaction import Totals, totals_of
from couchgrass.docdb.sqlite.writer import Journal, Operation, WriterPool
from couchgrass.errors import CouchgrassError, NotFound

T = TypeVar("T")

READERS_KEPT = 2
"""Idle reading connections that a database keeps for its scans."""


class About(msgspec.Struct, frozen=True):
    """What a database is set to; the rows of ``meta`` but ``totals``.

    `uuid` names this life of the database: it is behind every sequence, so that one from a deleted
    database of the same name is known to be foreign. `created` is in microseconds since the epoch (in seconds
    in databases from before), so that no two lives of a name have the same.
    """

    uuid: str
    created: int
    security: dict[str, Any]
    revs_limit: int = 1000
    purged_infos_limit: int = 1000

    @classmethod
    def read(cls, meta: dict[str, Any]) -> About:
        return cls(
            meta["uuid"],
            meta["created"],
            json.decode(meta["security"]),
            meta["revs_limit"],
            meta["purged_infos_limit"],
        )


class Database:
    """An open database. All methods but `scan`'s function run on the event loop.

    `changed` rings after each commit that moves the sequence, and when the database is closed; what waits
    compares `totals.seq` before it waits. `shared_rows` is for those that wake together and read the same
    rows: it is emptied by the next commit.
    """

    def __init__(self, name: str, path: Path, pool: WriterPool, threads: ThreadPoolExecutor) -> None:
        self.name = name
        self.path = path
        self.closed = False
        self.compacting = False
        self.uploading: set[int] = set()
        """Blobs that are stored already and that a document is about to name: no garbage."""
        self.reading: dict[int, int] = {}
        """How many answers are being made from a blob: compaction leaves it alone."""
        self._reader = _reader(path)
        try:
            self.about = About.read(reads.meta_of(self._reader))
            self.totals = totals_of(self._reader)
        except (apsw.Error, KeyError, CouchgrassError) as broken:
            self._reader.close(True)
            raise damaged(path, broken) from broken
        self.suffix = "-" + self.about.uuid
        self.used_at = 0.0
        self.users = 0
        self.on_change: Callable[[Database], None] | None = None
        self.changed = Bell(pool.loop)
        self.pending = PendingCounter(self.scan)
        self.shared_rows: dict[object, reads.Chunk] = {}
        self._threads = threads
        self._loop = pool.loop
        self._journal = Journal(path, pool, self._committed)
        self.offsets = Offsets(pool.loop, self.scan, self._track)
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._scanned_s = 0.0

    @property
    def reader(self) -> apsw.Connection:
        """The reading connection of the event loop. Raises NotFound once the database is closed."""
        if self.closed:
            raise NotFound("Database does not exist.")
        return self._reader

    def submit(self, operation: Operation[T]) -> asyncio.Future[T]:
        """Runs an operation in the writer's next transaction; ends when that is on the disk."""
        return self._journal.submit(operation)

    async def scan(self, query: Callable[[apsw.Connection], T]) -> T:
        """Runs a query on a thread, with a reading connection of its own."""
        return await self._loop.run_in_executor(self._threads, self._scan, query)

    def _scan(self, query: Callable[[apsw.Connection], T]) -> T:
        if self.closed:
            raise NotFound("Database does not exist.")
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        connection = connection or self._further_reader()
        try:
            return query(connection)
        finally:
            self._scanned_s = time.monotonic()
            with self._readers_lock:
                keep = len(self._readers) < READERS_KEPT and not self.closed
                if keep:
                    self._readers.append(connection)
            if not keep:
                leave(connection)

    def rest(self, idle_s: float) -> int:
        """Closes the connections that were not used for so long, but for the event loop's: each holds some
        200 kB, and a database with nothing but feeds needs none of them. How many are being closed."""
        if self.closed:
            return 0
        closing = int(self._journal.rest(idle_s))
        if time.monotonic() - self._scanned_s < idle_s:
            return closing
        with self._readers_lock:
            idle, self._readers = self._readers, []
        if idle:
            self._threads.submit(_leave_all, idle)
        return closing + len(idle)

    def _further_reader(self) -> apsw.Connection:
        """One more reading connection. Raises NotFound if the database is closed by the time it is open:
        it may be another database's that was made under the same name."""
        try:
            connection = _reader(self.path)
        except CouchgrassError:
            if self.closed:
                raise NotFound("Database does not exist.") from None
            raise
        if self.closed:
            leave(connection)
            raise NotFound("Database does not exist.")
        return connection

    async def change_setting(self, key: str, value: Any) -> None:
        """Sets `security`, `revs_limit` or `purged_infos_limit`."""
        stored = json.encode(value).decode() if key == "security" else value
        await self.submit(lambda transaction: transaction.set_meta(key, stored))
        self.about = msgspec.structs.replace(self.about, **{key: value})

    def _track(self, on: bool) -> None:
        self._journal.tracking = on

    def _committed(self, totals: Totals, moves: list[Move] | None) -> None:
        moved = totals.seq != self.totals.seq
        self.totals = totals
        if moved:
            self.offsets.committed(totals, moves)
            self.shared_rows.clear()
            self.changed.ring()
            if self.on_change is not None:
                self.on_change(self)

    def seq(self, number: int) -> str:
        """A sequence as clients see it."""
        return f"{number}{self.suffix}"

    def busy(self) -> bool:
        """True while a request uses it or waits for it, so that it has to stay open."""
        return self.users > 0 or len(self.changed) > 0 or self.compacting or self._journal.active()

    def shut(self) -> None:
        """From now on takes nothing new. `close` is to follow."""
        self.closed = True
        self._journal.shut()

    async def close(self) -> None:
        """Finishes what was taken, then closes all connections. Whoever waits for a change wakes up."""
        self.shut()
        self.offsets.forget()
        await asyncio.get_running_loop().run_in_executor(None, self._close)
        self.shared_rows.clear()
        self.changed.ring_now()

    def _close(self) -> None:
        self._journal.close()
        with self._readers_lock:
            idle, self._readers = self._readers, []
        for connection in idle:
            leave(connection)
        # The last one folds the log into the file, which takes its time: so not on the event loop.
        close(self._reader)


def _reader(path: Path) -> apsw.Connection:
    connection = open_reader(path)
    connection.create_scalar_function("attachment_stubs", _stubs, 1, deterministic=True)
    connection.create_scalar_function("path_ids", path_ids, 1, deterministic=True)
    return connection


def _stubs(*arguments: apsw.SQLiteValue) -> str:
    (atts,) = arguments
    assert isinstance(atts, bytes)
    return stored_stubs(atts)


def _leave_all(connections: Sequence[apsw.Connection]) -> None:
    for connection in connections:
        leave(connection)
