"""The contract of a Todo-Backend: through the balancer, and with each request to the other region."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from couchgrass.testing.todo_backend import RULES, Api
from couchgrass.testing.up import UpProcess
from tests.whole.site import LIMIT_S, TODOS, gateway

Rule = Callable[[Api], Awaitable[None]]


class Alternating(Api):
    """Asks the regions in turn: each request goes to another one than the last, as soon as that has what the
    last one wrote."""

    def __init__(self, regions: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        super().__init__(regions[min(regions)] + TODOS, session)
        self.asked: list[str] = []
        self._regions = regions

    async def ask(self, method: str, url: str, body: Any = None) -> Any:
        await self._in_step()
        names = sorted(self._regions)
        name = names[len(self.asked) % len(names)]
        self.asked.append(name)
        return await super().ask(method, self._regions[name] + urlsplit(url).path, body)

    async def _in_step(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len({await self._todos(url) for url in self._regions.values()}) > 1:
                await asyncio.sleep(0.01)

    async def _todos(self, url: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        """All of them, but for their URLs, which are the region's own."""
        found = await super().ask("GET", url + TODOS)
        return tuple(
            sorted(tuple(sorted((k, repr(v)) for k, v in todo.items() if k != "url")) for todo in found)
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_kept_behind_the_balancer(rule: Rule, two: UpProcess) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            await rule(Api(two.url + TODOS, session))

    asyncio.run(work())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_is_kept_by_two_regions_in_turn(rule: Rule, two: UpProcess) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            api = Alternating({name: gateway(two, name) for name in two.topology.names}, session)
            await rule(api)
            await api.all()
            assert set(api.asked) == set(two.topology.names)

    asyncio.run(work())
