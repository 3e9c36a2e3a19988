"""aiocouch, the asyncio client: a full round against our server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiocouch
import pytest
from aiocouch.event import ChangedEvent, DeletedEvent

from couchgrass.testing.server import ServerProcess

STEP_TIMEOUT_S = 60

# aiocouch signs in by a class and a parameter that newer versions of aiohttp warn about.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]


@asynccontextmanager
async def database(server: ServerProcess) -> AsyncIterator[Any]:
    async with aiocouch.CouchDB(server.url, user=server.user, password=server.password) as couch:
        db = await couch.create(f"aiocouch-{uuid.uuid4().hex[:12]}")
        yield db
        await db.delete()


def within(server: ServerProcess, step: Callable[[Any], Awaitable[None]]) -> None:
    """Runs `step` with a database of its own."""

    async def run() -> None:
        async with database(server) as db:
            await asyncio.wait_for(step(db), STEP_TIMEOUT_S)

    asyncio.run(run())


def test_a_database_is_created_found_and_deleted(couch_server: ServerProcess) -> None:
    async def round_trip() -> None:
        name = f"aiocouch-{uuid.uuid4().hex[:12]}"
        user, password = couch_server.user, couch_server.password
        async with aiocouch.CouchDB(couch_server.url, user=user, password=password) as couch:
            await couch.check_credentials()
            assert (await couch.info())["couchdb"] == "Welcome"
            db = await couch.create(name)
            assert name in await couch.keys()
            with pytest.raises(aiocouch.PreconditionFailedError):
                await couch.create(name)
            assert (await (await couch[name]).info())["doc_count"] == 0
            await db.delete()
            with pytest.raises(aiocouch.NotFoundError):
                await couch[name]
        # Not the admin's name: five wrong passwords, of all tests together, would lock the admin out.
        nobody = f"nobody-{uuid.uuid4().hex[:12]}"
        async with aiocouch.CouchDB(couch_server.url, user=nobody, password="wrong") as stranger:
            with pytest.raises(aiocouch.UnauthorizedError):
                await stranger.check_credentials()

    asyncio.run(round_trip())


def test_documents_are_saved_copied_and_deleted(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        doc = await db.create("a/b +ü", data={"name": "grass", "big": 2**70, "n": 1.0})
        await doc.save()
        first = doc["_rev"]
        assert (await db["a/b +ü"]).data == {
            "_id": "a/b +ü",
            "_rev": first,
            "name": "grass",
            "big": 2**70,
            "n": 1.0,
        }
        assert (await doc.info())["rev"] == first
        with pytest.raises(aiocouch.ConflictError):
            await db.create("a/b +ü")
        doc["name"] = "couch grass"
        await doc.save()
        assert await doc.revs() == [doc["_rev"], first]
        await doc.copy("copied")
        assert (await db["copied"])["name"] == "couch grass"
        await doc.delete()
        with pytest.raises(aiocouch.NotFoundError):
            await db["a/b +ü"]

    within(couch_server, step)


def test_an_edit_of_an_old_revision_conflicts(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        await (await db.create("contested", data={"n": 0})).save()
        mine, theirs = await db["contested"], await db["contested"]
        mine["n"], theirs["n"] = 1, 2
        await mine.save()
        with pytest.raises(aiocouch.ConflictError):
            await theirs.save()
        with pytest.raises(aiocouch.ConflictError):
            await theirs.delete(discard_changes=True)
        low, high = "1-" + "a" * 32, "1-" + "b" * 32
        branches = [{"_id": "branched", "_rev": rev, "side": rev[2]} for rev in (low, high)]
        assert await db._bulk_docs(branches, new_edits=False) == []
        winner = await db["branched"]
        assert (winner["side"], await winner.conflicts()) == ("b", [low])

    within(couch_server, step)


def test_bulk_operations_report_each_document(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        ids = [f"bulk-{n:03}" for n in range(20)]
        async with db.create_docs(ids) as operation:
            async for doc in operation:
                doc["n"] = int(doc.id[-3:])
        assert [doc.id for doc in operation.ok] == ids
        assert operation.error == []
        async with db.update_docs(ids[:2]) as operation:
            async for doc in operation:
                doc["n"] += 100
            other = await db["bulk-001"]
            other["n"] = -1
            await other.save()
        assert [doc.id for doc in operation.ok] == ["bulk-000"]
        assert [doc.id for doc in operation.error] == ["bulk-001"]
        assert [doc["n"] async for doc in db.docs(["bulk-000", "bulk-001"])] == [100, -1]
        assert [doc.id async for doc in db.docs(prefix="bulk-01")] == ids[10:20]

    within(couch_server, step)


def test_changes_are_listed_and_followed_continuously(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        first = await db.create("first", data={"n": 1})
        await first.save()
        listed = [event async for event in db.changes(include_docs=True)]
        assert [(event.id, event.rev) for event in listed] == [("first", first["_rev"])]
        assert (await listed[0].doc())["n"] == 1
        feed = db.changes(feed="continuous", last_event_id=listed[0].sequence, heartbeat=500)
        second = await db.create("second", data={"n": 2})
        pending = asyncio.ensure_future(anext(feed))
        await second.save()
        event = await pending
        assert isinstance(event, ChangedEvent)
        assert (event.id, event.rev) == ("second", second["_rev"])
        await first.delete()
        event = await anext(feed)
        assert isinstance(event, DeletedEvent)
        assert event.id == "first"
        await feed.aclose()

    within(couch_server, step)


def test_attachments_are_saved_read_and_deleted(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        doc = await db.create("files", data={"kind": "files"})
        await doc.save()
        attachment = doc.attachment("a note.txt")
        assert not await attachment.exists()
        await attachment.save(b"couch grass " * 1000, "text/plain")
        assert await attachment.exists()
        assert attachment.content_type == "text/plain"
        assert await attachment.fetch() == b"couch grass " * 1000
        raw = doc.attachment("raw.bin")
        await raw.save(bytes(range(256)), "application/octet-stream")
        assert await raw.fetch() == bytes(range(256))
        assert sorted(doc["_attachments"]) == ["a note.txt", "raw.bin"]
        await attachment.delete()
        assert sorted(doc["_attachments"]) == ["raw.bin"]

    within(couch_server, step)


def test_security_is_saved_and_read_back(couch_server: ServerProcess) -> None:
    async def step(db: Any) -> None:
        async with await db.security() as security:
            security.add_member("kim")
            security.add_admin_role("chief")
        kept = await db.security()
        assert kept.members == ["kim"]
        assert "chief" in kept.admin_roles

    within(couch_server, step)
