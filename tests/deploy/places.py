"""A region's functions on a real port, with a client for its namespace, and what it has, for comparing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from couchgrass.clock import SystemClock
from couchgrass.testing.broken import Broken
from couchgrass.testing.functions import Region, region
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from couchgrass.whisk.host import WhiskHost
from couchgrass.whisk.namespace import Namespace


class Place:
    """`url` is the functions'; `broken` stands before them and can fail."""

    def __init__(self, region: Region, url: str, broken: Broken, namespace: Namespace) -> None:
        self.region = region
        self.url = url
        self.broken = broken
        self.namespace = namespace

    def now(self) -> float:
        """The time."""
        return SystemClock().now()

    async def state(self) -> Any:
        """All that the namespace has, without the times at which it was written."""
        found: dict[str, Any] = {}
        for collection in ("packages", "actions", "triggers", "rules"):
            for row in await self.namespace.rows(collection):
                inside = str(row["namespace"]).partition("/")[2]
                name = f"{inside}/{row['name']}" if inside else row["name"]
                found[f"{collection}/{name}"] = {
                    **row,
                    **(await self.namespace.get(collection, name)),
                    "listed": row["annotations"],
                }
        for api in await self.namespace.apis():
            found[f"apis{api['apidoc']['basePath']}"] = api["apidoc"]
        for key, entity in found.items():
            feed = {one["key"]: one["value"] for one in entity.get("annotations", ())}.get("feed")
            if feed and key.startswith("triggers/"):
                told = await self.namespace.feed(feed, "READ", key.partition("/")[2], {})
                entity["fed"] = told["config"]
        return _timeless(found)


def _timeless(value: Any) -> Any:
    """Without times; annotations and a package's actions by name, since neither has an order."""
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key != "updated"}
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return sorted(map(_timeless, value), key=lambda one: str(one.get("key", one.get("name"))))
    return value


def at_place(server: ServerProcess, work: Callable[[Place], Awaitable[None]]) -> None:
    """Runs `work` with a place whose databases are `server`'s."""

    async def run() -> None:
        async with region(server) as found:
            broken = Broken(found.app)
            async with listening(broken) as url, WhiskHost(url, found.key) as host:
                await work(Place(found, url, broken, await Namespace.open(host)))

    asyncio.run(run())
