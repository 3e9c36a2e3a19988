"""Documents with their attachments' bytes as multipart bodies, in and out, and the HTML form upload.

Specification: ``chttpd_db`` (``send_doc_efficiently``, ``send_docs_multipart``, PUT and POST of a document),
``couch_httpd_multipart`` and ``couch_att`` for the checks of what comes in. The framing of what goes out is
in `multipart`. On purpose unlike CouchDB: each attachment is one part, so too few and too many parts are
400, where CouchDB waits for five minutes or answers 500.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb import multipart, render
from couchgrass.docdb.accept import accepts_type
from couchgrass.docdb.attachment import Attachment, Follows, Fresh, Ready
from couchgrass.docdb.document import EMPTY_BODY, Edit, check_doc_id
from couchgrass.docdb.http.conditions import host, is_ordinary, location, with_request_rev
from couchgrass.docdb.http.doc_read import Opened, Options, is_wanted, meta_members, stored_bytes
from couchgrass.docdb.http.doc_write import check_revs, parse_edit, ready, written
from couchgrass.docdb.http.parts import Parts
from couchgrass.docdb.http.request import JSON_BODY_MAX, Request
from couchgrass.docdb.http.response import Headers, Response, Stream, etag
from couchgrass.docdb.http.upload import Uploads
from couchgrass.docdb.multipart import Framed, OpenRevs, parse_parameters
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.errors import BadContentType, BadRequest


async def put_multipart(request: Request) -> Response:
    """PUT /db/doc as ``multipart/related``: the JSON, then the bytes that its ``follows`` announce."""
    check_doc_id(request.doc_id)
    new_edits = is_ordinary(request)
    parts = Parts(request)
    headers = await parts.next_part()
    if headers is None or parse_parameters(headers.get("content-type", ""))[0] != "application/json":
        raise BadContentType("Content-Type must be application/json")
    edit = parse_edit(request, json.decode(await parts.text(JSON_BODY_MAX)), request.doc_id)
    with_request_rev(request, edit)
    check_revs(edit, new_edits=new_edits)
    async with Uploads(request) as uploads:
        held = await _received(request, edit, parts, uploads)
        rev = await uploads.commit(Write(edit, held), new_edits=new_edits)
    return _stored(request, edit, rev)


async def _received(request: Request, edit: Edit, parts: Parts, uploads: Uploads) -> dict[str, Ready] | None:
    """The edit's attachments, with the bytes of those that follow. Reads the request to its end."""
    members = edit.attachments or {}
    incoming = att.parse_incoming(members)
    follows = {name: one for name, one in incoming.items() if isinstance(one, Follows)}
    edit.attachments = {name: member for name, member in members.items() if name not in follows} or None
    held: dict[str, Ready] = await ready(request, edit) or {}
    for name, one in follows.items():
        if await parts.next_part() is None:
            raise BadRequest(f"The part with the bytes of attachment {name} is missing")
        held[name] = await uploads.receive(name, one, parts.body())
    if await parts.next_part() is not None:
        raise BadRequest("The request has more parts than attachments that follow")
    return {name: held[name] for name in incoming} or None


async def post_form(request: Request) -> Response:
    """POST /db/doc as ``multipart/form-data``: files ``_attachments``, and ``_doc`` or ``_rev``.

    With ``_doc`` that is the new document, with ``_rev`` that revision stays as it is but for the files.
    """
    _check_referer(request)
    check_doc_id(request.doc_id)
    if parse_parameters(request.header(b"content-type") or "")[0] != "multipart/form-data":
        raise BadContentType("Content-Type must be multipart/form-data")
    async with Uploads(request) as uploads:
        fields, files = await _form(Parts(request), uploads)
        if "_doc" in fields:
            edit = parse_edit(request, json.decode(fields["_doc"]), request.doc_id)
            with_request_rev(request, edit)
            kept = await ready(request, edit) or {}
            write = Write(edit, {**kept, **files} or None)
        elif "_rev" in fields:
            rev = parse_rev(fields["_rev"].decode("latin-1"))
            edit = Edit(request.doc_id, rev.pos, (rev.id,), False, EMPTY_BODY)
            write = Write(edit, files, merge=True)
        else:
            raise BadRequest("The form needs a field _doc or _rev")
        stored = await uploads.commit(write, new_edits=True)
    return written(request.doc_id, stored, 201, (etag(stored),))


async def _form(parts: Parts, uploads: Uploads) -> tuple[dict[str, bytes], dict[str, Fresh]]:
    """The fields ``_doc`` and ``_rev``, and the files by name; anything else is passed over."""
    fields: dict[str, bytes] = {}
    files: dict[str, Fresh] = {}
    while (headers := await parts.next_part()) is not None:
        kind, parameters = parse_parameters(headers.get("content-disposition", ""))
        if kind != "form-data":
            raise BadRequest("A part of the form has no Content-Disposition: form-data")
        field, filename = parameters.get("name"), parameters.get("filename")
        if field in ("_doc", "_rev") and filename is None:
            fields[field] = await parts.text(JSON_BODY_MAX)
        elif field == "_attachments" and filename is not None:
            name = att.check_name(filename)
            content_type = headers.get("content-type") or att.DEFAULT_CONTENT_TYPE
            file = Follows(content_type, 0, b"", None, None, "identity")
            fresh = await uploads.receive(name, file, parts.body())
            if (
                name or fresh.stored.length
            ):  # a form that is sent without a choice has an empty, nameless file
                files[name] = fresh
    return fields, files


def _check_referer(request: Request) -> None:
    """Keeps other sites' forms out, as CouchDB does. Raises BadRequest."""
    referer = request.header(b"referer")
    if referer is None:
        raise BadRequest("Referer header required.")
    try:
        same = urlsplit(referer).netloc == host(request)
    except ValueError:
        same = False
    if not same:
        raise BadRequest("Referer header must match host.")


def _stored(request: Request, edit: Edit, rev: Rev) -> Response:
    headers = (etag(rev), ("location", location(request, edit.id)))
    return written(edit.id, rev, 200 if edit.deleted else 201, headers)


def wants_related(request: Request) -> bool:
    """True when a document with attachments' bytes goes out as ``multipart/related``."""
    return accepts_type(request.header(b"accept"), "multipart/related")


def wants_mixed(request: Request) -> bool:
    """True when ``open_revs`` is answered as ``multipart/mixed``."""
    return accepts_type(request.header(b"accept"), "multipart/mixed")


class Package(msgspec.Struct, frozen=True):
    """One revision framed as ``multipart/related``: with no attachments to send, the plain document."""

    framed: Framed
    attachments: list[Attachment]

    async def pieces(self, db: Database) -> AsyncIterator[bytes]:
        """The body, in pieces of bounded size."""
        for frame, one in zip(self.framed.frames, self.attachments, strict=False):
            yield frame
            async for data in stored_bytes(db, one):
                yield data
        yield self.framed.frames[-1]


def packaged(opened: Opened, options: Options, boundary: bytes) -> Package:
    """A revision with those of its attachments that the options ask for."""
    row, leaf = opened.row, opened.leaf
    held = list(att.decode(leaf.atts or b"").values())
    sent = [one for one in held if is_wanted(one, opened, options)]
    members = [
        att.follows_json(one) if one in sent else att.stub_json(one, encoding_info=True) for one in held
    ]
    tail = meta_members(opened, options)
    if members:
        tail += b"," + att.attachments_json(members)
    document = render.doc_json(row.id, leaf.rev, leaf.deleted, leaf.body, tail)
    return Package(multipart.related(boundary, document, sent), sent)


def new_boundary() -> bytes:
    """A boundary that no content can know."""
    return secrets.token_hex(16).encode()


def with_bytes(options: Options) -> Options:
    """In CouchDB a multipart answer holds the attachments, asked for or not."""
    return msgspec.structs.replace(options, attachments=True)


def related_answer(request: Request, opened: Opened, options: Options, headers: Headers) -> Stream:
    """The answer to GET /db/doc as ``multipart/related``."""
    package = packaged(opened, options, new_boundary())
    length = ("content-length", str(package.framed.content_length))
    return Stream(200, package.pieces(request.db), (*headers, length), package.framed.content_type)


def mixed_answer(request: Request, found: list[Opened | Rev], options: Options) -> Stream:
    """The answer to ``open_revs`` as ``multipart/mixed``."""
    frame, inner = OpenRevs(new_boundary()), new_boundary()
    asked = with_bytes(options)

    async def pieces() -> AsyncIterator[bytes]:
        yield frame.start
        for one in found:
            if isinstance(one, Rev):
                yield frame.missing(str(one))
                continue
            package = packaged(one, asked, inner)
            yield frame.before(package.framed.content_type)
            async for piece in package.pieces(request.db):
                yield piece
            yield frame.after
        yield frame.end

    return Stream(200, pieces(), (), frame.content_type)
