"""The pulse turns the clock, takes looks, and wakes who listens on a change and on nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from couchgrass.agent.readiness import Answered, Check, Failed, Looked, first
from couchgrass.agent.run import pulse as pulse_module
from couchgrass.agent.run.pulse import Pulse
from couchgrass.agent.seen import Link
from couchgrass.clock import SystemClock
from couchgrass.errors import ServiceUnavailable
from couchgrass.testing.asgi import MovedClock


def beaten(work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(run())


def test_silence_is_noticed_by_the_clock_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "TICK_S", 0.001)
    clock = MovedClock()

    async def work() -> None:
        pulse = Pulse(first("london", "s", caught_up_s=1.0), lambda: None, clock)
        for check in Check:
            pulse.tell(Answered(check))
        listening = pulse.listen()
        assert (await anext(listening)).live
        running = asyncio.create_task(pulse.run())

        async def goes_on() -> None:
            # What the loop itself is late is nobody's silence, so it may take more than one step.
            while True:
                clock.time_s += 1.0
                await asyncio.sleep(0.002)

        time_going_on = asyncio.create_task(goes_on())
        while (await anext(listening)).live:
            pass
        time_going_on.cancel()
        running.cancel()
        await listening.aclose()

    beaten(work)


def test_a_change_wakes_who_listens_and_more_of_the_same_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "EVERY_S", 3600)

    async def work() -> None:
        pulse = Pulse(first("london", "s", caught_up_s=1.0), lambda: None, SystemClock())
        listening = pulse.listen()
        await anext(listening)
        nextly = asyncio.ensure_future(anext(listening))
        pulse.tell(Failed(Check.DATABASE_UP, "no"))
        pulse.tell(Failed(Check.DATABASE_UP, "still no"))
        await asyncio.sleep(0.02)
        assert not nextly.done()
        for check in Check:
            pulse.tell(Answered(check))
        assert (await nextly).ready
        await listening.aclose()

    beaten(work)


def test_a_look_is_taken_once_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "TICK_S", 0.001)

    async def work() -> None:
        clock = SystemClock()
        link = Link("todos", "dallas", "london", "running", lag_s=0.0, pending=0)
        is_there = False

        def look() -> Looked | None:
            # Always a new one: those from before a pause of the whole process do not count.
            return Looked(clock.monotonic(), (link,), frozenset({"dallas"})) if is_there else None

        state = first("london", "s", caught_up_s=1.0, peers=frozenset({"dallas"}))
        pulse = Pulse(state, look, clock)
        for check in Check:
            pulse.tell(Answered(check))
        running = asyncio.create_task(pulse.run())
        listening = pulse.listen()
        assert not (await anext(listening)).ready
        is_there = True
        while not (await anext(listening)).ready:
            for check in Check:
                pulse.tell(Answered(check))
        running.cancel()
        await listening.aclose()

    beaten(work)


def test_who_stops_listening_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "LISTENERS_MAX", 1)

    async def work() -> None:
        pulse = Pulse(first("london", "s", caught_up_s=1.0), lambda: None, SystemClock())
        first_one = pulse.listen()
        await anext(first_one)
        with pytest.raises(ServiceUnavailable):
            await anext(pulse.listen())
        await first_one.aclose()
        assert not (await anext(pulse.listen())).live

    beaten(work)
