"""Does the steps of a plan, one after the other: the only one that writes.

A key's password goes from its making into the job's document and nowhere else. When a job can't be written,
the keys that were just made for it are taken back.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, FileExists, NotFound
from couchgrass.linking.apply.look import USER_PREFIX, USERS, Servers, found, scheduled, security
from couchgrass.linking.job import REPLICATOR, Job, Key, Side, document
from couchgrass.linking.naming import End, key_name
from couchgrass.linking.security import KeyKind, Security, with_key, without_keys
from couchgrass.linking.steps import (
    CreateDatabase,
    Done,
    DropCheckpoint,
    DropKey,
    MakeKey,
    RemoveJob,
    Revoke,
    SetRights,
    Step,
    WriteJob,
)

PASSWORD_BYTES: Final = 30
ENDING_S: Final = 10.0
"""How long an ended job may take to write its last checkpoint."""

_POLL_S: Final = 0.1
_SUFFIX: Final = "-Aa1"
"""Whatever kinds of characters a server's ``password_regexp`` asks for."""


class Applier:
    """One run over two servers, which may be one when the other is out of reach."""

    def __init__(self, servers: Servers, ours: frozenset[Side]) -> None:
        self._servers = servers
        self._ours = ours
        self._made: dict[tuple[str, End], Key] = {}

    async def apply(self, steps: Iterable[Step]) -> AsyncIterator[Done]:
        """Does each step, and says what was done if anything was."""
        try:
            for step in steps:
                done = await self._one(step)
                if done is not None:
                    yield done
        except CouchgrassError:
            await self._take_back(steps)
            raise

    async def _one(self, step: Step) -> Done | None:
        match step:
            case CreateDatabase(side, db):
                return await self._create(side, db)
            case MakeKey():
                return await self._make_key(step)
            case SetRights(job, end, name):
                changed = await self._set_rights(job, end, name)
                text = f"rights of key {name} corrected"
                return self._done(job.db, job.server(end).side, text) if changed else None
            case WriteJob():
                return await self._write_job(step)
            case RemoveJob():
                return await self._remove_job(step)
            case Revoke(side, db, names):
                changed = await self._revoke(side, db, names)
                return self._done(db, side, f"rights taken from {_listed(names)}") if changed else None
            case DropKey(side, db, name):
                dropped = await _delete(self._servers.get(side), USERS, USER_PREFIX + name)
                return self._done(db, side, f"key {name} deleted") if dropped else None
            case DropCheckpoint(side, db, name):
                dropped = await _delete(self._servers.get(side), db, "_local", name)
                return self._done(db, side, "checkpoint deleted") if dropped else None

    def _done(self, db: str, side: Side, text: str) -> Done:
        return Done(db, self._servers[side].base, text)

    async def _create(self, side: Side, db: str) -> Done | None:
        return self._done(db, side, "database created") if await _created(self._servers[side], db) else None

    async def _make_key(self, step: MakeKey) -> Done:
        job, end = step.job, step.end
        server = self._servers[job.server(end).side]
        key = await (
            _api_key(server) if step.kind is KeyKind.API_KEY else _account(server, key_name(job.id, end))
        )
        self._made[job.id, end] = key
        await self._set_rights(job, end, key.name)
        if step.replaces is not None and step.replaces != key.name:
            await self._revoke(job.server(end).side, job.db, (step.replaces,))
            await _delete(server, USERS, USER_PREFIX + step.replaces)
        what = "reads here" if end is End.SOURCE else "writes here"
        return self._done(job.db, job.server(end).side, f"{step.kind.value} {key.name} made, which {what}")

    async def _set_rights(self, job: Job, end: End, name: str) -> bool:
        server = self._servers[job.server(end).side]

        def change(security: Security) -> Security:
            return with_key(security, name, job.grant(end, security))

        return await _change_security(server, job.db, change, is_ours=job.server(end).is_ours)

    async def _revoke(self, side: Side, db: str, names: tuple[str, ...]) -> bool:
        server, is_ours = self._servers.get(side), side in self._ours
        if server is None:
            return False

        def change(security: Security) -> Security:
            return without_keys(security, names, is_ours=is_ours)

        return await _change_security(server, db, change, is_ours=is_ours)

    async def _write_job(self, step: WriteJob) -> Done:
        job, server = step.job, self._servers[step.job.host.side]
        made = {end: key for (name, end), key in self._made.items() if name == job.id}
        await _created(server, REPLICATOR)
        doc = document(job, {**step.kept, **made}, step.old)
        await server.ask("PUT", path(REPLICATOR, job.id), doc)
        for end in made:
            del self._made[job.id, end]
        return self._done(job.db, job.host.side, f"job {job.source.base} → {job.target.base} {step.why}")

    async def _remove_job(self, step: RemoveJob) -> Done | None:
        server = self._servers[step.side]
        if not await _delete(server, REPLICATOR, step.id):
            return None
        late = time.monotonic() + ENDING_S
        while await scheduled(server, step.id) and time.monotonic() < late:
            await asyncio.sleep(_POLL_S)
        return self._done(
            step.db, step.side, f"job {step.id} removed" + (f": {step.why}" if step.why else "")
        )

    async def _take_back(self, steps: Iterable[Step]) -> None:
        """Keys that no job has got: nobody knows their passwords any more."""
        jobs = {step.job.id: step.job for step in steps if isinstance(step, MakeKey)}
        for (name, end), key in self._made.items():
            job = jobs[name]
            try:
                await self._revoke(job.server(end).side, job.db, (key.name,))
                await _delete(self._servers[job.server(end).side], USERS, USER_PREFIX + key.name)
            except CouchgrassError:
                continue  # the reason why it failed is on its way to the user
        self._made.clear()


async def _created(server: CouchServer, db: str) -> bool:
    """Makes a database; False if it was there."""
    try:
        await server.ask("PUT", path(db))
    except FileExists:
        return False
    return True


async def _api_key(server: CouchServer) -> Key:
    answer = await server.ask("POST", "/_api/v2/api_keys")
    return Key(str(answer["key"]), str(answer["password"]), signs_in=True)


async def _account(server: CouchServer, name: str) -> Key:
    """An account of ``_users`` with a new password; one that is there gets the new one."""
    key = Key(name, secrets.token_urlsafe(PASSWORD_BYTES) + _SUFFIX, signs_in=True)
    await _created(server, USERS)
    old = await found(server, USERS, USER_PREFIX + name)
    doc = {"type": "user", "name": name, "roles": [], "password": key.password}
    if old is not None:
        doc["_rev"] = old["_rev"]
    await server.ask("PUT", path(USERS, USER_PREFIX + name), doc)
    return key


async def _change_security(
    server: CouchServer, db: str, change: Callable[[Security], Security], *, is_ours: bool
) -> bool:
    """Writes the security object if `change` gives another one; False if not, or if there is no database."""
    before = await security(server, db)
    after = None if before is None else change(before)
    if after is before or after is None:
        return False
    cloudant = "cloudant" in after and not is_ours
    target = path("_api", "v2", "db", db, "_security") if cloudant else path(db, "_security")
    await server.ask("PUT", target, after)
    return True


async def _delete(server: CouchServer | None, *segments: str) -> bool:
    """Deletes a document; False if it is not there."""
    doc = None if server is None else await found(server, *segments)
    if server is None or doc is None:
        return False
    try:
        await server.ask("DELETE", path(*segments), query={"rev": doc["_rev"]})
    except NotFound:
        return False
    return True


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
