"""Plans of many databases, applied at the same time and told in order."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.errors import PeerLost
from couchgrass.linking.address import parse_address
from couchgrass.linking.apply.pair import Show, applied, opened
from couchgrass.linking.apply.run import Applier
from couchgrass.linking.job import Job, Server, Side
from couchgrass.linking.naming import End
from couchgrass.linking.steps import CreateDatabase, Done, SetRights, Step
from tests.linking.apache import apaches


def test_what_was_done_is_told_in_order_also_when_it_fails() -> None:
    async def main() -> None:
        done: list[Done] = []
        async with apaches(2) as (a, b):
            gone = Server(Side.A, a.url)
            bad = SetRights(Job("z", source=gone, target=gone, host=gone), End.SOURCE, "key")
            a.down = True
            plans: dict[str, list[Step]] = {
                "z": [CreateDatabase(Side.B, "z"), CreateDatabase(Side.B, "y")],
                "none": [],
                "a": [CreateDatabase(Side.B, "a"), bad],
            }
            async with opened((parse_address(a.auth_url), parse_address(b.auth_url))) as servers:
                applier = Applier(servers, frozenset(), {Side.A: a.url, Side.B: b.url})
                with pytest.raises(PeerLost):
                    await applied(applier, plans, Show(done.append, lambda now: None), "linking")
        assert [one.db for one in done] == ["z", "y", "a"]

    asyncio.run(main())
