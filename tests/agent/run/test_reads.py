"""What servers say that are none, or mean no good."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.agent.run.reads import databases
from couchgrass.couch.server import CouchServer
from couchgrass.errors import PeerLost
from couchgrass.testing.scripted import answers, scripted


@pytest.mark.parametrize("told", [b'{"a": 1}', b'"abc"', b'["a", 1]', b'["a", null]', b"7"])
def test_a_list_of_databases_that_is_none_is_a_lost_peer(told: bytes) -> None:
    async def work() -> None:
        async with scripted(answers(200, told)) as peer, CouchServer(peer.url) as server:
            with pytest.raises(PeerLost, match="its list of databases is none"):
                await databases(server)

    asyncio.run(work())
