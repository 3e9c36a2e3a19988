"""A region's functions in the test's process: the REST API on the real parts, but feeds
only answer, and actions run inline unless other runtimes are given.

The databases are a server's, and shared by all its regions; each has namespaces of its own.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from couchgrass import json
from couchgrass.clock import Clock, SystemClock
from couchgrass.couch.server import CouchServer
from couchgrass.functions.http.app import App
from couchgrass.functions.http.collections import collections
from couchgrass.functions.http.info import About
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SYSTEM_LIMITS
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.feeds import FeedDocuments, Feeds
from couchgrass.functions.run.invoker import Invoker
from couchgrass.functions.run.sources import Sources
from couchgrass.functions.run.system_code import installed
from couchgrass.functions.runtimes.cell import Runtimes
from couchgrass.functions.store.activations import Activations as Records
from couchgrass.functions.store.directory import Directory
from couchgrass.functions.store.entities import Entities
from couchgrass.functions.store.subjects import Subjects
from couchgrass.functions.throttle import Allowed, Throttle
from couchgrass.gateway.http.management import PREFIX, Management
from couchgrass.gateway.store.apis import Apis
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.asgi import receiving
from couchgrass.testing.call import Reply
from couchgrass.testing.cells import InlineRuntimes
from couchgrass.testing.server import ServerProcess

UNTIL_S: Final = 60.0
MEMORY_MB: Final = 4096
GATEWAY: Final = "http://gateway.example"
MOUNTED: Final = b"/api/v1/web/whisk.system/mounted/"
SHARED: Final = "what the region's processes show to each other"
_OWN: Final = ""
"""Stands for the region's own key."""


class Onward(SystemClock):
    """Each millisecond is told once, and none before one that was told: what is written later is newer, on
    the fastest machine and when its clock is set back."""

    def __init__(self) -> None:
        self._told_ms = 0

    def now(self) -> float:
        self._told_ms = max(self._told_ms + 1, int(super().now() * 1000))
        return (self._told_ms + 0.5) / 1000


class Subject(NamedTuple):
    """A namespace and its key."""

    namespace: str
    key: str


class Region:
    """`namespace` and `key` are of a namespace that is there from the start."""

    def __init__(self, app: App, directory: Directory, subjects: Subjects, own: Subject) -> None:
        self.app = app
        self.directory = directory
        self.namespace, self.key = own
        self._subjects = subjects

    async def ask(
        self, method: str, target: str, body: Any = None, *, key: str | None = _OWN, **headers: str
    ) -> Reply:
        """Sends `body` as it is when it is bytes, else as JSON. `headers` have _ for -. `key` None: none."""
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = "Basic " + base64.b64encode((key or self.key).encode()).decode()
        if body is not None and not isinstance(body, bytes):
            body = json.encode(body)
            sent.setdefault("content-type", "application/json")
        url = urlsplit(target)
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("198.51.100.7", 40000),
        }
        messages: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self.app(scope, receiving(body or b"", asyncio.Event()), send)
        names = [name for name, _ in messages[0]["headers"]]
        assert len(names) == len(set(names)), f"a header comes twice: {sorted(names)}"
        got = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        return Reply(messages[0]["status"], got, b"".join(message["body"] for message in messages[1:]))

    async def put(self, where: str, body: Any) -> Any:
        """Puts an entity of the region's own namespace ("actions/a"), which has to succeed; the answer."""
        reply = await self.ask("PUT", f"/api/v1/namespaces/_/{where}", body)
        assert reply.status == 200, reply
        return reply.json()

    async def activation(self, activation_id: str) -> Any:
        """The record of an activation, once it has ended."""
        async with asyncio.timeout(UNTIL_S):
            while True:
                reply = await self.ask("GET", f"/api/v1/namespaces/_/activations/{activation_id}")
                if reply.status == 200:
                    return reply.json()
                assert reply.status == 404, reply
                await asyncio.sleep(0.002)

    async def stranger(self) -> Subject:
        """Another namespace."""
        return await new_subject(self._subjects)


async def new_subject(subjects: Subjects) -> Subject:
    """A new namespace with a name that no other has."""
    namespace = f"ns-{uuid.uuid4().hex[:12]}"
    key = await subjects.create(namespace)
    return Subject(namespace, key.apikey)


def asking(
    server: ServerProcess,
    work: Callable[[Region], Awaitable[None]],
    *,
    actions_per_minute: int = Allowed().invocations_per_minute,
    clock: Clock | None = None,
) -> None:
    """Runs `work` with a region whose databases are `server`'s."""

    async def run() -> None:
        allowed = Allowed(invocations_per_minute=actions_per_minute)
        async with region(server, allowed, clock=clock) as found:
            await work(found)

    asyncio.run(run())


@asynccontextmanager
async def region(
    server: ServerProcess,
    allowed: Allowed | None = None,
    runtimes: Runtimes | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Region]:
    """A region for the length of a block. It closes `runtimes`; without them actions run inline."""
    clock = clock or Onward()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        couch = await stack.enter_async_context(CouchServer(server.url, server.user, server.password))
        entities, subjects, apis = await _kept(stack, couch, folder, clock)
        records = await Records.open(folder / "activations", clock=clock)
        stack.push_async_callback(records.close)
        directory = Directory(entities, installed())
        runtimes = runtimes or InlineRuntimes()
        stack.push_async_callback(runtimes.close)
        invoker = Invoker(runtimes, directory.code, records, clock, memory_mb=MEMORY_MB)
        stack.push_async_callback(invoker.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        feeds = Feeds(
            FeedDocuments(couch),
            directory,
            identify=subjects.identify,
            latest=Sources(server.url, session),
            clock=clock,
        )
        controller = Controller(
            directory,
            invoker,
            records,
            throttle=Throttle(allowed or Allowed()),
            clock=clock,
            api_key=subjects.internal_key,
            native=feeds.answer,
        )
        stack.push_async_callback(controller.close, 0)
        kinds, limits = Kinds(), SYSTEM_LIMITS
        about = About(kinds, limits)
        management = Management(apis, clock, gateway_url=lambda: GATEWAY, api_url=GATEWAY)

        async def manage(request: Request, transaction_id: str) -> Answer:
            return await management.answer(request, subjects.identify(request.header(b"authorization")))

        app = App(
            region_secret=SHARED,
            subjects=subjects,
            about=about,
            collections=collections(
                directory, controller, records, about, kinds=kinds, limits=limits, clock=clock
            ),
            mounts={MOUNTED: _mounted, PREFIX: manage},
        )
        yield Region(app, directory, subjects, await new_subject(subjects))


async def _kept(
    stack: AsyncExitStack, couch: CouchServer, folder: Path, clock: Clock
) -> tuple[Entities, Subjects, Apis]:
    """What the databases hold, until the stack is left. A slow server is waited for."""
    cache, secret = folder / "cache", folder / "secret"
    entities = await Entities.open(couch, cache=cache, clock=clock, start_s=UNTIL_S)
    stack.push_async_callback(entities.close)
    subjects = await Subjects.open(couch, cache=cache, secret_file=secret, clock=clock, start_s=UNTIL_S)
    stack.push_async_callback(subjects.close)
    apis = await Apis.open(couch, cache=folder / "apis.json", wait_s=UNTIL_S)
    stack.push_async_callback(apis.close)
    return entities, subjects, apis


async def _mounted(request: Request, transaction_id: str) -> Answer:
    return Answer(200, b"mounted " + transaction_id.encode())
