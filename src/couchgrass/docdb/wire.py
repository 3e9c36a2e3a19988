"""What travels between CouchDBs when they replicate, as values: changes, revisions, documents, refusals.

Documents and sequences stay JSON texts. Specification: CouchDB's replication protocol.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

Seq = msgspec.Raw
"""A sequence as it came, JSON text: it means something to its own database only, and goes back verbatim."""

ZERO = msgspec.Raw(b"0")


class Info(msgspec.Struct, frozen=True):
    """``GET /db``, as far as replication needs it."""

    instance_start_time: str
    update_seq: Seq


class LeafRev(msgspec.Struct, frozen=True, gc=False):
    """A leaf of a document in a row of changes."""

    rev: str


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row of a changes feed: a document and its leaves. `seq` is ``null`` where the peer left it out."""

    id: str
    changes: list[LeafRev]
    seq: Seq = msgspec.Raw(b"null")
    deleted: bool = False


class Changes(msgspec.Struct, frozen=True):
    """One page: ``feed=normal``. `pending` counts what comes after it; None where the peer does not say."""

    results: list[Change]
    last_seq: Seq
    pending: int | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """A live feed said that it is alive."""


class FeedEnd(msgspec.Struct, frozen=True):
    """A live feed ended well; everything up to `last_seq` was looked at."""

    last_seq: Seq


FeedEvent = Change | Heartbeat | FeedEnd


class Missing(msgspec.Struct, frozen=True, gc=False):
    """What ``_revs_diff`` says of one document: the revisions that are not there, and leaves below them."""

    missing: list[str]
    possible_ancestors: list[str] = []


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """One leaf to fetch; `known` are revisions that the target has, whose attachments need not come again."""

    id: str
    rev: str
    known: tuple[str, ...] = ()


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """A leaf as JSON text with ``_id``, ``_rev``, ``_revisions``; `rev` is the one that was asked for.

    `has_attachments`: the text has stubs only, so fetch it with `open_revs`.
    """

    id: str
    rev: str
    doc: bytes
    has_attachments: bool = False


class NotThere(msgspec.Struct, frozen=True, gc=False):
    """The peer has no such leaf (any more), or could not give it: `error` and `reason` are its own."""

    id: str
    rev: str
    error: str = "not_found"
    reason: str = "missing"


class Part(msgspec.Struct, frozen=True):
    """One attachment whose bytes follow, as they are stored: `length` of them, in this `encoding`."""

    name: str
    content_type: str
    length: int
    encoding: str = "identity"


class Opened(msgspec.Struct, frozen=True):
    """A leaf with its attachments' bytes.

    `doc` is its JSON text; its ``_attachments`` are stubs (the target has them already) or ``follows``, in
    `parts`' order. `chunks` gives the parts' bytes, one after the other, and can be read once; it raises
    PeerLost when fewer or more bytes come than were announced.
    """

    id: str
    rev: str
    doc: bytes
    parts: Sequence[Part]
    chunks: AsyncIterator[bytes | memoryview]


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A document that the peer did not take, with its answer."""

    id: str
    rev: str
    error: str
    reason: str
