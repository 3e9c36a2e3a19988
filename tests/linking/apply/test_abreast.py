"""Work for many things at a time: bounded, in order, and ended in peace after a failure."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.errors import Conflict, CouchgrassError, NotFound
from couchgrass.linking.apply.abreast import abreast


def test_answers_come_in_order_and_no_more_than_so_many_work_at_a_time() -> None:
    async def main() -> None:
        busy, most = 0, 0
        gates = {number: asyncio.Event() for number in range(10)}

        async def work(number: int) -> int:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            if number == 2:  # the last one of the first three lets all others end before it
                for gate in gates.values():
                    gate.set()
            await gates[number].wait()
            busy -= 1
            return number * number

        assert await abreast(range(10), work, at_once_max=3) == [number * number for number in range(10)]
        assert (busy, most) == (0, 3)

    asyncio.run(main())


def test_after_a_failure_nothing_begins_what_is_under_way_ends_and_the_first_in_order_is_raised() -> None:
    async def main() -> None:
        begun: list[str] = []
        ended: list[str] = []
        failed = asyncio.Event()

        async def work(name: str) -> None:
            begun.append(name)
            if name == "c":
                failed.set()
                raise Conflict("c")
            await failed.wait()
            if name == "b":
                raise NotFound("b")
            ended.append(name)

        with pytest.raises(CouchgrassError) as failure:
            await abreast("abcdef", work, at_once_max=3)
        assert isinstance(failure.value, NotFound)
        assert (begun, ended) == (["a", "b", "c"], ["a"])

    asyncio.run(main())


def test_of_nothing_there_is_nothing() -> None:
    async def work(name: str) -> str:
        return name

    assert asyncio.run(abreast([], work)) == []
