"""A gateway and its region's agent: what is passed on, what is believed, and when nothing is forwarded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from couchgrass.agent.seen import Health
from couchgrass.gateway.http import agent as module
from couchgrass.testing.in_process import until
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, hangs_up, is_silent, scripted
from couchgrass.testing.server import ServerProcess
from tests.couch.asking import closed_port
from tests.gateway.documents import endpoint, swagger
from tests.gateway.http.served import World, served

TODOS = swagger(*(endpoint(verb=verb) for verb in ("get", "post")))
WELL = Health(
    region="london",
    live=True,
    ready=True,
    incarnation="1",
    database=True,
    functions=True,
    caught_up=True,
    lag_s=0.0,
)
STARTING = msgspec.structs.replace(WELL, ready=False, caught_up=False, reasons=("behind dallas",))
ILL = msgspec.structs.replace(WELL, live=False, ready=False, database=False, reasons=("no database",))
OTHERS = msgspec.structs.replace(WELL, region="dallas", live=False)


class Told:
    """An agent that says what a test has it say."""

    def __init__(self) -> None:
        self.health = WELL
        self.changed = asyncio.Event()

    def say(self, health: Health) -> None:
        self.health = health
        self.changed.set()

    async def play(self, exchange: Exchange) -> None:
        if exchange.path != "/_couchgrass/events":
            is_well = self.health.live if exchange.path.endswith("live") else self.health.ready
            await exchange.answer(200 if is_well else 503, msgspec.json.encode(self.health))
            return
        assert exchange.headers["authorization"] == "Bearer s"
        await exchange.begin(200, transfer_encoding="chunked")
        while True:
            line = msgspec.json.encode(self.health) + b"\n"
            await exchange.write(b"%x\r\n%b\r\n" % (len(line), line))
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), 0.05)
            except TimeoutError:
                continue


def with_agent(
    couch: ServerProcess, database: str, work: Callable[[World, Scripted, Told], Any], *plays: Play
) -> None:
    async def run() -> None:
        told = Told()
        async with (
            scripted(*(plays or (told.play,))) as peer,
            served(couch, database, answers(200, b"ran"), agent_url=peer.url) as world,
            asyncio.timeout(40),
        ):
            await world.api(TODOS)
            await work(world, peer, told)

    asyncio.run(run())


def test_while_the_region_can_not_serve_nothing_is_forwarded(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(world: World, peer: Scripted, told: Told) -> None:
        await until(lambda: world.standing.health == WELL)
        assert (await world.ask("POST", "/v1/todo", b"{}")).status == 200
        told.say(ILL)
        await until(lambda: world.standing.health == ILL)
        forwarded = len(world.peer.seen)
        for method, target in (("POST", "/v1/todo"), ("GET", "/v1/todo"), ("GET", "/v1/nope")):
            got = await world.ask(method, target)
            assert (got.status, got.headers["x-couchgrass-not-run"]) == (503, "1")
            assert (got.headers["retry-after"], got.headers["x-couchgrass-region"]) == ("1", "london")
        assert len(world.peer.seen) == forwarded
        assert (await world.ask("OPTIONS", "/v1/todo")).status == 200
        told.say(STARTING)
        await until(lambda: world.standing.health == STARTING)
        assert (await world.ask("POST", "/v1/todo", b"{}")).status == 200

    with_agent(couch_server, db_name, work)


def test_a_silent_agent_is_asked_again_and_meanwhile_the_gateway_looks_itself(
    couch_server: ServerProcess, db_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_MAX_S", 0.05)
    monkeypatch.setattr(module, "HEARD_S", 0.1)

    async def says_ill_and_hangs(exchange: Exchange) -> None:
        await exchange.begin(200, transfer_encoding="chunked")
        line = msgspec.json.encode(ILL) + b"\n"
        await exchange.write(b"%x\r\n%b\r\n" % (len(line), line))
        await exchange.silence()

    async def work(world: World, peer: Scripted, told: Told) -> None:
        await until(lambda: world.standing.health == ILL)
        assert (await world.ask("GET", "/v1/todo")).status == 503
        # Long enough also for one that could not run itself meanwhile, and leaves that out.
        world.clock.time_s += 60.0
        assert (await world.ask("GET", "/v1/todo")).status == 200
        await until(lambda: len(peer.seen) >= 4)

    with_agent(couch_server, db_name, work, says_ill_and_hangs, hangs_up, answers(404), is_silent)


@pytest.mark.parametrize(
    "play",
    [
        answers(200, msgspec.json.encode(OTHERS) + b"\n"),
        answers(200, b'{"region": 5}\n'),
        answers(200, b"x" * 300_000),
        answers(503, msgspec.json.encode(ILL) + b"\n"),
    ],
)
def test_who_is_not_this_regions_agent_is_not_believed(
    couch_server: ServerProcess, db_name: str, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)

    async def work(world: World, peer: Scripted, told: Told) -> None:
        await until(lambda: len(peer.seen) >= 3)
        assert world.standing.health is None
        assert (await world.ask("GET", "/v1/todo")).status == 200

    with_agent(couch_server, db_name, work, play)


@pytest.mark.parametrize(
    ("health", "live", "ready"), [(WELL, 200, 200), (STARTING, 200, 503), (ILL, 503, 503)]
)
def test_probes_are_the_agents(
    couch_server: ServerProcess, db_name: str, health: Health, live: int, ready: int
) -> None:
    async def work(world: World, peer: Scripted, told: Told) -> None:
        told.say(health)
        await until(lambda: world.standing.health == health)
        for path, status in (("live", live), ("ready", ready)):
            got = await world.ask("GET", f"/_couchgrass/{path}")
            assert (got.status, got.headers["x-couchgrass-region"]) == (status, "london")
            assert msgspec.json.decode(got.body, type=Health) == health
            assert (await world.ask("HEAD", f"/_couchgrass/{path}")).status == status
            assert got.headers["cache-control"] == "no-store"
        assert (await world.ask("POST", "/_couchgrass/live")).status == 405
        assert (await world.ask("GET", "/_couchgrass/livelier")).status == 404

    with_agent(couch_server, db_name, work)


def test_probes_are_not_counted_among_the_requests(couch_server: ServerProcess, db_name: str) -> None:
    async def work(world: World, peer: Scripted, told: Told) -> None:
        await world.ask("GET", "/v1/todo")
        for path in ("live", "ready", "ready"):
            await world.ask("GET", f"/_couchgrass/{path}")
        await world.ask("GET", "/v1/todo")
        assert sum(world.gateway.requests.answered.values()) == 2

    with_agent(couch_server, db_name, work)


def test_a_gateway_that_does_not_reach_the_functions_is_not_live(
    couch_server: ServerProcess, db_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_S", 30.0)

    async def work(world: World, peer: Scripted, told: Told) -> None:
        await until(lambda: world.standing.health == WELL)
        world.backend.port = closed_port()
        for path in ("live", "ready"):
            got = await world.ask("GET", f"/_couchgrass/{path}")
            health = msgspec.json.decode(got.body, type=Health)
            assert (got.status, health.live, health.ready, health.functions) == (503, False, False, False)
            assert health.incarnation == "1" and "functions" in health.reasons[0]

    with_agent(couch_server, db_name, work)


@pytest.mark.parametrize("play", [is_silent, hangs_up, answers(200, b"no health"), answers(404)])
def test_without_an_agent_a_region_is_not_live_and_serves(
    couch_server: ServerProcess, db_name: str, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_S", 0.1)

    async def work(world: World, peer: Scripted, told: Told) -> None:
        for path in ("live", "ready"):
            got = await world.ask("GET", f"/_couchgrass/{path}")
            told_of = got.json()
            assert got.status == 503 and told_of["region"] == "london" and told_of["reasons"]
            assert (told_of["live"], told_of["ready"]) == (False, False)
        got = await world.ask("GET", "/v1/todo")
        assert (got.status, got.headers["x-couchgrass-region"]) == (200, "london")

    with_agent(couch_server, db_name, work, play)
