"""Endpoints of one attachment: GET, HEAD, PUT, DELETE ``/db/doc/name``; the name may hold slashes.

Specification: CouchDB's ``chttpd_db:db_attachment_req``; which bytes a Range header asks for is in
`byterange`. On purpose unlike CouchDB: a PUT body with ``Content-Encoding: gzip`` is stored as what it
decodes to, so that every client reads it back, and a Content-MD5 header that does not fit is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing

from couchgrass.docdb import attachment as att
from couchgrass.docdb.accept import accepted_encodings
from couchgrass.docdb.attachment import Attachment, Follows
from couchgrass.docdb.byterange import Multiple, Single, Span, byteranges, plan
from couchgrass.docdb.document import EMPTY_BODY, Edit, check_doc_id
from couchgrass.docdb.http.conditions import has, location, request_rev
from couchgrass.docdb.http.doc_read import (
    Opened,
    identity_bytes,
    open_doc,
    open_revs,
    options_of,
    stored_bytes,
)
from couchgrass.docdb.http.doc_write import store_one, written
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer, Response, Stream
from couchgrass.docdb.http.upload import Uploads
from couchgrass.docdb.multipart import header_text
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.errors import Conflict, NotAcceptable, NotFound

_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


async def get_attachment(request: Request) -> Answer:
    """GET and HEAD: the bytes, or a part of them."""
    request.server.stats.database_reads += 1
    opened = _open(request)
    one = _existing(opened, attachment_name(request))
    headers = [("etag", one.etag)]
    if has(request, one.etag):
        return Response(304, b"", headers)
    accepted = accepted_encodings(request.header(b"accept-encoding"))
    packed = one.encoding != "identity"
    if not accepted:
        raise NotAcceptable("unsupported encoding")
    if request.server.settings.csp.attachments_enable:
        headers.append(("content-security-policy", request.server.settings.csp.attachments_header_value))
    headers.append(("accept-ranges", "none" if packed else "bytes"))
    as_stored = not packed or one.encoding in accepted
    if packed and as_stored:
        headers.append(("content-encoding", one.encoding))
    length = one.encoded_length if as_stored else one.length
    content_type = _header_value(one.content_type) or att.DEFAULT_CONTENT_TYPE
    match plan(request.header(b"range"), length=length, encoding=one.encoding):
        case Single(span):
            headers += [("content-range", span.content_range), ("content-length", str(span.length))]
            return Stream(206, span_bytes(request.db, one, span), headers, content_type)
        case Multiple(spans):
            return _spans(request.db, one, spans, headers)
    headers.append(("content-length", str(length)))
    pieces = stored_bytes(request.db, one) if as_stored else identity_bytes(request.db, one)
    return Stream(200, pieces, headers, content_type)


def attachment_name(request: Request) -> str:
    """The name from the path's segments behind the document's."""
    return "/".join(map(unquoted, request.path[2:]))


def _open(request: Request) -> Opened:
    query = request.query
    options = options_of(query)
    rev = parse_rev(query["rev"]) if "rev" in query else None
    if rev is None or not options.latest:
        return open_doc(request.db.reader, request.doc_id, rev, options)
    for found in open_revs(request.db.reader, request.doc_id, [rev], options):
        if not isinstance(found, Rev):
            return found
    raise NotFound("missing")


def _existing(opened: Opened, name: str) -> Attachment:
    found = att.decode(opened.leaf.atts or b"").get(name)
    if found is None:
        raise NotFound("Document is missing attachment")
    return found


def _header_value(text: str) -> str:
    """`text` as it can stand in a header: UTF-8 on the wire, no control characters."""
    return _UNSAFE.sub(lambda char: f"%{ord(char[0]):02X}", header_text(text).decode("latin-1"))


def _spans(db: Database, one: Attachment, spans: tuple[Span, ...], headers: list[tuple[str, str]]) -> Stream:
    framed = byteranges(secrets.token_hex(16).encode(), one.content_type, spans)
    headers.append(("content-length", str(framed.content_length)))

    async def pieces() -> AsyncIterator[bytes]:
        for frame, span in zip(framed.frames, spans, strict=False):
            yield frame
            async for data in span_bytes(db, one, span):
                yield data
        yield framed.frames[-1]

    return Stream(206, pieces(), headers, framed.content_type)


async def span_bytes(db: Database, one: Attachment, span: Span) -> AsyncIterator[bytes]:
    """Some of an attachment's stored bytes, piece by piece."""
    left = span.length
    async with aclosing(stored_bytes(db, one, span.first)) as pieces:
        async for data in pieces:
            yield data[:left]
            left -= len(data)
            if left <= 0:
                return


async def put_attachment(request: Request) -> Response:
    """PUT: stores the body under the name. Without a revision it makes the document. Answers 201."""
    name = att.check_name(attachment_name(request))
    check_doc_id(request.doc_id)
    edit = _edit(request, request_rev(request))
    plain = request.headers.get(b"content-encoding", b"identity").strip().lower() == b"identity"
    declared = request.header(b"content-length") or ""
    follows = Follows(
        content_type=request.header(b"content-type") or att.DEFAULT_CONTENT_TYPE,
        revpos=0,
        md5=att.content_md5(request.header(b"content-md5")) if plain else b"",
        length=None,
        encoded_length=int(declared) if plain and declared.isdigit() else None,
        encoding="identity",
    )
    async with Uploads(request) as uploads:
        fresh = await uploads.receive(name, follows, request.chunks())
        rev = await uploads.commit(Write(edit, {name: fresh}, merge=True), new_edits=True)
    return written(edit.id, rev, 201, (("location", location(request, edit.id, name)),))


async def delete_attachment(request: Request) -> Response:
    """DELETE: a new revision without it. Answers 200; 404 when the document does not have it."""
    await request.body()
    name = att.check_name(attachment_name(request))
    rev = request_rev(request)
    if rev is None:
        _existing(open_doc(request.db.reader, request.doc_id, None), name)
        raise Conflict
    write = Write(_edit(request, rev), merge=True, dropped=name)
    return written(request.doc_id, await store_one(request, write, new_edits=True), 200)


def _edit(request: Request, rev: Rev | None) -> Edit:
    """The revision to build on; the body comes from there."""
    pos, ids = (0, ()) if rev is None else (rev.pos, (rev.id,))
    return Edit(request.doc_id, pos, ids, False, EMPTY_BODY)
