"""The file of one database: its tables, how connections are set up, how older files are brought up.

Table ``docs`` is clustered by update sequence, so that writing appends and ``_changes`` is a plain scan;
a unique index finds documents by id. An update moves its row to the new sequence. ``leaves`` holds the
content of conflicting revisions, and of those that were replaced since the last compaction. Attachment
bytes lie in ``chunks`` of CHUNK_BYTES, so that neither storing nor serving one needs it whole.

WAL with ``synchronous=FULL``: a commit returns after the log is on the disk, readers never wait.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
from pathlib import Path

import apsw

from couchgrass.errors import CouchgrassError, StorageFull

log = logging.getLogger("couchgrass.docdb")

APPLICATION_ID = 0x67726173
"""Marks our files for ``file`` and for `open_connection` ("gras")."""

CHUNK_BYTES = 256 * 1024
"""An attachment is stored in pieces of this size."""

CHUNKS_PER_BLOB_BITS = 24
"""Chunk n of blob b has the row id ``b << 24 | n``: blobs of up to 4 TiB."""

WRITER_CACHE_KIB = 6 * 1024
READER_CACHE_KIB = 2 * 1024
BUSY_MS = 5000
LOG_BYTES_MAX = 64 * 1024 * 1024
"""A log that a burst made larger than this is cut back when it starts over."""

LOG_INDEX_BYTES = 64 * 1024
"""The index of a log takes 32 KB at least; with less room than this SQLite can't open the file."""

WAL_PAGES = 2000
"""The log is folded into the file past 8 MB, which keeps a checkpoint short."""

_V1 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE docs(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, rev TEXT NOT NULL, deleted INTEGER NOT NULL,
  path BLOB, tree BLOB, leaves TEXT, body BLOB NOT NULL, atts BLOB);
CREATE UNIQUE INDEX docs_id ON docs(id);
CREATE INDEX docs_deleted ON docs(id) WHERE deleted=1;
CREATE TABLE leaves(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, rev TEXT NOT NULL, deleted INTEGER NOT NULL,
  replaced INTEGER NOT NULL, body BLOB NOT NULL, atts BLOB);
CREATE UNIQUE INDEX leaves_id ON leaves(id, rev);
CREATE TABLE local(id TEXT PRIMARY KEY, rev INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE purges(seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revs TEXT NOT NULL);
CREATE TABLE chunks(chunk INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""

MIGRATIONS = (_V1,)
"""Entry n brings a file of version n to n + 1. Never changed once released, only added to."""


class UnknownFormat(CouchgrassError):
    """The file is not ours, or was written by a newer couchgrass."""


class Damaged(CouchgrassError):
    """The file can't be read as a database, or is not there."""

    error = "storage_error"


def refused(broken: OSError | apsw.Error) -> CouchgrassError:
    """What the file system or SQLite refused, as the error that the caller sees. The log has the details."""
    if isinstance(broken, apsw.FullError) or getattr(broken, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("The disk is full: nothing was written. Make room and try again.")
    log.error("the storage refused: %s", broken)
    said = broken.strerror if isinstance(broken, OSError) else type(broken).__name__
    return CouchgrassError(f"The storage refused the write: {said}", error="storage_error")


def open_writer(path: Path, *, create: bool = False) -> apsw.Connection:
    """The one connection that writes. Creates or migrates the schema as needed."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(str(path), flags=flags)
    try:
        connection.set_busy_timeout(BUSY_MS)
        if create:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")
        connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        _keep_log_files(connection)
        _migrate(connection, path, create=create)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads. Raises Damaged or UnknownFormat."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as broken:
        raise unreadable(path, broken) from broken
    try:
        connection.set_busy_timeout(BUSY_MS)
        _keep_log_files(connection)
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}; PRAGMA query_only=1")
        _check_format(connection, path)
    except apsw.Error as broken:
        connection.close(True)
        raise unreadable(path, broken) from broken
    except BaseException:
        connection.close(True)
        raise
    return connection


def _keep_log_files(connection: apsw.Connection) -> None:
    """Leaves the emptied log and its index where they are when the last connection closes, so that the
    database can be opened again while the disk is full."""
    on = ctypes.c_int(1)
    connection.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(on))
    connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES_MAX}")


def unreadable(path: Path, broken: apsw.Error) -> CouchgrassError:
    """Why a database can't be opened: a full disk, which passes, or a file that is damaged."""
    of_the_disk = isinstance(broken, apsw.IOError | apsw.FullError | apsw.CantOpenError)
    if not of_the_disk or not path.exists():
        return damaged(path, broken)
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize >= LOG_INDEX_BYTES and room.f_favail:
        return damaged(path, broken)
    log.error("%s can't be opened while the disk is full: %s", path, broken)
    return StorageFull(
        "The disk is full: this database can't be opened until there is room. Nothing is lost."
    )


def damaged(path: Path, broken: Exception) -> Damaged:
    """The error for a database whose file is not there or not whole; notes in the log which."""
    log.error("%s can't be read: %s", path, broken)
    return Damaged(
        f"The file of this database can't be read ({type(broken).__name__}): put back a copy of it. "
        "Other databases are not affected."
    )


def leave(connection: apsw.Connection) -> None:
    """Closes a connection without a look at the log, for one that may outlive its database's removal."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close(True)


def close(connection: apsw.Connection) -> None:
    """Closes a connection. The last one folds the log into the file; if the disk refuses that, the log
    stays and is folded in later, so nothing is lost and the failure is only logged."""
    try:
        connection.close()
    except apsw.Error as refused:
        log.warning("closing a database: %s", refused)
        connection.close(True)


def _check_format(connection: apsw.Connection, path: Path) -> int:
    """The format of the file. Raises UnknownFormat."""
    version = int(connection.pragma("user_version"))
    if int(connection.pragma("application_id")) != APPLICATION_ID:
        log.error("%s is not a couchgrass database", path)
        raise UnknownFormat("The file of this database is not one of couchgrass's.")
    if version > len(MIGRATIONS):
        log.error("%s has format %d", path, version)
        raise UnknownFormat(
            f"The file of this database has format {version}, this couchgrass knows up to "
            f"{len(MIGRATIONS)}: use a newer one."
        )
    return version


def _migrate(connection: apsw.Connection, path: Path, *, create: bool) -> None:
    version = 0 if create else _check_format(connection, path)
    if version == len(MIGRATIONS):
        return
    with connection:
        for step in MIGRATIONS[version:]:
            connection.execute(step)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
