"""Reads from servers what `plan` and `undo` decide by. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, NotFound, NotImplementedHere, PeerLost, Unauthorized
from couchgrass.linking.job import REPLICATOR, Job, Key, Server, Side, database_of, keys_of
from couchgrass.linking.naming import PREFIX, End, job_id, key_name
from couchgrass.linking.plan import DbFacts, JobFacts, LinkFacts
from couchgrass.linking.security import Security
from couchgrass.linking.undo import Found, Remains, checkpoint_id

USERS = "_users"
USER_PREFIX = "org.couchdb.user:"
SYSTEM_PREFIX = "_"

Servers = Mapping[Side, CouchServer]


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
    return LinkFacts(
        dbs={side: DbFacts(await security(server, there.db)) for side, server in servers.items()},
        there=await _look_at_job(servers, there),
        back=await _look_at_job(servers, back),
    )


async def security(server: CouchServer, db: str) -> Security | None:
    """The database's security object; None when there is no such database."""
    answer = await found(server, db, "_security")
    return answer if answer is None or isinstance(answer, dict) else {}


async def _look_at_job(servers: Servers, job: Job) -> JobFacts:
    docs = {}
    for side, server in servers.items():
        doc = await found(server, REPLICATOR, job.id)
        if doc is not None:
            docs[side] = doc
    keys = keys_of(docs.get(job.host.side, {}))
    tried = {end: await _tried(servers[job.server(end).side], key) for end, key in keys.items()}
    return JobFacts(docs, tried)


async def _tried(server: CouchServer, key: Key) -> Key:
    try:
        session = await server.ask("GET", "/_session", user=(key.name, key.password))
    except Unauthorized:
        return key
    signs_in = (session.get("userCtx") or {}).get("name") == key.name
    return Key(key.name, key.password, signs_in)


async def linked_databases(servers: Servers, bases: Mapping[Side, str]) -> list[str]:
    """The databases that the two servers' ``_replicator`` documents link, whether they still exist or not."""
    query = {"startkey": f'"{PREFIX}"', "endkey": f'"{PREFIX}\ufff0"', "include_docs": "true"}
    a, b = bases[Side.A], bases[Side.B]
    names = set()
    for server in servers.values():
        try:
            answer = await server.ask("GET", path(REPLICATOR, "_all_docs"), query=query)
        except NotFound:
            continue
        for row in answer["rows"]:
            db = database_of(row.get("doc") or {})
            if db is not None and row["id"] in (job_id(a, b, db), job_id(b, a, db)):
                names.add(db)
    return sorted(names)


async def look_for_remains(servers: Servers, bases: Mapping[Side, str], db: str) -> Remains:
    """What is left of one database's link on the servers in `servers`, which may be one of the two."""
    a, b = bases[Side.A], bases[Side.B]
    ids = {job_id(a, b, db): Side.A, job_id(b, a, db): Side.B}
    jobs: list[Found] = []
    for side, server in servers.items():
        for name, source in ids.items():
            doc = await found(server, REPLICATOR, name)
            if doc is not None:
                jobs.append(Found(side, doc, source, await _replication_id(server, doc)))
    securities, users = {}, {}
    for side, server in servers.items():
        there = await security(server, db)
        if there is not None:
            securities[side] = there
        users[side] = await _accounts(server, side, jobs, ids)
    return Remains(tuple(jobs), securities, users, await _checkpoints(servers, db, jobs))


async def _replication_id(server: CouchServer, doc: Mapping[str, Any]) -> str | None:
    row = await scheduled(server, doc["_id"])
    name = (row or {}).get("id") or doc.get("_replication_id")
    return str(name) if name else None


async def _accounts(
    server: CouchServer, side: Side, jobs: list[Found], ids: Mapping[str, Side]
) -> tuple[str, ...]:
    names = {key_name(name, end) for name in ids for end in End}
    names |= {key.name for job in jobs for end, key in keys_of(job.doc).items() if job.side(end) is side}
    there = [name for name in sorted(names) if await found(server, USERS, USER_PREFIX + name) is not None]
    return tuple(there)


async def _checkpoints(servers: Servers, db: str, jobs: list[Found]) -> frozenset[tuple[Side, str]]:
    names = {checkpoint_id(job.replication_id) for job in jobs if job.replication_id}
    there = set()
    for side, server in servers.items():
        for name in names:
            if await found(server, db, "_local", name) is not None:
                there.add((side, name))
    return frozenset(there)
