"""One feed of changes: follows a database, and fires the trigger once for each change, at least.

It begins where it was: the sequence is written after the trigger was fired, so a process that dies in between
fires that one again. A database that is away or refuses is asked again, for as long as it takes.
"""

from __future__ import annotations

import logging
from enum import Enum
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.docdb.wire import Change, FeedEnd
from couchgrass.errors import CouchgrassError
from couchgrass.functions.changes import Changes, event
from couchgrass.functions.feed import Feed, Position, stopped
from couchgrass.functions.run.feeds import FeedDocuments
from couchgrass.functions.run.firing import FIRST_S, PAUSE_S_MAX, Firing, Sleep
from couchgrass.functions.run.sources import Sources

log = logging.getLogger("couchgrass.functions")

LAST: Final = "Automatically disabled after reaching max triggers"


class End(Enum):
    """Why the database is not followed any more."""

    WELL = "well"
    """It ended the feed, as it does with a filter when nothing comes; it is asked on soon."""
    AWAY = "away"
    OVER = "over"
    """The trigger is fired no more."""


class ChangesFeed:
    """Runs one feed until it has fired for the last time."""

    def __init__(
        self, documents: FeedDocuments, firing: Firing, sources: Sources, clock: Clock, sleep: Sleep
    ) -> None:
        self._documents = documents
        self._firing = firing
        self._sources = sources
        self._clock = clock
        self._sleep = sleep

    async def run(self, feed: Feed) -> None:
        """Returns when the feed is switched off. Raises what our own database answers."""
        assert feed.changes is not None
        position = await self._documents.position(feed)
        if position.since is None:
            position = msgspec.structs.replace(position, since=feed.changes.since)
        pause_s = FIRST_S
        while True:
            before = position
            position, end = await self._follow(feed, feed.changes, position)
            if end is End.OVER:
                return
            if end is End.WELL or position.since != before.since:
                pause_s = FIRST_S
            await self._sleep(pause_s)
            pause_s = min(PAUSE_S_MAX, pause_s * 2)

    async def _follow(self, feed: Feed, asked: Changes, position: Position) -> tuple[Position, End]:
        """Until the database's feed ends; (where it came to, why it ended)."""
        since = json.Raw(json.encode(_sequence(position.since)))
        try:
            async with self._sources.database(asked).feed(since, asked.asked) as events:
                async for each in events:
                    if isinstance(each, FeedEnd):
                        seq = json.decode(each.last_seq)
                        return msgspec.structs.replace(position, since=seq), End.WELL
                    if not isinstance(each, Change):
                        continue
                    if 0 <= asked.triggers_max <= position.fired:
                        await self._off(feed)
                        return position, End.OVER
                    if not await self._firing.fire(feed, event(asked, _row(each))):
                        return position, End.OVER
                    position = await self._noted(feed, position, each)
        except _Ours as ours:
            raise ours.error from None
        except CouchgrassError as refused:
            log.warning("the changes of %s for %s: %s", asked.dbname, feed.key, refused.reason)
        return position, End.AWAY

    async def _noted(self, feed: Feed, position: Position, change: Change) -> Position:
        after = msgspec.structs.replace(
            position, since=json.decode(change.seq), fired=position.fired + 1, last=self._now()
        )
        try:
            return await self._documents.put_position(feed, after)
        except CouchgrassError as refused:
            raise _Ours(refused) from None

    async def _off(self, feed: Feed) -> None:
        now = self._now()
        await self._documents.change(feed.key, lambda found: stopped(found, LAST, now))

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


class _Ours(Exception):
    """Our own database did not take the position; not to be taken for the one that is followed."""

    def __init__(self, error: CouchgrassError) -> None:
        super().__init__(error.reason)
        self.error = error


def _row(change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": change.id,
        "seq": json.decode(change.seq),
        "changes": [{"rev": leaf.rev} for leaf in change.changes],
    }
    return row | {"deleted": True} if change.deleted else row


def _sequence(since: str | int | None) -> str | int:
    """A number that was given as a text is one."""
    if isinstance(since, str) and since.isdigit():
        return int(since)
    return since or 0
