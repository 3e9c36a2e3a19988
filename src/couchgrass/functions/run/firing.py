"""How a feed fires its trigger: again and again until it is fired, unless that can't be.

Source: the rules of OpenWhisk's providers: a trigger that is not there any more switches its feed off; what
is too much or down now is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.functions.feed import FEED, POSITION, Feed, stopped
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.feeds import FeedDocuments
from couchgrass.functions.run.needs import Lookup

log = logging.getLogger("couchgrass.functions")

FIRST_S: Final = 1.0
PAUSE_S_MAX: Final = 60.0
"""A minute's share that is used up comes back within this."""

TRY_AGAIN: Final = frozenset({408, 429})
SERVER_ERROR: Final = 500

Sleep = Callable[[float], Awaitable[None]]


class Firing:
    """Fires the triggers of all feeds."""

    def __init__(
        self, controller: Controller, entities: Lookup, documents: FeedDocuments, clock: Clock, sleep: Sleep
    ) -> None:
        self._controller = controller
        self._entities = entities
        self._documents = documents
        self._clock = clock
        self._sleep = sleep

    async def fire(self, feed: Feed, payload: Mapping[str, Any]) -> bool:
        """True when it was fired (or has no rule that is active); False when the feed was switched off."""
        pause_s = FIRST_S
        while True:
            try:
                trigger = self._entities.trigger(feed.namespace, feed.trigger)
                await self._controller.fire(
                    feed.owner, trigger, payload, headers={}, transaction_id=uuid4().hex
                )
                return True
            except CouchgrassError as refused:
                if refused.status < SERVER_ERROR and refused.status not in TRY_AGAIN:
                    await self._off(feed, refused)
                    return False
                log.warning("the trigger %s is not fired yet: %s", feed.key, refused.reason)
            await self._sleep(pause_s)
            pause_s = min(PAUSE_S_MAX, pause_s * 2)

    async def _off(self, feed: Feed, refused: CouchgrassError) -> None:
        text = (
            f"Automatically disabled after receiving a {refused.status} status code when firing the trigger"
        )
        now = int(self._clock.now() * 1000)
        await self._documents.change(feed.key, lambda found: stopped(found, text, now, refused.status))

    async def delete(self, feed: Feed, *, rules: bool) -> None:
        """Deletes a trigger with its feed, and with its rules if that is asked for."""
        if rules:
            for rule in self._entities.rules_of(feed.namespace, feed.trigger):
                with suppress(NotFound):
                    await self._entities.delete(rule)
        with suppress(NotFound):
            await self._entities.delete(self._entities.trigger(feed.namespace, feed.trigger))
        await self._documents.delete(POSITION + feed.key)
        await self._documents.delete(FEED + feed.key)
