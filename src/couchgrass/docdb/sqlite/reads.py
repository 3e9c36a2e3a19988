"""Queries over one database, each a plain function of a connection.

Lists are read in chunks of about CHUNK_BYTES_MAX, each a query of its own that goes on after the last
key: no read transaction stays open while a slow client takes its time, and no list is ever in memory
whole. SQLite builds the rows' JSON itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.sqlite.schema import CHUNKS_PER_BLOB_BITS
from couchgrass.docdb.sqlite.transaction import ROW, as_row
from couchgrass.docdb.update import Row

CHUNK_BYTES_MAX = 256 * 1024
"""A list is read and sent in pieces of about this size."""

KEYS_AT_ONCE = 500
"""Ids looked up by one statement."""

_ROW_BY_ID = f"{ROW}=?"
_ROWS_BY_ID = f"{ROW} IN (SELECT value FROM json_each(?))"

_AT_SEQS = "(SELECT value AS wanted FROM json_each(?)) CROSS JOIN docs ON docs.seq=wanted"

BODY_SQL = "CASE WHEN length(body)>2 THEN ','||substr(body,2,length(body)-2) ELSE '' END"
STUBS_SQL = "CASE WHEN atts IS NULL THEN '' ELSE attachment_stubs(atts) END"
HEAD_SQL = (
    "'{\"_id\":'||json_quote(id)||',\"_rev\":'||json_quote(rev)"
    "||CASE deleted WHEN 0 THEN '' ELSE ',\"_deleted\":true' END"
)
DOC_SQL = f"{HEAD_SQL}||{BODY_SQL}||{STUBS_SQL}||'}}'"
"""The winner of a row as JSON, as `render.doc_json` makes it. `attachment_stubs` is ours."""


class Chunk(NamedTuple):
    """Some rows of a list as JSON texts, and the key of the last one to go on from (None: the end)."""

    rows: list[bytes]
    last: Any


class Range(msgspec.Struct, frozen=True):
    """Which ids ``_all_docs`` lists, by their bytes. `low` and `high` are inclusive unless told."""

    low: str | None = None
    high: str | None = None
    low_open: bool = False
    high_open: bool = False
    descending: bool = False

    def after(self, doc_id: str) -> Range:
        """The part of the range that follows this id in its direction."""
        if self.descending:
            return msgspec.structs.replace(self, high=doc_id, high_open=True)
        return msgspec.structs.replace(self, low=doc_id, low_open=True)

    def where(self) -> tuple[str, list[str]]:
        terms, values = ["deleted=0"], []
        if self.low is not None:
            terms.append("id>?" if self.low_open else "id>=?")
            values.append(self.low)
        if self.high is not None:
            terms.append("id<?" if self.high_open else "id<=?")
            values.append(self.high)
        return " AND ".join(terms), values


def row_of(connection: apsw.Connection, doc_id: str) -> Row | None:
    for found in connection.execute(_ROW_BY_ID, (doc_id,)):
        return as_row(found)
    return None


def rows_of(connection: apsw.Connection, doc_ids: Sequence[str]) -> dict[str, Row]:
    """The rows of those documents that are there."""
    rows: dict[str, Row] = {}
    for start in range(0, len(doc_ids), KEYS_AT_ONCE):
        some = json.encode(doc_ids[start : start + KEYS_AT_ONCE]).decode()
        rows.update((found[1], as_row(found)) for found in connection.execute(_ROWS_BY_ID, (some,)))
    return rows


def meta_of(connection: apsw.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT key,value FROM meta"))


def all_docs(
    connection: apsw.Connection, ids: Range, *, limit: int, skip: int = 0, include_docs: bool = False
) -> Chunk:
    """The next rows of ``_all_docs``: ``{"id":…,"key":…,"value":{"rev":…}[,"doc":…]}``."""
    where, values = ids.where()
    doc = f"||',\"doc\":'||{DOC_SQL}" if include_docs else ""
    sql = (
        "SELECT CAST('{\"id\":'||json_quote(id)||',\"key\":'||json_quote(id)"
        f"||',\"value\":{{\"rev\":'||json_quote(rev)||'}}'{doc}||'}}' AS BLOB),id"
        f" FROM docs WHERE {where} ORDER BY id {'DESC' if ids.descending else 'ASC'} LIMIT ? OFFSET ?"
    )
    return _chunk(connection.execute(sql, (*values, limit, skip)))


def id_rows(connection: apsw.Connection, ids: Range, *, limit: int, skip: int = 0) -> list[Row]:
    """Whole rows in ``_all_docs`` order, for the options that SQL alone can't answer."""
    where, values = ids.where()
    order = "DESC" if ids.descending else "ASC"
    sql = ROW.replace("WHERE id", f"WHERE {where} ORDER BY id {order} LIMIT ? OFFSET ?")
    return _rows(connection.execute(sql, (*values, limit, skip)))


def local_docs(
    connection: apsw.Connection, ids: Range, *, limit: int, skip: int = 0, include_docs: bool = False
) -> Chunk:
    """The next rows of ``_local_docs``."""
    where, values = ids.where()
    where = where.replace("deleted=0", "1")
    doc = (
        '||\',"doc":{"_id":\'||json_quote(id)||\',"_rev":"0-\'||rev||\'"\''
        "||CASE WHEN length(body)>2 THEN ','||substr(body,2) ELSE '}' END"
        if include_docs
        else ""
    )
    sql = (
        "SELECT CAST('{\"id\":'||json_quote(id)||',\"key\":'||json_quote(id)"
        f"||',\"value\":{{\"rev\":\"0-'||rev||'\"}}'{doc}||'}}' AS BLOB),id"
        f" FROM local WHERE {where} ORDER BY id {'DESC' if ids.descending else 'ASC'} LIMIT ? OFFSET ?"
    )
    return _chunk(connection.execute(sql, (*values, limit, skip)))


def changes(
    connection: apsw.Connection,
    since: int,
    upto: int,
    *,
    suffix: str,
    limit: int,
    descending: bool = False,
    all_leaves: bool = False,
    include_docs: bool = False,
) -> Chunk:
    """The next rows of ``_changes`` with since < seq <= upto. `suffix` is set behind each number."""
    row = _change_sql(suffix, all_leaves=all_leaves, include_docs=include_docs)
    order = "DESC" if descending else "ASC"
    sql = f"SELECT {row},seq FROM docs WHERE seq>? AND seq<=? ORDER BY seq {order} LIMIT ?"
    return _chunk(connection.execute(sql, (since, upto, limit)))


def changes_at(
    connection: apsw.Connection,
    seqs: Sequence[int],
    *,
    suffix: str,
    all_leaves: bool = False,
    include_docs: bool = False,
) -> Chunk:
    """The rows of ``_changes`` at these sequences, in their order; a document that moved on is left out."""
    row = _change_sql(suffix, all_leaves=all_leaves, include_docs=include_docs)
    return _chunk(connection.execute(f"SELECT {row},seq FROM {_AT_SEQS}", (json.encode(seqs).decode(),)))


def _change_sql(suffix: str, *, all_leaves: bool, include_docs: bool) -> str:
    revs = "json_quote(rev)||'}'"
    listed = f"coalesce(leaves,'{{\"rev\":'||{revs})" if all_leaves else f"'{{\"rev\":'||{revs}"
    doc = f"||',\"doc\":'||{DOC_SQL}" if include_docs else ""
    return (
        f"CAST('{{\"seq\":\"'||seq||'{suffix}\",\"id\":'||json_quote(id)||',\"changes\":['||{listed}||']'"
        f"||CASE deleted WHEN 0 THEN '' ELSE ',\"deleted\":true' END{doc}||'}}' AS BLOB)"
    )


def seqs_of_ids(connection: apsw.Connection, doc_ids: Sequence[str], since: int, upto: int) -> list[int]:
    """Where these documents are in ``_changes``, by looking each up; ascending."""
    seqs: list[int] = []
    sql = "SELECT seq FROM docs WHERE id IN (SELECT value FROM json_each(?)) AND +seq>? AND +seq<=?"
    for start in range(0, len(doc_ids), KEYS_AT_ONCE):
        some = json.encode(doc_ids[start : start + KEYS_AT_ONCE]).decode()
        seqs.extend(seq for (seq,) in connection.execute(sql, (some, since, upto)))
    return sorted(seqs)


def seqs_of_range(connection: apsw.Connection, ids: Range, since: int, upto: int) -> list[int]:
    """Where a range of ids is in ``_changes``, deleted documents too; ascending."""
    where, values = ids.where()
    where = where.replace("deleted=0", "+seq>? AND +seq<=?")
    found = connection.execute(f"SELECT seq FROM docs WHERE {where} ORDER BY +seq", (since, upto, *values))
    return [seq for (seq,) in found]


def seqs_and_ids(connection: apsw.Connection, since: int, upto: int) -> list[tuple[int, str]]:
    """What happened between two sequences that are near each other."""
    found = connection.execute("SELECT seq,id FROM docs WHERE seq>? AND seq<=? ORDER BY seq", (since, upto))
    return list(found)


def change_rows(
    connection: apsw.Connection, since: int, upto: int, *, limit: int, descending: bool = False
) -> list[Row]:
    """Whole rows in ``_changes`` order, for filters and options that SQL alone can't answer."""
    order = "DESC" if descending else "ASC"
    sql = ROW.replace("WHERE id", f"WHERE seq>? AND seq<=? ORDER BY seq {order} LIMIT ?")
    return _rows(connection.execute(sql, (since, upto, limit)))


def change_rows_at(connection: apsw.Connection, seqs: Sequence[int]) -> list[Row]:
    """Whole rows at these sequences, in their order; a document that moved on is left out."""
    sql = ROW.replace("docs WHERE id", _AT_SEQS)
    return _rows(connection.execute(sql, (json.encode(seqs).decode(),)))


def chunk_of_blob(connection: apsw.Connection, blob: int, number: int) -> bytes | None:
    found = connection.execute(
        "SELECT data FROM chunks WHERE chunk=?", (blob << CHUNKS_PER_BLOB_BITS | number,)
    ).fetchone()
    return found[0] if found else None


def blob_chunks(connection: apsw.Connection, blob: int) -> Iterator[bytes]:
    """All the bytes of one attachment, piece by piece."""
    number = 0
    while (data := chunk_of_blob(connection, blob, number)) is not None:
        yield data
        number += 1


def _chunk(found: Any) -> Chunk:
    rows: list[bytes] = []
    size, last = 0, None
    for text, key in found:
        rows.append(text)
        last = key
        size += len(text)
        if size >= CHUNK_BYTES_MAX:
            found.close(True)
            break
    return Chunk(rows, last)


def _rows(found: Any) -> list[Row]:
    rows: list[Row] = []
    size = 0
    for values in found:
        rows.append(as_row(values))
        size += len(values[7])
        if size >= CHUNK_BYTES_MAX:
            found.close(True)
            break
    return rows
