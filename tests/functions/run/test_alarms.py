"""Alarms with a clock that is moved."""

from __future__ import annotations

import asyncio

from couchgrass.functions.entity import Rule
from couchgrass.functions.feed import Feed
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import START_S, FeedSite, feed_site, until
from tests.functions.run.inmemory import awaited

NOW = int(START_S * 1000)  # 2027-01-15T08:00:00Z


async def running(site: FeedSite) -> tuple[Feed, asyncio.Task[None]]:
    """The feed of `t`, as its document has it, run."""
    feed = await site.documents.feed("me/t")
    assert feed is not None
    return feed, asyncio.create_task(site.alarm.run(feed))


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


@awaited
async def _cron(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("alarm", "CREATE", cron="*/2 * * * *", trigger_payload={"a": 1}, maxTriggers=3)
        _, task = await running(site)
        for count in range(1, 4):
            await site.clock.move(59)
            assert len(site.fired) == count - 1
            await site.clock.move(61)
            await until(lambda count=count: len(site.fired) == count)  # type: ignore[misc]
        await task
        assert site.fired == [{"a": 1}] * 3
        told = await site.ask("alarm", "READ")
        assert told["status"]["active"] is False
        assert told["status"]["reason"]["message"] == "Automatically disabled after reaching max triggers"


def test_a_pattern_fires_its_trigger_with_its_payload_so_often(
    couch_server: ServerProcess, db_name: str
) -> None:
    _cron(couch_server, db_name)


@awaited
async def _missed(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("alarm", "CREATE", cron="0 * * * *")
        _, task = await running(site)
        await site.clock.move(3600)
        await until(lambda: len(site.fired) == 1)
        await site.clock.move(0)  # it sleeps: its position is written
        await ended(task)
        # Down for ten hours: fired once at the start, then by the pattern again.
        site.clock._now += 36_000
        _, task = await running(site)
        await until(lambda: len(site.fired) == 2)
        await site.clock.move(60)
        assert len(site.fired) == 2
        await site.clock.move(3600)
        await until(lambda: len(site.fired) == 3)
        await ended(task)


def test_what_was_missed_is_fired_once(couch_server: ServerProcess, db_name: str) -> None:
    _missed(couch_server, db_name)


@awaited
async def _once(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("once", "CREATE", date=NOW + 90_000, deleteAfterFire="rules")
        _, task = await running(site)
        await site.clock.move(60)
        assert site.fired == []
        await site.clock.move(30)
        await task
        assert site.fired == [{}]
        assert await site.documents.feed("me/t") is None
        assert [each for each in site.region.entities.all if each[0] is Rule] == []
        assert site.region.entities.rules_of("me", "t") == []


def test_a_date_fires_once_and_goes_with_its_trigger_and_rules(
    couch_server: ServerProcess, db_name: str
) -> None:
    _once(couch_server, db_name)


@awaited
async def _killed(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("once", "CREATE", date=NOW + 1000)
        # The process was away when it was due; and it is killed after it fired, before it notes so.
        site.clock._now += 3600
        feed, task = await running(site)
        await task
        assert len(site.fired) == 1
        told = await site.ask("once", "READ")
        assert told["status"]["reason"]["message"] == "Automatically disabled after firing once"
        await site.documents.delete(f"position/{feed.key}")
        again = asyncio.create_task(site.alarm.run(feed))
        await again
        assert len(site.fired) == 2


def test_a_date_that_passed_meanwhile_fires_late_and_twice_rather_than_never(
    couch_server: ServerProcess, db_name: str
) -> None:
    _killed(couch_server, db_name)


@awaited
async def _gone(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("interval", "CREATE", minutes=1)
        await site.region.entities.delete(site.region.entities.trigger("me", "t"))
        _, task = await running(site)
        await site.clock.move(30)
        await task
        feed = await site.documents.feed("me/t")
        assert feed is not None and not feed.active
        assert feed.reason == {
            "kind": "AUTO",
            "statusCode": 404,
            "message": "Automatically disabled after receiving a 404 status code when firing the trigger",
        }


def test_a_trigger_that_is_gone_switches_its_feed_off(couch_server: ServerProcess, db_name: str) -> None:
    _gone(couch_server, db_name)
