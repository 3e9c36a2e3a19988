"""The loop of the simulation: time jumps, order is repeatable, a standstill is told."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.clock import Clock
from couchgrass.testing.sim_loop import EPOCH, Deadlock, SimClock, run, this_loop


def test_hours_pass_at_once_and_timers_come_in_their_order() -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, this_loop().time()))

    async def main() -> None:
        await asyncio.gather(sleeper("late", 7200), sleeper("soon", 0.5), sleeper("day", 86_400))

    run(main)
    assert [(name, round(at, 6)) for name, at in seen] == [("soon", 0.5), ("late", 7200), ("day", 86_400)]


def test_waiting_for_what_nobody_does_is_a_deadlock_that_names_who_waits() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.Event().wait(), name="the one who waits")
        await task

    with pytest.raises(Deadlock, match="the one who waits"):
        run(main)


def test_a_timeout_is_virtual_too() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asyncio.Event().wait()
        return this_loop().time()

    assert run(main) == pytest.approx(600)


def test_the_seed_decides_what_happens() -> None:
    async def main() -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            for _ in range(3):
                await asyncio.sleep(this_loop().random.random())
                order.append(number)

        tasks = {asyncio.create_task(one(number)) for number in range(20)}
        while tasks:
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            order += [-hash(task) for task in done]
        return order

    assert run(main, 1) == run(main, 1) != run(main, 2)


def test_threads_are_refused_and_what_main_raises_comes_out() -> None:
    async def main() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(RuntimeError, match="no threads"):
        run(main)


def test_a_clock_has_skew_and_drift() -> None:
    async def main() -> tuple[float, float]:
        clock: Clock = SimClock(this_loop(), skew_s=-30, drift=0.01)
        await asyncio.sleep(100)
        return clock.now() - EPOCH, clock.monotonic()

    wall, monotonic = run(main)
    assert wall == pytest.approx(71)
    assert monotonic == pytest.approx(101)
