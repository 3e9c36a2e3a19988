"""Which database a feed follows."""

from __future__ import annotations

import pytest

from couchgrass.errors import BadRequest, Unauthorized
from couchgrass.functions.changes import Changes
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import feed_site
from tests.functions.run.inmemory import awaited


@awaited
async def _named(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        mine = Changes("https://acme.cloudant.com", "acme.cloudant.com", "d", "acme", "secret")
        assert site.sources.database(mine).name == f"{process.url}/d"
        other = site.sources.database(Changes("https://h:1", "h", "d", "u", "p"))
        assert other.name == "https://h:1/d"
        with pytest.raises(BadRequest):
            site.sources.database(Changes("https://h:1", "h", "d", iam_api_key="k"))
        with pytest.raises(Unauthorized):
            wrong = Changes("https://acme.cloudant.com", "acme.cloudant.com", db_name, db_name, "b")
            await site.sources.latest(wrong)
        assert await site.sources.latest(Changes(process.url, "h", db_name, process.user, process.password))


def test_a_host_of_cloudant_s_is_the_region_with_the_feed_s_own_credentials(
    couch_server: ServerProcess, db_name: str
) -> None:
    _named(couch_server, db_name)
