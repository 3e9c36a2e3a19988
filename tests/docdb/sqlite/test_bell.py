"""The bell: many alarms, few rings, none forgotten."""

from __future__ import annotations

import asyncio
from functools import partial

from couchgrass.docdb.sqlite.bell import PAUSE_PER_ALARM_S, Bell
from tests.docdb.sqlite.conftest import StandingLoop, standing


def test_a_change_rings_all_alarms_at_once() -> None:
    async def run() -> None:
        bell = Bell(asyncio.get_running_loop())
        heard: list[int] = []
        for number in range(3):
            bell.hang(partial(heard.append, number))
        bell.ring()
        assert heard == [0, 1, 2]

    asyncio.run(run())


def test_changes_in_the_pause_ring_together_and_are_not_forgotten() -> None:
    async def work(loop: StandingLoop) -> None:
        bell = Bell(loop, pause_s=0.05)
        heard = asyncio.Event()
        bell.hang(heard.set)
        bell.ring()
        assert heard.is_set()
        heard.clear()
        for _ in range(1000):
            bell.ring()
        await asyncio.sleep(0)
        assert not heard.is_set()
        loop.now_s += 0.05 + PAUSE_PER_ALARM_S
        await heard.wait()
        assert bell.rings == 2

    standing(work)


def test_what_cant_wait_rings_in_the_pause_too() -> None:
    async def run() -> None:
        bell = Bell(asyncio.get_running_loop(), pause_s=60.0)
        heard: list[int] = []
        bell.hang(lambda: heard.append(1))
        bell.ring()
        bell.ring()
        bell.ring_now()
        assert heard == [1, 1]

    asyncio.run(run())


def test_an_alarm_that_was_taken_off_is_silent_and_a_bell_without_alarms_does_not_ring() -> None:
    async def run() -> None:
        bell = Bell(asyncio.get_running_loop())
        heard: list[int] = []
        number = bell.hang(lambda: heard.append(1))
        assert len(bell) == 1
        bell.take_off(number)
        bell.take_off(number)
        bell.ring()
        assert heard == []
        assert bell.rings == len(bell) == 0

    asyncio.run(run())


def test_an_alarm_may_take_itself_off_while_it_rings() -> None:
    async def run() -> None:
        bell = Bell(asyncio.get_running_loop())
        heard: list[int] = []

        def once() -> None:
            heard.append(1)
            bell.take_off(number)

        number = bell.hang(once)
        bell.ring_now()
        bell.ring_now()
        assert heard == [1]

    asyncio.run(run())
