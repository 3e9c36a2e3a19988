"""An activation as it is stored: a small head that lists are made of, and a tail with result and logs.

The file is SQLite in WAL mode, ``synchronous=FULL``: a commit is on the disk when it returns. A batch goes in
with one statement, whose rows are one JSON array and one blob that they are cut from: SQLite works it off in
one call without Python's lock, so the event loop next to it does not feel it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from couchgrass import json
from couchgrass.functions.activation import Activation, Status

log = logging.getLogger("couchgrass.functions")

APPLICATION_ID: Final = 0x67726173
FORMAT: Final = 1
BUSY_MS: Final = 10_000
WAL_PAGES: Final = 2_000
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""What the emptied write-ahead log is cut back to."""

TOGETHER_ROWS: Final = 1_000
"""Rows that one statement writes: what is made ready for it in Python holds up the event loop."""

CHUNK_ROWS: Final = 500
"""Rows that are removed in one transaction."""

SPARE_PAGES: Final = 2_000
"""Free pages that stay for what comes next."""

VACUUM_PAGES: Final = 100
"""Free pages that are given back at a time: each is a step that waits for Python's lock."""

_SCHEMA: Final = """
CREATE TABLE activations(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, name TEXT NOT NULL,
  path TEXT NOT NULL, start INTEGER NOT NULL, head BLOB NOT NULL, tail BLOB NOT NULL);
CREATE INDEX activations_start ON activations(namespace, start);
CREATE INDEX activations_name ON activations(namespace, name, start);
CREATE TABLE under_way(id TEXT PRIMARY KEY, head BLOB NOT NULL, tail BLOB NOT NULL) WITHOUT ROWID;
"""

_INSERT: Final = """
INSERT OR IGNORE INTO activations(id, namespace, name, path, start, head, tail)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4,
  substr(?2, value->>5, value->>6), substr(?2, (value->>5)+(value->>6), value->>7) FROM json_each(?1)
"""

_BEGIN: Final = """
INSERT OR REPLACE INTO under_way(id, head, tail)
SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM activations WHERE id=?1)
"""


class _Head(msgspec.Struct, array_like=True, frozen=True):
    namespace: str
    name: str
    subject: str
    activation_id: str
    start: int
    version: str
    annotations: dict[str, Any]
    end: int | None
    cause: str | None
    status: Status | None
    publish: bool


class _Tail(msgspec.Struct, array_like=True, frozen=True):
    result: msgspec.Raw
    logs: tuple[str, ...]


_head_of = msgspec.json.Decoder(_Head).decode
_tail_of = msgspec.json.Decoder(_Tail).decode


class Row(msgspec.Struct, frozen=True):
    """An activation, packed. `path` is "package/name", or "" when it is in none; a binding counts as one."""

    id: str
    namespace: str
    name: str
    path: str
    start: int
    head: bytes
    tail: bytes


class Filter(msgspec.Struct, frozen=True):
    """Which activations of a namespace: `name` is "action" or "package/action", the times are included."""

    namespace: str
    name: str | None = None
    since: int | None = None
    upto: int | None = None

    def takes(self, namespace: str, name: str, path: str, start: int) -> bool:
        return (
            namespace == self.namespace
            and (self.name is None or self.name == (path if "/" in self.name else name))
            and (self.since is None or start >= self.since)
            and (self.upto is None or start <= self.upto)
        )

    def where(self) -> tuple[str, list[Any]]:
        """The same in SQL."""
        terms, values = ["namespace=?"], [self.namespace]
        named: list[tuple[str, Any]] = []
        if self.name is not None:
            named.append(("name=?", self.name.rpartition("/")[2]))
            if "/" in self.name:
                named.append(("path=?", self.name))
        named += [("start>=?", self.since)] if self.since is not None else []
        named += [("start<=?", self.upto)] if self.upto is not None else []
        terms += [term for term, _ in named]
        return " AND ".join(terms), [*values, *(value for _, value in named)]


def pack(activation: Activation) -> Row:
    """The row of an activation."""
    head = _Head(
        activation.namespace,
        activation.name,
        activation.subject,
        activation.activation_id,
        activation.start,
        activation.version,
        activation.annotations,
        activation.end,
        activation.cause,
        activation.status,
        activation.publish,
    )
    return Row(
        activation.activation_id,
        activation.namespace,
        activation.name,
        path_of(activation),
        activation.start,
        json.encode(head),
        json.encode(_Tail(activation.result, activation.logs)),
    )


def repack(head: bytes, tail: bytes) -> Row:
    """The row of a head and a tail that were a row's."""
    return pack(unpack(head, tail))


def path_of(activation: Activation) -> str:
    """What a filter "package/action" is compared with."""
    bound = activation.annotations.get("binding")
    path = bound if isinstance(bound, str) else activation.annotations.get("path")
    parts = path.split("/") if isinstance(path, str) else []
    if isinstance(bound, str):
        return f"{parts[-1]}/{activation.name}"
    return f"{parts[1]}/{activation.name}" if len(parts) == 3 else ""


def unpack(head: bytes, tail: bytes | None) -> Activation:
    """The activation of a row; without its tail it has neither result nor logs."""
    known = _head_of(head)
    activation = Activation(
        known.namespace,
        known.name,
        known.subject,
        known.activation_id,
        known.start,
        known.version,
        known.annotations,
        known.end,
        known.cause,
        known.status,
        publish=known.publish,
    )
    if tail is None:
        return activation
    rest = _tail_of(tail)
    return msgspec.structs.replace(activation, result=msgspec.Raw(bytes(rest.result)), logs=rest.logs)


def open_rows(path: Path) -> apsw.Connection:
    """The connection that writes. Raises apsw.Error."""
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MS)
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        connection.execute(
            f"PRAGMA wal_autocheckpoint={WAL_PAGES}; PRAGMA journal_size_limit={LOG_BYTES_MAX}"
        )
        if connection.pragma("user_version") == 0:
            with connection:
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA user_version={FORMAT}; PRAGMA application_id={APPLICATION_ID}")
    except BaseException:
        leave(connection)
        raise
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads. Raises apsw.Error."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS)
    connection.execute("PRAGMA query_only=1")
    return connection


def close(connection: apsw.Connection) -> None:
    """Folds the log into the file. If the disk refuses that, the log stays and is folded in later."""
    try:
        connection.close()
    except apsw.Error as refused:
        log.warning("closing the file of activation records: %s", refused)
        leave(connection)


def leave(connection: apsw.Connection) -> None:
    """Closes a connection that failed, or only read, without a write."""
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close(True)
    except apsw.Error as refused:
        log.warning("leaving the file of activation records: %s", refused)


def save(connection: apsw.Connection, begun: Iterable[Row], ended: Sequence[Row]) -> None:
    """Writes rows, in a transaction that the caller ends. What is there already is left as it is."""
    for row in begun:
        connection.execute(_BEGIN, (row.id, row.head, row.tail))
    for start in range(0, len(ended), TOGETHER_ROWS):
        _save_ended(connection, ended[start : start + TOGETHER_ROWS])


def _save_ended(connection: apsw.Connection, ended: Sequence[Row]) -> None:
    places: list[tuple[str, str, str, str, int, int, int, int]] = []
    parts: list[bytes] = []
    at = 1
    for row in ended:
        head, tail = len(row.head), len(row.tail)
        places.append((row.id, row.namespace, row.name, row.path, row.start, at, head, tail))
        parts += (row.head, row.tail)
        at += head + tail
    listed = json.encode(places).decode()
    connection.execute(_INSERT, (listed, b"".join(parts)))
    connection.execute("DELETE FROM under_way WHERE id IN (SELECT value->>0 FROM json_each(?))", (listed,))


def under_way(connection: apsw.Connection) -> list[Activation]:
    """Those that began, as far as the file knows, and did not end."""
    return [unpack(head, tail) for head, tail in connection.execute("SELECT head,tail FROM under_way")]


def last_number(connection: apsw.Connection) -> int:
    """The number of the newest row."""
    return int(connection.execute("SELECT coalesce(max(number),0) FROM activations").get)


def find(connection: apsw.Connection, namespace: str, activation_id: str) -> Activation | None:
    found = connection.execute(
        "SELECT head,tail FROM activations WHERE id=? AND namespace=?", (activation_id, namespace)
    ).fetchone()
    return unpack(*found) if found else None


def listed(
    connection: apsw.Connection, wanted: Filter, *, upto_number: int, offset: int, limit: int
) -> list[Row]:
    """Of the rows up to a number the newest first, without their tails."""
    where, values = wanted.where()
    order = "ORDER BY start DESC, number DESC LIMIT ? OFFSET ?"
    sql = f"SELECT id,namespace,name,path,start,head,x'' FROM activations WHERE {where} AND number<=? {order}"  # noqa: S608
    return [Row(*found) for found in connection.execute(sql, (*values, upto_number, limit, offset))]


def tails(connection: apsw.Connection, ids: Sequence[str], bytes_max: int) -> dict[str, bytes]:
    """The tails of these activations, in this order as many as are together within the bound."""
    # The loop over the list comes first, so the order is kept without a sort that would hold all tails.
    sql = "SELECT a.id,a.tail FROM json_each(?) AS wanted CROSS JOIN activations AS a ON a.id=wanted.value"
    found: dict[str, bytes] = {}
    cursor = connection.execute(sql, (json.encode(ids).decode(),))
    for number, tail in cursor:
        bytes_max -= len(tail)
        if bytes_max < 0:
            cursor.close(True)
            break
        found[number] = tail
    return found


def counted(connection: apsw.Connection, wanted: Filter, upto_number: int) -> int:
    """How many rows there are."""
    where, values = wanted.where()
    sql = f"SELECT count(*) FROM activations WHERE {where} AND number<=?"  # noqa: S608
    return int(connection.execute(sql, (*values, upto_number)).get)


def prune(connection: apsw.Connection, *, before: int, bytes_max: int) -> bool:
    """Removes a chunk of the oldest rows if they began before a time, or all take more than the bound.
    True when there may be more to remove."""
    pages = int(connection.pragma("page_count")) - int(connection.pragma("freelist_count"))
    over = pages * int(connection.pragma("page_size")) > bytes_max
    oldest = "SELECT number, start FROM activations ORDER BY number LIMIT ?"
    sql = f"DELETE FROM activations WHERE number IN (SELECT number FROM ({oldest}) WHERE ? OR start<?)"  # noqa: S608
    connection.execute(sql, (CHUNK_ROWS, over, before))
    removed = connection.changes() > 0
    if int(connection.pragma("freelist_count")) > SPARE_PAGES:
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    return removed
