"""GET and POST ``/db/_design/x/_view/y``, its ``queries``, and ``/db/_design/x/_info``.

A list comes in pages of rows and is streamed. One of several pages is no snapshot: of a document that changes
while it is sent, a row may be seen at both of its places or at none.
Specification: ``chttpd_view``, ``couch_mrview_http:view_cb`` and ``fabric_view_map`` of CouchDB 3.5.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import apsw

from couchgrass import json
from couchgrass.docdb import view_query
from couchgrass.docdb.access import Right
from couchgrass.docdb.http.design import program_of
from couchgrass.docdb.http.doc_read import (
    Opened,
    Options,
    document,
    document_pieces,
    leaf_of,
    open_doc,
)  # fmt: skip
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer, Response, Stream, json_response
from couchgrass.docdb.http.view_index import View, ViewIndex, view_of
from couchgrass.docdb.http.view_reduce import reduced
from couchgrass.docdb.javascript.context import Program
from couchgrass.docdb.javascript.form import check_language, language_of
from couchgrass.docdb.list_query import ListQuery
from couchgrass.docdb.reduce import Emitted
from couchgrass.docdb.replicator_doc import is_replicator_db
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.reads import CHUNK_BYTES_MAX
from couchgrass.docdb.sqlite.view_rows import Page, before
from couchgrass.docdb.update import Leaf, Row
from couchgrass.docdb.view_query import KeyRange, ViewQuery
from couchgrass.errors import BadRequest, MethodNotAllowed

log = logging.getLogger("couchgrass.http")

BETWEEN: Final = b",\r\n"
END: Final = b"\r\n]}"

DOCUMENTS_AT_ONCE: Final = 20
"""Documents that are looked up by one statement: each may be large."""


class Asked(NamedTuple):
    """A view that was asked for, with its design document."""

    view: View
    reduce: str | None
    program: Program


async def get_view(request: Request) -> Answer:
    """GET, and POST with options in the body. Raises NotFound, BadRequest, QueryParseError, StorageFull."""
    asked, is_queries = _asked(request)
    body: dict[str, Any] | None = None
    if request.method == "POST":
        request.require_json_type()
        body = await request.json_object()
    if is_queries:
        if body is None:
            raise MethodNotAllowed("POST")
        queries = view_query.of_queries(request.query, body, has_reduce=asked.reduce is not None)
        request.server.stats.view_reads += len(queries)
        return await _answer(_many(request, asked, queries))
    query = view_query.of_request(request.query, body, has_reduce=asked.reduce is not None)
    request.server.stats.view_reads += 1
    return await _answer(_one(request, asked, query))


async def get_info(request: Request) -> Answer:
    """GET ``_info``: what is known of the views of a design document."""
    opened = open_doc(request.db.reader, request.doc_id, None)
    ddoc = json.decode(opened.leaf.body)
    found = [view_of(ddoc, name) for name in (ddoc.get("views") or {}) if name != "lib"]
    kept = [index for view in found if (index := request.server.views.kept(request.db, view)) is not None]
    size = sum(index.rows.bytes for index in kept)
    waiting = sum(index.waiting for index in kept)
    signatures = json.encode([view.signature for view in found])
    info = {
        "updates_pending": {"minimum": 0, "preferred": 0, "total": 0},
        "waiting_commit": False,
        "waiting_clients": max(0, waiting - len(kept)),
        "updater_running": waiting > 0,
        "update_seq": min((index.seq for index in kept), default=0),
        "sizes": {"file": 0, "external": size, "active": size},
        "signature": hashlib.blake2b(signatures, digest_size=16).hexdigest(),
        "purge_seq": request.db.totals.purge_seq,
        "language": language_of(ddoc),
        "compact_running": False,
    }
    return json_response({"name": request.doc_id.removeprefix("_design/"), "view_index": info})


def _asked(request: Request) -> tuple[Asked, bool]:
    """The view that the path names, and whether ``queries`` follows. Raises NotFound."""
    # The right to see a design document is not enough to see what its views tell of others. Of replications
    # they could tell credentials.
    right = Right.DB_ADMIN if is_replicator_db(request.db.name) else Right.READ
    request.server.authn.check_right(request, right)
    # …/_design/x/_view/y, or the same with the design document's id as one segment
    rest = request.path[4 if unquoted(request.path[1]) == "_design" else 3 :]
    is_queries = len(rest) == 2 and rest[1] == "queries"
    if not rest or (len(rest) > 1 and not is_queries):
        raise MethodNotAllowed("GET", "POST", "HEAD")
    opened = open_doc(request.db.reader, request.doc_id, None)
    ddoc = json.decode(opened.leaf.body)
    name = unquoted(rest[0])
    view = view_of(ddoc, name)
    check_language(ddoc)
    program = program_of(request.db, opened.row.id, opened.leaf.rev, opened.leaf.body)
    reduce = ddoc["views"][name].get("reduce")
    return Asked(view, reduce if type(reduce) is str else None, program), is_queries


async def _answer(pieces: AsyncGenerator[bytes, None]) -> Answer:
    """A whole answer when it is short. What fails before its first part is full is an answer of its own."""
    begun: list[bytes] = []
    size = 0
    async for piece in pieces:
        begun.append(piece)
        size += len(piece)
        if size > CHUNK_BYTES_MAX:
            return Stream(200, _rest(b"".join(begun), pieces))
    return Response(200, b"".join(begun) + b"\n")


async def _rest(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece
    yield b"\n"


async def _many(request: Request, asked: Asked, queries: Sequence[ViewQuery]) -> AsyncGenerator[bytes, None]:
    lead = b'{"results":[\r\n'
    for query in queries:
        async with aclosing(_one(request, asked, query)) as pieces:
            async for piece in pieces:
                yield lead + piece
                lead = b""
        lead = BETWEEN
    yield (b'{"results":[' if not queries else b"") + b"\r\n]}"


async def _one(request: Request, asked: Asked, query: ViewQuery) -> AsyncGenerator[bytes, None]:
    """One list, in pieces of bounded size."""
    ranges = view_query.ranges(query.options, asked.view.sort_key)
    db = request.db
    index = await _index(request, asked, query.options.update)
    seq = {"update_seq": db.seq(index.seq)} if query.options.update_seq else {}
    if query.is_reduced:
        assert asked.reduce is not None
        lead = _head(seq)
        pages = reduced(request.server.javascript, index, asked.program, asked.reduce, query, ranges)
    else:
        offset = await db.scan(lambda _: _offset(index, query, ranges))
        lead = _head({"total_rows": index.rows.count, "offset": offset, **seq})
        pages = _mapped(request, index, query.options, ranges)
    async with aclosing(pages):
        async for page in pages:
            yield lead + page
            lead = b""
    yield lead + END


async def _index(request: Request, asked: Asked, update: str) -> ViewIndex:
    """The view's rows, as fresh as they are asked for. What was never made is made in any case."""
    server, db = request.server, request.db
    kept = None if update == "true" else server.views.kept(db, asked.view)
    if kept is None:
        return await server.views.fresh(db, asked.view, asked.program)
    if update == "lazy" and not server.background_full():

        def failed(error: BaseException) -> None:
            log.warning("a view of %s was not brought up to date: %s", db.name, error)

        server.in_background(server.views.fresh(db, asked.view, asked.program), failed)
    return kept


def _head(meta: Mapping[str, Any]) -> bytes:
    return json.encode(meta)[:-1] + (b"," if meta else b"") + b'"rows":[\r\n'


def _offset(index: ViewIndex, query: ViewQuery, ranges: Sequence[KeyRange]) -> int:
    """How many rows come before the first one that is shown."""
    found = ranges[-1] if ranges else KeyRange()
    for one in ranges if len(ranges) > 1 else ():
        if index.rows.page(one, limit=1).rows:
            found = one
            break
    ahead = before(found)
    count = 0 if ahead is None else index.rows.count_of(ahead)
    return min(index.rows.count, count + query.options.skip)


async def _mapped(
    request: Request, index: ViewIndex, query: ListQuery, ranges: Sequence[KeyRange]
) -> AsyncGenerator[bytes, None]:
    """The rows of a map, page by page, with what is between them."""
    skip, limit, db, lead = query.skip, query.limit, request.db, b""
    options = Options(
        conflicts=query.conflicts, attachments=query.attachments, att_encoding_info=query.att_encoding_info
    )
    for one in ranges:
        after: Emitted | None = None
        if skip and len(ranges) > 1:
            # A skip over several ranges has to know how much of it each one takes.
            count = await db.scan(lambda _, one=one: index.rows.count_of(one))  # type: ignore[misc]
            if count <= skip:
                skip -= count
                continue
        while limit > 0:
            page = await _page(request, index, one, after, limit, skip)
            skip = 0
            limit -= len(page.rows)
            if not query.include_docs and page.rows:
                yield lead + BETWEEN.join([_row(row) + b"}" for row in page.rows])
                lead = BETWEEN
            elif page.rows:
                async for piece in _with_documents(request, page.rows, options):
                    yield lead + piece
                    lead = b""
                lead = BETWEEN
            if page.is_last:
                break
            after = page.rows[-1]


async def _with_documents(
    request: Request, rows: Sequence[Emitted], options: Options
) -> AsyncIterator[bytes]:
    """Rows with their documents, with what is between them."""
    lead = b""
    while rows:
        documents = await request.db.scan(lambda connection, rows=rows: _documents(connection, rows, options))  # type: ignore[misc]
        rows = rows[documents.rows :]
        for piece in documents.pieces:
            if isinstance(piece, bytes):
                yield lead + piece
            else:
                yield lead
                async for text in document_pieces(request.db, piece, options):
                    yield text
            lead = b""
        lead = BETWEEN


async def _page(
    request: Request, index: ViewIndex, rows: KeyRange, after: Emitted | None, limit: int, skip: int
) -> Page:
    def read(_: apsw.Connection) -> Page:
        return index.rows.page(rows, after=after, limit=limit, skip=skip)

    return await request.db.scan(read)


def _row(row: Emitted) -> bytes:
    return b'{"id":%b,"key":%b,"value":%b' % (json.encode(row.id), row.key, row.value)


class Documents(NamedTuple):
    """So many of a page's rows with their documents: texts, and between them those with attachments."""

    rows: int
    pieces: Sequence[bytes | Opened]


def _documents(connection: apsw.Connection, page: Sequence[Emitted], options: Options) -> Documents:
    """Rows with their own documents, or with those that their values name with ``_id`` and ``_rev``."""
    pieces: list[bytes | Opened] = []
    texts: list[bytes] = []
    size, done = 0, 0
    while done < len(page) and size < CHUNK_BYTES_MAX:
        named = [(row, *_linked(row)) for row in page[done : done + DOCUMENTS_AT_ONCE]]
        rows = reads.rows_of(connection, list({doc_id for _, doc_id, _ in named if doc_id is not None}))
        for emitted, doc_id, rev in named:
            texts.append((BETWEEN if done else b"") + _row(emitted) + b',"doc":')
            opened = _opened(connection, None if doc_id is None else rows.get(doc_id), rev)
            if opened is None:
                texts.append(b"null")
            elif options.attachments and opened.leaf.atts:
                pieces += (b"".join(texts), opened)
                texts = []
            else:
                texts.append(document(opened, options))
                size += len(texts[-1])
            texts.append(b"}")
            done += 1
    return Documents(done, [*pieces, b"".join(texts)])


def _opened(connection: apsw.Connection, row: Row | None, rev: str | None) -> Opened | None:
    """The winner unless it is deleted, or one revision."""
    if row is None:
        return None
    if rev is None:
        return None if row.deleted else Opened(row, Leaf(row.rev, False, row.body, row.atts))
    leaf = leaf_of(connection, row, rev)
    return None if leaf is None else Opened(row, leaf)


def _linked(row: Emitted) -> tuple[str | None, str | None]:
    """The id and, if it is named, the revision of the document to include with a row."""
    if row.value[:1] != b"{":
        return row.id, None
    value = json.decode(row.value)
    doc_id, rev = value.get("_id", row.id), value.get("_rev")
    if type(doc_id) is not str:
        return None, None
    try:
        return doc_id, None if rev is None else str(parse_rev(rev))
    except BadRequest:
        return None, None
