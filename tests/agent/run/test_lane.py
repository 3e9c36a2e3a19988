"""A lane's looks, one by one, with a peer that goes and comes back between them."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.agent.run import lane as module
from couchgrass.agent.run import reads
from couchgrass.agent.run.lane import Lane
from couchgrass.agent.run.own import Own
from couchgrass.agent.run.watch import Watch
from couchgrass.couch.server import CouchServer
from couchgrass.linking.address import Address
from couchgrass.linking.job import Side
from couchgrass.region.config import Region
from couchgrass.topology.config import Synced, Topology
from couchgrass.topology.links import Wishes
from tests.agent.run.test_keys import both
from tests.linking.apache import ADMIN


async def watching(region: str, side: Side, server: CouchServer) -> Watch:
    """A watch that has just reached its server."""
    address = Address(server.base, *ADMIN)
    watch = Watch(region, side, lambda: address, lambda: None)
    watch.server, watch.address, watch.names = server, address, frozenset({"_users", "_replicator"})
    watch.known = await reads.kind(server, side)
    return watch


def test_a_key_that_could_not_be_tried_while_its_region_was_away_is_tried_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="couchgrass.agent")

    async def work() -> None:
        async with both() as (_, london, target, source):
            wishes = Wishes(Topology((Region(name="london"), Region(name="dallas")), (Synced("todos*"),)))
            peer, own = await watching("london", Side.A, source), await watching("dallas", Side.B, target)
            jobs = Own()
            await jobs.look(target)
            lane = Lane(wishes, peer, own, jobs)
            for _ in range(2):
                await lane.once()
            assert "make key couchgrass-link-dallas" in caplog.text
            caplog.clear()
            before = london.writes

            monkeypatch.setattr(module, "KEY_S", 0.0)
            peer.server = None
            await lane.once()
            monkeypatch.undo()
            peer.server = source
            await lane.once()
            said = [one.getMessage() for one in caplog.records if one.name == "couchgrass.agent"]
            assert (london.writes, said) == (before, [])

    asyncio.run(work())
