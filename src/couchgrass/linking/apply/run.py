"""Does the steps of a plan, one after the other: the only one that writes.

A key's password goes from its making into the job's document and nowhere else; its name is noted on its
server before it gets any right there. When a job can't be written, the keys that were just made for it are
taken back.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, FileExists, NotFound
from couchgrass.linking.apply.look import USER_PREFIX, USERS, Servers, found, scheduled, security
from couchgrass.linking.job import REPLICATOR, Job, Key, Side, document
from couchgrass.linking.naming import PREFIX, End, key_name, note_id
from couchgrass.linking.note import Note, note_doc, read_note
from couchgrass.linking.security import KeyKind, Security, with_key, without_keys
from couchgrass.linking.steps import (
    AddNote,
    CreateDatabase,
    CutNote,
    Deed,
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
    """One run over two servers, which may be one when the other is out of reach; `bases` has both.

    Plans of different databases may be applied at the same time.
    """

    def __init__(self, servers: Servers, ours: frozenset[Side], bases: Mapping[Side, str]) -> None:
        self._servers = servers
        self._ours = ours
        self._bases = bases
        self._made: dict[tuple[str, End], Key] = {}
        self._there: set[tuple[Side, str]] = set()
        self._ensuring = asyncio.Lock()

    async def apply(self, steps: Sequence[Step]) -> AsyncIterator[Done]:
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
                side = job.server(end).side
                changed = await self._set_rights(job, end, name)
                text = f"rights of key {name} corrected"
                return self._done(job.db, side, text, Deed.KEY_CORRECTED) if changed else None
            case WriteJob():
                return await self._write_job(step)
            case RemoveJob():
                return await self._remove_job(step)
            case Revoke(side, db, names):
                count = await self._revoke(side, db, names)
                text = f"rights taken from {', '.join(names)}"
                return self._done(db, side, text, Deed.KEY_REVOKED, count) if count else None
            case DropKey(side, db, name):
                dropped = await self._drop_key(side, db, name)
                return self._done(db, side, f"key {name} deleted", Deed.KEY_DELETED) if dropped else None
            case DropCheckpoint(side, db, name):
                dropped = await _delete(self._servers.get(side), db, "_local", name)
                return (
                    self._done(db, side, "checkpoint deleted", Deed.CHECKPOINT_DELETED) if dropped else None
                )
            case AddNote(side, db, note):
                changed = await self._note(side, db, lambda old: old.plus(note))
                text = f"key {', '.join(note.keys)} noted"
                return self._done(db, side, text, Deed.KEY_NOTED) if changed and note.keys else None
            case CutNote(side, db, note):
                await self._note(side, db, lambda old: old.minus(note))
                return None

    def _done(self, db: str, side: Side, text: str, deed: Deed, count: int = 1) -> Done:
        return Done(db, self._servers[side].base, text, deed, count)

    async def _create(self, side: Side, db: str) -> Done | None:
        created = await _created(self._servers[side], db)
        return self._done(db, side, "database created", Deed.DATABASE_CREATED) if created else None

    async def _ensure(self, side: Side, db: str) -> None:
        """Makes one of the system's databases where it is missing. Each is asked for once."""
        async with self._ensuring:
            if (side, db) not in self._there:
                await _created(self._servers[side], db)
                self._there.add((side, db))

    async def _make_key(self, step: MakeKey) -> Done:
        job, end, side = step.job, step.end, step.job.server(step.end).side
        server = self._servers[side]
        if step.kind is KeyKind.API_KEY:
            await self._ensure(side, REPLICATOR)  # first, so that the key is noted in the next moment
            key = self._made[job.id, end] = await _api_key(server)
            await self._note(side, job.db, lambda old: old.plus(Note((key.name,))))
        else:
            await self._ensure(side, USERS)
            key = self._made[job.id, end] = await _account(server, key_name(job.id, end))
        await self._set_rights(job, end, key.name)
        if step.replaces is not None and step.replaces != key.name:
            await self._revoke(side, job.db, (step.replaces,))
            await self._drop_key(side, job.db, step.replaces)
        what = "reads here" if end is End.SOURCE else "writes here"
        return self._done(job.db, side, f"{step.kind.value} {key.name} made, which {what}", Deed.KEY_MADE)

    async def _drop_key(self, side: Side, db: str, name: str) -> bool:
        dropped = await _delete(self._servers.get(side), USERS, USER_PREFIX + name)
        if not name.startswith(PREFIX):
            await self._note(side, db, lambda old: old.minus(Note((name,))))
        return dropped

    async def _note(self, side: Side, db: str, change: Callable[[Note], Note]) -> bool:
        """Changes the server's note on the database's link; False if there was nothing to change."""
        server = self._servers.get(side)
        if server is None:
            return False
        place = (REPLICATOR, "_local", note_id(self._bases[Side.A], self._bases[Side.B], db))
        doc = await found(server, *place)
        before = read_note(doc)
        after = change(before)
        if after == before:
            return False
        if after == Note():
            return await _delete(server, *place)
        if doc is None:
            await self._ensure(side, REPLICATOR)
        rev = {} if doc is None else {"_rev": doc["_rev"]}
        await server.ask("PUT", path(*place), {**note_doc(db, after), **rev})
        return True

    async def _set_rights(self, job: Job, end: End, name: str) -> bool:
        server = self._servers[job.server(end).side]

        def change(security: Security) -> Security:
            return with_key(security, name, job.grant(end, security))

        return await _change_security(server, job.db, change, is_ours=job.server(end).is_ours)

    async def _revoke(self, side: Side, db: str, names: tuple[str, ...]) -> int:
        """How many of the names had rights."""
        server, is_ours = self._servers.get(side), side in self._ours
        if server is None:
            return 0
        held = 0

        def change(security: Security) -> Security:
            nonlocal held
            held = sum(without_keys(security, (name,), is_ours=is_ours) is not security for name in names)
            return without_keys(security, names, is_ours=is_ours)

        return held if await _change_security(server, db, change, is_ours=is_ours) else 0

    async def _write_job(self, step: WriteJob) -> Done:
        job, server = step.job, self._servers[step.job.host.side]
        made = {end: key for (name, end), key in self._made.items() if name == job.id}
        await self._ensure(job.host.side, REPLICATOR)
        doc = document(job, {**step.kept, **made}, step.old)
        await server.ask("PUT", path(REPLICATOR, job.id), doc)
        for end in made:
            del self._made[job.id, end]
        text = f"job {job.source.base} → {job.target.base} {step.why}"
        return self._done(job.db, job.host.side, text, Deed.JOB_WRITTEN)

    async def _remove_job(self, step: RemoveJob) -> Done | None:
        server = self._servers[step.side]
        if not await _delete(server, REPLICATOR, step.id):
            return None
        late = time.monotonic() + ENDING_S
        while await scheduled(server, step.id) and time.monotonic() < late:
            await asyncio.sleep(_POLL_S)
        text = f"job {step.id} removed" + (f": {step.why}" if step.why else "")
        return self._done(step.db, step.side, text, Deed.JOB_REMOVED)

    async def _take_back(self, steps: Sequence[Step]) -> None:
        """Keys that no job has got: nobody knows their passwords any more."""
        for step in steps:
            key = self._made.pop((step.job.id, step.end), None) if isinstance(step, MakeKey) else None
            if not isinstance(step, MakeKey) or key is None:
                continue
            side, db = step.job.server(step.end).side, step.job.db
            try:
                await self._revoke(side, db, (key.name,))
                await self._drop_key(side, db, key.name)
            except CouchgrassError:
                continue  # the reason why it failed is on its way to the user


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
