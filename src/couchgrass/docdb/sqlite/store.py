"""The data folder: its lock, the databases in it, and what makes and removes them.

    DATA/couchgrass.json            says that the folder is ours, and its layout's version
    DATA/lock                       held while a server runs
    DATA/databases/NAME/data.sqlite one database, NAME percent-encoded
    DATA/new, DATA/removed          databases on their way in and out

A database is made in ``new`` and removed through ``removed``, each by one rename of its folder: it is
there wholly or not at all, and no log file of an older life can be taken for its own.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import apsw

from couchgrass import json
from couchgrass.docdb.database_name import check_name
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.schema import close, open_writer, refused
from couchgrass.docdb.sqlite.transaction import Totals
from couchgrass.docdb.sqlite.writer import Commit, WriterPool
from couchgrass.errors import CouchgrassError, FileExists, NotFound

LAYOUT = 1
REST_S = 20.0
"""A database's connections that were not used for so long are closed."""

TRIM_AFTER = 50
"""After so many connections were closed, and none more, their memory is given back to the system."""

SCAN_THREADS = 3
"""Threads for scans; on two cores more would only take turns."""


class FolderRefused(CouchgrassError):
    """The data folder can't be used; `reason` says why and what to do."""


class Store:
    """All databases of one server. Made by `Store.open` on a running event loop."""

    def __init__(self, folder: Path, lock: int, open_max: int) -> None:
        self.folder = folder
        self.open_max = open_max
        self.on_event: Callable[[str, str], None] = lambda name, kind: None
        self.on_change: Callable[[Database], None] | None = None
        self.on_open: Callable[[float], None] = lambda took_ms: None
        self._lock = lock
        self._databases = folder / "databases"
        self._pool = WriterPool(asyncio.get_running_loop())
        self._threads = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="scan")
        self._open: dict[str, Database] = {}
        self._changing: dict[str, asyncio.Future[None]] = {}
        self._closing: dict[asyncio.Task[None], str] = {}
        self._names = {unquote(entry.name) for entry in self._databases.iterdir() if entry.is_dir()}
        self._sorted: list[str] | None = None
        self._rested = 0
        self._resting = asyncio.get_running_loop().call_later(REST_S, self._rest)

    @classmethod
    def open(cls, folder: Path, *, open_max: int = 500) -> Store:
        """Opens or makes the data folder. Raises FolderRefused."""
        lock = _take(folder)
        try:
            _lay_out(folder)
            return cls(folder, lock, open_max)
        except OSError as failure:
            os.close(lock)
            raise _unusable(folder, failure) from failure
        except BaseException:
            os.close(lock)
            raise

    def hear_commits(self, heard: Callable[[Commit], None]) -> None:
        """From now on calls `heard` on the event loop after each commit that wrote something."""
        self._pool.on_commit = heard

    def names(self) -> list[str]:
        """All databases' names in byte order."""
        if self._sorted is None:
            self._sorted = sorted(self._names, key=str.encode)
        return self._sorted

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def get(self, name: str) -> Database:
        """The open database. Raises NotFound."""
        database = self._open.get(name)
        if database is None:
            database = self._opened(name)
        database.used_at = time.monotonic()
        return database

    def _opened(self, name: str) -> Database:
        if name not in self._names:
            raise NotFound("Database does not exist.")
        if len(self._open) >= self.open_max:
            self._close_some()
        began = time.perf_counter()
        database = Database(name, self._path(name), self._pool, self._threads)
        self.on_open((time.perf_counter() - began) * 1000)
        database.on_change = self.on_change
        self._open[name] = database
        return database

    def _close_some(self) -> None:
        """Closes a tenth of the open databases, and what is past the bound: those unused for longest that
        nobody waits for."""
        count = max(1, self.open_max // 10, len(self._open) + 1 - self.open_max)
        idle = sorted((db for db in self._open.values() if not db.busy()), key=lambda db: db.used_at)
        for database in idle[:count]:
            del self._open[database.name]
            # At once: whoever still knows it must not write beside the one that is opened next.
            database.shut()
            task = asyncio.ensure_future(database.close())
            self._closing[task] = database.name
            task.add_done_callback(self._closing.pop)

    def _rest(self) -> None:
        closed = sum(database.rest(REST_S) for database in self._open.values())
        self._rested += closed
        if self._rested >= TRIM_AFTER and not closed:
            self._rested = 0
            self._threads.submit(give_back_memory)
        self._resting = asyncio.get_running_loop().call_later(REST_S, self._rest)

    async def create(self, name: str, security: dict[str, Any]) -> Database:
        """Makes an empty database. Raises IllegalDatabaseName, NameTooLong or FileExists."""
        check_name(name)
        async with self._alone(name):
            if name in self._names:
                raise FileExists
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._create, name, security)
            except (OSError, apsw.Error) as broken:
                raise refused(broken) from broken
            self._names.add(name)
            self._sorted = None
        self.on_event(name, "created")
        return self.get(name)

    def _create(self, name: str, security: dict[str, Any]) -> None:
        fresh = self.folder / "new" / uuid.uuid4().hex
        fresh.mkdir()
        try:
            _fill(fresh / "data.sqlite", security)
            fresh.rename(self._path(name).parent)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _sync_folder(self._databases)

    async def remove(self, name: str) -> None:
        """Deletes a database. Raises NotFound."""
        async with self._alone(name):
            if name not in self._names:
                raise NotFound("Database does not exist.")
            self._names.discard(name)
            self._sorted = None
            database = self._open.pop(name, None)
            if database is not None:
                await database.close()
            # One that was closed for its long rest may not be done with its log file yet.
            await asyncio.gather(*(task for task, closing in self._closing.items() if closing == name))
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._remove, name)
            except OSError as broken:
                self._names.add(name)
                self._sorted = None
                raise refused(broken) from broken
        self.on_event(name, "deleted")

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Makes and removals of one name take turns; `_names` changes where it is true on the disk."""
        while (before := self._changing.get(name)) is not None:
            await asyncio.shield(before)
        self._changing[name] = done = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._changing[name]
            done.set_result(None)

    def _remove(self, name: str) -> None:
        removed = self.folder / "removed" / uuid.uuid4().hex
        self._path(name).parent.rename(removed)
        _sync_folder(self._databases)
        shutil.rmtree(removed, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._databases / quote(name, safe="") / "data.sqlite"

    def open_count(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Closes every database after what it was given is on the disk; lets the folder go."""
        self._resting.cancel()
        await asyncio.gather(*(database.close() for database in self._open.values()), *self._closing)
        self._open.clear()
        self._pool.stop()
        self._threads.shutdown()
        os.close(self._lock)


def _fill(path: Path, security: dict[str, Any]) -> None:
    """Makes the file of an empty database."""
    about = {
        "uuid": uuid.uuid4().hex[:12],
        "created": time.time_ns() // 1000,
        "security": json.encode(security).decode(),
        "revs_limit": 1000,
        "purged_infos_limit": 1000,
        "totals": json.encode(Totals()).decode(),
    }
    connection = open_writer(path, create=True)
    try:
        with connection:
            connection.executemany("INSERT INTO meta(key,value) VALUES(?,?)", about.items())
    finally:
        close(connection)


def _lay_out(folder: Path) -> None:
    """Makes the folder's folders, and sweeps up what a crash left half made or half removed."""
    for name in ("databases", "new", "removed"):
        (folder / name).mkdir(exist_ok=True)
    for leftover in (*(folder / "new").iterdir(), *(folder / "removed").iterdir()):
        shutil.rmtree(leftover)


def _take(folder: Path) -> int:
    """Locks the folder for this process; makes it when it is not there. The lock's file descriptor."""
    marker = folder / "couchgrass.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not marker.exists() and any(entry.name != "lock" for entry in folder.iterdir()):
            raise FolderRefused(
                f"{folder} holds other things and is no couchgrass folder: "
                "name an empty or new one with --data"
            )
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise FolderRefused(
                f"{folder} is in use by process {owner or '?'}: stop it or name another folder with --data"
            ) from taken
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            _check_layout(marker)
        except BaseException:
            os.close(lock)
            raise
    except OSError as failure:
        raise _unusable(folder, failure) from failure
    return lock


def _unusable(folder: Path, failure: OSError) -> FolderRefused:
    where = f" ({failure.filename})" if failure.filename not in (None, str(folder)) else ""
    return FolderRefused(f"{folder} can't be used: {failure.strerror}{where}")


def _check_layout(marker: Path) -> None:
    if not marker.exists():
        marker.write_bytes(json.encode({"format": "couchgrass", "layout": LAYOUT}) + b"\n")
        _sync_folder(marker.parent)
    try:
        layout = json.decode(marker.read_bytes())["layout"]
    except (CouchgrassError, KeyError, TypeError) as broken:
        raise FolderRefused(f"{marker} is not readable as ours: is this the right folder?") from broken
    if layout != LAYOUT:
        raise FolderRefused(f"{marker.parent} has layout {layout}, this couchgrass knows {LAYOUT}")


def _sync_folder(folder: Path) -> None:
    """Puts the folder's entries on the disk: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_back_memory() -> None:
    """Gives free memory back to the system, which the allocator of glibc does not do by itself when it lies
    between what is in use. Takes a few milliseconds, and lets other threads run."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
