"""Lists of documents: ``_all_docs``, ``_design_docs``, ``_local_docs``, and ``…/queries`` of each.

A list is made of parts, each one look into the database on a thread, and streamed: while one part is
sent the next is read. SQLite builds the rows' JSON itself unless conflicts or attachments are asked for.
A list that is one part is sent as one answer.
Specification: ``fabric_view_all_docs``, ``chttpd_db:all_docs_view`` and ``couch_mrview_http:view_cb``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import apsw

from couchgrass import json
from couchgrass.docdb import render
from couchgrass.docdb.document import is_design, is_local
from couchgrass.docdb.http.doc_read import Opened, Options, document, document_pieces
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer, Response, Stream
from couchgrass.docdb.list_query import ListQuery, Space, bounds, of_queries, of_request
from couchgrass.docdb.sqlite import lookups, reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.offsets import Counted, live_before
from couchgrass.docdb.sqlite.reads import CHUNK_BYTES_MAX, Range
from couchgrass.docdb.update import Leaf, Row

_BETWEEN = b",\r\n"
_END = b"\r\n]}"

Piece = bytes | Opened
"""JSON text, or a document whose text is made while it is sent, because it holds attachments."""


class Part(NamedTuple):
    """Some rows with what is between them, and what reads the next ones (None: these are the last)."""

    pieces: Sequence[Piece]
    more: Read | None


Read = Callable[[apsw.Connection], Part]


class Start(NamedTuple):
    """A list's first part, the text before its rows, and what was counted for that."""

    head: bytes
    part: Part
    counted: Counted | None = None


async def get_all_docs(request: Request) -> Answer:
    """GET and POST of one list."""
    body = None
    if request.method == "POST":
        request.require_json_type()
        body = await request.json_object()
    query, space, db = of_request(request.query, body), _space(request), request.db
    start = await _started(db, query, space)
    if start.part.more is None and all(type(piece) is bytes for piece in start.part.pieces):
        return Response(200, b"".join((start.head, *start.part.pieces, _END, b"\n")))  # type: ignore[arg-type]
    return Stream(200, _one_list(db, start, _options(query)))


async def post_queries(request: Request) -> Answer:
    """POST of several queries: their lists one after the other."""
    queries = of_queries(request.query, await request.json_object())
    return Stream(200, _many_lists(request.db, queries, _space(request)))


def _space(request: Request) -> Space:
    return Space(unquoted(request.path[1]))


async def _one_list(db: Database, start: Start, options: Options) -> AsyncIterator[bytes]:
    async for piece in _sent(db, start, options):
        yield piece
    yield _END + b"\n"


async def _many_lists(db: Database, queries: Sequence[ListQuery], space: Space) -> AsyncIterator[bytes]:
    yield b'{"results":['
    lead = b"\r\n"
    for query in queries:
        start = await _started(db, query, space)
        async for piece in _sent(db, Start(lead + start.head, start.part), _options(query)):
            yield piece
        yield _END
        lead = _BETWEEN
    yield b"\r\n]}\n"


async def _sent(db: Database, start: Start, options: Options) -> AsyncIterator[bytes]:
    """The list but for its end. Reads one part ahead."""
    lead, part, _ = start
    ahead: asyncio.Task[Part] | None = None
    try:
        while True:
            if part.more is not None:
                ahead = asyncio.ensure_future(db.scan(part.more))
            for piece in part.pieces:
                if isinstance(piece, bytes):
                    yield lead + piece
                else:
                    yield lead
                    async for text in document_pieces(db, piece, options):
                        yield text
                lead = b""
            if ahead is None:
                break
            part, ahead = await ahead, None
            if part.pieces:
                lead = lead or _BETWEEN
        if lead:
            yield lead
    finally:
        if ahead is not None:
            ahead.cancel()


def _options(query: ListQuery) -> Options:
    return Options(
        conflicts=query.conflicts, attachments=query.attachments, att_encoding_info=query.att_encoding_info
    )


async def _started(db: Database, query: ListQuery, space: Space) -> Start:
    """A list's beginning."""
    found = bounds(query, space)
    ids = Range(found.low, found.high, found.low_open, found.high_open, query.descending)
    start = await db.scan(_opening(db, query, space, ids))
    if start.counted is not None:
        db.offsets.counted(ids, start.counted, db.totals)
    return start


def _opening(db: Database, query: ListQuery, space: Space, ids: Range) -> Callable[[apsw.Connection], Start]:
    """What reads a list's beginning."""
    place, totals = db.offsets.place(ids), db.totals

    def read(connection: apsw.Connection) -> Start:
        total: int | None = totals.docs
        if space is not Space.ALL:
            total = lookups.design_count(connection) if space is Space.DESIGN else None
        offset, counted = None, None
        if total is not None and query.keys is None:
            counted = live_before(connection, ids, totals, place) if total else Counted(0, 0)
            offset = min(total, counted.before + query.skip)
        meta: dict[str, Any] = {"total_rows": total, "offset": offset}
        if query.update_seq:
            meta["update_seq"] = None if offset is None else db.seq(totals.seq)
        head = json.encode(meta)[:-1] + b',"rows":[\r\n'
        return Start(head, _first(query, space, ids)(connection), counted)

    return read


def _first(query: ListQuery, space: Space, ids: Range) -> Read:
    """What reads the first part of the rows."""
    if query.keys is not None:
        keys = query.keys[::-1] if query.descending else query.keys
        keys = keys[query.skip : query.skip + query.limit]
        if space is Space.DESIGN:
            keys = [key for key in keys if type(key) is str and is_design(key)]
        elif space is Space.LOCAL:
            keys = [key for key in keys if type(key) is str and is_local(key)]
        return _by_key(query, keys, 0)
    if space is Space.LOCAL:
        return _by_range(reads.local_docs, query, ids, query.limit, query.skip)
    if query.include_docs and (query.conflicts or query.attachments or query.att_encoding_info):
        return _by_row(query, ids, query.limit, query.skip)
    return _by_range(reads.all_docs, query, ids, query.limit, query.skip)


def _by_range(
    source: Callable[..., reads.Chunk], query: ListQuery, ids: Range, limit: int, skip: int
) -> Read:
    """Rows as SQLite makes them."""

    def read(connection: apsw.Connection) -> Part:
        found = source(connection, ids, limit=limit, skip=skip, include_docs=query.include_docs)
        if not found.rows:
            return Part((), None)
        text = _BETWEEN.join(found.rows)
        count = len(found.rows)
        if count >= limit or len(text) - len(_BETWEEN) * (count - 1) < CHUNK_BYTES_MAX:
            return Part((text,), None)
        return Part((text,), _by_range(source, query, ids.after(found.last), limit - count, 0))

    return read


def _by_row(query: ListQuery, ids: Range, limit: int, skip: int) -> Read:
    """Rows with what SQL alone can't answer."""
    options = _options(query)

    def read(connection: apsw.Connection) -> Part:
        rows = reads.id_rows(connection, ids, limit=limit, skip=skip)
        pieces: list[Piece] = []
        for row in rows:
            pieces += _row_pieces(row, query, options)
        more = None
        if len(rows) < limit and sum(len(row.body) for row in rows) >= CHUNK_BYTES_MAX:
            more = _by_row(query, ids.after(rows[-1].id), limit - len(rows), 0)
        return Part(_joined(pieces), more)

    return read


def _by_key(query: ListQuery, keys: Sequence[Any], at: int) -> Read:
    """A row for each key from number `at` on, also for those that are not there."""
    options = _options(query)

    def read(connection: apsw.Connection) -> Part:
        pieces: list[Piece] = []
        size, end = 0, at
        while end < len(keys) and size < CHUNK_BYTES_MAX:
            found = _key_pieces(connection, keys[end], query, options)
            pieces += found
            size += sum(len(piece) if isinstance(piece, bytes) else len(piece.leaf.body) for piece in found)
            end += 1
        return Part(_joined(pieces), _by_key(query, keys, end) if end < len(keys) else None)

    return read


def _key_pieces(connection: apsw.Connection, key: Any, query: ListQuery, options: Options) -> Sequence[Piece]:
    if type(key) is str:
        if is_local(key):
            local = lookups.local_of(connection, key)
            if local is not None:
                doc = render.doc_json(key, f"0-{local[0]}", False, local[1]) if query.include_docs else b""
                return (_row_head(key, f"0-{local[0]}") + (b',"doc":' + doc if doc else b"") + b"}", _BETWEEN)
        elif (row := reads.row_of(connection, key)) is not None:
            return _row_pieces(row, query, options)
    return (b'{"key":%b,"error":"not_found"}' % json.encode(key), _BETWEEN)


def _row_pieces(row: Row, query: ListQuery, options: Options) -> Sequence[Piece]:
    """One row of the list and the separator behind it."""
    head = _row_head(row.id, row.rev, row.deleted)
    if not query.include_docs:
        return (head + b"}", _BETWEEN)
    if row.deleted:
        return (head + b',"doc":null}', _BETWEEN)
    opened = Opened(row, Leaf(row.rev, row.deleted, row.body, row.atts))
    if query.attachments and row.atts:
        return (head + b',"doc":', opened, b"}", _BETWEEN)
    return (head + b',"doc":' + document(opened, options) + b"}", _BETWEEN)


def _row_head(doc_id: str, rev: str, deleted: bool = False) -> bytes:
    """A row's JSON without its end."""
    quoted = json.encode(doc_id)
    return b'{"id":%b,"key":%b,"value":{"rev":%b%b}' % (
        quoted, quoted, json.encode(rev), b',"deleted":true' if deleted else b"",
    )  # fmt: skip


def _joined(pieces: list[Piece]) -> Sequence[Piece]:
    """The pieces without the last separator, neighbouring texts as one."""
    joined: list[Piece] = []
    for is_text, some in groupby(pieces[:-1], lambda piece: type(piece) is bytes):
        if is_text:
            joined.append(b"".join(some))  # type: ignore[arg-type]
        else:
            joined += some
    return joined
