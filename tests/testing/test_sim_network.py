"""The simulated network and machines: what a cut, a crash and a backup do to a write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from couchgrass import json
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import ZERO, Change
from couchgrass.errors import PeerLost
from couchgrass.testing.conformance_subject import leaf, write
from couchgrass.testing.sim_loop import run, this_loop
from couchgrass.testing.sim_network import PATIENCE_S, Network
from couchgrass.testing.sim_peer import SILENT_S, SimPeer


def simulated(test: Callable[[Network, SimPeer], Coroutine[Any, Any, None]]) -> None:
    """Runs a test with a database at node b, seen from node a."""

    async def main() -> None:
        network = Network(this_loop())
        network.add("a")
        network.add("b").create("db")
        await test(network, SimPeer(network, network.nodes["b"], "db", "a"))

    run(main)


async def names(peer: SimPeer) -> set[str]:
    return {change.id for change in (await peer.changes(ZERO, Filter(), 100)).results}


def test_a_write_whose_answer_is_cut_off_has_happened() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        network.cut("b", "a")
        with pytest.raises(PeerLost):
            await write(peer, leaf("x", "1"))
        assert network.loop.time() == pytest.approx(PATIENCE_S, abs=1)
        network.heal("b", "a")
        assert await names(peer) == {"x"}

    simulated(test)


def test_a_request_that_is_held_back_arrives_late_though_its_sender_is_gone() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        network.cut("a", "b")
        sender = asyncio.create_task(write(peer, leaf("x", "1")))
        await asyncio.sleep(1)
        assert await names(SimPeer(network, network.nodes["b"], "db", "b")) == set()
        sender.cancel()
        network.heal("a", "b")
        await asyncio.sleep(1)
        assert await names(peer) == {"x"}

    simulated(test)


def test_a_crash_loses_what_was_not_answered_and_nothing_else() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        node = network.nodes["b"]
        node.fsync_s = 1.0
        await write(peer, leaf("kept", "1"))
        lost = asyncio.create_task(write(peer, leaf("lost", "1")))
        await asyncio.sleep(0.05)
        node.crash()
        with pytest.raises(PeerLost):
            await lost
        with pytest.raises(PeerLost) as down:
            await peer.info()
        assert down.value.is_down
        node.restart()
        assert await names(peer) == {"kept"}

    simulated(test)


def test_a_backup_brings_back_its_documents_and_its_sequence() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        node = network.nodes["b"]
        await write(peer, leaf("old", "1"))
        before = await peer.info()
        backup = node.databases["db"].backup()
        await write(peer, leaf("new", "1"))
        later = (await peer.info()).update_seq
        node.crash()
        node.restart({"db": backup})
        assert await peer.info() == before
        assert await names(peer) == {"old"}
        page = await peer.changes(later, Filter(), 10)
        assert [change.id for change in page.results] == ["old"], "a sequence from the future counts as 0"

    simulated(test)


def test_a_database_made_again_is_empty_and_another_one() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        await write(peer, leaf("x", "1"))
        before = await peer.info()
        network.nodes["b"].delete("db")
        await peer.create({})
        after = await peer.info()
        assert before.instance_start_time != after.instance_start_time
        assert await names(peer) == set()
        await write(peer, leaf("y", "1"))
        assert len((await peer.changes(before.update_seq, Filter(), 10)).results) == 1

    simulated(test)


def test_a_live_feed_breaks_at_a_crash_at_once_and_at_a_cut_after_its_silence() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        node = network.nodes["b"]
        for trouble, seconds in ((node.crash, 1.0), (lambda: network.cut("b", "a"), SILENT_S + 30)):
            async with peer.feed(ZERO, Filter()) as events:
                trouble()
                began = network.loop.time()
                with pytest.raises(PeerLost):
                    async for event in events:
                        assert not isinstance(event, Change)
                assert network.loop.time() - began < seconds
            node.restart()

    simulated(test)


def test_nothing_of_a_killed_caller_reaches_anybody() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        peer.dead = True
        with pytest.raises(PeerLost):
            await peer.put_local("x", {})
        peer.dead = False
        assert await peer.local("x") is None

    simulated(test)


def test_trouble_is_an_answer_that_says_nothing() -> None:
    async def test(network: Network, peer: SimPeer) -> None:
        network.trouble = 0.5
        lost = 0
        for number in range(50):
            try:
                await peer.bulk_docs([json.encode({"_id": f"doc{number}", "_rev": "1-a"})])
            except PeerLost:
                lost += 1
        network.trouble = 0.0
        assert 0 < lost < 50
        assert len(await names(peer)) > 50 - lost, "an answer was cut, and the write happened"

    simulated(test)
