"""Feeds run while their documents say so, in one process of two."""

from __future__ import annotations

import asyncio

from couchgrass.functions.run import feeding
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import feed_site, until
from tests.functions.run.inmemory import awaited


@awaited
async def _documents(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("interval", "CREATE", minutes=1, trigger_payload={"n": 1})
        runner = site.feeding()
        runner.start()
        await site.clock.move(30)  # somebody sleeps: the feed that was there runs
        await until(lambda: site.fired == [{"n": 1}])
        await until(lambda: site.clock.sleepers == 1)
        await site.ask("interval", "UPDATE", trigger_payload={"n": 2})
        await until(lambda: list(runner._running) == ["feed/me/t"] and site.clock.sleepers == 1)
        while site.fired[-1] != {"n": 2}:
            await site.clock.move(60)
            await asyncio.sleep(0.01)
        await site.ask("interval", "PAUSE")
        await until(lambda: not runner._running and site.clock.sleepers == 0)
        await site.ask("interval", "UNPAUSE")
        await until(lambda: site.clock.sleepers == 1)
        await site.ask("interval", "DELETE")
        await until(lambda: not runner._running and site.clock.sleepers == 0)
        await runner.close()


def test_a_feed_runs_as_its_document_says(couch_server: ServerProcess, db_name: str) -> None:
    _documents(couch_server, db_name)


@awaited
async def _two(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("interval", "CREATE", minutes=1)

        refusals = 0

        async def soon(seconds: float) -> None:
            nonlocal refusals
            refusals += seconds == feeding.PAUSE_S
            await asyncio.sleep(0.01 if seconds == feeding.PAUSE_S else seconds)

        one, two = site.feeding("one"), site.feeding("two", soon)
        one.start()
        await until(lambda: len(one._running) == 1)
        two.start()
        await until(lambda: refusals >= 3)
        assert not two._running
        await one.close()
        await until(lambda: len(two._running) == 1)
        await two.close()
        assert not two._running


def test_of_two_processes_one_feeds_and_the_other_takes_over(
    couch_server: ServerProcess, db_name: str
) -> None:
    _two(couch_server, db_name)
