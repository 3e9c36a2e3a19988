"""What a request says of revisions: the one that it changes, the one that it has; and where things are.

Specification: ``chttpd_db:extract_header_rev`` and ``couch_doc_from_req``, ``couch_httpd:etag_match`` and
``absolute_uri``.
"""

from __future__ import annotations

from urllib.parse import quote

from couchgrass.docdb.document import Edit
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.errors import BadRequest


def request_rev(request: Request, explicit: Rev | None = None) -> Rev | None:
    """The revision from the body (`explicit`), ``?rev=`` or If-Match; None when none of them names one.

    Raises BadRequest when they differ.
    """
    asked = request.query.get("rev") if request.query_string else None
    if asked is not None:
        rev = parse_rev(asked)
        if explicit is not None and explicit != rev:
            raise BadRequest("Document rev from request body and query string have different values")
        explicit = rev
    matched = request.header(b"if-match")
    if matched is not None:
        rev = parse_rev(matched.strip().strip('"'))
        if explicit is not None and explicit != rev:
            raise BadRequest("Document rev and etag have different values")
        explicit = rev
    return explicit


def with_request_rev(request: Request, edit: Edit) -> None:
    """Gives the edit the revision that the request names, if the body names none. Raises BadRequest."""
    rev = request_rev(request, edit.rev)
    if rev is not None and not edit.ids:
        edit.pos, edit.ids = rev.pos, (rev.id,)


def is_ordinary(request: Request) -> bool:
    """False with ``new_edits=false``. Raises BadRequest for anything but true and false."""
    text = request.query.get("new_edits") if request.query_string else None
    if text is None or text == "true":
        return True
    if text == "false":
        return False
    raise BadRequest("`new_edits` parameter must be a boolean.")


def has(request: Request, tag: str) -> bool:
    """Does If-None-Match name this ETag (with its quotes), or any? Then the answer is 304."""
    asked = request.header(b"if-none-match")
    if asked is None:
        return False
    return asked.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in asked.split(",")]


def host(request: Request) -> str:
    """The host that the client sees, with its port."""
    forwarded = request.server.settings.chttpd.x_forwarded_host.lower().encode()
    return request.header(forwarded) or request.header(b"host") or "localhost"


def location(request: Request, doc_id: str, attachment: str | None = None) -> str:
    """The absolute URL of a document or of one of its attachments."""
    path = f"{quote(request.db.name, safe='')}/{_doc_path(doc_id)}"
    if attachment is not None:
        path += "/" + quote(attachment, safe="")
    return f"{origin(request)}/{path}"


def is_secure(request: Request) -> bool:
    """Whether the client speaks TLS, to a proxy in front of us."""
    return request.header(b"x-forwarded-ssl") == "on" or request.header(b"x-forwarded-proto") == "https"


def origin(request: Request) -> str:
    """``scheme://host`` as the client sees it."""
    return f"{'https' if is_secure(request) else 'http'}://{host(request)}"


def _doc_path(doc_id: str) -> str:
    for space in ("_design/", "_local/"):
        if doc_id.startswith(space):
            return space + quote(doc_id.removeprefix(space), safe="")
    return quote(doc_id, safe="")
