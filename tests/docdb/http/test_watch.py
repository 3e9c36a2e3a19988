"""A feed's waiting: rings are remembered, silence is told, and nothing is left on the bells."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.watch import Watch
from couchgrass.docdb.sqlite.bell import Bell

Work = Callable[["Client", Bell], Awaitable[None]]


class Client:
    """A request whose client hangs up when `leave` is called."""

    def __init__(self) -> None:
        self._left = asyncio.Event()
        scope: dict[str, Any] = {
            "method": "GET",
            "raw_path": b"/db",
            "query_string": b"",
            "headers": [],
            "client": None,
        }
        self.request = Request(None, scope, self._receive)  # type: ignore[arg-type]

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._left.set()


def here(work: Work) -> None:
    async def run() -> None:
        await work(Client(), Bell(asyncio.get_running_loop()))

    asyncio.run(run())


def test_a_ring_ends_the_waiting() -> None:
    async def work(client: Client, bell: Bell) -> None:
        with Watch(client.request, bell) as watch:
            asyncio.get_running_loop().call_soon(bell.ring)
            assert await watch.wait(60.0)
            assert not watch.gone

    here(work)


def test_a_ring_while_the_feed_is_busy_is_remembered_once() -> None:
    async def work(client: Client, bell: Bell) -> None:
        with Watch(client.request, bell) as watch:
            bell.ring_now()
            bell.ring_now()
            assert await watch.wait(60.0)
            assert not await watch.wait(0.0)

    here(work)


def test_any_of_its_bells_ends_the_waiting() -> None:
    async def work(client: Client, bell: Bell) -> None:
        other = Bell(asyncio.get_running_loop())
        with Watch(client.request, bell, other) as watch:
            other.ring()
            assert await watch.wait(60.0)

    here(work)


def test_the_clients_hang_up_ends_the_waiting() -> None:
    async def work(client: Client, bell: Bell) -> None:
        with Watch(client.request, bell) as watch:
            client.leave()
            assert await watch.wait(60.0)
            assert watch.gone

    here(work)


def test_nothing_is_left_behind_even_when_the_waiting_is_cancelled() -> None:
    async def work(client: Client, bell: Bell) -> None:
        async def wait() -> None:
            with Watch(client.request, bell) as watch:
                await watch.wait(60.0)

        task = asyncio.create_task(wait())
        while not len(bell):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        assert task.cancelled()
        assert len(bell) == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    here(work)
