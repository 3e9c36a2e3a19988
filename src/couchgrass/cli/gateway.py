"""``couchgrass gateway``: a region's API gateway, with the sign-in service when the region has one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import typer

from couchgrass.cli.complaints import FAILED, complain
from couchgrass.cli.region import DEFAULT_FILE, Port, RegionFile, has_others, named_by, on_port, read_region
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer
    from couchgrass.gateway.http.agent import Agent
    from couchgrass.gateway.http.backend import Backend
    from couchgrass.gateway.http.once import Once
    from couchgrass.gateway.http.pages import PagesOfApps
    from couchgrass.gateway.standing import Standing
    from couchgrass.region.config import Region
    from couchgrass.serving.asgi import Answer, Request

LOOK_S: Final = 0.02
LOOKS_MAX: Final = 3000
"""How often it looks whether functions on a port of their choice have started."""

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass gateway[/]                        [dim]# alone, of ./region.toml[/]
  [cyan]couchgrass gateway --region london.toml[/]"""


def gateway(region: RegionFile = DEFAULT_FILE, port: Port = None) -> None:
    """Run a region's API gateway alone: it serves APIs at /api/TENANT/BASE/PATH.

    [cyan]couchgrass region[/] runs it together with the database and the functions.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    from couchgrass.serving import process

    try:
        found = on_port(read_region(region), "gateway", port)
        process.run(_serve(found, region))
    except CouchgrassError as refused:
        complain("gateway", refused.reason)
        raise typer.Exit(FAILED) from refused


async def _serve(region: Region, file: Path) -> None:
    from couchgrass.clock import SystemClock
    from couchgrass.gateway.forward import Trust
    from couchgrass.gateway.http.agent import LIVE, READY
    from couchgrass.gateway.http.app import Gateway
    from couchgrass.gateway.http.backend import Backend
    from couchgrass.gateway.http.keys import Keys
    from couchgrass.gateway.standing import Standing
    from couchgrass.gateway.store.apis import Apis
    from couchgrass.region.places import GATEWAY, SHARED
    from couchgrass.region.run.account import database_access
    from couchgrass.region.run.begun import database_begun
    from couchgrass.serving.inner import METRICS, Inner, metrics_route, region_secret
    from couchgrass.serving.listen import bind
    from couchgrass.serving.process import allow_files, serve_until_told, url_of

    allow_files()
    clock = SystemClock()
    folder = Path(region.data) / GATEWAY
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(
            bind(region.gateway.host, region.gateway.port, named_by(file, "gateway"))
        )
        url = url_of(listener, region.gateway.host)
        await database_begun(region)
        functions = urlsplit(await _functions_url(region))
        couch = await stack.enter_async_context(database_access(region).server())
        apis = await Apis.open(
            couch, cache=folder / "apis.json", default_namespace=region.gateway.default_namespace
        )
        stack.push_async_callback(apis.close)
        mounts = await _sign_in(region, couch, folder, url, stack) if region.identity.enabled else {}
        secret = region_secret(Path(region.data) / SHARED)
        inner = Inner(
            secret,
            {("GET", METRICS): metrics_route(lambda: app.requests.families("couchgrass_gateway"))},
        )
        backend, standing = Backend(functions.hostname or "", functions.port or 0), Standing()
        agent = _agent(region, secret, standing, backend, stack)
        app = Gateway(
            apis,
            backend,
            Keys(clock, identity_url=f"{url}/oauth/v4" if mounts else ""),
            clock,
            trust=Trust(region.gateway.trusted_proxies),
            mounts=mounts,
            probes={LIVE: agent.answer, READY: agent.answer, METRICS: inner.answer},
            pages=await _pages(region, folder, stack),
            region=region.name,
            # A region that is alone goes on as well as it can: who is refused here is served nowhere.
            standing=standing if has_others(file) else None,
            once=await _once(region, stack),
        )
        await serve_until_told(
            app, listener, lambda: typer.echo(f"couchgrass gateway serves {region.name} at {url}")
        )


def _agent(region: Region, secret: str, standing: Standing, backend: Backend, stack: AsyncExitStack) -> Agent:
    """The region's agent, which is listened to from now on."""
    from couchgrass.clock import SystemClock
    from couchgrass.gateway.http.agent import Agent
    from couchgrass.region.run.account import served_at

    def url() -> str:
        return served_at(region, "agent")

    agent = Agent(region.name, url, standing, SystemClock(), secret=secret, reach=backend.reach)
    agent.start()
    stack.push_async_callback(agent.close)
    return agent


async def _once(region: Region, stack: AsyncExitStack) -> Once:
    """What keeps idempotency keys, on connections of its own: feeds that wait take none of them."""
    from couchgrass.clock import SystemClock
    from couchgrass.gateway.http.once import Once
    from couchgrass.gateway.store.idempotency import IdempotencyKeys
    from couchgrass.region.run.account import database_access

    couch = await stack.enter_async_context(database_access(region).server())
    once = Once(IdempotencyKeys(couch), SystemClock(), region=region.name)
    once.start()
    stack.push_async_callback(once.close)
    return once


async def _pages(region: Region, folder: Path, stack: AsyncExitStack) -> PagesOfApps:
    """The pages of apps, on connections of their own: who waits for a large one holds up nothing else."""
    from couchgrass.gateway.http.pages import PagesOfApps
    from couchgrass.gateway.store.sites import KeptSites
    from couchgrass.region.run.account import database_access

    couch = await stack.enter_async_context(database_access(region).server())
    sites = await KeptSites.open(couch, cache=folder / "sites.json")
    stack.push_async_callback(sites.close)
    return PagesOfApps(sites)


async def _functions_url(region: Region) -> str:
    """Where the functions are. The region that runs writes it down when they are ready the first time.
    Raises AccessRefused."""
    from couchgrass.region.run.account import served_at, unknown_port
    from couchgrass.region.run.state_file import read_state

    for _ in range(LOOKS_MAX):
        if url := served_at(region, "functions"):
            return url
        if read_state(Path(region.data)) is None:
            break
        await asyncio.sleep(LOOK_S)
    raise unknown_port("functions")


async def _sign_in(
    region: Region, couch: CouchServer, folder: Path, url: str, stack: AsyncExitStack
) -> Mapping[bytes, Callable[[Request], Awaitable[Answer]]]:
    """The sign-in service, by the prefix of its paths."""
    from couchgrass.clock import SystemClock
    from couchgrass.identity.http.api import PREFIX, SignIn
    from couchgrass.identity.store.directory import Directory
    from couchgrass.identity.store.users import CouchUsers

    clock = SystemClock()
    directory = await Directory.open(couch, folder, region=region.name, clock=clock)
    stack.push_async_callback(directory.close)
    base = region.identity.issuer or region.gateway.public_url or url
    service = SignIn(
        tenant=directory.tenant,
        users=CouchUsers(couch),
        signer=directory.signer,
        keys=directory.keys,
        issuer=lambda tenant: f"{base.rstrip('/')}/oauth/v4/{tenant}",
        clock=clock,
    )
    return {PREFIX: service.answer}
