"""What is read from servers to plan links by. All raise the server's refusals and PeerLost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from couchgrass.agent.jobs import PREFIX, READER
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, NotFound, NotImplementedHere, PeerLost, Unauthorized
from couchgrass.linking.job import REPLICATOR, Server, Side
from couchgrass.linking.rows import LinkRow, link_rows
from couchgrass.linking.security import Security

AT_ONCE: Final = 8
PAGE: Final = 5000
ROWS_MAX: Final = 100_000
"""More than a server has; ends the reading of a list that never does."""

LAST: Final = "\ufff0"


async def kind(server: CouchServer, side: Side) -> Server:
    """What kind of server it is. Raises Unauthorized unless we are an admin there."""
    welcome = await server.ask("GET", "/")
    if not isinstance(welcome, dict) or "couchdb" not in welcome:
        raise PeerLost(f"{server.base}: answers, but is no CouchDB")
    session = await server.ask("GET", "/_session")
    context = session.get("userCtx") or {}
    if "_admin" not in (context.get("roles") or []):
        raise Unauthorized(f"{server.base}: the region's account there is no server admin")
    vendor = str((welcome.get("vendor") or {}).get("name", "")).lower()
    return Server(
        side,
        server.base,
        admin=str(context.get("name") or ""),
        is_ours=vendor == "couchgrass",
        has_api_keys="cloudant" in vendor,
        uuid=welcome.get("uuid"),
    )


async def databases(server: CouchServer) -> frozenset[str]:
    """All databases' names."""
    answer = await server.ask("GET", "/_all_dbs")
    if not isinstance(answer, list) or not all(isinstance(name, str) for name in answer):
        raise PeerLost(f"{server.base}: its list of databases is none")
    return frozenset(answer)


async def found(server: CouchServer, *segments: str) -> Any:
    """What GET answers; None when it is not there."""
    try:
        return await server.ask("GET", path(*segments))
    except NotFound:
        return None


async def security(server: CouchServer, database: str) -> Security | None:
    """A database's security object; None when there is no such database."""
    answer = await found(server, database, "_security")
    return answer if answer is None or isinstance(answer, dict) else {}


async def securities(server: CouchServer, names: Iterable[str]) -> dict[str, Security]:
    """The security objects of those databases that are there."""
    found: dict[str, Security] = {}
    left = iter(sorted(names))

    async def lane() -> None:
        for name in left:
            one = await security(server, name)
            if one is not None:
                found[name] = one

    for failure in await asyncio.gather(*(lane() for _ in range(AT_ONCE)), return_exceptions=True):
        if failure is not None:
            raise failure
    return found


async def jobs(server: CouchServer) -> list[Mapping[str, Any]]:
    """The documents of `_replicator` with our prefix."""
    query = {"startkey": f'"{PREFIX}"', "endkey": f'"{PREFIX}{LAST}"', "include_docs": "true"}
    try:
        answer = await server.ask("GET", path(REPLICATOR, "_all_docs"), query=query)
    except NotFound:
        return []
    return [row["doc"] for row in answer["rows"] if row.get("doc")]


async def scheduled(server: CouchServer) -> dict[str, LinkRow]:
    """The scheduler's rows of documents of `_replicator` with our prefix, by their ids."""
    rows: list[dict[str, Any]] = []
    while len(rows) < ROWS_MAX:
        query = {"limit": str(PAGE), "skip": str(len(rows))}
        try:
            page = await server.ask("GET", "/_scheduler/docs", query=query)
        except (NotFound, NotImplementedHere):
            break  # no `_replicator` yet, or no scheduler
        rows += page["docs"]
        if len(page["docs"]) < PAGE:
            break
    ours = [row for row in rows if str(row.get("doc_id", "")).startswith(PREFIX)]
    rows_of = link_rows(server.base, (row for row in ours if row.get("database") == REPLICATOR), ())
    return {row.name: row for row in rows_of}


async def readers(server: CouchServer) -> dict[str, str]:
    """The names of the keys that this server has noted, by the region that each was made for."""
    prefix = f"_local/{READER}"
    query = {"startkey": f'"{prefix}"', "endkey": f'"{prefix}{LAST}"', "include_docs": "true"}
    try:
        answer = await server.ask("GET", path(REPLICATOR, "_local_docs"), query=query)
    except PeerLost:
        raise
    except CouchgrassError:
        return {}  # no `_replicator`, or a server that does not list these
    docs = (row.get("doc") or {} for row in answer["rows"])
    return {str(doc["reader"]): str(doc["name"]) for doc in docs if doc.get("reader") and doc.get("name")}
