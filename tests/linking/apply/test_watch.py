"""All replications of a server, page by page."""

from __future__ import annotations

import asyncio

from couchgrass.couch.server import CouchServer
from couchgrass.linking.apply.watch import PAGE, replications
from tests.linking.apache import ADMIN, apaches
from tests.linking.apply.test_prove import job


def test_every_page_is_read() -> None:
    async def main() -> None:
        async with apaches(1) as (apache,), CouchServer(apache.url, *ADMIN) as server:
            assert await replications(server) == []
            apache.create("_replicator")
            one = job(apache)
            apache.dbs["_replicator"] = {f"{number:04}": one for number in range(2 * PAGE + 1)}
            rows = await replications(server)
            assert [row.name for row in rows] == [f"{number:04}" for number in range(2 * PAGE + 1)]
            assert {row.state for row in rows} == {"crashing"}

    asyncio.run(main())
