"""A trigger is fired until it is fired."""

from __future__ import annotations

import asyncio
from typing import Any

from couchgrass.functions.entity import Rule, Trigger
from couchgrass.functions.feed import Feed
from couchgrass.functions.throttle import Allowed, Throttle
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import FeedSite, feed_site, until
from tests.functions.run.inmemory import awaited

FEED = Feed("me", "t", "me", "uuid-me", 1, 1)


@awaited
async def _too_many(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        site.region.controller._throttle = Throttle(Allowed(fires_per_minute=1))
        assert await site.firing.fire(FEED, {"n": 1})
        second = asyncio.create_task(site.firing.fire(FEED, {"n": 2}))
        for _ in range(7):
            await site.clock.move(60)
            if len(site.fired) == 2:
                break
        assert await second
        assert site.fired == [{"n": 1}, {"n": 2}]


def test_too_many_fires_are_waited_for(couch_server: ServerProcess, db_name: str) -> None:
    _too_many(couch_server, db_name)


@awaited
async def _delete(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await left(site, rules=False)
        assert {each[0] for each in site.region.entities.all} >= {Rule}
        await left(site, rules=True)
        assert site.region.entities.rules_of("me", "t") == []
        await site.firing.delete(FEED, rules=True)


async def left(site: FeedSite, *, rules: bool) -> None:
    site.region.entities.put(Trigger("me", "t"))
    await site.firing.delete(FEED, rules=rules)
    kinds: list[Any] = [each[0] for each in site.region.entities.all]
    assert Trigger not in kinds


def test_a_trigger_goes_with_its_rules_or_without(couch_server: ServerProcess, db_name: str) -> None:
    _delete(couch_server, db_name)


@awaited
async def _no_rule(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.region.entities.delete(site.region.entities.rules_of("me", "t")[0])
        assert await site.firing.fire(FEED, {})
        await until(lambda: site.fired == [])


def test_a_trigger_without_a_rule_counts_as_fired(couch_server: ServerProcess, db_name: str) -> None:
    _no_rule(couch_server, db_name)
