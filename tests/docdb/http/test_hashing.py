"""Hashing: few at a time, bounded, and no turn is ever lost."""

from __future__ import annotations

import asyncio
import threading

import pytest

from couchgrass.docdb.http.hashing import AT_ONCE, WAITING_MAX, Hashing
from couchgrass.errors import ServiceUnavailable


def test_only_a_few_hash_at_the_same_time() -> None:
    running, most, lock, all_in = 0, 0, threading.Lock(), threading.Barrier(AT_ONCE)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        all_in.wait(60)
        with lock:
            running -= 1

    async def run() -> None:
        hashing = Hashing()
        await asyncio.gather(*(hashing.run(work) for _ in range(5 * AT_ONCE)))

    asyncio.run(run())
    assert most == AT_ONCE


def test_more_than_may_wait_are_told_to_come_back() -> None:
    async def run() -> list[str | BaseException]:
        hashing, go = Hashing(), threading.Event()

        def work() -> str:
            go.wait(60)
            return "hashed"

        waiting = [asyncio.ensure_future(hashing.run(work)) for _ in range(WAITING_MAX + 3)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        go.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return [*outcomes, await hashing.run(work)]

    outcomes = asyncio.run(run())
    assert outcomes[:WAITING_MAX] == ["hashed"] * WAITING_MAX
    assert [type(refused) for refused in outcomes[WAITING_MAX:-1]] == [ServiceUnavailable] * 3
    assert outcomes[-1] == "hashed"


def test_work_that_fails_gives_its_turn_back() -> None:
    async def run() -> int:
        hashing = Hashing()
        for _ in range(3 * AT_ONCE):
            with pytest.raises(ZeroDivisionError):
                await hashing.run(lambda: 1 // 0)
        return await hashing.run(lambda: 7)

    assert asyncio.run(run()) == 7
