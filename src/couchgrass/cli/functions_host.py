"""The functions host of a region: the one place where its parts are put together."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

import aiohttp

from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer
from couchgrass.exposition import Family
from couchgrass.functions import cloudant, metrics
from couchgrass.functions.http.app import App, Mounted
from couchgrass.functions.http.authn import identified
from couchgrass.functions.http.collections import collections
from couchgrass.functions.http.info import About
from couchgrass.functions.http.web import WebActions
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import MB, SYSTEM_LIMITS, Range, SystemLimits
from couchgrass.functions.run.alarms import AlarmFeed
from couchgrass.functions.run.canary import Canary, with_canary
from couchgrass.functions.run.changes import ChangesFeed
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.counted import Counted
from couchgrass.functions.run.door import opened as open_door
from couchgrass.functions.run.feeding import Feeding
from couchgrass.functions.run.feeds import FeedDocuments, Feeds
from couchgrass.functions.run.firing import Firing
from couchgrass.functions.run.invoker import Invoker
from couchgrass.functions.run.lease import Lease
from couchgrass.functions.run.needs import Accounts
from couchgrass.functions.run.sources import Sources
from couchgrass.functions.run.system_code import installed
from couchgrass.functions.runtimes import packages
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.runtimes.preloads import PRELOADS
from couchgrass.functions.store.activations import Activations as Records
from couchgrass.functions.store.directory import Directory
from couchgrass.functions.store.entities import Entities
from couchgrass.functions.store.subjects import Subjects
from couchgrass.functions.throttle import Allowed, Throttle
from couchgrass.gateway.http.management import PREFIX as MANAGEMENT
from couchgrass.gateway.http.management import Management
from couchgrass.gateway.store.apis import Apis
from couchgrass.region import places
from couchgrass.region.config import Region
from couchgrass.region.run.account import database_access, gateway_url
from couchgrass.region.run.begun import database_begun
from couchgrass.serving.asgi import Answer, Request
from couchgrass.serving.files import kept_secret
from couchgrass.serving.inner import (
    CANARY,
    METRICS,
    NAMESPACES,
    Inner,
    json_answer,
    metrics_route,
    region_secret,
)

log = logging.getLogger("couchgrass.functions")

DAY_S = 24 * 3600
DRAIN_S = 2.0
"""How long what was invoked and not waited for may still run when the host stops."""


class Kept(NamedTuple):
    """What is stored: entities and what comes with the program, keys, records, the feeds' documents."""

    directory: Directory
    subjects: Subjects
    records: Records
    feeds: FeedDocuments


async def opened(region: Region, url: str, stack: AsyncExitStack) -> App:
    """The functions of a region, reached at `url`. What was begun is ended by `stack`, in good order.

    Raises AccessRefused, PeerLost, ServiceUnavailable.
    """
    clock = SystemClock()
    folder = Path(region.data) / places.FUNCTIONS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kinds = Kinds(region.functions.runtimes, region.functions.images)
    runtimes = await _runtimes(region, kinds)
    stack.push_async_callback(runtimes.close)
    await database_begun(region)
    access = database_access(region)
    couch = await stack.enter_async_context(access.server())
    kept = await _kept(region, couch, folder, stack)
    invoker = Invoker(
        runtimes,
        with_canary(kept.directory.code),
        kept.records,
        clock,
        memory_mb=region.functions.memory_mb,
        env={"__OW_API_HOST": region.functions.public_url or url},
    )
    stack.push_async_callback(invoker.close)
    session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
    sources = Sources(access.url, session)
    limits = limits_of(region)
    controller = Controller(
        kept.directory,
        invoker,
        Counted(kept.records, invoker.counts),
        throttle=Throttle(
            Allowed(limits.actions_per_minute, limits.triggers_per_minute, limits.concurrent_actions)
        ),
        clock=clock,
        api_key=kept.subjects.internal_key,
        native=Feeds(
            kept.feeds, kept.directory, identify=kept.subjects.identify, latest=sources, clock=clock
        ).answer,
        accounts=await _accounts(access.url, stack),
    )
    stack.push_async_callback(controller.close, DRAIN_S)
    feeding = _feeding(kept, controller, sources, kept_secret(folder / "host-id", lambda: uuid.uuid4().hex))
    feeding.start()
    stack.push_async_callback(feeding.close)
    about = About(kinds, limits, confinement=runtimes.confinement.value)
    canary = Canary(invoker, clock)
    stack.push_async_callback(canary.close)
    app = App(
        subjects=kept.subjects,
        about=about,
        collections=collections(
            kept.directory, controller, kept.records, about, kinds=kinds, limits=limits, clock=clock
        ),
        web=WebActions(controller, kept.subjects).answer,
        mounts={MANAGEMENT: await _management(region, url, couch, kept.subjects, stack)},
        inner=_inner(_secret(region), canary, kept.subjects, lambda: _metrics(invoker, app)),
        region_secret=_secret(region),
    )
    return app


def _secret(region: Region) -> str:
    return region_secret(Path(region.data) / places.SHARED)


def _inner(
    secret: str, canary: Canary, subjects: Subjects, families: Callable[[], Iterable[Family]]
) -> Inner:
    """What the agent and the dashboard ask for."""

    async def sing(_: Request) -> Answer:
        sung = await canary.sing()
        return json_answer(200 if sung.ok else 503, sung)

    async def names(_: Request) -> Answer:
        return json_answer(200, [subject.namespace for subject in subjects.list()])

    return Inner(
        secret,
        {("POST", CANARY): sing, ("GET", METRICS): metrics_route(families), ("GET", NAMESPACES): names},
    )


def _metrics(invoker: Invoker, app: App) -> Iterator[Family]:
    yield from metrics.families(invoker.counts, invoker.pool)
    yield from app.requests.families("couchgrass_functions")


async def _management(
    region: Region, url: str, couch: CouchServer, subjects: Subjects, stack: AsyncExitStack
) -> Mounted:
    """What serves the calls by which APIs are made."""
    apis = await Apis.open(couch, cache=Path(region.data) / places.FUNCTIONS / "apis.json")
    stack.push_async_callback(apis.close)
    api_url = region.functions.public_url or url
    management = Management(
        apis, SystemClock(), gateway_url=cache(lambda: gateway_url(region)), api_url=api_url
    )

    secret = _secret(region)

    async def manage(request: Request, _: str) -> Answer:
        return await management.answer(request, identified(subjects, request, secret))

    return manage


def _feeding(kept: Kept, controller: Controller, sources: Sources, host_id: str) -> Feeding:
    """What fires the triggers of alarms and changes. With the same `host_id` it goes on after a restart."""
    clock = SystemClock()
    firing = Firing(controller, kept.directory, kept.feeds, clock, asyncio.sleep)
    return Feeding(
        kept.feeds,
        Lease(kept.feeds, host_id, clock),
        AlarmFeed(kept.feeds, firing, clock, asyncio.sleep),
        ChangesFeed(kept.feeds, firing, sources, clock, asyncio.sleep),
        asyncio.sleep,
    )


async def _kept(region: Region, couch: CouchServer, folder: Path, stack: AsyncExitStack) -> Kept:
    clock, cache = SystemClock(), folder / "cache"
    entities = await Entities.open(couch, cache=cache, clock=clock)
    stack.push_async_callback(entities.close)
    subjects = await Subjects.open(couch, cache=cache, secret_file=folder / "secret", clock=clock)
    stack.push_async_callback(subjects.close)
    records = await Records.open(
        folder / "activations",
        clock=clock,
        keep_s=region.functions.activation_days * DAY_S,
        bytes_max=region.functions.activation_mb * MB,
    )
    stack.push_async_callback(records.close)
    return Kept(Directory(entities, installed()), subjects, records, FeedDocuments(couch))


async def _runtimes(region: Region, kinds: Kinds) -> LocalRuntimes:
    installed_at = Path(region.data) / places.RUNTIMES
    runtimes = await LocalRuntimes.open(
        packages=lambda kind: packages.folder(installed_at, kind),
        preloads=PRELOADS,
        externals=kinds.urls,
        notes=Path(region.data) / places.FUNCTIONS / "external",
    )
    if runtimes.has_guests and (shut := packages.let_pass(installed_at)) is not None:
        log.warning("actions run as users that can't enter %s, so they find no installed packages", shut)
    return runtimes


async def _accounts(database_url: str, stack: AsyncExitStack) -> Accounts:
    """How the Cloudant accounts that an action is bound to lead to the region's database."""
    target, door = await open_door(database_url)
    if door is not None:
        stack.push_async_callback(door.close)
    return lambda parameters: cloudant.led(cloudant.accounts_of(parameters), target)


def limits_of(region: Region) -> SystemLimits:
    """The limits that the region's file names."""
    wanted = region.functions.limits

    def up_to(most: int, range: Range) -> Range:
        return Range(min(range.min, most), most, min(range.std, most))

    return SystemLimits(
        timeout=up_to(wanted.timeout_ms, SYSTEM_LIMITS.timeout),
        memory=up_to(wanted.memory_mb, SYSTEM_LIMITS.memory),
        logs=up_to(wanted.logs_mb, SYSTEM_LIMITS.logs),
        actions_per_minute=wanted.actions_per_minute,
        triggers_per_minute=wanted.triggers_per_minute,
        concurrent_actions=wanted.concurrent_actions,
        sequence_length=wanted.sequence_length,
    )
