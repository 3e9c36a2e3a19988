"""POST /db/_bulk_get: many documents or revisions in one answer, as JSON or multipart.

Specification: ``chttpd_db``'s ``bulk_get`` functions and "bulk-api" in CouchDB's API reference. Whatever is
wrong with one entry is an error in its place; the other entries are answered.

What replicators ask, ids with a revision each and no attachments, takes a way of its own: most of it is made
by SQLite (`sqlite.leaf_texts`), and only the rest is answered entry by entry.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.accept import accepts_type
from couchgrass.docdb.document import check_doc_id
from couchgrass.docdb.http.doc_read import (
    Opened,
    Options,
    document,
    document_pieces,
    open_revs,
    options_of,
    parse_rev_list,
)
from couchgrass.docdb.http.multipart_docs import new_boundary, packaged, with_bytes
from couchgrass.docdb.http.replicator_docs import Show, show_of
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Stream
from couchgrass.docdb.multipart import BulkGet
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.leaf_texts import LeafName, leaf_texts
from couchgrass.docdb.sqlite.reads import CHUNK_BYTES_MAX
from couchgrass.errors import BadRequest, CouchgrassError, NotFound

ENTRIES_AT_ONCE = 200
"""Entries that one turn on the scan thread answers at most; CHUNK_BYTES_MAX of documents end it sooner."""

LEAVES_AT_ONCE = 500
"""Plain leaves that one turn on the scan thread answers at most; SQLite makes them in a millisecond."""

_REFUSED_OPTIONS = ("open_revs", "new_edits", "w", "rev", "atts_since")


class _LeavesAsked(msgspec.Struct):
    docs: list[LeafName]


_decode_leaves = msgspec.json.Decoder(_LeavesAsked).decode


class Failure(msgspec.Struct, frozen=True):
    """What is wrong with an entry, or a revision that is not there. `doc_id` and `rev` as they came."""

    doc_id: Any
    rev: Any
    error: str
    reason: str

    def members(self) -> dict[str, Any]:
        return {"id": self.doc_id, "rev": self.rev, "error": self.error, "reason": self.reason}


class Asked(msgspec.Struct, frozen=True):
    """One entry: the revisions of a document, None for all leaves."""

    doc_id: str
    revs: tuple[Rev, ...] | None
    options: Options


class Found(msgspec.Struct, frozen=True):
    """The answer to one entry. `documents` are JSON texts, or Opened when bytes are still to be read."""

    asked: Asked | Failure
    documents: Sequence[bytes | Opened | Failure]


async def post_bulk_get(request: Request) -> Stream:
    """Answers 200 with the entries in the order in which they were asked for."""
    request.require_json_type()
    request.server.stats.bulk_requests += 1
    body = await request.body()
    if (leaves := _leaves_asked(request, body)) is not None:
        return Stream(200, _leaves(request, leaves))
    members = request.decoded_object(body)
    if "docs" not in members:
        raise BadRequest("Missing JSON list of 'docs'.")
    if type(members["docs"]) is not list:
        raise BadRequest("`docs` parameter must be an array.")
    for name in _REFUSED_OPTIONS:
        if name in request.query:
            raise BadRequest(f'"{name}" query parameter is not acceptable')
    options = options_of(request.query)
    entries = [_entry(entry, options) for entry in members["docs"]]
    accept = request.header(b"accept")
    if not accepts_type(accept, "application/json"):
        for kind in ("multipart/mixed", "multipart/related"):
            if accepts_type(accept, kind):
                frame = BulkGet(b"--" + new_boundary())
                return Stream(200, _multipart(request, entries, frame), (), frame.content_type(kind))
    return Stream(200, _json(request, entries))


def _entry(entry: Any, options: Options) -> Asked | Failure:
    if type(entry) is not dict or not entry:
        return Failure(None, None, "bad_request", "document must be a JSON object")
    if "id" not in entry:
        return Failure(None, None, "bad_request", "document id missed")
    doc_id, rev, since = entry["id"], None, ()
    try:
        check_doc_id(doc_id)
        if "rev" in entry:
            rev = entry["rev"]
            parse_rev(rev)
    except CouchgrassError as refused:
        return Failure(doc_id, rev, refused.error, refused.reason)
    if "atts_since" in entry:
        since = entry["atts_since"]
        if type(since) is not list:
            return Failure(doc_id, since, "bad_request", "att_since value must be array of revs.")
        for known in since:
            try:
                parse_rev(known)
            except BadRequest as refused:
                return Failure(doc_id, known, refused.error, refused.reason)
    if since:
        known_revs = tuple(parse_rev_list(since))
        options = msgspec.structs.replace(options, attachments=True, atts_since=known_revs)
    return Asked(doc_id, None if rev is None else (parse_rev(rev),), options)


def _read(
    connection: apsw.Connection,
    entries: Sequence[Asked | Failure],
    *,
    bytes_needed: bool,
    show: Show | None,
) -> list[Found]:
    """Answers to the first of `entries`. With `bytes_needed` all documents come as Opened."""
    answers: list[Found] = []
    size = 0
    for asked in entries:
        if isinstance(asked, Failure):
            answers.append(Found(asked, (asked,)))
            continue
        shown: list[bytes | Opened | Failure] = []
        for one in _documents(connection, asked):
            if isinstance(one, Opened):
                size += len(one.leaf.body)
                seen = one if show is None else show(one)
                later = bytes_needed or (asked.options.attachments and one.leaf.atts)
                shown.append(seen if later else document(seen, asked.options))
            else:
                shown.append(one)
        answers.append(Found(asked, shown))
        if size >= CHUNK_BYTES_MAX:
            break
    return answers


def _documents(connection: apsw.Connection, asked: Asked) -> list[Opened | Failure]:
    try:
        found = open_revs(connection, asked.doc_id, asked.revs, asked.options)
    except NotFound:
        return [Failure(asked.doc_id, "undefined", "not_found", "missing")]
    return [
        one if isinstance(one, Opened) else Failure(asked.doc_id, str(one), "not_found", "missing")
        for one in found
    ]


async def _answers(
    request: Request, entries: Sequence[Asked | Failure], *, bytes_needed: bool
) -> AsyncIterator[Found]:
    at, show = 0, show_of(request)
    while at < len(entries):
        some = entries[at : at + ENTRIES_AT_ONCE]
        read = partial(_read, entries=some, bytes_needed=bytes_needed, show=show)
        answers = await request.db.scan(read)
        for answer in answers:
            yield answer
        at += len(answers)


def _leaves_asked(request: Request, body: bytes) -> list[LeafName] | None:
    """The entries of a request that wants plain leaves; None when it wants anything else or is wrong."""
    if not accepts_type(request.header(b"accept"), "application/json") or show_of(request) is not None:
        return None
    if any(name in request.query for name in _REFUSED_OPTIONS):
        return None
    options = options_of(request.query)
    if options != Options(revs=options.revs, latest=options.latest):
        return None
    try:
        return _decode_leaves(body).docs
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def _leaves(request: Request, asked: Sequence[LeafName]) -> AsyncIterator[bytes]:
    """The same as `_json` for plain leaves."""
    options = options_of(request.query)
    at, start = 0, b'{"results":['
    while at < len(asked):
        some = asked[at : at + LEAVES_AT_ONCE]
        count, text = await request.db.scan(partial(_leaf_results, asked=some, options=options))
        yield start + text
        at, start = at + count, b","
    yield start + b"]}\n" if not at else b"]}\n"


def _leaf_results(
    connection: apsw.Connection, *, asked: Sequence[LeafName], options: Options
) -> tuple[int, bytes]:
    """How many of `asked` are answered, and the answers with commas between them."""
    texts: list[bytes] = []
    at = size = 0
    for run in leaf_texts(connection, asked, revs=options.revs, bytes_max=CHUNK_BYTES_MAX):
        if run.text is not None:
            texts.append(run.text)
            at += run.leaves
            continue
        for one in asked[at : at + run.leaves]:
            entry = _entry({"id": one.id, "rev": one.rev}, options)
            (found,) = _read(connection, [entry], bytes_needed=False, show=None)
            texts.append(
                b'{"id":%b,"docs":[%b]}' % (json.encode(one.id), b",".join(map(_doc, found.documents)))
            )
            at, size = at + 1, size + len(texts[-1])
            if size >= CHUNK_BYTES_MAX:
                return at, b",".join(texts)
    return at, b",".join(texts)


def _doc(one: bytes | Opened | Failure) -> bytes:
    """One of an entry's documents, whose attachments are stubs."""
    if isinstance(one, Failure):
        return json.encode({"error": one.members()})
    assert isinstance(one, bytes)
    return b'{"ok":%b}' % one


async def _json(request: Request, entries: Sequence[Asked | Failure]) -> AsyncIterator[bytes]:
    """``{"results":[{"id":…,"docs":[{"ok":…} or {"error":…}, …]}, …]}``, in pieces of bounded size."""
    waiting, size = [b'{"results":['], 0
    comma = b""
    async for found in _answers(request, entries, bytes_needed=False):
        waiting.append(comma + b'{"id":' + json.encode(found.asked.doc_id) + b',"docs":[')
        comma = b""
        for one in found.documents:
            if isinstance(one, bytes):
                waiting += (comma, b'{"ok":', one, b"}")
                size += len(one)
            elif isinstance(one, Failure):
                waiting += (comma, json.encode({"error": one.members()}))
            else:
                assert isinstance(found.asked, Asked)
                yield b"".join((*waiting, comma, b'{"ok":'))
                async for piece in document_pieces(request.db, one, found.asked.options):
                    yield piece
                waiting, size = [b"}"], 0
            comma = b","
        waiting.append(b"]}")
        if size >= CHUNK_BYTES_MAX:
            yield b"".join(waiting)
            waiting, size = [], 0
        comma = b","
    waiting.append(b"]}\n")
    yield b"".join(waiting)


async def _multipart(
    request: Request, entries: Sequence[Asked | Failure], frame: BulkGet
) -> AsyncIterator[bytes]:
    inner = b"--" + new_boundary()
    async for found in _answers(request, entries, bytes_needed=True):
        for one in found.documents:
            if isinstance(one, Failure):
                yield frame.error(json.encode(one.members()))
                continue
            assert isinstance(one, Opened) and isinstance(found.asked, Asked)
            package = packaged(one, with_bytes(found.asked.options), inner)
            if package.attachments:
                yield frame.related_document(one.row.id, one.leaf.rev, inner)
            else:
                yield frame.plain_document()
            async for piece in package.pieces(request.db):
                yield piece
    if entries:
        yield frame.end
