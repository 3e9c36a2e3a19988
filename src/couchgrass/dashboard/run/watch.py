"""Watches the regions: twice a second how they are, every two seconds what they count.

    look ── half a second ──► overview ─► who listens, and the last hour
    read ── two seconds ────► readings ─► rates

The two don't wait for each other: a region that counts slowly must not keep another one's death from being
seen. While nobody looks at the dashboard both are slower, and only the last hour goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec

from couchgrass.clock import Clock
from couchgrass.dashboard.history import STEP_S, Hour
from couchgrass.dashboard.overview import Site, overview, shown
from couchgrass.dashboard.rates import READINGS_KEPT, Flow, Reading, counted, flow
from couchgrass.dashboard.seen import History, Overview
from couchgrass.errors import CouchgrassError, ServiceUnavailable
from couchgrass.topology.status import Status

T = TypeVar("T")

log = logging.getLogger("couchgrass.dashboard")

LOOK_S: Final = 0.5
READ_S: Final = 2.0
IDLE_LOOK_S: Final = 2.0
IDLE_READ_S: Final = STEP_S
"""The same while nobody listens: a value for each step of the last hour."""

PAUSE_S_MIN: Final = 0.1
"""Between two looks, also when a region that is silent takes all of their time."""

GLANCE_S: Final = 0.1
STALLED_S: Final = 0.3
STALLS_MAX: Final = 2
"""While this process itself could not run for so long, it heard nobody: such a look is done again, but not
for ever. That is looked after each GLANCE_S."""

WATCHED_S: Final = 10.0
"""Who asked for the overview once is taken to ask again for so long."""

FRESH_S: Final = 1.0
FRESH_WAIT_S: Final = 3.0
"""An overview that is asked for is not older than that, if a new one can be had so soon."""

LISTENERS_MAX: Final = 64


class Told(msgspec.Struct, frozen=True):
    """What was read: the metrics' text of each region that gave one; the balancer's requests by region."""

    regions: Mapping[str, str] = {}
    balancer: Mapping[str, float] = {}


class Watch:
    """`look` tells how all is now, and `read` what is counted in the regions that the argument is true for.
    Both take a moment at most; what they raise of CouchgrassError passes."""

    def __init__(
        self,
        site: Site,
        look: Callable[[], Awaitable[Status]],
        read: Callable[[Callable[[str], bool]], Awaitable[Told]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._ask = look
        self._read = read
        self._clock = clock
        self._hour = Hour()
        self._readings: deque[Reading] = deque(maxlen=READINGS_KEPT)
        self._flow = Flow()
        self._seen: Status | None = None
        self._now: Overview | None = None
        self._looked_at = self._asked_at = float("-inf")
        self._listeners = 0
        self._news: asyncio.Future[None] | None = None
        self._look_woken, self._read_woken = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_for_ever())
            tasks.create_task(self._read_for_ever())

    async def overview(self) -> Overview:
        """As it is now. Raises ServiceUnavailable before anything was seen."""
        self._heed()
        if self._clock.monotonic() - self._looked_at > FRESH_S:
            self._look_woken.set()
            await self._next(FRESH_WAIT_S)
        if self._now is None:
            raise ServiceUnavailable("The dashboard has not seen the regions yet.")
        return shown(self._now)

    def history(self) -> History:
        """The last hour."""
        return self._hour.history(self._clock.now())

    async def listen(self) -> AsyncGenerator[Overview, None]:
        """The overview at once, and each new one. Raises ServiceUnavailable when too many listen."""
        if self._listeners >= LISTENERS_MAX:
            raise ServiceUnavailable("Too many listen already.")
        self._heed()
        self._listeners += 1
        try:
            yield await self.overview()
            while True:
                await self._next()
                if self._now is not None:
                    yield shown(self._now)
        finally:
            self._listeners -= 1

    def _heed(self) -> None:
        """Somebody looks."""
        if not self._is_watched:
            self._read_woken.set()
        self._asked_at = self._clock.monotonic()

    async def _next(self, limit_s: float | None = None) -> None:
        """Waits for the next overview, no longer than that."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._news], timeout=limit_s)

    @property
    def _is_watched(self) -> bool:
        return self._listeners > 0 or self._clock.monotonic() - self._asked_at < WATCHED_S

    # --- the loops -------------------------------------------------------------------------------------

    async def _look_for_ever(self) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                self._seen = await self._unstalled()
                self._tell(self._seen)
            except CouchgrassError as refused:
                log.warning("what runs can't be seen: %s", refused.reason)
            except Exception:  # the loop's edge: nothing ends it
                log.exception("what runs can't be seen")
            every_s = LOOK_S if self._is_watched else IDLE_LOOK_S
            await _pause(self._look_woken, every_s - (self._clock.monotonic() - began))

    async def _unstalled(self) -> Status:
        for _ in range(STALLS_MAX):
            seen, stalled_s = await _glancing(self._ask())
            if stalled_s < STALLED_S:
                return seen
        return await self._ask()

    def _tell(self, seen: Status) -> None:
        self._now = overview(self._site, seen, self._flow, self._now, self._clock.now())
        self._looked_at = self._clock.monotonic()
        self._hour.add(self._now)
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)

    async def _read_for_ever(self) -> None:
        while True:
            began = self._clock.monotonic()
            try:
                self._take(await self._read(self._lives), began)
            except CouchgrassError as refused:
                log.warning("what is counted can't be read: %s", refused.reason)
            except Exception:  # the loop's edge: nothing ends it
                log.exception("what is counted can't be read")
            every_s = READ_S if self._is_watched else IDLE_READ_S
            await _pause(self._read_woken, every_s - (self._clock.monotonic() - began))

    def _lives(self, region: str) -> bool:
        """Whether it is worth asking: who is silent would keep the others' words waiting."""
        now = () if self._now is None else self._now.regions
        return all(one.state != "down" for one in now if one.name == region)

    def _take(self, told: Told, at: float) -> None:
        links = () if self._seen is None else self._seen.links
        self._readings.append(
            Reading(
                at,
                {name: counted(text) for name, text in told.regions.items() if text},
                told.balancer,
                {
                    (one.database, one.source, one.target): one.docs_written
                    for one in links
                    if one.docs_written is not None
                },
            )
        )
        self._flow = flow(tuple(self._readings))


async def _glancing(work: Awaitable[T]) -> tuple[T, float]:
    """What comes of it, and for how long at worst this process could not run meanwhile."""
    clock = asyncio.get_running_loop().time
    task = asyncio.ensure_future(work)
    stalled_s = 0.0
    try:
        while not task.done():
            began = clock()
            await asyncio.wait([task], timeout=GLANCE_S)
            stalled_s = max(stalled_s, clock() - began - GLANCE_S)
        return task.result(), stalled_s
    finally:
        task.cancel()


async def _pause(woken: asyncio.Event, pause_s: float) -> None:
    """Shorter when somebody begins to look."""
    woken.clear()
    try:
        async with asyncio.timeout(max(PAUSE_S_MIN, pause_s)):
            await woken.wait()
    except TimeoutError:
        return
