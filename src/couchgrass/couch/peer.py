"""The narrow seam of replication: one database as a replicator sees it, wherever it is.

`Peer` is all that a replicator knows of a source or a target. `couchgrass.couch.database` speaks it to any
CouchDB over a `Transport` (HTTP, or straight into a server in this process); `couchgrass.testing.sim` holds
one in memory. One conformance suite (`couchgrass.testing.conformance`) runs over all of them.

Rules of the seam:

- Every call is idempotent, and may be repeated after any failure.
- `PeerLost`: nobody there, a cut or broken answer, a server that can't do it now. The peer's state is
  unknown; whoever asked tries again later. Any other CouchgrassError is the peer's own answer.
- What `bulk_docs`, `put_opened`, `put_local` have answered is on the peer's disk, if the peer keeps CouchDB's
  promise; `commit` asks for it once more.
- Documents travel as JSON texts that nobody here parses more of than needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import (
    Changes,
    FeedEvent,
    Fetched,
    Info,
    Missing,
    NotThere,
    Opened,
    Refusal,
    Seq,
    Wanted,
)


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
        """Leaves of one document with their attachments. Each is done with before the next is taken.

        Raises TooLarge for a document that is more, without its attachments, than is held in memory.
        """

    async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
        """Writes leaves with ``new_edits=false``. Raises TooLarge when the request as a whole is."""

    async def put_opened(self, opened: Opened) -> None:
        """Writes one leaf with its attachments' bytes. Raises MissingStub when the target lacks a stub's
        bytes, and what else refuses it."""

    async def commit(self) -> str:
        """``_ensure_full_commit``: the database's `instance_start_time`."""

    async def rules(self) -> bytes:
        """A digest of what decides what the peer refuses: design documents and ``_security``."""
