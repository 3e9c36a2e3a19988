"""Compaction: gives the disk back what a database needs no more, while the database serves.

1. Content of replaced revisions is deleted.
2. Attachments that no revision names are deleted. All rows are looked at once to mark the named ones; what
   changes meanwhile gets a higher sequence, and the transaction that deletes looks at those rows first. So
   an attachment that any committed row names is never taken. Blobs on their way in or out are left alone.
3. The file's free pages are filled from its end, which shortens it.
4. The log is folded into the file.

Every step is small: an operation in the writer's queue, or a short look on a reader's thread, so reads and
writes go on in between. It can be broken off at any moment and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.schema import BUSY_MS, CHUNKS_PER_BLOB_BITS
from couchgrass.docdb.sqlite.transaction import Transaction

STEP_BYTES = 4 * 1024 * 1024
"""About how much one operation deletes."""

STEP_ROWS = 1000
"""Revisions or blobs that one operation deletes at the most."""

STEP_PAGES = 512
"""Pages given back by one operation: 2 MiB, some milliseconds."""

LOOK_ROWS = 5000
"""Rows looked at in one go on a reader's thread."""

SLACK_BYTES = 16 * 1024 * 1024
"""Garbage below this is not worth the work; automatic compaction leaves it."""

TRUNCATE_WAIT_MS = 50
"""How long the last step waits for a moment without writer and readers; the log is truncated later if not."""

_NEXT_REPLACED = """
SELECT number,replaced,length(body) FROM leaves WHERE number>? AND number<=? ORDER BY number LIMIT ?"""
_DROP_REPLACED = "DELETE FROM leaves WHERE replaced=1 AND number IN (SELECT value FROM json_each(?))"
_CHANGED = "SELECT seq,atts,id FROM docs WHERE seq>? ORDER BY seq LIMIT ?"
_BESIDE = "SELECT atts FROM leaves WHERE id=? AND atts IS NOT NULL"
_NEXT_CHUNK = "SELECT min(chunk) FROM chunks WHERE chunk>=?"

Report = Callable[[str, int, int], bool]
"""Hears (phase, changes done, changes in all) and answers whether to go on."""


class Sizes(NamedTuple):
    """Bytes: of the database's files, and of the pages in use."""

    file: int
    active: int


def sizes(connection: apsw.Connection, path: Path) -> Sizes:
    """The database's sizes now; some microseconds."""
    total, free, page_bytes = _pages(connection)
    try:
        log_bytes = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        log_bytes = 0
    return Sizes(total * page_bytes + log_bytes, (total - free) * page_bytes)


def is_worthwhile(connection: apsw.Connection) -> bool:
    """Whether to compact unasked: half of the file is free, or what is used has doubled since the last time.

    What is used may be live or not, which only compaction finds out. As it has to double each time, all the
    work done in vain stays in proportion to what was written.
    """
    total, free, page_bytes = _pages(connection)
    slack = SLACK_BYTES // page_bytes
    if free >= slack and 2 * free >= total:
        return True
    compacted = 0
    for (value,) in connection.execute("SELECT value FROM meta WHERE key='compacted_pages'"):
        compacted = int(value)
    return total - free >= 2 * compacted + slack


async def compact(db: Database, report: Report) -> None:
    """Compacts a database. Raises NotFound when it is deleted meanwhile."""
    if not await _drop_replaced(db, report):
        return
    if not await _drop_blobs(db, report):
        return
    if not await _give_back(db, report):
        return
    total, free, _ = await db.scan(_pages)
    await db.submit(lambda transaction: transaction.set_meta("compacted_pages", total - free))
    await db.scan(_fold_log)


def _pages(connection: apsw.Connection) -> tuple[int, int, int]:
    """(pages of the file, those that are free, bytes of one)."""
    total, free = connection.pragma("page_count"), connection.pragma("freelist_count")
    return int(total), int(free), int(connection.pragma("page_size"))


async def _drop_replaced(db: Database, report: Report) -> bool:
    """Deletes the content of the revisions that were replaced until now. False when told to stop."""
    last = await db.scan(_last_leaf)
    at = 0
    while at < last:
        if not report("replaced_revisions", at, last):
            return False
        numbers, at = await db.scan(partial(_next_replaced, at, last))
        if numbers:
            await db.submit(partial(_delete_leaves, numbers))
    return True


def _last_leaf(connection: apsw.Connection) -> int:
    return sum(int(number or 0) for (number,) in connection.execute("SELECT max(number) FROM leaves"))


def _next_replaced(after: int, last: int, connection: apsw.Connection) -> tuple[list[int], int]:
    """(rows of replaced revisions for one step, up to which row that is)."""
    numbers: list[int] = []
    freed = 0
    found = connection.execute(_NEXT_REPLACED, (after, last, LOOK_ROWS))
    for looked, (number, replaced, size) in enumerate(found, 1):
        if replaced:
            numbers.append(number)
            freed += size
        if freed >= STEP_BYTES or len(numbers) >= STEP_ROWS or looked == LOOK_ROWS:
            return numbers, number
    return numbers, last


def _delete_leaves(numbers: Sequence[int], transaction: Transaction) -> None:
    transaction.connection.execute(_DROP_REPLACED, (json.encode(numbers).decode(),))


class _Marks:
    """One bit a blob: whether a revision names it. `top` is the newest blob that is looked at."""

    def __init__(self, top: int) -> None:
        self.top = top
        self._bits = bytearray(top // 8 + 1)

    def add(self, stored: bytes | None) -> None:
        """Marks the attachments in a row's column."""
        for one in att.decode(stored or b"").values():
            if one.blob <= self.top:
                self._bits[one.blob >> 3] |= 1 << (one.blob & 7)

    def __contains__(self, blob: int) -> bool:
        return bool(self._bits[blob >> 3] & 1 << (blob & 7))


async def _drop_blobs(db: Database, report: Report) -> bool:
    """Deletes the attachments that no revision names. False when told to stop."""
    if await db.scan(partial(_first_blob, 0)) is None:
        return True
    marks = _Marks(db.totals.blob)
    marked = await _mark_all(db, marks, report)
    if marked is None:
        return False
    seq, blob = marked, 1
    while blob <= marks.top:
        looked = LOOK_ROWS
        while looked == LOOK_ROWS:
            looked, seq = await db.scan(partial(_mark_changed, marks, seq))
        unnamed, blob = await db.scan(partial(_next_unnamed, marks, blob))
        while unnamed:
            if not report("attachments", blob, marks.top):
                return False
            unnamed = [one for one in unnamed if one not in db.uploading and one not in db.reading]
            unnamed = await db.submit(partial(_delete_blobs, marks, seq, unnamed))
    return report("attachments", marks.top, marks.top)


async def _mark_all(db: Database, marks: _Marks, report: Report) -> int | None:
    """Marks what all revisions name; the sequence up to which that holds. None when told to stop."""
    seq, looked = 0, LOOK_ROWS
    while looked == LOOK_ROWS:
        if not report("documents", seq, db.totals.seq):
            return None
        looked, seq = await db.scan(partial(_mark_docs, marks, seq))
    number, looked = 0, LOOK_ROWS
    while looked == LOOK_ROWS:
        if not report("documents", seq, db.totals.seq):
            return None
        looked, number = await db.scan(partial(_mark_leaves, marks, number))
    return seq


def _mark_docs(marks: _Marks, after: int, connection: apsw.Connection) -> tuple[int, int]:
    """Marks what the next documents' winners name; (rows looked at, the last one's sequence)."""
    return _mark(marks, after, connection, "SELECT seq,atts FROM docs WHERE seq>? ORDER BY seq LIMIT ?")


def _mark_leaves(marks: _Marks, after: int, connection: apsw.Connection) -> tuple[int, int]:
    """The same for the content beside the winners."""
    return _mark(
        marks, after, connection, "SELECT number,atts FROM leaves WHERE number>? ORDER BY number LIMIT ?"
    )


def _mark(marks: _Marks, after: int, connection: apsw.Connection, sql: str) -> tuple[int, int]:
    found: list[Any] = connection.execute(sql, (after, LOOK_ROWS)).fetchall()
    for _, stored in found:
        if stored is not None:
            marks.add(stored)
    return len(found), found[-1][0] if found else after


def _mark_changed(marks: _Marks, after: int, connection: apsw.Connection) -> tuple[int, int]:
    """Marks all that documents name which changed after a sequence: their winners and what lies beside."""
    found: list[Any] = connection.execute(_CHANGED, (after, LOOK_ROWS)).fetchall()
    for _, stored, doc_id in found:
        marks.add(stored)
        beside: list[Any] = connection.execute(_BESIDE, (doc_id,)).fetchall()
        for (held,) in beside:
            marks.add(held)
    return len(found), found[-1][0] if found else after


def _first_blob(start: int, connection: apsw.Connection) -> int | None:
    """The first blob from number `start` on that has bytes."""
    for (chunk,) in connection.execute(_NEXT_CHUNK, (start << CHUNKS_PER_BLOB_BITS,)):
        return None if chunk is None else int(chunk) >> CHUNKS_PER_BLOB_BITS
    return None


def _next_unnamed(marks: _Marks, start: int, connection: apsw.Connection) -> tuple[list[int], int]:
    """(blobs from `start` on that are not marked, where to go on)."""
    unnamed: list[int] = []
    for _ in range(LOOK_ROWS):
        blob = _first_blob(start, connection)
        if blob is None or blob > marks.top:
            return unnamed, marks.top + 1
        if blob not in marks:
            unnamed.append(blob)
        start = blob + 1
        if len(unnamed) == STEP_ROWS:
            break
    return unnamed, start


def _delete_blobs(marks: _Marks, seq: int, blobs: Sequence[int], transaction: Transaction) -> list[int]:
    """Deletes about STEP_BYTES of these blobs unless a document that changed after `seq` names them.

    The blobs that are not gone yet. Does not say up to where it marked: the transaction may be taken back.
    """
    connection = transaction.connection
    looked = LOOK_ROWS
    while looked == LOOK_ROWS:
        looked, seq = _mark_changed(marks, seq, connection)
    freed = 0
    for at, blob in enumerate(blobs):
        if blob in marks:
            continue
        chunks: list[tuple[int]] = []
        edges = (blob << CHUNKS_PER_BLOB_BITS, blob + 1 << CHUNKS_PER_BLOB_BITS)
        for chunk, size in connection.execute(
            "SELECT chunk,length(data) FROM chunks WHERE chunk>=? AND chunk<? ORDER BY chunk", edges
        ):
            if freed >= STEP_BYTES:
                break
            chunks.append((chunk,))
            freed += size
        connection.executemany("DELETE FROM chunks WHERE chunk=?", chunks)
        if freed >= STEP_BYTES:
            return list(blobs[at:])
    return []


async def _give_back(db: Database, report: Report) -> bool:
    """Shortens the file by the pages that are free now. False when told to stop."""
    _, free, _ = await db.scan(_pages)
    for done in range(0, free, STEP_PAGES):
        if not report("free_pages", done, free):
            return False
        if await db.submit(_vacuum) == 0:
            break
    return True


def _vacuum(transaction: Transaction) -> int:
    """Gives back some pages; how many are left."""
    for _ in transaction.connection.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})"):
        pass
    return int(transaction.connection.pragma("freelist_count"))


def _fold_log(connection: apsw.Connection) -> None:
    """Folds the log into the file, and empties it if no one is in the way just then."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.set_busy_timeout(TRUNCATE_WAIT_MS)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except apsw.BusyError:
        pass  # the writer's next checkpoint does it
    finally:
        connection.set_busy_timeout(BUSY_MS)
