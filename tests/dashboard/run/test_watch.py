"""Regions are watched over real HTTP: their agents answer, fall silent, or are gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from couchgrass.agent.seen import Health, Link, Report
from couchgrass.clock import SystemClock
from couchgrass.dashboard.overview import Site
from couchgrass.dashboard.run import watch as module
from couchgrass.dashboard.run.watch import Told, Watch
from couchgrass.dashboard.seen import Overview
from couchgrass.errors import CouchgrassError, ServiceUnavailable
from couchgrass.topology.run.look import Look
from couchgrass.topology.status import Place, RegionStatus, Status

LIMIT_S = 60.0
SILENT_S = 0.6
WELL = Status("/x", True, None, (RegionStatus("london", "", "", "", None, {}, True, True),), (), None, "")
LINK = Link("todos", "dallas", "london", "running", lag_s=0.0, pending=0)


class Agent:
    """A region's agent, which counts ten requests and one document each time that it is asked for them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = Health(name, True, True, "1", True, True, True, 0.0)
        self.metrics_asked = 0
        self._thaws = asyncio.Event()
        self._thaws.set()
        app = web.Application()
        app.router.add_get("/_couchgrass/status", self._status)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app)
        self.url = ""

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def end(self) -> None:
        self._thaws.set()
        await self._runner.cleanup()

    def freeze(self) -> None:
        self._thaws.clear()

    def thaw(self) -> None:
        self._thaws.set()

    async def _status(self, request: web.Request) -> web.Response:
        await self._thaws.wait()
        link = msgspec.structs.replace(LINK, docs_written=self.metrics_asked)
        return web.Response(body=msgspec.json.encode(Report(self.health, (link,))))

    async def _metrics(self, request: web.Request) -> web.Response:
        self.metrics_asked += 1
        await self._thaws.wait()
        return web.Response(
            text="couchgrass_gateway_http_request_seconds_count 1\n"
            f'couchgrass_gateway_http_requests_total{{code="200"}} {10 * self.metrics_asked}\n'
        )


@asynccontextmanager
async def watching(*agents: Agent) -> AsyncIterator[Watch]:
    async with AsyncExitStack() as stack:
        for agent in agents:
            await agent.start()
            stack.push_async_callback(agent.end)
        asking = await stack.enter_async_context(Look(SILENT_S))
        places = [Place(agent.name, {"agent": agent.url}, {}, running=True) for agent in agents]

        async def look() -> Status:
            regions, links = await asking.regions(places)
            return Status("/x", True, None, regions, links, None, "")

        async def read(lives: Callable[[str], bool]) -> Told:
            return Told({one.name: await asking.metrics(one.url) for one in agents if lives(one.name)})

        async with running(Watch(Site("london"), look, read, SystemClock())) as watch:
            yield watch


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[Watch]:
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])


def fixed(answers: Callable[[], Status | CouchgrassError]) -> Watch:
    """A watch whose looks find this."""

    async def look() -> Status:
        found = answers()
        if isinstance(found, CouchgrassError):
            raise found
        return found

    async def read(lives: Callable[[str], bool]) -> Told:
        return Told()

    return Watch(Site("london"), look, read, SystemClock())


async def until(watch: Watch, is_so: Callable[[Overview], bool]) -> Overview:
    """The first overview of the feed of which it is so."""
    async for seen in watch.listen():
        if is_so(seen):
            return seen
    raise AssertionError("the feed ended")


def states(seen: Overview) -> list[str]:
    return [one.state for one in seen.regions]


def run(work: Awaitable[None]) -> None:
    async def whole() -> None:
        await work

    asyncio.run(whole())


async def _dies_and_comes_back() -> None:
    london, dallas = Agent("london"), Agent("dallas")
    async with watching(london, dallas) as watch:
        await until(watch, lambda seen: states(seen) == ["ready", "ready"])
        dallas.freeze()
        seen = await until(watch, lambda seen: states(seen) == ["ready", "down"])
        assert seen.wrong == ("dallas: its agent does not answer",)
        dallas.thaw()
        dallas.health = msgspec.structs.replace(dallas.health, ready=False, reasons=("behind",))
        await until(watch, lambda seen: states(seen) == ["ready", "live"])
        await dallas.end()
        await until(watch, lambda seen: states(seen) == ["ready", "down"])
        texts = [event.text for event in watch.history().events]
        assert texts == [
            "dallas is down: its agent does not answer",
            "dallas is back and catches up",
            "dallas is down: its agent does not answer",
        ]
        assert watch.history().regions["dallas"].up[-1] == 0.0


def test_a_region_that_is_frozen_or_gone_is_down_and_its_return_is_seen() -> None:
    run(_dies_and_comes_back())


async def _rates() -> None:
    london, dallas = Agent("london"), Agent("dallas")
    async with watching(london, dallas) as watch:
        seen = await until(watch, lambda seen: (seen.regions[1].rates.requests_s or 0) > 0)
        assert seen.regions[1].rates.activations_s is None
        await until(watch, lambda seen: (seen.links[0].rate_s or 0) > 0)
        dallas.freeze()
        await until(watch, lambda seen: states(seen)[1] == "down")
        asked = london.metrics_asked
        await until(watch, lambda seen: london.metrics_asked > asked + 2)
        before = dallas.metrics_asked
        seen = await until(watch, lambda seen: london.metrics_asked > asked + 5)
        assert dallas.metrics_asked == before, "who is silent keeps nobody waiting"
        assert seen.regions[1].rates.requests_s is None


def test_rates_come_from_two_readings_and_who_is_down_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_S", 0.1)
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    run(_rates())


async def _one_look_suffices(looks: list[float]) -> None:
    def look() -> Status:
        looks.append(time.monotonic())
        return WELL

    async with running(fixed(look)) as watch:
        assert states(await watch.overview()) == ["ready"]
        number = len(looks)
        await watch.overview()
        assert len(looks) == number, "one that is new enough is told again"


def test_an_overview_that_is_asked_for_is_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_S", 3600.0)
    run(_one_look_suffices([]))


async def _woken() -> None:
    looks: list[int] = []

    def look() -> Status:
        looks.append(1)
        return WELL

    async with running(fixed(look)) as watch:
        await watch.overview()
        number = len(looks)
        await watch.overview()
        assert len(looks) == number + 1, "who looks does not wait until an idle watch looks again"


def test_while_nobody_looks_it_is_slow_and_wakes_for_who_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_LOOK_S", 3600.0)
    monkeypatch.setattr(module, "WATCHED_S", 0.0)
    monkeypatch.setattr(module, "FRESH_S", -1.0)
    run(_woken())


async def _refused() -> None:
    answers: list[Status | CouchgrassError] = [CouchgrassError("half written"), WELL]
    async with running(fixed(lambda: answers.pop(0) if len(answers) > 1 else answers[0])) as watch:
        assert states(await watch.overview()) == ["ready"]


def test_what_can_not_be_read_at_one_moment_is_read_at_the_next() -> None:
    run(_refused())


async def _nothing() -> None:
    async with running(fixed(lambda: CouchgrassError("never"))) as watch:
        with pytest.raises(ServiceUnavailable, match="not seen the regions yet"):
            await watch.overview()
        assert watch.history().regions == {}


def test_before_the_first_look_there_is_no_overview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_WAIT_S", 0.1)
    run(_nothing())


async def _stalled() -> None:
    down = msgspec.structs.replace(WELL.regions[0], ready=False, healthy=False)
    answers = [msgspec.structs.replace(WELL, regions=(down,)), WELL]

    def look() -> Status:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if found is not WELL:
            time.sleep(module.STALLED_S + module.GLANCE_S + 0.1)  # this process itself does not run
        return found

    async with running(fixed(look)) as watch:
        assert states(await watch.overview()) == ["ready"]
        assert watch.history().events == ()


def test_silence_while_this_process_could_not_run_means_nothing() -> None:
    run(_stalled())


async def _crowd(limit: int) -> None:
    async with running(fixed(lambda: WELL)) as watch:
        feeds = [watch.listen() for _ in range(limit)]
        firsts: Sequence[Overview] = [await anext(feed) for feed in feeds]
        assert len(firsts) == limit
        with pytest.raises(ServiceUnavailable, match="Too many"):
            await anext(watch.listen())
        await feeds[0].aclose()
        assert await anext(watch.listen())


def test_listeners_are_bounded_and_make_room_when_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTENERS_MAX", 3)
    run(_crowd(3))
