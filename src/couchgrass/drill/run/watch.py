"""Follows a region's database during a drill: the leaves of the drill's documents, and a digest of all.

It reads `_changes` from where it was, so that looking often costs little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from couchgrass.couch.server import CouchServer, path
from couchgrass.drill.ledger import Leaf
from couchgrass.errors import CouchgrassError, NotFound

ROWS_MAX: Final = 5000
DIGEST_CHARS: Final = 16


class Watch:
    """One region's database. `leaves` are those of documents that changed since `begin`; `marked` the ones
    whose title begins with `mark`, those among them whose writer never got an answer."""

    def __init__(self, server: CouchServer, database: str, mark: str = "") -> None:
        self.leaves: dict[str, tuple[Leaf, ...]] = {}
        self.marked: set[str] = set()
        self._mark = mark
        self._server = server
        self._database = database
        self._since = "0"

    async def is_there(self) -> bool:
        """Whether the region has the database. Raises what else is refused, and PeerLost."""
        try:
            await self._server.ask("GET", path(self._database))
        except NotFound:
            return False
        return True

    async def begin(self) -> None:
        """From here on. Raises CouchgrassError."""
        answer = await self._server.ask(
            "GET", path(self._database, "_changes"), query={"since": "now", "limit": "0"}
        )
        self._since = str(answer["last_seq"])

    async def look(self) -> bool:
        """Takes in what changed. False when the database does not answer."""
        try:
            while True:
                rows, more = await self._page()
                for row in rows:
                    self.leaves[row["id"]] = await self._leaves(row)
                    if self._mark and str((row.get("doc") or {}).get("title")).startswith(self._mark):
                        self.marked.add(row["id"])
                if not more:
                    return True
        except CouchgrassError:
            return False

    async def _page(self) -> tuple[list[dict[str, Any]], bool]:
        query = {
            "since": self._since,
            "style": "all_docs",
            "include_docs": "true",
            "limit": str(ROWS_MAX),
        }
        answer = await self._server.ask("GET", path(self._database, "_changes"), query=query)
        self._since = str(answer["last_seq"])
        return answer["results"], len(answer["results"]) == ROWS_MAX

    async def _leaves(self, row: dict[str, Any]) -> tuple[Leaf, ...]:
        if len(row["changes"]) == 1 and row.get("doc"):
            return (_leaf(row["doc"]),)
        answer = await self._server.ask("GET", path(self._database, row["id"]), query={"open_revs": "all"})
        return tuple(_leaf(one["ok"]) for one in answer if "ok" in one)

    async def digest(self) -> str:
        """Of all documents and all their leaves: equal when two databases hold the same. Raises
        CouchgrassError."""
        found = hashlib.sha256()
        rows: list[tuple[str, list[str]]] = []
        since = "0"
        while True:
            query = {"since": since, "style": "all_docs", "limit": str(ROWS_MAX)}
            answer = await self._server.ask("GET", path(self._database, "_changes"), query=query)
            rows += [(row["id"], sorted(one["rev"] for one in row["changes"])) for row in answer["results"]]
            since = str(answer["last_seq"])
            if len(answer["results"]) < ROWS_MAX:
                break
        for doc, revs in sorted(dict(rows).items()):
            found.update(f"{doc}\0{','.join(revs)}\n".encode())
        return found.hexdigest()[:DIGEST_CHARS]

    async def remove(self, docs: Iterable[str]) -> None:
        """Deletes all leaves of these documents. Raises CouchgrassError."""
        gone = [
            {"_id": doc, "_rev": leaf.rev, "_deleted": True}
            for doc in docs
            for leaf in self.leaves.get(doc, ())
            if not leaf.deleted
        ]
        for at in range(0, len(gone), ROWS_MAX):
            await self._server.ask(
                "POST", path(self._database, "_bulk_docs"), {"docs": gone[at : at + ROWS_MAX]}
            )


def _leaf(doc: dict[str, Any]) -> Leaf:
    value = doc.get("order")
    return Leaf(
        str(doc.get("_rev", "")), value if isinstance(value, int) else None, bool(doc.get("_deleted"))
    )
