"""Steps done on a real server: each can be done twice, and the second time changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from couchgrass.couch.server import CouchServer, path
from couchgrass.linking.apply.run import Applier
from couchgrass.linking.job import Job, Server, Side, keys_of
from couchgrass.linking.naming import End, note_id
from couchgrass.linking.note import Note
from couchgrass.linking.security import KeyKind
from couchgrass.linking.steps import (
    AddNote,
    CreateDatabase,
    CutNote,
    DropCheckpoint,
    DropKey,
    MakeKey,
    RemoveJob,
    Revoke,
    Step,
    WriteJob,
)
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess

ELSEWHERE = Server(Side.B, "http://elsewhere.example", is_ours=True)


@asynccontextmanager
async def applying(server: ServerProcess) -> AsyncIterator[Applier]:
    async with CouchServer(server.url, server.user, server.password) as asked:
        bases = {Side.A: server.url, Side.B: ELSEWHERE.base}
        yield Applier({Side.A: asked}, frozenset({Side.A}), bases)


def done(server: ServerProcess, *steps: Step) -> list[str]:
    """What one run says that it did."""

    async def main() -> list[str]:
        async with applying(server) as applier:
            return [one.text async for one in applier.apply(steps)]

    return asyncio.run(main())


def here(server: ServerProcess) -> Server:
    return Server(Side.A, server.url, server.user, is_ours=True, has_api_keys=True)


def security(server: ServerProcess, db: str) -> Any:
    return call(server.auth_url, "GET", f"/{db}/_security").json()


def noted(server: ServerProcess, db: str) -> bool:
    place = path("_replicator", "_local", note_id(server.url, ELSEWHERE.base, db))
    return call(server.auth_url, "GET", place).status == 200


def test_a_key_is_made_given_to_a_job_and_taken_away(couch_server: ServerProcess, db_name: str) -> None:
    job = Job(db_name, source=ELSEWHERE, target=here(couch_server), host=ELSEWHERE)
    for kind in KeyKind:
        assert len(done(couch_server, CreateDatabase(Side.A, db_name))) == (kind is KeyKind.API_KEY)
        before = security(couch_server, db_name)
        (said,) = done(couch_server, MakeKey(job, End.TARGET, kind))
        assert noted(couch_server, db_name) == (kind is KeyKind.API_KEY)
        name = said.removeprefix(kind.value).removesuffix("made, which writes here").strip()
        assert name in str(security(couch_server, db_name))
        drop = (Revoke(Side.A, db_name, (name,)), DropKey(Side.A, db_name, name))
        assert len(done(couch_server, *drop)) == 2 and done(couch_server, *drop) == []
        assert security(couch_server, db_name) == before and not noted(couch_server, db_name)


def test_a_job_is_written_and_removed(couch_server: ServerProcess, db_name: str) -> None:
    a = here(couch_server)
    done(couch_server, CreateDatabase(Side.A, db_name))
    job = Job(db_name, source=a, target=a, host=Server(Side.A, a.base, a.admin))

    async def main() -> list[str]:
        async with applying(couch_server) as applier:
            keys = tuple(MakeKey(job, end, KeyKind.API_KEY) for end in job.key_ends)
            return [one.text async for one in applier.apply([*keys, WriteJob(job, {}, None, "created")])]

    assert len(asyncio.run(main())) == 3
    stored = call(couch_server.auth_url, "GET", path("_replicator", job.id)).json()
    assert keys_of(stored).keys() == set(End)
    assert keys_of(stored)[End.SOURCE] != keys_of(stored)[End.TARGET]
    for key in keys_of(stored).values():
        url = couch_server.auth_url.replace(
            f"{couch_server.user}:{couch_server.password}", f"{key.name}:{key.password}"
        )
        assert call(url, "GET", "/_session").json()["userCtx"]["name"] == key.name
        assert call(url, "GET", f"/{db_name}").status == 200
    assert done(couch_server, RemoveJob(Side.A, db_name, job.id, "why")) == [f"job {job.id} removed: why"]
    assert done(couch_server, RemoveJob(Side.A, db_name, job.id, "why")) == []


def test_a_checkpoint_is_deleted(couch_server: ServerProcess, db_name: str) -> None:
    done(couch_server, CreateDatabase(Side.A, db_name))
    call(couch_server.auth_url, "PUT", f"/{db_name}/_local/f00", {"history": []})
    drop = DropCheckpoint(Side.A, db_name, "f00")
    assert done(couch_server, drop) == ["checkpoint deleted"] and done(couch_server, drop) == []


def test_nothing_is_done_to_what_is_not_there(couch_server: ServerProcess) -> None:
    gone = (Revoke(Side.A, "no-such-db", ("key",)), DropKey(Side.B, "no-such-db", "key"))
    assert done(couch_server, *gone) == []


def test_a_note_grows_shrinks_and_is_gone_when_it_is_empty(couch_server: ServerProcess, db_name: str) -> None:
    one, both = Note(("one",)), Note(("one", "other"), ("f00",))
    for note in (one, both):
        assert done(couch_server, AddNote(Side.A, db_name, note)) == [f"key {', '.join(note.keys)} noted"]
        assert done(couch_server, AddNote(Side.A, db_name, note)) == []
    for note in (one, both):
        assert noted(couch_server, db_name)
        assert done(couch_server, CutNote(Side.A, db_name, note)) == []
    assert not noted(couch_server, db_name)
