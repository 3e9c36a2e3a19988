"""Activation records: with the operating system when `put` returns, on the disk within a second.

    put ──► journal (write) ──► memory ──► SQLite (a thread, in batches) ──► the journal's file is removed

What `put` took survives the end of the process, however it ends; a power cut may take the last second. Reads
look into memory first and then into the file, so a record is found as soon as it was put, and a running
activation as soon as it began. What began as durable and never ended is closed when the folder is opened
again: as a whisk internal error that says so.

Nobody waits for the disk, and no trouble with it comes back to who puts. A journal that can't be written, a
file that is full or damaged: the records stay in memory up to BYTES_WAITING_MAX, the thread tries again, and
what there is no room for is counted as lost and said in the log.
"""

from __future__ import annotations

import asyncio
import fcntl
import heapq
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import apsw

from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions.activation import Activation
from couchgrass.functions.store import activation_rows as rows
from couchgrass.functions.store.activation_mover import Mover
from couchgrass.functions.store.activation_rows import Filter

log = logging.getLogger("couchgrass.functions")

T = TypeVar("T")

KEEP_S: Final = 7 * 24 * 3600.0
BYTES_MAX: Final = 4 * 1024**3
"""The size of the file past which the oldest records go."""

LIST_BYTES_MAX: Final = 32 * 1024 * 1024
"""Results and logs in one list; the rows past it come without."""

READERS: Final = 2


class Activations:
    """The records of one functions host."""

    def __init__(self, mover: Mover, lock: int) -> None:
        self._mover = mover
        self._lock = lock
        self._running: dict[str, Activation] = {}
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="activations-read")
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []

    @classmethod
    async def open(
        cls, folder: Path, *, clock: Clock, keep_s: float = KEEP_S, bytes_max: int = BYTES_MAX
    ) -> Activations:
        """Makes the folder if need be, and takes up what an earlier process left. Raises CouchgrassError when
        another process has it open, OSError when the folder can't be used."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _locked(folder)
        try:
            mover = Mover(folder, clock=clock, keep_s=keep_s, bytes_max=bytes_max)
            await asyncio.to_thread(mover.start)
        except BaseException:
            os.close(lock)
            raise
        return cls(mover, lock)

    async def close(self) -> None:
        """Brings all that was put to the disk."""
        await asyncio.to_thread(self._mover.stop)
        self._threads.shutdown()
        for reader in self._readers:
            rows.leave(reader)
        os.close(self._lock)

    @property
    def lost(self) -> int:
        """Records that there was no room for."""
        return self._mover.lost

    def begin(self, activation: Activation, *, durable: bool = False) -> None:
        """It runs from now on, and is found with `end` None until it is put. `durable`: if the process ends
        before that, the record says so later."""
        self._running[activation.activation_id] = activation
        if durable:
            self._mover.begin(rows.pack(activation))

    def put(self, activation: Activation) -> None:
        """It ended. With the operating system when this returns, unless the disk refuses. Never raises."""
        self._running.pop(activation.activation_id, None)
        self._mover.put(rows.pack(activation))

    async def flush(self) -> None:
        """Returns when all that was put so far is on the disk, or the disk refused."""
        await asyncio.to_thread(self._mover.flush)

    async def get(self, namespace: str, activation_id: str) -> Activation:
        """Raises NotFound."""
        running = self._running.get(activation_id)
        if running is not None and running.namespace == namespace:
            return running
        row = self._mover.row(activation_id)
        found: Activation | None = None
        if row is not None:
            found = rows.unpack(row.head, row.tail) if row.namespace == namespace else None
        else:
            found = await self._read(lambda reader: rows.find(reader, namespace, activation_id))
        if found is None:
            raise NotFound("The requested resource does not exist.")
        return found

    async def list(
        self,
        namespace: str,
        *,
        name: str | None = None,
        since: int | None = None,
        upto: int | None = None,
        skip: int = 0,
        limit: int = 30,
        docs: bool = False,
        running: bool = True,
    ) -> list[Activation]:
        """Newest first, and if `running` those that run too. `name` is "action" or "package/action";
        since <= start <= upto. Results and logs only with `docs`, and then as far as LIST_BYTES_MAX goes."""
        wanted = Filter(namespace, name, since, upto)
        waiting, saved = self._mover.snapshot(wanted)
        waiting += [rows.pack(activation) for activation in self._running_of(wanted) if running]
        # What is in memory can move a stored row back by so many places, not more.
        offset = max(0, skip - len(waiting))
        count = limit + skip - offset
        stored = await self._read(
            lambda reader: rows.listed(reader, wanted, upto_number=saved, offset=offset, limit=count)
        )
        page = heapq.nlargest(count, [*waiting, *stored], key=lambda row: row.start)[skip - offset :]
        if not docs:
            return [rows.unpack(row.head, None) for row in page]
        ids = [row.id for row in page if not row.tail]
        tails = await self._read(lambda reader: rows.tails(reader, ids, LIST_BYTES_MAX))
        return [rows.unpack(row.head, row.tail or tails.get(row.id)) for row in page]

    async def count(
        self,
        namespace: str,
        *,
        name: str | None = None,
        since: int | None = None,
        upto: int | None = None,
        running: bool = True,
    ) -> int:
        """How many a list without limit would have."""
        wanted = Filter(namespace, name, since, upto)
        waiting, saved = self._mover.snapshot(wanted)
        under_way = len(self._running_of(wanted)) if running else 0
        return under_way + len(waiting) + await self._read(lambda reader: rows.counted(reader, wanted, saved))

    def _running_of(self, wanted: Filter) -> Sequence[Activation]:
        return [
            activation
            for activation in self._running.values()
            if wanted.takes(activation.namespace, activation.name, rows.path_of(activation), activation.start)
        ]

    async def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        """Runs a query on a thread. Raises ServiceUnavailable when the file can't be read."""

        def work() -> T:
            try:
                return query(self._reader())
            except apsw.Error as broken:
                log.error("activation records can't be read: %s", broken)
                raise ServiceUnavailable("Activation records can't be read at the moment.") from broken

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _reader(self) -> apsw.Connection:
        """This thread's connection, to the file that is there now."""
        generation = self._mover.generation
        reader: apsw.Connection | None = getattr(self._local, "reader", None)
        if reader is None or self._local.generation != generation:
            reader = self._local.reader = rows.open_reader(self._mover.path)
            self._local.generation = generation
            self._readers.append(reader)
        return reader


def _locked(folder: Path) -> int:
    """The lock that keeps other processes out, until it is closed."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise CouchgrassError(f"{folder} is in use by another process.") from None
    return lock
