"""Endpoints of one document: GET, HEAD, PUT, DELETE, COPY, and ``_local`` documents.

Specification: CouchDB's ``chttpd_db:db_doc_req`` and "document" in its API reference.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from hashlib import md5
from urllib.parse import unquote

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb import document, render
from couchgrass.docdb.access import Right
from couchgrass.docdb.document import Edit, check_doc_id, is_design, is_local
from couchgrass.docdb.http import attachments, multipart_docs, views
from couchgrass.docdb.http.conditions import has, is_ordinary, location, request_rev, with_request_rev
from couchgrass.docdb.http.doc_read import (
    Opened,
    Options,
    document_pieces,
    has_meta,
    open_doc,
    open_revs,
    options_of,
    parse_rev_list,
)  # fmt: skip
from couchgrass.docdb.http.doc_read import document as document_json
from couchgrass.docdb.http.doc_write import check_revs, parse_edit, ready, store_later, store_one, written
from couchgrass.docdb.http.endpoint import Endpoint, Methods
from couchgrass.docdb.http.replicator_docs import Show, show_of
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Headers, Response, Stream, etag
from couchgrass.docdb.http.users import public_view
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.errors import BadRequest, NotFound, NotImplementedHere

log = logging.getLogger("couchgrass.http")

_POINT_SQL = "SELECT rev,body FROM docs WHERE id=? AND deleted=0 AND atts IS NULL"


async def get_document(request: Request) -> Answer:
    """GET /db/doc."""
    request.server.stats.database_reads += 1
    if (shown := public_view(request)) is not None:
        return shown
    show = show_of(request)
    if not request.query_string and show is None:
        return _get_plain(request)
    query = request.query
    options = options_of(query)
    if (asked := query.get("open_revs")) is not None:
        revs = None if asked == "all" else parse_rev_list(asked)
        if revs != []:  # CouchDB takes an empty list for none
            return await _get_open_revs(request, revs, options, show)
    rev = parse_rev(query["rev"]) if "rev" in query else None
    stored = open_doc(request.db.reader, request.doc_id, rev, options)
    opened = stored if show is None else show(stored)
    headers: Headers = ()
    if opened is stored and not has_meta(opened, options):
        headers = (etag(opened.leaf.rev),)
        if has(request, f'"{opened.leaf.rev}"'):
            return Response(304, b"", headers)
    if options.attachments and opened.leaf.atts:
        if multipart_docs.wants_related(request):
            return multipart_docs.related_answer(request, opened, options, headers)
        return Stream(200, _with_end(document_pieces(request.db, opened, options)), headers)
    return Response(200, document_json(opened, options) + b"\n", headers)


def _get_plain(request: Request) -> Response:
    """The hot path: the winner, no options, no attachments."""
    for rev, body in request.db.reader.execute(_POINT_SQL, (request.doc_id,)):
        headers = (etag(rev),)
        if b"if-none-match" in request.headers and has(request, f'"{rev}"'):
            return Response(304, b"", headers)
        return Response(200, render.doc_json(request.doc_id, rev, False, body) + b"\n", headers)
    opened = open_doc(request.db.reader, request.doc_id, None)
    headers = (etag(opened.leaf.rev),)
    if has(request, f'"{opened.leaf.rev}"'):
        return Response(304, b"", headers)
    return Response(200, document_json(opened) + b"\n", headers)


async def _with_end(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
    yield b"\n"


async def _get_open_revs(
    request: Request, revs: list[Rev] | None, options: Options, show: Show | None
) -> Answer:
    found = await request.db.scan(lambda connection: open_revs(connection, request.doc_id, revs, options))
    if show is not None:
        found = [one if isinstance(one, Rev) else show(one) for one in found]
    if multipart_docs.wants_mixed(request):
        return multipart_docs.mixed_answer(request, found, options)
    return Stream(200, _open_revs_json(request, found, options))


async def _open_revs_json(
    request: Request, found: list[Opened | Rev], options: Options
) -> AsyncIterator[bytes]:
    lead = b"["
    for one in found:
        if isinstance(one, Rev):
            yield lead + b'{"missing":%b}' % json.encode(str(one))
        else:
            yield lead + b'{"ok":'
            async for piece in document_pieces(request.db, one, options):
                yield piece
            yield b"}"
        lead = b","
    yield b"]\n" if found else b"[]\n"


async def put_document(request: Request) -> Answer:
    """PUT /db/doc."""
    check_doc_id(request.doc_id)
    content_type = request.headers.get(b"content-type", b"")
    if content_type.lower().startswith(b"multipart/related"):
        return await multipart_docs.put_multipart(request)
    new_edits = is_ordinary(request)
    edit = parse_edit(request, await request.json(), request.doc_id)
    with_request_rev(request, edit)
    check_revs(edit, new_edits=new_edits)
    write = Write(edit, await ready(request, edit))
    if request.query_string and request.query.get("batch") == "ok":
        return await store_later(request, write, new_edits=new_edits)
    rev = await store_one(request, write, new_edits=new_edits)
    return stored(request, edit, rev)


def stored(request: Request, edit: Edit, rev: Rev) -> Response:
    """The answer to a write: 201, or 200 for a deletion, with ETag and Location."""
    headers = (etag(rev), ("location", location(request, edit.id)))
    return written(edit.id, rev, 200 if edit.deleted else 201, headers)


async def post_document(request: Request) -> Answer:
    """POST /db/doc: a form upload of attachments."""
    return await multipart_docs.post_form(request)


async def delete_document(request: Request) -> Answer:
    """DELETE /db/doc."""
    await request.body()
    open_doc(request.db.reader, request.doc_id, None)
    edit = Edit(request.doc_id, 0, (), True, document.EMPTY_BODY)
    with_request_rev(request, edit)
    if request.query.get("batch") == "ok":
        return await store_later(request, Write(edit), new_edits=True)
    rev = await store_one(request, Write(edit), new_edits=True)
    return written(edit.id, rev, 200, (etag(rev),))


async def copy_document(request: Request) -> Answer:
    """COPY /db/doc, with Destination: id[?rev=…]. Either may be a ``_local`` document."""
    edit = _destination(request)
    right = Right.DB_ADMIN if is_design(edit.id) else Right.WRITE
    request.server.authn.check_right(request, Right.REPLICATE if is_local(edit.id) else right)
    rev, held = request_rev(request), {}
    if is_local(request.doc_id):
        found_rev, edit.body = _local(request)
        if rev is not None and rev != found_rev:
            raise NotFound("missing")
    else:
        opened, show = open_doc(request.db.reader, request.doc_id, rev), show_of(request)
        leaf = opened.leaf if show is None else show(opened).leaf
        edit.deleted, edit.body = leaf.deleted, leaf.body
        held = {name: att.as_ready(one) for name, one in att.decode(leaf.atts or b"").items()}
    copied = await store_one(request, Write(edit, held), new_edits=True)
    headers = (_etag(edit, copied), ("location", location(request, edit.id)))
    return written(edit.id, copied, 201, headers)


def _destination(request: Request) -> Edit:
    """The header Destination as an edit without content. Raises BadRequest, IllegalDocId."""
    destination = request.header(b"destination")
    if destination is None:
        raise BadRequest("Destination header is mandatory for COPY.")
    target, _, options = destination.partition("?")
    if "://" in target:
        raise BadRequest("Destination URL must be relative.")
    if request.server.settings.chttpd.decode_plus_to_space:
        target = target.replace("+", " ")
    target = unquote(target)
    check_doc_id(target)
    edit = Edit(target, 0, (), False, document.EMPTY_BODY)
    if options:
        name, _, value = options.partition("=")
        if name != "rev":
            raise BadRequest("Destination header has unknown options.")
        onto = parse_rev(value)
        edit.pos, edit.ids = onto.pos, (onto.id,)
    return edit


def _local(request: Request) -> tuple[Rev, bytes]:
    """The ``_local`` document that the path names: its revision and body. Raises NotFound."""
    for rev, body in request.db.reader.execute("SELECT rev,body FROM local WHERE id=?", (request.doc_id,)):
        return Rev(0, str(rev)), body
    raise NotFound("missing")


def _etag(edit: Edit, rev: Rev) -> tuple[str, str]:
    """The ETag of a document as it was stored.

    The revision of a ``_local`` document only counts, so that its content tells more.
    """
    if is_local(edit.id):
        return etag(md5(b"%d %b" % (int(rev.id), edit.body), usedforsecurity=False).hexdigest())
    return etag(rev)


async def get_local(request: Request) -> Answer:
    """GET /db/_local/doc."""
    rev, body = _local(request)
    tag = _etag(Edit(request.doc_id, 0, (), False, body), rev)
    if has(request, tag[1]):
        return Response(304, b"", (tag,))
    return Response(200, render.doc_json(request.doc_id, str(rev), False, body) + b"\n", (tag,))


async def put_local(request: Request) -> Answer:
    """PUT /db/_local/doc. Attachments are dropped, as CouchDB drops them."""
    check_doc_id(request.doc_id)
    edit = parse_edit(request, await request.json(), request.doc_id)
    edit.attachments = None
    with_request_rev(request, edit)
    rev = await store_one(request, Write(edit), new_edits=True)
    headers = (_etag(edit, rev), ("location", location(request, edit.id)))
    return written(edit.id, rev, 200 if edit.deleted else 201, headers)


async def delete_local(request: Request) -> Answer:
    """DELETE /db/_local/doc."""
    _local(request)
    edit = Edit(request.doc_id, 0, (), True, document.EMPTY_BODY)
    with_request_rev(request, edit)
    rev = await store_one(request, Write(edit), new_edits=True)
    return written(edit.id, rev, 200, (_etag(edit, rev),))


async def design_function(request: Request) -> Answer:
    """Lists, shows, updates and rewrites of a design document: not in this version."""
    open_doc(request.db.reader, request.doc_id, None)
    raise NotImplementedHere("This function is stored but not run by this version of couchgrass.")


DOCUMENT: Methods = {
    "GET": Endpoint(get_document, Right.READ),
    "PUT": Endpoint(put_document, Right.WRITE),
    "POST": Endpoint(post_document, Right.WRITE),
    "DELETE": Endpoint(delete_document, Right.WRITE),
    "COPY": Endpoint(copy_document, Right.READ),
}
LOCAL_DOCUMENT: Methods = {
    "GET": Endpoint(get_local, Right.READ),
    "PUT": Endpoint(put_local, Right.REPLICATE),
    "DELETE": Endpoint(delete_local, Right.REPLICATE),
    "COPY": Endpoint(copy_document, Right.READ),
}
ATTACHMENT: Methods = {
    "GET": Endpoint(attachments.get_attachment, Right.READ),
    "PUT": Endpoint(attachments.put_attachment, Right.WRITE),
    "DELETE": Endpoint(attachments.delete_attachment, Right.WRITE),
}
_DESIGN: Methods = {
    method: Endpoint(design_function, Right.READ_DESIGN) for method in ("GET", "POST", "PUT", "DELETE")
}
DESIGN_FUNCTIONS: dict[str, Methods] = {
    "_view": {"GET": Endpoint(views.get_view, Right.READ), "POST": Endpoint(views.get_view, Right.READ)},
    "_info": {"GET": Endpoint(views.get_info, Right.READ_DESIGN)},
    **dict.fromkeys(("_show", "_list", "_update", "_rewrite", "_search", "_nouveau"), _DESIGN),
}
