"""Asks regions' agents and the balancer how they are, all at once, none for longer than a moment."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from couchgrass import json
from couchgrass.agent.seen import Link
from couchgrass.errors import BadRequest, TooLarge
from couchgrass.serving.lost import FAILURES
from couchgrass.serving.whole import whole
from couchgrass.silence import Heard, answered
from couchgrass.topology.status import Admitted, BalancerStatus, Place, RegionStatus, region_status

ANSWER_S: Final = 2.0
METRICS_S: Final = 2.5
"""An agent asks its region's processes itself, and tells what it has after two seconds."""

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
NOT_READY: Final = 503
"""A region that is not ready answers so, and says why."""

_COUNTER: Final = re.compile(
    r"^couchgrass_balancer_requests_total\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE
)
_REGION: Final = re.compile(r'region="([^"]*)"')


class Look:
    """Keeps its connections between looks; used in `async with`. A place that answered at once so far is
    waited for `answer_s`; one that is slow, up to ANSWER_S."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._heard: dict[str, Heard] = {}

    async def __aenter__(self) -> Look:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def regions(self, places: Sequence[Place]) -> tuple[tuple[RegionStatus, ...], tuple[Link, ...]]:
        """Each region, and the links that its agent keeps."""
        told = await asyncio.gather(*(self._told(place) for place in places))
        links: list[Link] = []
        for one in told:
            try:
                links += msgspec.convert((one or {}).get("links", ()), tuple[Link, ...])
            except msgspec.ValidationError:
                continue
        return tuple(
            region_status(place, _health(one)) for place, one in zip(places, told, strict=True)
        ), tuple(links)

    async def balancer(self, url: str, metrics_url: str) -> BalancerStatus:
        """What the balancer says of itself."""
        told = await self._json(f"{metrics_url}/_couchgrass/balancer")
        try:
            known = msgspec.convert(told or {}, _Told)
        except msgspec.ValidationError:
            known = _Told()
        return BalancerStatus(known.url or url, metrics_url, known.pid, known.regions, policy=known.policy)

    async def requests(self, metrics_url: str) -> dict[str, float]:
        """How many requests the balancer sent to each region since its start; {} when it does not say."""
        text = await self.metrics(metrics_url)
        counted: dict[str, float] = {}
        for found in _COUNTER.finditer(text):
            if region := _REGION.search(found["labels"]):
                counted[region[1]] = counted.get(region[1], 0.0) + float(found["value"])
        return counted

    async def metrics(self, url: str) -> str:
        """What an agent, or the balancer, tells Prometheus; "" when it does not."""
        text = await self._text(f"{url}/metrics", limit_s=METRICS_S)
        return "" if text is None else text.decode(errors="replace")

    async def _told(self, place: Place) -> Mapping[str, Any] | None:
        """What the agent reports. Elsewhere only the gateway is reached, which tells the region's health."""
        agent, gateway = place.urls.get("agent", ""), place.urls.get("gateway", "")
        if place.here:
            return await self._json(f"{agent}/_couchgrass/status") if agent else None
        health = await self._json(f"{gateway}/_couchgrass/ready", also=NOT_READY) if gateway else None
        return None if health is None or "ready" not in health else {"health": health}

    async def _json(self, url: str, *, also: int = 0) -> Mapping[str, Any] | None:
        text = await self._text(url, also=also)
        if text is None:
            return None
        try:
            found = json.decode(text)
        except BadRequest:
            return None
        return found if isinstance(found, dict) else None

    async def _text(self, url: str, *, also: int = 0, limit_s: float | None = None) -> bytes | None:
        """The answer, if it is no error, or the one that is meant `also`."""
        clock = asyncio.get_running_loop().time
        heard, began = self._heard.get(url), clock()
        if limit_s is None:
            limit_s = self._answer_s if heard is None else heard.limit_s(self._answer_s, ANSWER_S)
        timeout = aiohttp.ClientTimeout(total=limit_s)
        try:
            async with self._session.get(url, allow_redirects=False, timeout=timeout) as answer:
                text = await whole(answer, ANSWER_BYTES_MAX)
                self._heard[url] = answered(heard, clock(), clock() - began)
                return None if answer.status >= 400 and answer.status != also else text
        except (*FAILURES, TooLarge):
            return None


def _health(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    health = (told or {}).get("health")
    return health if isinstance(health, dict) else None


class _Told(msgspec.Struct, frozen=True):
    """What is used of the answer."""

    url: str = ""
    pid: int | None = None
    policy: str = ""
    regions: dict[str, Admitted] = {}
