"""The file of one database: its tables, how connections are set up, how older files are brought up.

Table ``docs`` is clustered by update sequence, so that writing appends and ``_changes`` is a plain scan;
a unique index finds documents by id. An update moves its row to the new sequence. ``leaves`` holds the
content of conflicting revisions, and of those that were replaced since the last compaction. Attachment
bytes lie in ``chunks`` of CHUNK_BYTES, so that neither storing nor serving one needs it whole.

WAL with ``synchronous=FULL``: a commit returns after the log is on the disk, readers never wait.
"""

from __future__ import annotations

import logging
from pathlib import Path

import apsw

from couchgrass.errors import CouchgrassError

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
        _migrate(connection, path, create=create)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS)
    connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}; PRAGMA query_only=1")
    return connection


def close(connection: apsw.Connection) -> None:
    """Closes a connection. The last one folds the log into the file; if the disk refuses that, the log
    stays and is folded in later, so nothing is lost and the failure is only logged."""
    try:
        connection.close()
    except apsw.Error as refused:
        log.warning("closing a database: %s", refused)
        connection.close(True)


def _migrate(connection: apsw.Connection, path: Path, *, create: bool) -> None:
    version = int(connection.pragma("user_version"))
    mark = int(connection.pragma("application_id"))
    if not create and mark != APPLICATION_ID:
        raise UnknownFormat(f"{path} is not a couchgrass database")
    if version > len(MIGRATIONS):
        raise UnknownFormat(
            f"{path} has format {version}, this couchgrass knows up to {len(MIGRATIONS)}: use a newer one"
        )
    if version == len(MIGRATIONS):
        return
    with connection:
        for step in MIGRATIONS[version:]:
            connection.execute(step)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
