"""Apps that other regions have: looked for in real databases, as long as they are lacking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from couchgrass.agent.readiness import Looked
from couchgrass.agent.run.links import Links
from couchgrass.topology.config import App, Synced
from tests.agent.run.world import World, until, world

LACKING = "no {} in the namespace guest, but london has some: couchgrass deploy"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("regions"), "london", "dallas") as regions:
        yield regions


@asynccontextmanager
async def kept(two: World) -> AsyncIterator[Links]:
    """The links of Dallas, in a file with an app."""
    topology = msgspec.structs.replace(two.topology(Synced("todos*")), apps=(App("todo"),))
    async with two.kept(topology, "dallas") as links:
        yield links["dallas"]


async def looked(links: Links) -> Looked:
    """The first look after which nothing is unknown."""

    def is_known() -> bool:
        seen = links.look()
        return seen is not None and bool(seen.reachable) and not seen.unplanned

    await until(is_known)
    seen = links.look()
    assert seen is not None
    return seen


async def until_lacking(links: Links, *words: str) -> None:
    def is_so() -> bool:
        seen = links.look()
        return seen is not None and set(seen.lacking) == set(words)

    await until(is_so)


def test_what_a_peer_has_of_an_app_is_lacking_until_it_is_here_too(two: World) -> None:
    async def work() -> None:
        async with kept(two) as links:
            assert (await looked(links)).lacking == ()
            await two.ask("london", "PUT", "whisk_whisks")
            await two.ask("london", "PUT", "whisk_apis")
            await two.ask("london", "PUT", "whisk_whisks", "guests/another", body={})
            await two.ask("london", "PUT", "whisk_apis", "api/shop/v1", body={})
            await two.ask("london", "PUT", "whisk_whisks", "guest/todo", body={})
            await two.ask("london", "PUT", "whisk_apis", "api/guest/v1", body={})
            await until_lacking(links, LACKING.format("actions"), LACKING.format("APIs"))
        async with kept(two) as links:
            assert (await looked(links)).lacking, "it is known before anything is said to be all right"
            await two.ask("dallas", "PUT", "whisk_whisks")
            await two.ask("dallas", "PUT", "whisk_whisks", "guest/other", body={})
            await until_lacking(links, LACKING.format("APIs"))
            await two.ask("dallas", "PUT", "whisk_apis")
            await two.ask("dallas", "PUT", "whisk_apis", "api/guest/v2", body={})
            await until_lacking(links)

    asyncio.run(work())
