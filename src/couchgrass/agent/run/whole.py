"""All regions of a topology looked at, planned and mended from one place: what `couchgrass topology` does.

The same plans as the agents', of all ways at once and with every database's rights looked at; and what no
agent touches, so that two versions of the file don't fight: the keys of regions that left the file. Jobs are
written with the URLs at which the agents reach their peers, where there were agents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import msgspec

from couchgrass.agent.jobs import link_of
from couchgrass.agent.plan import Facts, Step, is_pristine, plan, stray_keys, strays
from couchgrass.agent.run import keys, reads
from couchgrass.agent.run.apply import Applier, Outcome, Place, placed
from couchgrass.agent.run.watch import FIRST_S, Reach
from couchgrass.couch.server import CouchServer
from couchgrass.errors import CouchgrassError, PeerLost
from couchgrass.linking.address import Address
from couchgrass.linking.job import Key, Server, Side
from couchgrass.linking.naming import End
from couchgrass.linking.security import Security
from couchgrass.topology.config import Topology
from couchgrass.topology.links import Way, Wishes

REQUEST_S: Final = 15.0


class Found(msgspec.Struct, frozen=True):
    """What was found in a region that answers."""

    names: frozenset[str]
    securities: Mapping[str, Security]
    docs: list[Mapping[str, Any]]
    readers: Mapping[str, str]
    kept: Mapping[str, keys.Kept]
    """The keys that are kept here, by the region that each is for; not tried."""

    def __repr__(self) -> str:
        return f"Found({len(self.docs)} jobs)"  # which have passwords in them


class Looked(msgspec.Struct, frozen=True):
    """All regions as they are: the steps that it takes, and why some regions could not be asked."""

    steps: tuple[Step, ...]
    unreached: Mapping[str, str]
    kept: Mapping[tuple[Way, End], Key]
    at: Mapping[Way, str]


class Whole:
    """The regions of a topology, opened. Made by `opened`."""

    def __init__(self, topology: Topology, places: Mapping[str, Place], unreached: Mapping[str, str]) -> None:
        self._wishes = Wishes(topology)
        self._places = places
        self._unreached = unreached

    async def look(self) -> Looked:
        """Raises what a region refuses that answered before."""
        reached = [name for name, place in self._places.items() if place.server is not None]
        answers = await asyncio.gather(*(self._found(name) for name in reached))
        found = dict(zip(reached, answers, strict=True))
        steps: list[Step] = []
        kept: dict[tuple[Way, End], Key] = {}
        reached_at: dict[Way, str] = {}
        for way in sorted(self._wishes.all_ways):
            if way.target in found and way.source in self._places:
                tried = await self._tried(way, found)
                kept |= {(way, end): key for end, key in tried.items()}
                own = found[way.target].kept.get(way.source)
                reached_at[way] = own.at if own is not None else ""
                facts = self._facts(way, found, tried, reached_at[way])
                steps += plan(self._wishes, facts, time.time())
        for name, one in found.items():
            steps += strays(name, self._wishes, one.docs)
            steps += stray_keys(name, self._wishes, one.readers, one.securities)
        return Looked(tuple(steps), self._unreached, kept, reached_at)

    async def apply(self, looked: Looked) -> Outcome:
        """Does the steps. What fails is in the outcome."""
        return await Applier(self._places, looked.kept, looked.at).apply(looked.steps)

    async def _found(self, name: str) -> Found:
        server = self._places[name].server
        assert server is not None
        names = await reads.databases(server)
        return Found(
            names,
            await reads.securities(server, (name for name in names if not name.startswith("_"))),
            await reads.jobs(server),
            await reads.readers(server),
            {
                region: key
                for region in self._wishes.regions
                if (key := await keys.kept(server, region)) is not None
            },
        )

    async def _tried(self, way: Way, found: Mapping[str, Found]) -> dict[End, Key]:
        tried = {}
        for end, region in ((End.SOURCE, way.source), (End.TARGET, way.target)):
            kept = found[way.target].kept.get(region)
            server = self._places[region].server
            if kept is not None:
                tried[end] = kept.key if server is None else await keys.tried(server, kept.key)
        return tried

    def _facts(self, way: Way, found: Mapping[str, Found], tried: Mapping[End, Key], at: str) -> Facts:
        source, target = found.get(way.source), found[way.target]
        links = ((link_of(doc), doc) for doc in target.docs)
        jobs = {link.database: doc for link, doc in links if link is not None and link.way == way}
        return Facts(
            way=way,
            source=placed(self._places[way.source].known, at),
            target=self._places[way.target].known,
            source_dbs=None if source is None else source.names,
            target_dbs=target.names,
            jobs=jobs,
            securities={} if source is None else source.securities,
            own=target.securities,
            keys=tried,
            fresh=frozenset(
                name
                for name, security in target.securities.items()
                if name not in jobs and is_pristine(security)
            ),
        )


@asynccontextmanager
async def opened(topology: Topology, reach: Mapping[str, Reach]) -> AsyncIterator[Whole]:
    """The regions, for the length of a block. One that does not answer, or can't be used, is left out."""
    async with AsyncExitStack() as stack:
        places: dict[str, Place] = {}
        unreached: dict[str, str] = {}

        async def open_one(name: str) -> None:
            try:
                address = reach[name]()
                places[name] = Place(None, Server(Side.A, address.base), address)
                server = await stack.enter_async_context(_client(address))
                places[name] = Place(server, await _kind(server), address)
            except CouchgrassError as refused:
                unreached[name] = refused.reason or refused.error

        await asyncio.gather(*(open_one(name) for name in topology.names))
        yield Whole(topology, places, {name: unreached[name] for name in topology.names if name in unreached})


def _client(address: Address) -> CouchServer:
    return CouchServer(address.base, address.user, address.password, timeout_s=REQUEST_S)


async def _kind(server: CouchServer) -> Server:
    try:
        async with asyncio.timeout(FIRST_S):
            return await reads.kind(server, Side.A)
    except TimeoutError as late:
        raise PeerLost(f"{server.base}: no answer for {FIRST_S:g} s") from late
