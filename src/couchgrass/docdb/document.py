"""A document as a client sends it, taken apart: id, revisions, deletion, attachments, body.

Rules (CouchDB's ``couch_doc:from_json_obj`` and ``validate_docid``): a document is a JSON object; fields
that start with an underscore are the database's own and unknown ones are refused; the rest is the body.
The body is kept as compact JSON text with the client's own key order and numbers, so that reading it is
splicing, not parsing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from couchgrass import json
from couchgrass.docdb.rev import POS_MAX, Rev, is_hex, parse_rev
from couchgrass.errors import BadRequest, DocValidation, IllegalDocId, TooLarge

DOC_BYTES_MAX = 8_000_000
"""CouchDB's default `max_document_size`."""

REVISIONS_MAX = 100_000
"""Ids taken from one `_revisions`; a hundred times CouchDB's default `_revs_limit`."""

EMPTY_BODY = b"{}"

_IGNORED = frozenset({"_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts"})
_KEPT = frozenset(
    {
        "_access",
        "_replication_state",
        "_replication_state_time",
        "_replication_state_reason",
        "_replication_id",
        "_replication_stats",
    }
)


class Edit(msgspec.Struct, gc=False):
    """One document to be written.

    `pos` and `ids` are the revision it names, newest id first, and stay 0 and () when it names none:
    for an ordinary edit that is the parent, for a replicated one the new leaf and its ancestors.
    `body` is the JSON object without the database's fields; `attachments` the `_attachments` member as
    it came, or None when there was none.
    """

    id: str
    pos: int
    ids: tuple[str, ...]
    deleted: bool
    body: bytes
    attachments: dict[str, Any] | None = None

    @property
    def rev(self) -> Rev | None:
        """The newest revision that it names."""
        return Rev(self.pos, self.ids[0]) if self.ids else None


def parse_document(doc: Any, doc_id: str | None = None, *, bytes_max: int = DOC_BYTES_MAX) -> Edit:
    """A decoded JSON document to an Edit; `doc` is used up.

    `doc_id` is the id from the URL, which wins over `_id`. Without either the Edit's id is "".
    Raises BadRequest, DocValidation, IllegalDocId or TooLarge ("document_too_large").
    """
    if type(doc) is not dict:
        raise BadRequest("Document must be a JSON object")
    pos, deleted, found_id = 0, False, ""
    ids: tuple[str, ...] = ()
    attachments: dict[str, Any] | None = None
    for key in [key for key in doc if key[:1] == "_"]:
        if key == "_id":
            found_id = doc.pop(key)
            check_doc_id(found_id)
        elif key == "_rev":
            named = doc.pop(key)
            if not ids:
                pos, rev_id = parse_rev(named)
                ids = (rev_id,)
        elif key == "_deleted":
            if type(doc[key]) is not bool:
                raise DocValidation("Bad special document member: _deleted")
            deleted = doc.pop(key)
        elif key == "_attachments":
            attachments = _attachments(doc.pop(key))
        elif key == "_revisions":
            pos, ids = parse_revisions(doc.pop(key))
        elif key in _IGNORED:
            del doc[key]
        elif key not in _KEPT:
            raise DocValidation(f"Bad special document member: {key}")
    body = json.encode(doc)
    if doc_id is None:
        doc_id = found_id
    if len(body) > bytes_max:
        raise TooLarge(doc_id, error="document_too_large")
    return Edit(doc_id, pos, ids, deleted, body, attachments)


def _attachments(member: Any) -> dict[str, Any] | None:
    if type(member) is not dict:
        raise DocValidation("Bad special document member: _attachments")
    return member or None


def parse_revisions(member: Any) -> tuple[int, tuple[str, ...]]:
    """`{"start": N, "ids": [newest, …]}` to (N, ids)."""
    start, ids = (member.get("start"), member.get("ids")) if type(member) is dict else (None, None)
    if type(start) is not int or start < 0:
        raise DocValidation("_revisions.start isn't an integer.")
    if start > POS_MAX:
        raise DocValidation(f"_revisions.start is over {POS_MAX}.")
    if type(ids) is not list:
        raise DocValidation("_revisions.ids isn't a array.")
    if len(ids) > REVISIONS_MAX:
        raise DocValidation(f"_revisions.ids has over {REVISIONS_MAX} entries.")
    if len(ids) > start > 0:
        # An ancestor of generation 0 can't be; CouchDB fails here, an answer serves better.
        raise DocValidation("_revisions.ids has more entries than _revisions.start.")
    for rev_id in ids:
        if type(rev_id) is not str:
            raise DocValidation("RevId isn't a string")
    if not all(map(is_hex, ids)):
        ids = [rev_id.lower() if len(rev_id) == 32 else rev_id for rev_id in ids]
        if any(len(rev_id) == 32 and not is_hex(rev_id) for rev_id in ids):
            raise DocValidation("RevId isn't a valid hexadecimal")
    return start, tuple(ids)


def check_doc_id(doc_id: Any) -> None:
    """Raises IllegalDocId unless this may be a document's id."""
    if type(doc_id) is not str:
        raise IllegalDocId("Document id must be a string")
    if doc_id[:1] != "_" and doc_id:
        return
    if not doc_id:
        raise IllegalDocId("Document id must not be empty")
    if doc_id.startswith(("_design/", "_local/")):
        if doc_id in ("_design/", "_local/"):
            raise IllegalDocId(f"Illegal document id `{doc_id}`")
        return
    raise IllegalDocId("Only reserved document ids may start with underscore.")


def is_design(doc_id: str) -> bool:
    """A design document's id?"""
    return doc_id.startswith("_design/")


def is_local(doc_id: str) -> bool:
    """The id of a document that is neither replicated nor listed?"""
    return doc_id.startswith("_local/")


def quoted(text: str) -> bytes:
    """A string as JSON text."""
    return json.encode(text)
