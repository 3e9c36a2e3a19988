"""The canary sings in a real pool, leaves no trace there, and its song is no way to make load."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from couchgrass.clock import SystemClock
from couchgrass.errors import NotFound, ServiceUnavailable
from couchgrass.functions.entity import Action, Limits
from couchgrass.functions.run import canary as canary_module
from couchgrass.functions.run.canary import KEPT_S, SOURCE, Canary, with_canary
from couchgrass.functions.run.invoker import Invoker
from couchgrass.functions.runtimes.cell import Code, End, LogLines, Outcome
from couchgrass.functions.store.activations import Activations
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.cells import InlineCell, InlineRuntimes


class World:
    """An invoker, its canary, and a clock to be moved for the latter."""

    def __init__(self, store: Activations, runtimes: InlineRuntimes) -> None:
        self.runtimes = runtimes
        self.invoker = Invoker(runtimes, with_canary(nothing), store, SystemClock(), memory_mb=128)
        self.clock = MovedClock()
        self.canary = Canary(self.invoker, self.clock)


async def nothing(action: Action) -> Code:
    raise NotFound(f"{action.path} is not there")


def with_world(
    folder: Path, work: Callable[[World], Awaitable[None]], runtimes: InlineRuntimes | None = None
) -> None:
    async def run() -> None:
        store = await Activations.open(folder, clock=SystemClock())
        world = World(store, runtimes or InlineRuntimes())
        await work(world)
        await world.canary.close()
        await world.invoker.close()
        await store.close()

    asyncio.run(run())


def test_it_is_run_in_a_cell_without_a_record_a_count_or_memory(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        for _ in range(3):
            sung = await world.canary.sing()
            assert (sung.ok, sung.error) == (True, "")
            world.clock.time_s += KEPT_S
        assert len(world.runtimes.cells) == world.invoker.pool.cells == 1, "warm from the second on"
        assert (world.invoker.pool.used_mb, world.invoker.counts.ended) == (0, {})

    with_world(tmp_path, work)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SOURCE in path.read_bytes()]


def test_who_asks_meanwhile_or_soon_after_gets_the_same_song(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        first, second = await asyncio.gather(world.canary.sing(), world.canary.sing())
        world.clock.time_s += KEPT_S / 2
        assert first is second is await world.canary.sing()
        world.clock.time_s += KEPT_S / 2
        assert await world.canary.sing() is not first

    with_world(tmp_path, work)


def test_who_goes_away_does_not_end_it_for_others(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        gone = asyncio.create_task(world.canary.sing())
        await asyncio.sleep(0)
        stays = asyncio.create_task(world.canary.sing())
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).ok

    with_world(tmp_path, work)


class Broken(InlineRuntimes):
    """No process can be had, or it says something else, or nothing at all."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    async def cell(
        self, kind: str, limits: Limits, *, name: str, accounts: tuple[str, ...] = ()
    ) -> InlineCell:
        if self.how == "none":
            raise ServiceUnavailable("no sandbox")
        made = Odd(self.how)
        self.cells.append(made)
        return made


class Odd(InlineCell):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        if self.how == "silent":
            await asyncio.Event().wait()
        return Outcome(End.DONE, 200, b'{"song":"another"}')


def test_it_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for how, error in (
        ("none", "the action failed: "),
        ("odd", "the action answered something else"),
        ("silent", "no action could be run within "),
    ):

        async def work(world: World, error: str = error) -> None:
            sung = await world.canary.sing()
            assert not sung.ok
            assert sung.error.startswith(error), sung

        if how == "silent":
            monkeypatch.setattr(canary_module, "CANARY_S", 0.05)
        with_world(tmp_path / how, work, Broken(how))
