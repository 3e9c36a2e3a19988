"""Keys of links: made once, whoever makes them, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from couchgrass.agent.run import keys
from couchgrass.couch.server import CouchServer
from couchgrass.linking.job import Key
from tests.linking.apache import ADMIN, Apache, apaches


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Apache, Apache, CouchServer, CouchServer]]:
    """Dallas, the target that keeps the key, and London, which it is for: as servers, and as we use them."""
    async with (
        apaches(2) as (dallas, london),
        CouchServer(dallas.url, *ADMIN) as target,
        CouchServer(london.url, *ADMIN) as source,
    ):
        yield dallas, london, target, source


async def made(target: CouchServer, source: CouchServer) -> Key:
    key, _ = await keys.make(target, source, region="london", reader="dallas", api_keys=False)
    return key


def test_two_that_make_a_key_at_the_same_time_have_the_same() -> None:
    async def work() -> None:
        async with both() as (_, london, target, source):
            one, other = await asyncio.gather(made(target, source), made(target, source))
            assert (one.name, one.password) == (other.name, other.password)
            assert (await keys.tried(source, one)).signs_in
            kept = await keys.kept(target, "london")
            assert kept is not None and kept.key.password == one.password
            before = london.writes
            await made(target, source)
            assert london.writes == before

    asyncio.run(work())


def test_an_account_that_was_deleted_or_changed_gets_its_password_again() -> None:
    async def work() -> None:
        async with both() as (_, london, target, source):
            key = await made(target, source)
            account = london.dbs["_users"]["org.couchdb.user:couchgrass-link-dallas"]
            account["password"] = "another"
            assert not (await keys.tried(source, key)).signs_in
            assert (await made(target, source)).password == key.password
            del london.dbs["_users"]["org.couchdb.user:couchgrass-link-dallas"]
            assert (await made(target, source)).password == key.password
            assert (await keys.tried(source, key)).signs_in

    asyncio.run(work())


def test_a_key_is_noted_where_it_opens_and_goes_with_its_note() -> None:
    async def work() -> None:
        async with both() as (_, london, target, source):
            key = await made(target, source)
            await keys.drop(source, "dallas", key.name)
            await keys.drop(source, "dallas", key.name)
            assert not [doc for doc in london.dbs["_users"].values() if not doc.get("_deleted")]
            assert not [doc for doc in london.dbs["_replicator"].values() if not doc.get("_deleted")]

    asyncio.run(work())


def test_where_the_agent_reaches_a_region_is_noted_beside_its_key() -> None:
    async def work() -> None:
        async with both() as (_, _, target, source):
            await keys.reached_at(target, "london", "http://wire:1")
            assert await keys.kept(target, "london") is None
            key = await made(target, source)
            await keys.reached_at(target, "london", "http://wire:1")
            assert await keys.kept(target, "london") == keys.Kept(
                Key(key.name, key.password), "http://wire:1"
            )

    asyncio.run(work())


def test_a_key_that_signs_in_is_not_said_to_be_made() -> None:
    async def work() -> None:
        async with both() as (_, _, target, source):

            async def took_anything() -> bool:
                _, took = await keys.make(target, source, region="london", reader="dallas", api_keys=False)
                return took

            assert await took_anything()
            assert not await took_anything()

    asyncio.run(work())
