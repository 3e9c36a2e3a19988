"""The region's agent, as its gateway knows it: how the region is, all the time, and its answers passed on.

`/_couchgrass/events` of the agent is read for good; what it says goes into a `Standing`. `/_couchgrass/live`
and `/_couchgrass/ready` are what balancers ask: the agent's last word, if the gateway reaches the functions
too, since a region whose gateway does not is of no use to anybody. An agent that fell silent is asked anew;
as long as it may only be slow, its last word counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import msgspec

from couchgrass.agent.seen import Health
from couchgrass.clock import Clock
from couchgrass.errors import MethodNotAllowed, NotFound, ServiceUnavailable, TooLarge
from couchgrass.gateway.standing import HEARD_S, STALE_S, Standing
from couchgrass.serving.asgi import Answer, Header, Request
from couchgrass.serving.inner import bearer
from couchgrass.serving.lost import FAILURES
from couchgrass.serving.ticks import ticks
from couchgrass.serving.whole import whole

log = logging.getLogger("couchgrass.gateway")

LIVE: Final = b"/_couchgrass/live"
READY: Final = b"/_couchgrass/ready"
EVENTS: Final = "/_couchgrass/events"

PROBE_S: Final = 0.5
"""How long the agent and the functions may take. Who asks asks again soon."""

TICK_S: Final = 0.1
"""How often the gateway looks whether it could not run itself."""

RETRY_S: Final = 0.1
RETRY_MAX_S: Final = 1.0
"""Between two tries to reach an agent, the first and the longest wait."""

ANSWER_BYTES_MAX: Final = 64 * 1024

_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
)


class Agent:
    """`url` says where the agent is now, "" while nobody knows; `secret` is the region's. `reach` raises
    ServiceUnavailable when the functions can't be connected to. Needs `start` and `close`."""

    def __init__(
        self,
        region: str,
        url: Callable[[], str],
        standing: Standing,
        clock: Clock,
        *,
        secret: str,
        reach: Callable[[], Awaitable[None]],
    ) -> None:
        self._region = region
        self._headers = {"authorization": bearer(secret)}
        self._url = url
        self._standing = standing
        self._clock = clock
        self._reach = reach
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to listen."""
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tick())]

    async def close(self) -> None:
        """Ends it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._session is not None:
            await self._session.close()

    # --- what it says ------------------------------------------------------------------------------

    async def _tick(self) -> None:
        async for late_s in ticks(TICK_S):
            self._standing.stalled(late_s, self._clock.monotonic())

    async def _follow(self) -> None:
        silences = 0
        while True:
            heard = self._standing.health
            try:
                await self._listen()
            except FAILURES:
                pass  # it is not there, or says nothing: the time that passes tells
            except Exception:
                log.exception("the region's agent can't be understood")
            silences = 0 if self._standing.health is not heard else silences + 1
            await asyncio.sleep(min(RETRY_MAX_S, RETRY_S * 2.0 ** min(silences, 10)))

    async def _listen(self) -> None:
        base = self._url()
        if not base:
            return
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=HEARD_S, sock_read=HEARD_S)
        asking = self._session.get(
            base + EVENTS, headers=self._headers, timeout=timeout, allow_redirects=False
        )
        async with asking as answer:
            if answer.status != 200:
                return
            async for line in answer.content:
                health = self._read(line)
                if health is None:
                    return
                self._standing.hear(health, self._clock.monotonic())

    def _read(self, text: bytes) -> Health | None:
        """None for what is not of this region's agent: its port may be another one's."""
        try:
            health = msgspec.json.decode(text, type=Health)
        except msgspec.DecodeError:
            return None
        return health if health.region == self._region else None

    # --- what others ask ---------------------------------------------------------------------------

    async def answer(self, request: Request) -> Answer:
        """The answer to a probe. Raises NotFound, MethodNotAllowed."""
        if request.raw_path not in (LIVE, READY):
            raise NotFound("Not found.")
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET", "HEAD")
        health, is_reached = await asyncio.gather(self._known(), self._reaches())
        if not is_reached:
            reasons = (*health.reasons, "the gateway can't reach the functions")
            health = msgspec.structs.replace(
                health, live=False, ready=False, functions=False, reasons=reasons
            )
        is_well = health.live if request.raw_path == LIVE else health.ready
        return Answer(200 if is_well else 503, msgspec.json.encode(health), list(_HEADERS))

    async def _reaches(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_S):
                await self._reach()
        except ServiceUnavailable:
            return False
        except TimeoutError:
            return True  # nobody refused
        return True

    async def _known(self) -> Health:
        """What the agent says; else what it said just now; else that it says nothing."""
        now_s = self._clock.monotonic()
        health = self._standing.news(now_s) or await self._asked()
        return health or self._standing.news(now_s, within_s=STALE_S) or self._unknown()

    async def _asked(self) -> Health | None:
        assert self._session is not None
        base = self._url()
        try:
            timeout = aiohttp.ClientTimeout(total=PROBE_S)
            if base:
                url = base + READY.decode()
                async with self._session.get(url, timeout=timeout, allow_redirects=False) as answer:
                    return self._read(await whole(answer, ANSWER_BYTES_MAX))
        except (*FAILURES, TooLarge):
            pass
        return None

    def _unknown(self) -> Health:
        return Health(
            region=self._region,
            live=False,
            ready=False,
            incarnation="",
            database=False,
            functions=True,
            caught_up=False,
            reasons=("the region's agent does not answer",),
        )
