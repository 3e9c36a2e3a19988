"""What an operation may do inside the writer's transaction.

An operation is a function of a `Transaction`. Rule: it raises its domain errors before its first write,
so that a refused operation leaves nothing behind for the others that share the transaction. Whatever
else goes wrong takes the whole transaction back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb.ranks import Move
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES, CHUNKS_PER_BLOB_BITS
from couchgrass.docdb.update import Leaf, Row, Update
from couchgrass.errors import CouchgrassError

ROW = "SELECT seq,id,rev,deleted,path,tree,leaves,body,atts FROM docs WHERE id"
_ROW_BY_ID = f"{ROW}=?"
_ROWS_BY_ID = f"{ROW} IN (SELECT value FROM json_each(?))"
_INSERT = "INSERT INTO docs(seq,id,rev,deleted,path,tree,leaves,body,atts) VALUES(?,?,?,?,?,?,?,?,?)"
_UPDATE = "UPDATE docs SET seq=?1,rev=?3,deleted=?4,path=?5,tree=?6,leaves=?7,body=?8,atts=?9 WHERE seq=?10"

_KEEP = "INSERT OR REPLACE INTO leaves(id,rev,deleted,body,atts,replaced) VALUES(?,?,?,?,?,?)"


class Totals(msgspec.Struct):
    """What the database knows of itself; one row of ``meta``, written with each transaction.

    `bytes` are those of the winners' bodies and of their attachments, as users see them. `design` is the
    sequence of the last change of a design document, as far as it was noted.
    """

    seq: int = 0
    docs: int = 0
    deleted: int = 0
    bytes: int = 0
    purge_seq: int = 0
    blob: int = 0
    design: int = 0


def totals_of(connection: apsw.Connection) -> Totals:
    """The totals as they were last committed."""
    for (stored,) in connection.execute("SELECT value FROM meta WHERE key='totals'"):
        return msgspec.json.decode(stored, type=Totals)
    raise CouchgrassError("The database file has no totals: it is damaged", error="storage_error")


def as_row(found: Sequence[Any]) -> Row:
    row = Row(*found)
    row.deleted = bool(row.deleted)
    return row


class Transaction:
    """One open write transaction on `connection`; `totals` change with it and go back with it.

    `moves` takes what happens to the set of live documents, if anyone wants to know. `inserts`, `writes` and
    `local_writes` count documents: new ones, new revisions of all, and ``_local`` ones.
    """

    def __init__(self, connection: apsw.Connection, totals: Totals, moves: list[Move] | None = None) -> None:
        self.connection = connection
        self.totals = totals
        self.moves = moves
        self.inserts = self.writes = self.local_writes = 0

    def row(self, doc_id: str) -> Row | None:
        for found in self.connection.execute(_ROW_BY_ID, (doc_id,)):
            return as_row(found)
        return None

    def rows(self, doc_ids: Sequence[str]) -> dict[str, Row | None]:
        """The rows of many documents at once, None for those that are not there."""
        rows: dict[str, Row | None] = dict.fromkeys(doc_ids)
        for found in self.connection.execute(_ROWS_BY_ID, (json.encode(list(rows)).decode(),)):
            rows[found[1]] = as_row(found)
        return rows

    def leaf(self, row: Row, rev: str) -> Leaf | None:
        """One leaf's content, the winner's or a losing one's."""
        if rev == row.rev:
            return Leaf(rev, row.deleted, row.body, row.atts)
        return find_leaf(self.connection, row.id, rev)

    def insert_all(self, rows: Iterable[Row]) -> None:
        """Adds documents that were not there. Gives each its sequence."""
        totals, values = self.totals, []
        for row in rows:
            totals.seq += 1
            row.seq = totals.seq
            if row.id[0] == "_":
                totals.design = totals.seq
            totals.bytes += _external(row)
            if row.deleted:
                totals.deleted += 1
            else:
                totals.docs += 1
            values.append(
                (row.seq, row.id, row.rev, row.deleted, row.path, row.tree, row.leaves, row.body, row.atts)
            )
        self.connection.executemany(_INSERT, values)
        self.inserts += len(values)
        self.writes += len(values)
        if self.moves is not None:
            self.moves += [(value[0], value[1], 1, 0 if value[3] else 1) for value in values]

    def apply(self, old: Row | None, update: Update) -> Row:
        """Writes one document's new state under the next sequence."""
        row, execute = update.row, self.connection.execute
        if update.promoted is not None:
            promoted = find_leaf(self.connection, row.id, update.promoted)
            assert promoted is not None, f"leaf {update.promoted} of {row.id!r} has no content"
            row.body, row.atts = promoted.body, promoted.atts
            execute("DELETE FROM leaves WHERE id=? AND rev=?", (row.id, update.promoted))
        for rev in update.removed:
            execute("DELETE FROM leaves WHERE id=? AND rev=?", (row.id, rev))
        for rev in update.retired:
            execute("UPDATE leaves SET replaced=1 WHERE id=? AND rev=?", (row.id, rev))
        for leaf in update.added:
            self._keep(row.id, leaf, replaced=False)
        if update.replaced is not None:
            self._keep(row.id, update.replaced, replaced=True)
        if old is None:
            self.insert_all((row,))
            return row
        self.writes += update.rev is not None
        totals = self.totals
        totals.seq += 1
        row.seq = totals.seq
        if row.id[0] == "_":
            totals.design = totals.seq
        totals.bytes += _external(row) - _external(old)
        if row.deleted != old.deleted:
            step = 1 if row.deleted else -1
            totals.deleted += step
            totals.docs -= step
            if self.moves is not None:
                self.moves.append((row.seq, row.id, 0, -step))
        execute(
            _UPDATE,
            (
                row.seq, row.id, row.rev, row.deleted, row.path, row.tree, row.leaves, row.body, row.atts,
                old.seq,
            ),
        )  # fmt: skip
        return row

    def _keep(self, doc_id: str, leaf: Leaf, *, replaced: bool) -> None:
        self.connection.execute(_KEEP, (doc_id, leaf.rev, leaf.deleted, leaf.body, leaf.atts, replaced))

    def remove(self, row: Row) -> None:
        """Takes a purged document away wholly. The sequence moves on, so that readers notice."""
        self.connection.execute("DELETE FROM docs WHERE seq=?", (row.seq,))
        self.connection.execute("DELETE FROM leaves WHERE id=?", (row.id,))
        totals = self.totals
        totals.seq += 1
        if row.id[0] == "_":
            totals.design = totals.seq
        totals.bytes -= _external(row)
        if row.deleted:
            totals.deleted -= 1
        else:
            totals.docs -= 1
        if self.moves is not None:
            self.moves.append((totals.seq, row.id, -1, 0 if row.deleted else -1))

    def new_blob(self) -> int:
        """A number for a new attachment's bytes."""
        self.totals.blob += 1
        return self.totals.blob

    def has_blob(self, blob: int) -> bool:
        """Whether a blob that is not empty is there. Deletions begin with the first chunk."""
        first = (blob << CHUNKS_PER_BLOB_BITS,)
        return self.connection.execute("SELECT 1 FROM chunks WHERE chunk=?", first).fetchone() is not None

    def add_chunk(self, blob: int, number: int, data: bytes) -> None:
        self.connection.execute(
            "INSERT INTO chunks(chunk,data) VALUES(?,?)", (blob << CHUNKS_PER_BLOB_BITS | number, data)
        )

    def store_blob(self, blob: int, data: bytes) -> None:
        """Stores bytes that are in memory already."""
        for number, start in enumerate(range(0, len(data), CHUNK_BYTES)):
            self.add_chunk(blob, number, data[start : start + CHUNK_BYTES])

    def note_purge(self, doc_id: str, revs: list[str], limit: int) -> None:
        """Adds to the purge history and keeps its newest `limit` entries."""
        self.totals.purge_seq += 1
        self.connection.execute(
            "INSERT INTO purges(seq,id,revs) VALUES(?,?,?)",
            (self.totals.purge_seq, doc_id, json.encode(revs).decode()),
        )
        self.connection.execute("DELETE FROM purges WHERE seq<=?", (self.totals.purge_seq - limit,))

    def set_meta(self, key: str, value: str | int | bytes) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta(key,value) VALUES(?,?)", (key, value))

    def put_local(self, doc_id: str, rev: int, body: bytes) -> None:
        self.local_writes += 1
        self.connection.execute(
            "INSERT OR REPLACE INTO local(id,rev,body) VALUES(?,?,?)", (doc_id, rev, body)
        )

    def delete_local(self, doc_id: str) -> None:
        self.local_writes += 1
        self.connection.execute("DELETE FROM local WHERE id=?", (doc_id,))


def _external(row: Row) -> int:
    """Bytes of a document as users see it."""
    if row.atts is None:
        return len(row.body)
    return len(row.body) + sum(attachment.length for attachment in att.decode(row.atts).values())


def find_leaf(connection: apsw.Connection, doc_id: str, rev: str) -> Leaf | None:
    """The content of a losing leaf, or of a replaced revision that no compaction has taken yet."""
    found = connection.execute(
        "SELECT rev,deleted,body,atts FROM leaves WHERE id=? AND rev=?", (doc_id, rev)
    ).fetchone()
    return Leaf(found[0], bool(found[1]), found[2], found[3]) if found else None
