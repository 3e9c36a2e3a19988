"""Rows on their way from the reader to the copiers."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.wire import Change, LeafRev
from couchgrass.replication.run.inbox import Inbox


def row(number: int) -> Change:
    return Change(f"doc{number}", [LeafRev("1-a")], msgspec.Raw(str(number).encode()))


def end(number: int) -> msgspec.Raw:
    return msgspec.Raw(f'"end-{number}"'.encode())


def test_a_copier_takes_all_that_waits_up_to_a_batch() -> None:
    async def work() -> None:
        inbox = Inbox(100)
        for number in range(5):
            await inbox.put([row(number)], float(number))
        first, second = await inbox.take(3), await inbox.take(3)
        assert first is not None and second is not None
        assert (list(first.revs), first.seq, first.seen_s) == (["doc0", "doc1", "doc2"], row(2).seq, 0.0)
        assert (list(second.revs), second.number, second.seen_s) == (["doc3", "doc4"], 1, 3.0)

    asyncio.run(work())


def test_what_the_source_said_after_rows_counts_when_all_of_them_are_taken() -> None:
    async def work() -> None:
        inbox = Inbox(100)
        await inbox.put([row(1), row(2), row(3)], 0.0, end(1))
        await inbox.put([], 5.0, end(2))
        first = await inbox.take(2)
        assert first is not None and first.seq == row(2).seq
        second = await inbox.take(2)
        assert second is not None and second.seq == end(2) and second.rows == 1

    asyncio.run(work())


def test_the_oldest_is_what_waits_longest() -> None:
    async def work() -> None:
        inbox = Inbox(100)
        assert inbox.oldest_s is None and len(inbox) == 0
        await inbox.put([row(1)], 8.0)
        await inbox.put([row(2)], 3.0)
        assert inbox.oldest_s == 3.0 and len(inbox) == 2

    asyncio.run(work())


def test_the_reader_waits_while_too_many_wait_and_a_cancelled_wait_leaves_nothing() -> None:
    async def work() -> None:
        inbox = Inbox(2)
        await inbox.put([row(1), row(2)], 0.0)
        waiting = asyncio.create_task(inbox.put([row(3)], 0.0))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        again = asyncio.create_task(inbox.put([row(4)], 0.0))
        assert (await inbox.take(1)) is not None
        await again
        await inbox.close()
        rest = [await inbox.take(9), await inbox.take(9)]
        assert rest[0] is not None and list(rest[0].revs) == ["doc2", "doc4"] and rest[1] is None

    asyncio.run(work())


@given(st.lists(st.integers(0, 7), max_size=20), st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
def test_every_row_is_in_one_batch_and_in_order(
    sizes: list[int], most: int, copiers: int, rows_max: int
) -> None:
    async def work() -> None:
        inbox, taken = Inbox(rows_max), dict[int, list[str]]()
        dice, number = random.Random(len(sizes)), 0

        async def copy() -> None:
            while (batch := await inbox.take(most)) is not None:
                assert batch.rows <= most and (batch.rows or batch.seq is not None)
                taken[batch.number] = list(batch.revs)
                for _ in range(dice.randrange(3)):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(copy()) for _ in range(copiers)]
        for size in sizes:
            await inbox.put([row(number + each) for each in range(size)], 0.0, end(number))
            number += size
        await inbox.close()
        await asyncio.gather(*tasks)
        assert sorted(taken) == list(range(len(taken)))
        assert [doc for each in sorted(taken) for doc in taken[each]] == [f"doc{n}" for n in range(number)]

    asyncio.run(work())
