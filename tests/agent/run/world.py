"""Regions for tests: real servers, and their agents' links kept in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from couchgrass.agent.run.links import Links
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.linking.address import Address
from couchgrass.region.config import Identity, Region
from couchgrass.testing.server import ServerProcess
from couchgrass.topology.config import Synced, Topology

LIMIT_S = 60.0


class World:
    """Servers by their regions' names."""

    def __init__(self, servers: Mapping[str, ServerProcess]) -> None:
        self.servers = servers

    def topology(self, *entries: Synced, regions: tuple[str, ...] = (), sign_in: bool = False) -> Topology:
        names = regions or tuple(self.servers)
        return Topology(tuple(Region(name=name, identity=Identity(sign_in)) for name in names), entries)

    def reach(self, name: str) -> Callable[[], Address]:
        def reach() -> Address:
            server = self.servers[name]
            return Address(server.url, server.user, server.password)

        return reach

    @asynccontextmanager
    async def kept(
        self, topology: Topology, *names: str, reach: Mapping[str, Callable[[], Address]] | None = None
    ) -> AsyncIterator[dict[str, Links]]:
        """The links of all regions, or of those named, are kept for the length of a block."""
        reach = reach or {name: self.reach(name) for name in topology.names}
        links = {name: Links(topology, name, reach) for name in names or topology.names}
        tasks = [asyncio.create_task(one.run()) for one in links.values()]
        try:
            yield links
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def ask(self, name: str, method: str, *segments: str, body: Any = None, **query: str) -> Any:
        """One request to a region's server, as its admin."""
        server = self.servers[name]
        async with CouchServer(server.url, server.user, server.password) as couch:
            return await couch.ask(method, path(*segments), body, query=query)

    async def found(self, name: str, *segments: str) -> Any:
        """What is there, or None; also while the server is away."""
        try:
            return await self.ask(name, "GET", *segments)
        except (NotFound, OSError, CouchgrassError):
            return None

    async def until_there(self, name: str, *segments: str) -> Any:
        """What is there as soon as it is."""
        found: list[Any] = []

        async def is_there() -> bool:
            found[:] = [await self.found(name, *segments)]
            return found[0] is not None

        await until(is_there)
        return found[0]

    async def jobs(self, name: str) -> dict[str, dict[str, Any]]:
        """The documents of a region's `_replicator` that are links', by their ids."""
        try:
            answer = await self.ask(name, "GET", "_replicator", "_all_docs", include_docs="true")
        except NotFound:
            return {}
        return {row["id"]: row["doc"] for row in answer["rows"] if row["id"].startswith("couchgrass-")}


async def until(condition: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
    """Waits until a condition holds, which may be async. Raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while True:
            held = condition()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            await asyncio.sleep(0.05)


def all_run(links: Mapping[str, Links]) -> bool:
    """All links of all regions are known and run."""
    return all(
        one.is_known and one.seen() and all(link.state == "running" for link in one.seen())
        for one in links.values()
    )


@contextmanager
def world(folder: Path, *names: str) -> Iterator[World]:
    """Running servers for the length of a block."""
    servers = {name: ServerProcess(folder / name) for name in names}
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(ServerProcess.start, servers.values()))
        yield World(servers)
    finally:
        for server in servers.values():
            if server.process is not None and server.process.poll() is None:
                server.stop()
