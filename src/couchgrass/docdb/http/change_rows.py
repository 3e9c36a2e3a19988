"""The rows of a changes feed, read in steps: which ones pass, and how they look.

SQLite makes the rows' JSON where it can. A selector, and documents with conflicts or attachments in them,
take each row through Python. ``_doc_ids`` and ``_design`` look up where their documents are instead of
going through all. A step reads so much that it ends in milliseconds, so that its caller can say between two
steps that it is alive, and notice that nobody listens any more.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any, cast

import apsw

from couchgrass import json
from couchgrass.docdb.changes import ChangesQuery, DesignDocs, DocIds, Selected, extract
from couchgrass.docdb.changes_frame import row_head
from couchgrass.docdb.http.design import doc_text
from couchgrass.docdb.http.doc_read import Opened, Options, document, document_pieces, leaf_of
from couchgrass.docdb.http.feed import Attached, Step
from couchgrass.docdb.http.filters import DocFilter
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.stats import Stats
from couchgrass.docdb.update import Leaf, Row, tree_of

STEP_ROWS = 1000
"""Rows that a step takes through Python, or looks up by their sequence."""

NEAR = 100
"""So few sequences are read on the event loop, which is cheaper than a thread."""

SHARED_MAX = 8
"""Readings that feeds share: many feeds wake together and want the same rows."""

FUNCTION_ROWS_MIN = 16
"""Rows in the first step that a function looks at."""

FUNCTION_STEP_S = 0.1
"""What a function's step is to take at most, so that the feed can say that it is alive."""

DESIGN_IDS = reads.Range(low="_design/", high="_design0", high_open=True)

Passing = DocIds | DesignDocs | Selected | DocFilter | None
"""Which rows a feed shows; None: all."""


class ChangeRows:
    """The rows that one feed shows. Sequences are read from `low` (exclusive) to `high` (inclusive)."""

    def __init__(
        self,
        stats: Stats,
        db: Database,
        query: ChangesQuery,
        chosen: Passing,
    ) -> None:
        self._stats = stats
        self._db = db
        self.changed = db.changed
        self.seq = db.seq
        self._query = query
        self._selected = chosen if isinstance(chosen, Selected) else None
        self._listed = chosen if isinstance(chosen, DocIds | DesignDocs) else None
        self._function = chosen if isinstance(chosen, DocFilter) else None
        self._function_rows = FUNCTION_ROWS_MIN
        self._seqs: tuple[int, int, list[int]] | None = None
        extras = query.conflicts or query.attachments or query.att_encoding_info
        self._in_sql = self._selected is None and not (query.include_docs and extras)
        self._options = Options(
            conflicts=query.conflicts,
            attachments=query.attachments,
            att_encoding_info=query.att_encoding_info,
        )

    @property
    def newest(self) -> int:
        return self._db.totals.seq

    @property
    def closed(self) -> bool:
        return self._db.closed

    def hold(self, by: int) -> None:
        """Keeps the database open and counts its feeds."""
        self._db.users += by
        self._stats.clients_requesting_changes += by

    async def pending(self, low: int, high: int) -> int:
        """Documents that the feed has not come to."""
        totals, after = self._db.totals, self._db.pending.after
        if not self._query.descending:
            return await after(low, totals)
        return totals.docs + totals.deleted - await after(high, totals) if high > low else 0

    def document(self, attached: Attached) -> AsyncGenerator[bytes, None]:
        pieces = document_pieces(self._db, attached.opened, self._options)
        return cast(AsyncGenerator[bytes, None], pieces)

    async def step(self, low: int, high: int, limit: int) -> Step:
        """The next step. Raises NotFound when the database was deleted, and what a filter function raises."""
        if self._function is not None:
            return await self._step_by_function(self._function, low, high, limit)
        if not self._is_near(low, high):
            step: Step = await self._db.scan(lambda connection: self._read(connection, low, high, limit))
            return step
        if not self._in_sql or self._listed is not None:
            return self._read(self._db.reader, low, high, limit)
        query = self._query
        key = (low, high, query.descending, query.all_leaves, query.include_docs, min(limit, NEAR))
        shared: dict[object, reads.Chunk] = self._db.shared_rows
        chunk = shared.get(key)
        if chunk is None:
            if len(shared) >= SHARED_MAX:
                shared.clear()
            chunk = shared[key] = self._sql(self._db.reader, low, high, limit)
        return Step(chunk.rows, chunk.last)

    def _is_near(self, low: int, high: int) -> bool:
        """Whether there is so little to read that it is read on the event loop."""
        return min(high, self.newest) - low <= NEAR and not self._db.closed

    def _read(self, connection: apsw.Connection, low: int, high: int, limit: int) -> Step:
        if self._listed is not None:
            return self._read_listed(connection, low, high, limit)
        if self._in_sql:
            chunk = self._sql(connection, low, high, limit)
            return Step(chunk.rows, chunk.last)
        most = STEP_ROWS if self._selected is not None else min(limit, STEP_ROWS)
        rows = reads.change_rows(connection, low, high, limit=most, descending=self._query.descending)
        return self._rendered(((row, self._passing_revs(connection, row)) for row in rows), limit)

    async def _step_by_function(self, function: DocFilter, low: int, high: int, limit: int) -> Step:
        """A step whose rows a function looks at: few of them while it is slow, many when it is quick."""
        most = self._function_rows

        def read(connection: apsw.Connection) -> list[tuple[Row, list[Leaf]]]:
            rows = reads.change_rows(connection, low, high, limit=most, descending=self._query.descending)
            return [(row, self._leaves(connection, row)) for row in rows]

        found = read(self._db.reader) if self._is_near(low, high) else await self._db.scan(read)
        began = time.monotonic()
        answers = iter(
            await function.passes([doc_text(row, leaf) for row, leaves in found for leaf in leaves])
        )
        took_s = time.monotonic() - began
        if took_s < FUNCTION_STEP_S:
            self._function_rows = min(most * 2, STEP_ROWS)
        else:
            self._function_rows = max(most // 4, 1)
        passing = [(row, [leaf.rev for leaf in leaves if next(answers)]) for row, leaves in found]
        return self._rendered(passing, limit)

    def _leaves(self, connection: apsw.Connection, row: Row) -> list[Leaf]:
        """The revisions of a row that its filter is asked about."""
        if not self._query.all_leaves or row.tree is None:
            return [_winner(row)]
        found = (leaf_of(connection, row, str(rev)) for rev in tree_of(row).leaves)
        return [leaf for leaf in found if leaf is not None]

    def _sql(self, connection: apsw.Connection, low: int, high: int, limit: int) -> reads.Chunk:
        query = self._query
        return reads.changes(
            connection,
            low,
            high,
            suffix=self._db.suffix,
            limit=limit,
            descending=query.descending,
            all_leaves=query.all_leaves,
            include_docs=query.include_docs,
        )

    def _read_listed(self, connection: apsw.Connection, low: int, high: int, limit: int) -> Step:
        seqs = self._seqs_between(connection, low, high)
        some = seqs[: min(limit, STEP_ROWS)]
        if not some:
            return Step([], None)
        query = self._query
        if not self._in_sql:
            rows = reads.change_rows_at(connection, some)
            step = self._rendered(((row, self._passing_revs(connection, row)) for row in rows), limit)
        else:
            chunk = reads.changes_at(
                connection,
                some,
                suffix=self._db.suffix,
                all_leaves=query.all_leaves,
                include_docs=query.include_docs,
            )
            step = Step(chunk.rows, chunk.last)
        # Documents that moved on meanwhile are not there: go on behind them all the same.
        last = some[-1] if step.last is None else step.last
        left = seqs[seqs.index(last) + 1 :]
        self._seqs = (low, last - 1, left) if query.descending else (last, high, left)
        return step._replace(last=last)

    def _seqs_between(self, connection: apsw.Connection, low: int, high: int) -> list[int]:
        """Where the listed documents are in this range; what is left of it since the last step."""
        looked_up = self._seqs is not None and self._seqs[:2] == (low, high)
        if self._seqs is not None and looked_up and (self._seqs[2] or not self._query.follows_moves):
            return self._seqs[2]
        if isinstance(self._listed, DesignDocs):
            seqs = reads.seqs_of_range(connection, DESIGN_IDS, low, high)
        else:
            assert self._listed is not None
            ids = self._listed.ids
            if min(high, self.newest) - low <= max(NEAR, len(ids)):
                seqs = [seq for seq, doc_id in reads.seqs_and_ids(connection, low, high) if doc_id in ids]
            else:
                seqs = reads.seqs_of_ids(connection, list(ids), low, high)
        if self._query.descending:
            seqs.reverse()
        return seqs

    def _rendered(self, found: Iterable[tuple[Row, list[str]]], limit: int) -> Step:
        """Rows with the revisions of each that pass, until the limit."""
        passed: list[bytes] = []
        last: int | None = None
        for row, revs in found:
            last = row.seq
            if not revs:
                continue
            one = self._row(row, revs)
            if isinstance(one, Attached):
                return Step(passed, row.seq, one)
            passed.append(one)
            if len(passed) >= limit:
                return Step(passed, row.seq)
        return Step(passed, last)

    def _passing_revs(self, connection: apsw.Connection, row: Row) -> list[str]:
        leaves = [row.rev]
        if self._query.all_leaves and row.tree is not None:
            leaves = [str(rev) for rev in tree_of(row).leaves]
        if self._selected is None:
            return leaves
        accepts = self._selected.accepts
        if len(leaves) == 1:
            return leaves if accepts(_tested(row, _winner(row))) else []
        found = ((rev, leaf_of(connection, row, rev)) for rev in leaves)
        return [rev for rev, leaf in found if leaf is not None and accepts(_tested(row, leaf))]

    def _row(self, row: Row, revs: list[str]) -> bytes | Attached:
        head = row_head(self._db.seq(row.seq), row.id, revs, row.deleted)
        if not self._query.include_docs:
            return head + b"}"
        head += b',"doc":'
        opened = Opened(row, _winner(row))
        fields = None if self._selected is None else self._selected.fields
        if fields is not None:
            doc = extract(json.decode(document(opened, self._options)), fields)
            return head + json.encode(doc) + b"}"
        if self._options.attachments and row.atts:
            return Attached(head, opened)
        return head + document(opened, self._options) + b"}"


def _winner(row: Row) -> Leaf:
    return Leaf(row.rev, row.deleted, row.body, row.atts)


def _tested(row: Row, leaf: Leaf) -> dict[str, Any]:
    """A leaf as the document that a selector looks at."""
    if leaf.atts:
        doc: dict[str, Any] = json.decode(document(Opened(row, leaf)))
        return doc
    doc = json.decode(leaf.body)
    doc["_id"] = row.id
    doc["_rev"] = leaf.rev
    if leaf.deleted:
        doc["_deleted"] = True
    return doc
