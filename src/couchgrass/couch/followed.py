"""All documents of one small database in memory, by id, kept fresh by its changes feed.

For settings that are read at every request and written seldom. Reading is a look into `docs`; writing goes to
the database, and what was written is in `docs` when the write returns. How it stays fresh, and what happens
while the database is away: `couchgrass.couch.mirror`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from couchgrass.couch.mirror import START_S, Mirror
from couchgrass.couch.server import CouchServer
from couchgrass.errors import NotFound

Doc = dict[str, Any]
Changed = Callable[[Mapping[str, Doc | None]], None]
"""Is told of documents that are new or changed, and of those that are gone (None), by id."""


class Followed:
    """The documents of a database, by id; design documents are left out. Made by `open`."""

    def __init__(self, changed: Changed) -> None:
        self.docs: dict[str, Doc] = {}
        self._changed = changed
        self._mirror: Mirror

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        database: str,
        *,
        cache: Path,
        changed: Changed = lambda _: None,
        wait_s: float = START_S,
    ) -> Self:
        """Reads all there is, makes the database when it is missing, and follows it.

        `cache` is a file of our own for starts without the database. Raises ServiceUnavailable when the
        database is away for `wait_s` and there is no such file yet.
        """
        followed = cls(changed)
        followed._mirror = Mirror(server, database, followed, snapshot=cache, start_s=wait_s)
        await followed._mirror.open()
        return followed

    async def close(self) -> None:
        """Stops following."""
        await self._mirror.close()

    @property
    def is_current(self) -> bool:
        """The database answered the last request."""
        return self._mirror.is_live

    async def put(self, doc: Mapping[str, Any]) -> Doc:
        """Writes a document with its `_id`, and the `_rev` that it replaces if there is one; gives it back
        with its new `_rev`. Raises Conflict, ServiceUnavailable and TooLarge."""
        answer = await self._mirror.ask("PUT", doc["_id"], body=dict(doc))
        written = {**doc, "_rev": str(answer["rev"])}
        if self._mirror.wrote(doc["_id"], written["_rev"]):
            self.take(written)
        return written

    async def delete(self, doc_id: str, rev: str) -> None:
        """Deletes a document; it is well when it is gone already. Raises Conflict, ServiceUnavailable."""
        try:
            answer = await self._mirror.ask("DELETE", doc_id, query={"rev": rev})
        except NotFound:
            return
        if self._mirror.wrote(doc_id, str(answer["rev"])):
            self.take({"_id": doc_id, "_deleted": True})

    async def fresh(self, doc_id: str) -> Doc | None:
        """A document as the database has it now; None when it has none. Raises ServiceUnavailable."""
        try:
            found: Doc = await self._mirror.ask("GET", doc_id)
        except NotFound:
            return None
        return found

    # --- the mirror's view -------------------------------------------------------------------------

    def take(self, doc: Mapping[str, Any]) -> None:
        """A document as it is now."""
        doc_id: str = doc["_id"]
        if doc_id.startswith("_design/"):
            return
        if not doc.get("_deleted"):
            self.docs[doc_id] = dict(doc)
            self._changed({doc_id: self.docs[doc_id]})
        elif self.docs.pop(doc_id, None) is not None:
            self._changed({doc_id: None})

    def keep_only(self, ids: frozenset[str]) -> None:
        """No other documents are there."""
        gone = [doc_id for doc_id in self.docs if doc_id not in ids]
        for doc_id in gone:
            del self.docs[doc_id]
        if gone:
            self._changed(dict.fromkeys(gone))

    def documents(self) -> Iterable[Mapping[str, Any]]:
        """What a snapshot is to hold."""
        return list(self.docs.values())
