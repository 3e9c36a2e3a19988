"""Does the steps of plans: the only one that writes.

Keys first, one after the other; then databases, several at a time, each one's steps in order. What fails in
one database is told and does not keep the others from being done. When a server is lost, the rest of that way
is left for the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from couchgrass.agent import jobs
from couchgrass.agent.jobs import Link
from couchgrass.agent.plan import (
    CopyRights,
    CreateDatabase,
    Drift,
    DropKey,
    GrantKey,
    MakeKey,
    RemoveJob,
    Revoke,
    Step,
    WriteJob,
    copied,
    drift,
)
from couchgrass.agent.run import keys
from couchgrass.agent.run.reads import found, security
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, CouchgrassError, NotFound, PeerLost
from couchgrass.linking.address import Address
from couchgrass.linking.job import REPLICATOR, Job, Key, Server
from couchgrass.linking.naming import End
from couchgrass.linking.security import Security, with_key, without_keys
from couchgrass.topology.links import USERS, Way

log = logging.getLogger("couchgrass.agent")

AT_ONCE_MAX: Final = 8
"""Databases that are worked on together; what one server is asked at a time has its own bound."""


class Place(msgspec.Struct, frozen=True):
    """A region's database: what kind of server it is, and who we are there. `server` is None while it does
    not answer."""

    server: CouchServer | None
    known: Server
    address: Address


def placed(server: Server, at: str) -> Server:
    """The server as it is reached at another URL, if there is one."""
    return msgspec.structs.replace(server, base=at) if at else server


class Outcome(msgspec.Struct):
    """What was done, and what failed with the reason."""

    done: list[Drift] = []
    failed: list[tuple[Drift, str]] = []


class Applier:
    """One run over regions, by their names. `kept` are the keys that are known already, `at` the URLs that
    jobs are to have for their sources where these are not the ones that we use."""

    def __init__(
        self,
        places: Mapping[str, Place],
        kept: Mapping[tuple[Way, End], Key],
        at: Mapping[Way, str] = {},
    ) -> None:
        self._places = places
        self._at_instead = at
        self._keys = dict(kept)
        self._lost: set[Way | str] = set()
        self.outcome = Outcome([], [])

    async def apply(self, steps: Sequence[Step]) -> Outcome:
        """Does all steps. Raises nothing that a server refuses with: that is in the outcome."""
        for making in steps:
            if isinstance(making, MakeKey):
                await self._try(making)
        by_database: dict[str, list[Step]] = {}
        for step in steps:
            if not isinstance(step, MakeKey | DropKey):
                by_database.setdefault(_database(step), []).append(step)
        left = iter(by_database.values())
        async with asyncio.TaskGroup() as lanes:
            for _ in range(min(AT_ONCE_MAX, len(by_database))):
                lanes.create_task(self._lane(left))
        for dropping in steps:
            if isinstance(dropping, DropKey):
                await self._try(dropping)
        return self.outcome

    async def _lane(self, left: Iterator[Sequence[Step]]) -> None:
        for steps in left:
            failed: set[Way | str] = set()
            for step in steps:
                scope = _scope(step)
                if scope not in failed and not await self._try(step):
                    failed.add(scope)

    async def _try(self, step: Step) -> bool:
        if _scope(step) in self._lost:
            return False
        try:
            if await self._one(step):
                self.outcome.done.append(drift(step))
        except CouchgrassError as refused:
            if isinstance(refused, PeerLost):
                self._lost.add(_scope(step))
            self.outcome.failed.append((drift(step), refused.reason or refused.error))
            return False
        return True

    async def _one(self, step: Step) -> bool:
        """Whether it changed anything."""
        match step:
            case MakeKey():
                return await self._make_key(step)
            case CreateDatabase(link):
                rights = await security(self._at(link.way.source), link.database)
                created = await keys.ensure_database(self._at(link.way.target), link.database)
                if created and rights is not None:
                    await self._copy_rights(link, rights)
                return created
            case CopyRights(link):
                rights = await security(self._at(link.way.source), link.database)
                return rights is not None and await self._copy_rights(link, rights)
            case GrantKey():
                return await self._grant(step)
            case Revoke(region, database, names):
                is_ours = self._places[region].known.is_ours
                return await self._change(
                    region, database, lambda old: without_keys(old, names, is_ours=is_ours)
                )
            case WriteJob():
                return await self._write_job(step)
            case RemoveJob(region, _, job):
                return await self._remove_job(region, job)
            case DropKey(region, reader, name):
                await keys.drop(self._at(region), reader, name)
                return True

    def _at(self, region: str) -> CouchServer:
        """Raises PeerLost."""
        server = self._places[region].server
        if server is None:
            raise PeerLost(f"{region} does not answer")
        return server

    def _job(self, link: Link) -> Job:
        source, target = (self._places[region].known for region in link.way)
        return jobs.job_of(link, placed(source, self._at_instead.get(link.way, "")), target)

    async def _make_key(self, step: MakeKey) -> bool:
        region = step.way.source if step.end is End.SOURCE else step.way.target
        self._keys[step.way, step.end], changed = await keys.make(
            self._at(step.way.target),
            self._at(region),
            region=region,
            reader=step.way.target,
            api_keys=self._places[region].known.has_api_keys,
        )
        return changed

    async def _copy_rights(self, link: Link, rights: Security) -> bool:
        return await self._change(link.way.target, link.database, lambda own: copied(rights, own))

    async def _grant(self, step: GrantKey) -> bool:
        way = step.link.way
        region = way.source if step.end is End.SOURCE else way.target
        key = self._keys.get((way, step.end))
        if key is None:
            return False
        job = self._job(step.link)
        changed = await self._change(
            region, step.link.database, lambda old: with_key(old, key.name, job.grant(step.end, old))
        )
        await self._retry(way.target, job.id)
        return changed

    async def _change(self, region: str, database: str, change: Callable[[Security], Security]) -> bool:
        """Writes the security object if `change` gives another one; False if not, or without the database."""
        server, known = self._at(region), self._places[region].known
        before = await security(server, database)
        after = None if before is None else change(before)
        if after is None or after == before:
            return False
        is_cloudants = "cloudant" in after and not known.is_ours
        target = (
            path("_api", "v2", "db", database, "_security") if is_cloudants else path(database, "_security")
        )
        await server.ask("PUT", target, after)
        return True

    async def _write_job(self, step: WriteJob) -> bool:
        link, job = step.link, self._job(step.link)
        held = {end: self._key(link, end) for end in job.key_ends}
        if None in held.values():
            return False
        used = {end: key for end, key in held.items() if key is not None}
        target = self._at(link.way.target)
        await keys.ensure_database(target, REPLICATOR)
        doc = jobs.document(link, job, used, step.old)
        try:
            await target.ask("PUT", path(REPLICATOR, job.id), doc)
        except Conflict:
            return False  # somebody else wrote it since we looked; the next look shows what
        return True

    def _key(self, link: Link, end: End) -> Key | None:
        if link.database == USERS:
            address = self._places[link.way.source if end is End.SOURCE else link.way.target].address
            return Key(address.user or "", address.password or "")
        return self._keys.get((link.way, end))

    async def _remove_job(self, region: str, job: str) -> bool:
        server = self._at(region)
        doc = await found(server, REPLICATOR, job)
        if doc is None:
            return False
        try:
            await server.ask("DELETE", path(REPLICATOR, job), query={"rev": doc["_rev"]})
        except (NotFound, Conflict):
            return False
        return True

    async def _retry(self, region: str, job: str) -> None:
        """Has a job that waits after a refusal try again at once, where the server can."""
        if self._places[region].known.is_ours:
            try:
                await self._at(region).ask("POST", path("_scheduler", "docs", REPLICATOR, job, "_retry"))
            except CouchgrassError as refused:
                log.debug("job %s is not tried at once: %s", job, refused.reason)


def _database(step: Any) -> str:
    return str(step.database if isinstance(step, Revoke | RemoveJob) else step.link.database)


def _scope(step: Step) -> Way | str:
    """What fails together: a way, or what is done in one region alone."""
    match step:
        case MakeKey(way):
            return way
        case Revoke(region) | RemoveJob(region) | DropKey(region):
            return region
        case _:
            return step.link.way
