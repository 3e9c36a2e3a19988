"""One alarm: waits until it is due, fires its trigger, notes that it did.

What was due while nobody was there to fire it is fired once at the start, however often it was due.
(OpenWhisk drops it, and switches a `once` off whose date has passed.) A position is written after the
trigger was fired, so a process that dies in between fires it again.
"""

from __future__ import annotations

import msgspec

from couchgrass.clock import Clock
from couchgrass.functions import alarms
from couchgrass.functions.feed import Feed, Position, stopped
from couchgrass.functions.run.feeds import FeedDocuments, zone
from couchgrass.functions.run.firing import Firing, Sleep

SLEEP_S_MAX = 60.0
"""A clock may be set: it is looked at at least this often."""


class AlarmFeed:
    """Runs one alarm until it has fired for the last time."""

    def __init__(self, documents: FeedDocuments, firing: Firing, clock: Clock, sleep: Sleep) -> None:
        self._documents = documents
        self._firing = firing
        self._clock = clock
        self._sleep = sleep

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    async def run(self, feed: Feed) -> None:
        """Returns when the feed is switched off. Raises what the database answers."""
        assert feed.alarm is not None
        alarm = feed.alarm
        position = await self._documents.position(feed)
        while True:
            after = max(position.last, feed.changed)
            due = alarms.next_ms(alarm, after, zone)
            if due is None or 0 <= alarm.triggers_max <= position.fired:
                await self._last(feed, alarm)
                return
            await self._until(due)
            if not await self._firing.fire(feed, feed.payload):
                return
            position = await self._noted(feed, position)

    async def _until(self, due: int) -> None:
        while (left_ms := due - self._now()) > 0:
            await self._sleep(min(left_ms / 1000, SLEEP_S_MAX))

    async def _noted(self, feed: Feed, position: Position) -> Position:
        after = msgspec.structs.replace(position, last=self._now(), fired=position.fired + 1)
        return await self._documents.put_position(feed, after)

    async def _last(self, feed: Feed, alarm: alarms.Alarm) -> None:
        """It has fired for the last time: it is switched off, or goes with its trigger and rules."""
        if alarm.kind == alarms.ONCE and alarm.delete_after != "false":
            await self._firing.delete(feed, rules=alarm.delete_after == "rules")
            return
        now = self._now()
        await self._documents.change(feed.key, lambda found: stopped(found, alarms.last_text(alarm), now))
