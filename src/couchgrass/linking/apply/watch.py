"""Reads all replications of a server from its scheduler."""

from __future__ import annotations

from typing import Any, Final

from couchgrass.couch.server import CouchServer
from couchgrass.errors import NotFound
from couchgrass.linking.rows import LinkRow, link_rows

PAGE: Final = 500
ROWS_MAX: Final = 100_000
"""More than a scheduler has; ends the reading of a server whose list never does."""


async def replications(server: CouchServer) -> list[LinkRow]:
    """Those of documents and those of ``_replicate``. Raises what the server refuses with, and PeerLost."""
    docs = await _all(server, "/_scheduler/docs", "docs")
    return link_rows(server.base, docs, await _all(server, "/_scheduler/jobs", "jobs"))


async def _all(server: CouchServer, target: str, member: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while len(rows) < ROWS_MAX:
        try:
            page = await server.ask("GET", target, query={"limit": str(PAGE), "skip": str(len(rows))})
        except NotFound:
            break  # no `_replicator` database yet
        rows += page[member]
        if len(page[member]) < PAGE:
            break
    return rows
