"""A gateway on a real socket, with the database behind it and functions that do what a test says."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.functions.entity import Identity
from couchgrass.gateway.forward import Trust
from couchgrass.gateway.http.agent import LIVE, READY, Agent
from couchgrass.gateway.http.app import Gateway, Mount
from couchgrass.gateway.http.backend import Backend
from couchgrass.gateway.http.keys import Keys
from couchgrass.gateway.http.management import PREFIX, Management
from couchgrass.gateway.http.once import Once
from couchgrass.gateway.http.pages import PagesOfApps
from couchgrass.gateway.standing import Standing
from couchgrass.gateway.store.apis import Apis
from couchgrass.gateway.store.idempotency import IdempotencyKeys
from couchgrass.gateway.store.sites import KeptSites
from couchgrass.serving.asgi import Request
from couchgrass.serving.listen import HttpServer, bind
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.scripted import Exchange, Play, Scripted, scripted
from couchgrass.testing.server import ServerProcess

GUEST = Identity("guest", "guest", "u-1")


@dataclass
class Got:
    """An answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.decode(self.body)


async def echo(exchange: Exchange) -> None:
    """The functions: tell what they were asked."""
    body = await exchange.body()
    told = {
        "method": exchange.method,
        "target": exchange.target,
        "headers": exchange.headers,
        "body": body.decode("latin-1"),
    }
    await exchange.answer(200, told)


class World:
    """What a test has at hand."""

    def __init__(
        self, url: str, apis: Apis, management: Management, peer: Scripted, clock: MovedClock
    ) -> None:
        self.url = url
        self.apis = apis
        self.management = management
        self.peer = peer
        self.clock = clock
        self.session: aiohttp.ClientSession
        self.backend: Backend
        self.standing: Standing
        self.once: Once
        self.gateway: Gateway
        self.db: CouchServer
        self.sites: KeptSites
        self.pages = ""

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Got:
        """A request to the gateway; `headers` have _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.request(
            method, URL(self.url + target, encoded=True), data=body, headers=sent, allow_redirects=False
        ) as answer:
            text = await answer.read()
            return Got(answer.status, {key.lower(): value for key, value in answer.headers.items()}, text)

    async def raw(self, text: bytes) -> bytes:
        """Bytes to the gateway, and what comes back until it closes."""
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(text)
            return await reader.read()
        finally:
            writer.close()

    async def manage(
        self, method: str, call: str, body: Any = None, identity: Identity | None = GUEST, **query: str
    ) -> Got:
        """A call of the management."""
        return await managed(self.management, method, call, body, identity, **query)

    async def api(self, document: dict[str, Any]) -> None:
        """Imports an API of the namespace guest."""
        got = await self.manage("POST", "createApi", {"apidoc": {"namespace": "_", "swagger": document}})
        assert got.status == 200, got.body


async def managed(
    management: Management, method: str, call: str, body: Any, identity: Identity | None, **query: str
) -> Got:
    """A call of the management, without a network."""
    text = b"" if body is None else body if isinstance(body, bytes) else json.encode(body)
    scope = {
        "type": "http",
        "method": method,
        "raw_path": PREFIX + call.encode(),
        "query_string": "&".join(f"{name}={value}" for name, value in query.items()).encode(),
        "headers": [(b"content-length", str(len(text)).encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": text, "more_body": False}

    answer = await management.answer(Request(scope, receive), identity)
    return Got(answer.status, {key.decode(): value.decode() for key, value in answer.headers}, answer.body)


@asynccontextmanager
async def served(
    couch: ServerProcess,
    database: str,
    *plays: Play,
    answer_s: float = 20.0,
    trusted: tuple[str, ...] = (),
    mounts: Mapping[bytes, Mount] | None = None,
    region: str = "london",
    agent_url: str = "",
) -> AsyncIterator[World]:
    """The gateway for the length of a block."""
    async with (
        scripted(*(plays or (echo,))) as peer,
        CouchServer(couch.url, couch.user, couch.password) as db,
        AsyncExitStack() as stack,
    ):
        clock = MovedClock()
        cache = Path(stack.enter_context(TemporaryDirectory())) / "apis"
        apis = await Apis.open(db, database=database, cache=cache, default_namespace="guest")
        parts = urlsplit(peer.url)
        backend = Backend(parts.hostname or "", parts.port or 0, answer_s=answer_s)
        keys = Keys(clock, identity_url=peer.url + "/oauth/v4")
        standing, once = Standing(), Once(IdempotencyKeys(db), clock, region=region)
        stack.push_async_callback(once.close)
        agent = Agent(region, lambda: agent_url, standing, clock, secret="s", reach=backend.reach)
        agent.start()
        stack.push_async_callback(agent.close)
        sites = await KeptSites.open(db, database=database + "-pages", cache=cache.with_name("sites"))
        stack.push_async_callback(sites.close)
        gateway = Gateway(
            apis,
            backend,
            keys,
            clock,
            trust=Trust(trusted),
            mounts=mounts,
            probes={LIVE: agent.answer, READY: agent.answer},
            pages=PagesOfApps(sites),
            region=region,
            standing=standing,
            once=once,
        )
        listener = bind("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = HttpServer(gateway, listener)
        serving = asyncio.create_task(server.serve())
        management = Management(apis, clock, gateway_url=lambda: url, api_url="https://functions.example")
        world = World(url, apis, management, peer, clock)
        world.backend, world.standing, world.once, world.db = backend, standing, once, db
        world.sites, world.pages = sites, database + "-pages"
        world.gateway = gateway
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as world.session:
                yield world
        finally:
            server.stop()
            await asyncio.wait_for(serving, 60)
            await gateway.close()
            await apis.close()


def with_gateway(
    couch: ServerProcess,
    database: str,
    work: Callable[[World], Awaitable[None]],
    *plays: Play,
    **options: Any,
) -> None:
    """Runs `work` with a gateway."""

    async def run() -> None:
        async with served(couch, database, *plays, **options) as world, asyncio.timeout(40):
            await work(world)

    asyncio.run(run())
