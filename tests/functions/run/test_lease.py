"""Who fires."""

from __future__ import annotations

from couchgrass.functions.run.lease import LEASE_S, Lease
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import feed_site
from tests.functions.run.inmemory import awaited


@awaited
async def _one_of_two(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        one = Lease(site.documents, "one", site.clock)
        two = Lease(site.documents, "two", site.clock)
        assert await one.renew()
        assert not await two.renew()
        site.clock._now += LEASE_S - 1
        assert one.is_held
        assert await one.renew()
        site.clock._now += LEASE_S - 1
        assert not await two.renew()
        # A holder that did not come back in time.
        site.clock._now += 2
        assert not one.is_held
        assert await two.renew()
        assert not await one.renew()
        await two.release()
        assert not two.is_held
        assert await one.renew()


def test_the_lease_has_one_holder_until_it_runs_out_or_is_given_back(
    couch_server: ServerProcess, db_name: str
) -> None:
    _one_of_two(couch_server, db_name)


@awaited
async def _restarted(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        assert await Lease(site.documents, "one", site.clock).renew()
        assert await Lease(site.documents, "one", site.clock).renew()


def test_a_holder_that_was_killed_has_it_again_at_once(couch_server: ServerProcess, db_name: str) -> None:
    _restarted(couch_server, db_name)
