"""The agent's HTTP: is the region live, is it ready, what does it see, and all metrics of the region.

GET /_couchgrass/live     200 or 503, `Health` as JSON
GET /_couchgrass/ready    200 or 503, `Health` as JSON
GET /_couchgrass/status   `Report` as JSON
GET /_couchgrass/events   lines of `Health`: one at once, one on each change, and four a second. For the
                          region's own processes, with its secret: so many can listen, and the region's
                          actions, which reach this port, must not take the gateway's place
GET /metrics              Prometheus
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Final

from couchgrass import json
from couchgrass.agent.run.pulse import Pulse
from couchgrass.agent.seen import Health, Link, Report
from couchgrass.errors import CouchgrassError, MethodNotAllowed, NotFound
from couchgrass.exposition import CONTENT_TYPE
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.serving.inner import check_shown, json_answer

LIVE: Final = b"/_couchgrass/live"
READY: Final = b"/_couchgrass/ready"
STATUS: Final = b"/_couchgrass/status"
EVENTS: Final = b"/_couchgrass/events"
METRICS: Final = b"/metrics"


class App(Edge):
    """`links` are those that there should be, `metrics` the text of all; `secret` is the region's."""

    def __init__(
        self,
        pulse: Pulse,
        links: Callable[[], tuple[Link, ...]],
        metrics: Callable[[], Awaitable[str]],
        secret: str,
    ) -> None:
        super().__init__()
        self._secret = secret
        self._pulse = pulse
        self._links = links
        self._metrics = metrics
        self._routes: Mapping[bytes, Callable[[], Awaitable[Answer]]] = {
            LIVE: self._live,
            READY: self._ready,
            STATUS: self._status,
            EVENTS: self._events,
            METRICS: self._all_metrics,
        }

    async def answer(self, request: Request) -> Answer:
        """Raises NotFound, MethodNotAllowed, ServiceUnavailable."""
        route = self._routes.get(request.raw_path)
        if route is None:
            raise NotFound("There is no such path.")
        allowed = ("GET",) if request.raw_path == EVENTS else ("GET", "HEAD")
        if request.method not in allowed:
            raise MethodNotAllowed(*allowed)
        if request.raw_path == EVENTS:
            check_shown(request, self._secret)
        await request.drain()
        return await route()

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return json_answer(error.status, {"error": error.error, "reason": error.reason})

    async def close(self) -> None:
        """Nothing was begun here."""

    async def _live(self) -> Answer:
        seen = self._pulse.health
        return json_answer(200 if seen.live else 503, seen)

    async def _ready(self) -> Answer:
        seen = self._pulse.health
        return json_answer(200 if seen.ready else 503, seen)

    async def _status(self) -> Answer:
        return json_answer(200, Report(self._pulse.health, self._links()))

    async def _events(self) -> Answer:
        seen = self._pulse.listen()
        first = await anext(seen)
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
        return Answer(200, headers=headers, pieces=_lines(first, seen, self))

    async def _all_metrics(self) -> Answer:
        text = await self._metrics()
        return Answer(200, text.encode(), [(b"content-type", CONTENT_TYPE.encode())])


async def _lines(first: Health, seen: AsyncGenerator[Health, None], app: App) -> AsyncGenerator[bytes, None]:
    """Ends when the server is told to stop."""
    async with aclosing(seen):
        yield json.encode(first) + b"\n"
        async for health in seen:
            if app.draining:
                return
            yield json.encode(health) + b"\n"
