"""Reads from servers what `plan` and `undo` decide by. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, NotFound, NotImplementedHere, PeerLost, Unauthorized
from couchgrass.linking.job import REPLICATOR, Job, Key, Server, Side, database_of, keys_of
from couchgrass.linking.naming import PREFIX, End, job_id, key_name, note_id
from couchgrass.linking.note import Note, read_note
from couchgrass.linking.plan import DbFacts, JobFacts, LinkFacts
from couchgrass.linking.security import Security
from couchgrass.linking.undo import Found, Remains

USERS = "_users"
USER_PREFIX = "org.couchdb.user:"
SYSTEM_PREFIX = "_"
REGION_PREFIX = "whisk_"
"""Of the databases of a region's functions and gateway: what is deployed there, its keys, its feeds."""

Servers = Mapping[Side, CouchServer]
T = TypeVar("T")


async def look_at_server(server: CouchServer, side: Side) -> Server:
    """What kind of server it is. Raises Unauthorized unless we are an admin there."""
    welcome = await server.ask("GET", "/")
    if not isinstance(welcome, dict) or "couchdb" not in welcome:
        raise PeerLost(
            f"{server.base}: answers, but is no CouchDB: is it the server's own URL, without a database?"
        )
    session = await server.ask("GET", "/_session")
    context = session.get("userCtx") or {}
    if "_admin" not in (context.get("roles") or []):
        raise Unauthorized(
            f"{server.base}: a server admin's name and password are needed: put them into the URL, or set "
            f"COUCHGRASS_{side.upper()}_USER and COUCHGRASS_{side.upper()}_PASSWORD"
        )
    vendor = welcome.get("vendor") or {}
    name = str(vendor.get("name", ""))
    return Server(
        side=side,
        base=server.base,
        admin=str(context.get("name") or ""),
        is_ours=name == "couchgrass",
        has_api_keys=await _has_api_keys(server, name),
        # All accounts of a Cloudant cluster may tell the same one.
        uuid=None if "cloudant" in name.lower() else welcome.get("uuid"),
    )


async def _has_api_keys(server: CouchServer, vendor: str) -> bool:
    """Whether Cloudant's API is there. Apache CouchDB takes its path for a database that does not exist."""
    if vendor == "couchgrass" or "cloudant" in vendor.lower():
        return True
    for name in (await server.ask("GET", "/_all_dbs", query={"limit": "1"}))[:1]:
        try:
            return isinstance(await server.ask("GET", path("_api", "v2", "db", name, "_security")), dict)
        except PeerLost:
            raise
        except CouchgrassError:
            return False
    return False


async def databases(server: CouchServer) -> list[str]:
    """The names of all databases that are not the system's own."""
    names = await server.ask("GET", "/_all_dbs")
    return [name for name in names if not name.startswith(SYSTEM_PREFIX)]


async def found(server: CouchServer, *segments: str) -> Any:
    """What GET answers; None when it is not there."""
    try:
        return await server.ask("GET", path(*segments))
    except NotFound:
        return None


async def scheduled(server: CouchServer, job: str) -> dict[str, Any] | None:
    """The scheduler's row of a document of ``_replicator``; None when it knows none, or when there is no
    scheduler."""
    try:
        row = await found(server, "_scheduler", "docs", REPLICATOR, job)
    except NotImplementedHere:
        return None
    return row if isinstance(row, dict) else None


async def look_at_link(servers: Servers, jobs: tuple[Job, Job]) -> LinkFacts:
    """Everything there is of one database's link; `jobs` are the one there and the one back."""
    there, back = jobs
    bases = {side: server.base for side, server in servers.items()}
    securities, found_there, found_back, notes = await asyncio.gather(
        _of_each(servers, lambda server: security(server, there.db)),
        _look_at_job(servers, there),
        _look_at_job(servers, back),
        _notes(servers, bases, there.db),
    )
    dbs = {side: DbFacts(one) for side, one in securities.items()}
    return LinkFacts(dbs, found_there, found_back, notes)


async def _of_each(servers: Servers, work: Callable[[CouchServer], Awaitable[T]]) -> dict[Side, T]:
    """What `work` finds on each server, at the same time."""
    found = await asyncio.gather(*(work(server) for server in servers.values()))
    return dict(zip(servers, found, strict=True))


async def _notes(servers: Servers, bases: Mapping[Side, str], db: str) -> dict[Side, Note]:
    name = note_id(bases[Side.A], bases[Side.B], db)
    docs = await _of_each(servers, lambda server: found(server, REPLICATOR, "_local", name))
    return {side: read_note(doc) for side, doc in docs.items() if doc is not None}


async def security(server: CouchServer, db: str) -> Security | None:
    """The database's security object; None when there is no such database."""
    answer = await found(server, db, "_security")
    return answer if answer is None or isinstance(answer, dict) else {}


async def _look_at_job(servers: Servers, job: Job) -> JobFacts:
    there = await _of_each(servers, lambda server: found(server, REPLICATOR, job.id))
    docs = {side: doc for side, doc in there.items() if doc is not None}
    keys = keys_of(docs.get(job.host.side, {}))
    tried = await asyncio.gather(*(_tried(servers[job.server(end).side], key) for end, key in keys.items()))
    strays = {side: doc for side, doc in docs.items() if side is not job.host.side}
    ids = {side: await _replication_id(servers[side], doc) for side, doc in strays.items()}
    told = {side: name for side, name in ids.items() if name is not None}
    return JobFacts(docs, dict(zip(keys, tried, strict=True)), told)


async def _tried(server: CouchServer, key: Key) -> Key:
    try:
        session = await server.ask("GET", "/_session", user=(key.name, key.password))
    except Unauthorized:
        return key
    signs_in = (session.get("userCtx") or {}).get("name") == key.name
    return Key(key.name, key.password, signs_in)


async def linked_databases(servers: Servers, bases: Mapping[Side, str]) -> list[str]:
    """The databases that the two servers' ``_replicator`` documents link, whether they still exist or not,
    and those that they have notes on."""
    a, b = bases[Side.A], bases[Side.B]
    names = set()
    for server in servers.values():
        for doc in await _ours_in(server, "_all_docs", ""):
            db = database_of(doc)
            if db is not None and doc.get("_id") in (job_id(a, b, db), job_id(b, a, db)):
                names.add(db)
        for doc in await _ours_in(server, "_local_docs", "_local/"):
            db = doc.get("db")
            if isinstance(db, str) and doc.get("_id") == "_local/" + note_id(a, b, db):
                names.add(db)
    return sorted(names)


async def _ours_in(server: CouchServer, view: str, before: str) -> list[Mapping[str, Any]]:
    """The documents of ``_replicator`` with a link's prefix, as the list has them."""
    query = {
        "startkey": f'"{before}{PREFIX}"',
        "endkey": f'"{before}{PREFIX}\ufff0"',
        "include_docs": "true",
    }
    try:
        answer = await server.ask("GET", path(REPLICATOR, view), query=query)
    except NotFound:
        return []
    return [row["doc"] for row in answer["rows"] if row.get("doc")]


async def look_for_remains(servers: Servers, bases: Mapping[Side, str], db: str) -> Remains:
    """What is left of one database's link on the servers in `servers`, which may be one of the two."""
    a, b = bases[Side.A], bases[Side.B]
    ids = {job_id(a, b, db): Side.A, job_id(b, a, db): Side.B}
    securities, notes, jobs_of_each = await asyncio.gather(
        _of_each(servers, lambda server: security(server, db)),
        _notes(servers, bases, db),
        asyncio.gather(*(_jobs(server, side, ids) for side, server in servers.items())),
    )
    jobs = [job for of_one in jobs_of_each for job in of_one]
    users = await asyncio.gather(*(_accounts(server, side, jobs, ids) for side, server in servers.items()))
    return Remains(
        tuple(jobs),
        {side: one for side, one in securities.items() if one is not None},
        dict(zip(servers, users, strict=True)),
        notes,
    )


async def _jobs(server: CouchServer, side: Side, ids: Mapping[str, Side]) -> list[Found]:
    jobs = []
    for name, source in ids.items():
        doc = await found(server, REPLICATOR, name)
        if doc is not None:
            jobs.append(Found(side, doc, source, await _replication_id(server, doc)))
    return jobs


async def _replication_id(server: CouchServer, doc: Mapping[str, Any]) -> str | None:
    row = await scheduled(server, doc["_id"])
    name = (row or {}).get("id") or doc.get("_replication_id")
    return str(name) if name else None


async def _accounts(
    server: CouchServer, side: Side, jobs: list[Found], ids: Mapping[str, Side]
) -> tuple[str, ...]:
    names = {key_name(name, end) for name in ids for end in End}
    names |= {key.name for job in jobs for end, key in keys_of(job.doc).items() if job.side(end) is side}
    docs = await asyncio.gather(*(found(server, USERS, USER_PREFIX + name) for name in sorted(names)))
    return tuple(name for name, doc in zip(sorted(names), docs, strict=True) if doc is not None)
