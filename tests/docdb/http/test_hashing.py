"""Hashing: few at a time, bounded, and called off when its turn comes too late."""

from __future__ import annotations

import asyncio
import threading

import pytest

from couchgrass.docdb.http.hashing import AT_ONCE, WAITING_MAX, Hashing
from couchgrass.errors import CouchgrassError, Forbidden, ServiceUnavailable


def test_only_a_few_hash_at_the_same_time() -> None:
    running, most, lock, all_in = 0, 0, threading.Lock(), threading.Barrier(AT_ONCE)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        all_in.wait(30)
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
            go.wait(30)
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


def test_a_check_calls_the_work_off_when_its_turn_has_come() -> None:
    done: list[int] = []

    async def run() -> list[None | BaseException]:
        hashing = Hashing()

        def check() -> None:
            if len(done) >= 2:
                raise Forbidden("enough")

        outcomes: list[None | BaseException] = []
        for number in range(4):
            try:
                outcomes.append(await hashing.run(lambda number=number: done.append(number), check))
            except CouchgrassError as refused:
                outcomes.append(refused)
        return outcomes

    assert [type(one) for one in asyncio.run(run())] == [type(None), type(None), Forbidden, Forbidden]
    assert done == [0, 1]


def test_work_that_fails_gives_its_turn_back() -> None:
    async def run() -> int:
        hashing = Hashing()
        for _ in range(3 * AT_ONCE):
            with pytest.raises(ZeroDivisionError):
                await hashing.run(lambda: 1 // 0)
        return await hashing.run(lambda: 7)

    assert asyncio.run(run()) == 7
