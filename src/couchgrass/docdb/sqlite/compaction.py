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

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

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
    """Deletes the content of the revisions that were replaced until now."""
    last, _ = await db.scan(_bounds_of_replaced)
    at = 0
    while report("replaced_revisions", at, last) and at < last:
        numbers, reached = await db.scan(lambda connection: _replaced(connection, at, last))  # noqa: B023
        if numbers:
            named = json.encode(numbers).decode()
            await db.submit(
                lambda transaction: transaction.connection.execute(_DROP_REPLACED, (named,)).close()  # noqa: B023
            )
        at = reached
    return at >= last
