"""The region's health as time goes by: takes in what is found out, and lets others listen.

`agent/readiness.py` decides; here its state is held, its clock turned, and changes are passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

from couchgrass.agent.readiness import Elapsed, Event, Looked, State, health, step
from couchgrass.agent.seen import Health
from couchgrass.clock import Clock
from couchgrass.errors import ServiceUnavailable
from couchgrass.serving.ticks import ticks

TICK_S: Final = 0.05
"""How soon silence is noticed once it is too long."""

EVERY_S: Final = 0.25
"""How often listeners hear of it without any change."""

LISTENERS_MAX: Final = 64
"""A gateway and a few balancers; each costs a line four times a second."""


class Pulse:
    """One for an agent. `look` says what the last look at the links found, None before there was one."""

    def __init__(self, state: State, look: Callable[[], Looked | None], clock: Clock) -> None:
        self._state = state
        self._look = look
        self._clock = clock
        self._taken: Looked | None = None
        self._told = _outline(self.health)
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listeners = 0

    @property
    def health(self) -> Health:
        """As it is now."""
        return health(self._state, self._clock.monotonic())

    def tell(self, event: Event) -> None:
        """Something was found out."""
        self._state = step(self._state, event, self._clock.monotonic())
        outline = _outline(self.health)
        if outline != self._told:
            self._told = outline
            self._news.set_result(None)
            self._news = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Turns the clock, for ever."""
        async for late_s in ticks(TICK_S):
            look = self._look()
            if look is not None and look != self._taken:
                self._taken = look
                self.tell(look)
            self.tell(Elapsed(late_s))

    async def listen(self) -> AsyncGenerator[Health, None]:
        """The health at once, on each change, and every EVERY_S. Raises ServiceUnavailable when too many
        listen."""
        if self._listeners >= LISTENERS_MAX:
            raise ServiceUnavailable("Too many listen already.")
        self._listeners += 1
        try:
            while True:
                news = self._news
                yield self.health
                await asyncio.wait([news], timeout=EVERY_S)
        finally:
            self._listeners -= 1


def _outline(seen: Health) -> tuple[object, ...]:
    """What makes a change: not how long something lasts, nor how much something lags."""
    return seen.live, seen.ready, seen.incarnation, seen.database, seen.functions, seen.caught_up
