"""A region's agent: the one place where its links, its looks, its health and its metrics are put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from couchgrass.agent.http.app import App
from couchgrass.agent.metrics import Disk, own_families
from couchgrass.agent.readiness import DATABASE, ELSEWHERE, FUNCTIONS, first
from couchgrass.agent.run.asked import Asked
from couchgrass.agent.run.checks import DatabasePart, FunctionsPart, look_after
from couchgrass.agent.run.disk import DiskUse
from couchgrass.agent.run.links import Links
from couchgrass.agent.run.pulse import Pulse
from couchgrass.agent.run.scrape import Scrape, Source
from couchgrass.clock import SystemClock
from couchgrass.couch.auth import basic
from couchgrass.exposition import Family
from couchgrass.linking.address import Address
from couchgrass.region.config import Region
from couchgrass.region.places import SHARED
from couchgrass.region.run.account import served_at, unknown_port
from couchgrass.serving.inner import METRICS, bearer, region_secret
from couchgrass.serving.process import run_beside


async def opened(region: Region, links: Links, reach: Callable[[], Address], stack: AsyncExitStack) -> App:
    """The agent of a region, whose links run from now on. `reach` says where its database is. What was begun
    is ended by `stack`, in good order."""
    clock = SystemClock()
    asked = await stack.enter_async_context(Asked())
    state = first(
        region.name,
        secrets.token_hex(8),
        caught_up_s=region.agent.caught_up_s,
        peers=links.peers,
        database=ELSEWHERE if region.database.url else DATABASE,
        functions=ELSEWHERE if region.functions.url else FUNCTIONS,
    )
    secret = region_secret(Path(region.data) / SHARED)
    pulse = Pulse(state, links.look, clock)
    database = DatabasePart(asked, reach)
    functions = FunctionsPart(
        asked, lambda: _at(region, "functions"), None if region.functions.url else secret
    )
    for loop in (
        links.run(),
        pulse.run(),
        look_after(database, state.database, pulse.tell),
        look_after(functions, state.functions, pulse.tell),
    ):
        run_beside(loop, stack, "the agent can't go on")
    metrics = _metrics(region, pulse, links, _scrape(region, asked, reach, secret))
    app = App(pulse, links.seen, lambda: metrics(app), secret)
    return app


def _at(region: Region, name: Any) -> str:
    """Where one of the region's processes is. Raises AccessRefused while nobody knows."""
    if url := served_at(region, name):
        return url
    raise unknown_port(name)


def _scrape(region: Region, asked: Asked, reach: Callable[[], Address], secret: str) -> Scrape:
    def database() -> Source:
        address = reach()
        headers = {"authorization": basic(address.user, address.password or "")} if address.user else {}
        return Source(f"{address.base}/_node/_local/_prometheus", headers)

    def process(name: str) -> Callable[[], Source]:
        return lambda: Source(_at(region, name) + METRICS.decode(), {"authorization": bearer(secret)})

    own = {"functions": region.functions.url, "gateway": region.gateway.url}
    here = {name: process(name) for name, elsewhere in own.items() if not elsewhere}
    return Scrape(region.name, asked, {"database": database, **here})


def _metrics(
    region: Region, pulse: Pulse, links: Links, scrape: Scrape
) -> Callable[[App], Coroutine[Any, Any, str]]:
    use = DiskUse(Path(region.data), SystemClock())

    def own(app: App, disk: Disk | None) -> Iterator[Family]:
        yield from own_families(pulse.health, links.seen(), disk)
        yield from app.requests.families("couchgrass_agent")

    async def text(app: App) -> str:
        disk = await use.look()
        return await scrape.text(own(app, disk))

    return text
