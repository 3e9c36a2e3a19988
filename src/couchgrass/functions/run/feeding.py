"""Follows the feeds' documents and runs what they say, while this process holds the lease.

One task for a feed; it begins anew when the feed's document changes, and after a pause when it fails.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.functions.feed import FEED, Feed, feed_of
from couchgrass.functions.run.alarms import AlarmFeed
from couchgrass.functions.run.changes import ChangesFeed
from couchgrass.functions.run.feeds import FeedDocuments
from couchgrass.functions.run.firing import Sleep
from couchgrass.functions.run.lease import RENEW_S, Lease

log = logging.getLogger("couchgrass.functions")

POLL_MS: Final = 20_000
"""How long one question for new documents waits; within a request's own time."""

PAUSE_S: Final = 2.0
FEEDS_MAX: Final = 10_000
"""Feeds of one region. Each is a task; each of changes also a connection."""


class Feeding:
    """One for a process. Runs from `start` to `close`."""

    def __init__(
        self, documents: FeedDocuments, lease: Lease, alarm: AlarmFeed, changes: ChangesFeed, sleep: Sleep
    ) -> None:
        self._documents = documents
        self._lease = lease
        self._alarm = alarm
        self._changes = changes
        self._sleep = sleep
        self._running: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._lead())

    async def close(self) -> None:
        """Ends all feeds, and lets another process have the lease."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            with suppress(CouchgrassError):
                await self._lease.release()

    async def _lead(self) -> None:
        """Tries to get the lease, feeds while it has it; the database may come later than this process."""
        while True:
            try:
                await self._documents.open()
                if await self._lease.renew():
                    await self._feed_while_held()
            except CouchgrassError as refused:
                log.warning("feeds: %s", refused.reason)
            await self._sleep(PAUSE_S)

    async def _feed_while_held(self) -> None:
        follow = asyncio.create_task(self._follow())
        try:
            while self._lease.is_held and not follow.done():
                await self._sleep(RENEW_S)
                try:
                    if not await self._lease.renew():
                        return
                except CouchgrassError as refused:
                    log.warning("the lease of feeds is not renewed: %s", refused.reason)
        finally:
            follow.cancel()
            ending = [follow, *self._running.values()]
            for task in self._running.values():
                task.cancel()
            self._running.clear()
            await asyncio.gather(*ending, return_exceptions=True)

    async def _follow(self) -> None:
        seq: Any = 0
        while True:
            try:
                seq, rows = await self._documents.since(seq, POLL_MS)
            except CouchgrassError as refused:
                log.warning("the feeds' documents: %s", refused.reason)
                await self._sleep(PAUSE_S)
                continue
            for row in rows:
                if str(row["id"]).startswith(FEED):
                    self._changed(str(row["id"]), None if row.get("deleted") else row.get("doc"))

    def _changed(self, doc_id: str, doc: dict[str, Any] | None) -> None:
        running = self._running.pop(doc_id, None)
        if running is not None:
            running.cancel()
        try:
            feed = None if doc is None else feed_of(doc)
        except BadRequest as bad:
            log.error("%s", bad.reason)
            return
        if feed is None or not feed.active:
            return
        if len(self._running) >= FEEDS_MAX:
            log.error("the feed of %s does not run: there are %d", feed.key, FEEDS_MAX)
            return
        self._running[doc_id] = asyncio.create_task(self._run(feed, running))

    async def _run(self, feed: Feed, before: asyncio.Task[None] | None) -> None:
        """One feed, after the task that ran what it was before has ended."""
        if before is not None:
            await asyncio.wait({before})
        while True:
            try:
                await (self._alarm if feed.alarm is not None else self._changes).run(feed)
                return
            except CouchgrassError as refused:
                log.warning("the feed of %s: %s", feed.key, refused.reason)
            await self._sleep(PAUSE_S)
