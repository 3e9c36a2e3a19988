"""Revision names: ``N-id``, N the generation counted from 1, id 32 hex digits or any other text.

Rules (CouchDB's ``couch_doc:parse_rev``): the part before the first dash is an integer; an id of 32
characters must be hex and is written in lower case; any other id is kept as it is.
Ids that we make are a hash of the edit and its parent only, so the same edit of the same parent is the
same revision in every region and a repeated write collapses instead of conflicting.
"""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

from couchgrass.errors import BadRequest

POS_MAX = 10**18 - 1
"""The highest generation: what `parse_rev` reads back and 64 bits hold."""

_HEX = frozenset("0123456789abcdef")


class Rev(NamedTuple):
    """One revision: generation `pos` (0 only for ``_local`` documents) and `id`."""

    pos: int
    id: str

    def __str__(self) -> str:
        return f"{self.pos}-{self.id}"


def parse_rev(text: object) -> Rev:
    """``"3-abc…"`` to a Rev. Raises BadRequest "Invalid rev format"."""
    if type(text) is not str:
        raise BadRequest("Invalid rev format")
    head, dash, rev_id = text.partition("-")
    if not dash or not (head.isascii() and head.isdigit()) or len(head) > len(str(POS_MAX)):
        raise BadRequest("Invalid rev format")
    if len(rev_id) == 32:
        rev_id = rev_id.lower()
        if not is_hex(rev_id):
            raise BadRequest("Invalid rev format")
    return Rev(int(head), rev_id)


def is_hex(rev_id: str) -> bool:
    """True for an id of the usual form, 32 lower-case hex digits, that packs into 16 bytes."""
    return len(rev_id) == 32 and _HEX.issuperset(rev_id)


def order_bytes(rev_id: str) -> bytes:
    """What ids are compared by: the 16 bytes of a hex id, the UTF-8 of any other."""
    return bytes.fromhex(rev_id) if is_hex(rev_id) else rev_id.encode()


def next_rev(parent: Rev | None, deleted: bool, body: bytes, atts: bytes = b"") -> Rev:
    """The revision that this edit makes.

    `body` is the document's JSON without underscore fields, as it is stored; `atts` names the
    attachments (name, type and digest, see `attachment.fingerprint`). Every part is set off by its
    length, so no two different edits give the same input to the hash. Raises BadRequest past POS_MAX.
    """
    pos, parent_id = (parent.pos + 1, parent.id) if parent else (1, "")
    if pos > POS_MAX:
        raise BadRequest("Invalid rev format")
    head = f"{pos} {parent_id!r} {deleted:d} {len(body)} {len(atts)} ".encode()
    return Rev(pos, md5(head + body + atts, usedforsecurity=False).hexdigest())
