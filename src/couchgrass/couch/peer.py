"""The narrow seam of replication: one database as a replicator sees it, wherever it is.

`Peer` is all that a replicator knows of a source or a target. `couchgrass.couch.database` speaks it to any
CouchDB over a `Transport` (HTTP, or straight into a server in this process); `couchgrass.testing.sim` holds
one in memory. One conformance suite (`couchgrass.testing.conformance`) runs over all of them.

Rules of the seam:

- Every call is idempotent, and may be repeated after any failure.
- `PeerLost`: nobody there, a cut or broken answer, a server that can't do it now. The peer's state is unknown;
  whoever asked tries again later. Any other CouchgrassError is the peer's own answer.
- What `bulk_docs`, `put_opened`, `put_local` have answered is on the peer's disk, if the peer keeps CouchDB's
  promise; `commit` asks for it once more.
- Documents travel as JSON texts that nobody here parses more of than needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from couchgrass.docdb.feed_filter import Filter as Filter

Seq = msgspec.Raw
"""A sequence as it came, JSON text: it means something to its own database only, and is sent back verbatim."""

ZERO = msgspec.Raw(b"0")


class Info(msgspec.Struct, frozen=True):
    """``GET /db``, as far as replication needs it."""

    instance_start_time: str
    update_seq: Seq


class LeafRev(msgspec.Struct, frozen=True, gc=False):
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


class Peer(Protocol):
    """One end of a replication."""

    @property
    def name(self) -> str:
        """The database as people know it: a name, or a URL without credentials."""

    async def info(self) -> Info:
        """Raises NotFound when there is no such database."""

    async def create(self, params: Mapping[str, Any]) -> None:
        """Makes the database; one that is there is fine. `params` are those of ``PUT /db``."""

    async def local(self, doc_id: str) -> dict[str, Any] | None:
        """The document ``_local/{doc_id}``, None when it is not there."""

    async def put_local(self, doc_id: str, doc: Mapping[str, Any]) -> str:
        """Writes it; its new revision. Raises Conflict."""

    async def changes(self, since: Seq, filter: Filter, limit: int, *, seq_interval: int = 1) -> Changes:
        """The next page of changes after `since`; returns at once when there are none."""

    def feed(self, since: Seq, filter: Filter) -> AbstractAsyncContextManager[AsyncIterator[FeedEvent]]:
        """The live feed after `since`. It raises PeerLost when it breaks or is silent for too long."""

    async def pending(self, since: Seq, filter: Filter) -> int | None:
        """How many changes there are after `since`."""

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, Missing]:
        """Which of these revisions the peer does not have."""

    async def bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
        """Leaves with their histories, in any order. One that was replaced meanwhile comes as its successor.

        Raises TooLarge when all together are more than is held in memory: ask for fewer.
        """

    def open_revs(self, doc_id: str, wanted: Sequence[Wanted]) -> AsyncIterator[Opened | NotThere]:
        """Leaves of one document with their attachments. Each must be used up before the next is taken."""

    async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
        """Writes leaves with ``new_edits=false``. Raises TooLarge when the request as a whole is."""

    async def put_opened(self, opened: Opened) -> None:
        """Writes one leaf with its attachments' bytes. Raises MissingStub when the target lacks a stub's bytes,
        and what else refuses it."""

    async def commit(self) -> str:
        """``_ensure_full_commit``: the database's `instance_start_time`."""

    async def rules(self) -> bytes:
        """A digest of what decides what the peer refuses: design documents and ``_security``."""
