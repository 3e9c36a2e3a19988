"""Changes of a real database fire a trigger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from couchgrass.couch.server import path
from couchgrass.errors import Conflict
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import FeedSite, feed_site, until
from tests.functions.run.inmemory import awaited


@asynccontextmanager
async def followed(process: ServerProcess, db_name: str) -> AsyncIterator[tuple[FeedSite, str]]:
    """A site, and a database to be followed."""
    name = db_name + "-followed"
    async with feed_site(process, db_name) as site:
        await site.server.ask("PUT", path(name))
        try:
            yield site, name
        finally:
            await site.server.ask("DELETE", path(name))


async def run(site: FeedSite) -> asyncio.Task[None]:
    feed = await site.documents.feed("me/t")
    assert feed is not None
    return asyncio.create_task(site.changes.run(feed))


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def put(site: FeedSite, name: str, *ids: str) -> None:
    for doc_id in ids:
        await site.server.ask("PUT", path(name, doc_id), {"kind": doc_id[0]})


@awaited
async def _resumes(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        await put(site, name, "before")
        await site.ask("changes", "CREATE", dbname=name, url=process.auth_url)
        await put(site, name, "a1")  # after the answer, before anybody follows
        task = await run(site)
        await until(lambda: len(site.fired) == 1)
        await put(site, name, "a2")
        await until(lambda: len(site.fired) == 2)
        first = site.fired[0]
        assert first["id"] == "a1"
        assert first["dbname"] == name
        assert first["changes"][0]["rev"].startswith("1-")
        assert first["seq"]
        # Its position is written after the fire; it is waited for, as a process that dies is tried below.
        await noted(site, 2)
        await stop(task)
        await put(site, name, "a3")
        task = await run(site)
        await until(lambda: len(site.fired) == 3)
        assert [each["id"] for each in site.fired] == ["a1", "a2", "a3"]
        await stop(task)


async def noted(site: FeedSite, fired: int) -> None:
    feed = await site.documents.feed("me/t")
    assert feed is not None
    while (await site.documents.position(feed)).fired < fired:
        await asyncio.sleep(0.005)


def test_each_change_since_it_was_made_fires_and_it_goes_on_where_it_was(
    couch_server: ServerProcess, db_name: str
) -> None:
    _resumes(couch_server, db_name)


@awaited
async def _twice(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        await site.ask("changes", "CREATE", dbname=name, url=process.auth_url)
        await put(site, name, "a1")
        task = await run(site)
        await until(lambda: len(site.fired) == 1)
        await noted(site, 1)
        await stop(task)
        feed = await site.documents.feed("me/t")
        assert feed is not None
        await site.documents.delete(f"position/{feed.key}")  # died before it was written
        task = await run(site)
        await until(lambda: len(site.fired) == 2)
        assert [each["id"] for each in site.fired] == ["a1", "a1"]
        await stop(task)


def test_a_change_whose_position_is_lost_fires_again(couch_server: ServerProcess, db_name: str) -> None:
    _twice(couch_server, db_name)


@awaited
async def _filtered(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        of_kind = "function (doc, req) { return doc.kind === req.query.kind; }"
        await site.server.ask("PUT", path(name) + "/_design/d", {"filters": {"f": of_kind}})
        given: dict[str, Any] = {"filter": "d/f", "query_params": {"kind": "b"}, "maxTriggers": 2}
        await site.ask("changes", "CREATE", dbname=name, url=process.auth_url, **given)
        await put(site, name, "a1", "b1", "a2", "b2", "b3")
        task = await run(site)
        await task
        assert [each["id"] for each in site.fired] == ["b1", "b2"]
        told = await site.ask("changes", "READ")
        assert told["status"]["reason"]["message"] == "Automatically disabled after reaching max triggers"


def test_a_filter_is_asked_with_its_parameters_and_the_bound_is_kept(
    couch_server: ServerProcess, db_name: str
) -> None:
    _filtered(couch_server, db_name)


@awaited
async def _deleted(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        await put(site, name, "a1")
        doc = await site.server.ask("GET", path(name, "a1"))
        user = {"username": process.user, "password": process.password}
        told: dict[str, Any] = {"host": "acme.cloudant.com", **user}
        await site.ask("changes", "CREATE", dbname=name, **told)
        await site.server.ask("DELETE", path(name, "a1"), query={"rev": doc["_rev"]})
        task = await run(site)
        await until(lambda: len(site.fired) == 1)
        assert site.fired[0]["deleted"] is True
        await stop(task)


def test_an_old_account_s_changes_are_those_of_the_region_s_database(
    couch_server: ServerProcess, db_name: str
) -> None:
    _deleted(couch_server, db_name)


@awaited
async def _away(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        await site.ask("changes", "CREATE", dbname=name, url=process.auth_url)
        await site.server.ask("DELETE", path(name))
        task = await run(site)
        await site.clock.move(0)  # it sleeps: it was refused
        await site.server.ask("PUT", path(name))
        await put(site, name, "a1")
        await site.clock.move(120)
        await until(lambda: len(site.fired) == 1)
        await stop(task)


def test_a_database_that_is_away_is_asked_again(couch_server: ServerProcess, db_name: str) -> None:
    _away(couch_server, db_name)


@awaited
async def _ours(process: ServerProcess, db_name: str) -> None:
    async with followed(process, db_name) as (site, name):
        await site.ask("changes", "CREATE", dbname=name, url=process.auth_url)
        feed = await site.documents.feed("me/t")
        assert feed is not None
        await put(site, name, "a1")
        task = await run(site)
        await noted(site, 1)
        # Somebody else writes the position: this process does not have the lease any more.
        await site.documents.delete(f"position/{feed.key}")
        await site.documents.put({"_id": f"position/{feed.key}", "created": feed.created})
        await put(site, name, "a2")
        with pytest.raises(Conflict):
            await task


def test_our_own_database_s_refusal_is_not_taken_for_the_followed_one_s(
    couch_server: ServerProcess, db_name: str
) -> None:
    _ours(couch_server, db_name)
