"""A region in memory whose feeds are documents of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from couchgrass import json
from couchgrass.clock import SystemClock
from couchgrass.couch.auth import basic
from couchgrass.couch.server import CouchServer, path
from couchgrass.functions.activation import Activation
from couchgrass.functions.entity import Identity, Rule, Trigger
from couchgrass.functions.run.alarms import AlarmFeed
from couchgrass.functions.run.changes import ChangesFeed
from couchgrass.functions.run.feeding import Feeding
from couchgrass.functions.run.feeds import FeedDocuments, Feeds
from couchgrass.functions.run.firing import Firing
from couchgrass.functions.run.lease import Lease
from couchgrass.functions.run.sources import Sources
from couchgrass.testing.server import ServerProcess
from tests.functions.run.inmemory import ME, OTHER, Moved, Region

KEYS = {basic("uuid-me", "secret"): ME, basic("uuid-other", "secret"): OTHER}
KEY = "uuid-me:secret"
START_S = 1_800_000_000.0


class FeedSite:
    """One functions process's share in feeds. Triggers and databases outlive it."""

    def __init__(self, region: Region, server: CouchServer, db_name: str) -> None:
        assert isinstance(region.clock, Moved)
        self.region = region
        self.clock = region.clock
        self.server = server
        self.db_name = db_name
        self.documents = FeedDocuments(server, db_name)
        assert server._session is not None
        self.sources = Sources(server.base, server._session)
        self.firing = Firing(region.controller, region.entities, self.documents, self.clock, self.clock.sleep)
        self.feeds = Feeds(
            self.documents,
            region.entities,
            identify=KEYS.get,
            latest=self.sources,
            clock=self.clock,
        )
        self.alarm = AlarmFeed(self.documents, self.firing, self.clock, self.clock.sleep)
        self.changes = ChangesFeed(self.documents, self.firing, self.sources, self.clock, self.clock.sleep)

    def trigger(self, name: str) -> None:
        """A trigger with a rule whose action keeps what it gets."""
        self.region.entities.put(Trigger("me", name))
        self.region.entities.put(Rule("me", f"of-{name}", ("me", name), ("me", "", "keep")))
        self.region.action("me/keep")

    @property
    def fired(self) -> list[Any]:
        """What triggers were fired with, in order."""
        records = self.region.records.ended.values()
        return [json.decode(record.result) for record in records if is_fire(record)]

    async def ask(self, name: str, event: str, who: Identity = ME, **given: Any) -> Any:
        """Asks a feed's action about the trigger `t`."""
        told = {"lifecycleEvent": event, "triggerName": "/_/t", "authKey": KEY} | given
        return await self.feeds.answer(who, name, told)

    def feeding(self, holder: str = "here", sleep: Any = None) -> Feeding:
        lease = Lease(self.documents, holder, SystemClock())
        return Feeding(self.documents, lease, self.alarm, self.changes, sleep or asyncio.sleep)


def is_fire(record: Activation) -> bool:
    return record.name == "t"


@asynccontextmanager
async def feed_site(process: ServerProcess, db_name: str) -> AsyncIterator[FeedSite]:
    """A region at START_S with the trigger `t`."""
    async with CouchServer(process.url, process.user, process.password) as server:
        assert server._session is not None
        site = FeedSite(Region(clock=Moved(START_S)), server, db_name)
        await site.documents.open()
        site.trigger("t")
        try:
            yield site
        finally:
            await site.region.controller.close()
            await server.ask("DELETE", path(db_name))


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for it, within the test's own bound."""
    while not is_so():
        await asyncio.sleep(0.005)
