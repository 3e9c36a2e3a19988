"""The same work for many things, several at a time: answers and failures come in the things' order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from couchgrass.errors import CouchgrassError

AT_ONCE_MAX: Final = 8
"""Databases that are worked on together; what one server is asked at a time has its own bound."""

T = TypeVar("T")
R = TypeVar("R")


async def abreast(
    things: Iterable[T], work: Callable[[T], Awaitable[R]], *, at_once_max: int = AT_ONCE_MAX
) -> list[R]:
    """What `work` answers for each.

    After a failure no other thing is begun, and those under way are ended in peace. Then the failure of the
    first thing in order is raised, whichever failed first.
    """
    left = enumerate(things)
    answers: dict[int, R] = {}
    failures: dict[int, CouchgrassError] = {}

    async def lane() -> None:
        for index, thing in left:
            try:
                answers[index] = await work(thing)
            except CouchgrassError as failure:
                failures[index] = failure
            if failures:
                return

    async with asyncio.TaskGroup() as lanes:
        for _ in range(at_once_max):
            lanes.create_task(lane())
    if failures:
        raise failures[min(failures)]
    return [answers[index] for index in range(len(answers))]
