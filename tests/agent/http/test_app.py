"""What the agent answers, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from couchgrass import json
from couchgrass.agent.http.app import App
from couchgrass.agent.readiness import Answered, Check, Failed, first
from couchgrass.agent.run import pulse as pulse_module
from couchgrass.agent.run.pulse import Pulse
from couchgrass.agent.seen import Link
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.listening import listening

EVENTS = "/_couchgrass/events"
OURS = {"authorization": "Bearer the region's"}
LINK = Link("todos", "dallas", "london", "running", lag_s=0.5)


class Site:
    """The agent's application on a port, with a pulse that the test feeds."""

    def __init__(self, pulse: Pulse, session: aiohttp.ClientSession, app: App) -> None:
        self.pulse = pulse
        self.session = session
        self.app = app

    async def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        async with self.session.request(method, path) as answer:
            text = await answer.text()
            return answer.status, json.decode(text.encode()) if text.startswith("{") else text


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    pulse = Pulse(first("london", "s", caught_up_s=1.0), lambda: None, MovedClock())

    async def metrics() -> str:
        return "couchgrass_live 1\n"

    app = App(pulse, lambda: (LINK,), metrics, "the region's")
    async with listening(app) as url, aiohttp.ClientSession(url) as session:
        yield Site(pulse, session, app)
        app.draining = True


def with_site(work: Callable[[Site], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60), site() as made:
            await work(made)

    asyncio.run(run())


def test_live_and_ready_are_200_or_503_and_say_why() -> None:
    async def work(site: Site) -> None:
        status, health = await site.ask("/_couchgrass/live")
        assert (status, health["live"], health["region"]) == (503, False, "london")
        assert health["reasons"] == ["database: not looked at yet", "functions: not looked at yet"]
        for check in Check:
            site.pulse.tell(Answered(check))
        assert (await site.ask("/_couchgrass/live"))[0] == 200
        status, health = await site.ask("/_couchgrass/ready")
        assert (status, health["ready"], health["incarnation"]) == (200, True, "s.1")
        for _ in range(2):
            site.pulse.tell(Failed(Check.DATABASE_WRITE, "the disk is full"))
        status, health = await site.ask("/_couchgrass/ready")
        assert (status, health["reasons"]) == (503, ["database: the disk is full"])

    with_site(work)


def test_the_status_has_the_links_and_metrics_are_text() -> None:
    async def work(site: Site) -> None:
        status, report = await site.ask("/_couchgrass/status")
        assert (status, report["links"][0]["lag_s"], report["health"]["live"]) == (200, 0.5, False)
        assert await site.ask("/metrics") == (200, "couchgrass_live 1\n")

    with_site(work)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/_couchgrass/canary", 404),
        ("POST", "/_couchgrass/live", 405),
        ("GET", "/_couchgrass/events", 404),
        ("HEAD", "/_couchgrass/events", 405),
        ("HEAD", "/_couchgrass/status", 200),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int) -> None:
    async def work(site: Site) -> None:
        assert (await site.ask(path, method))[0] == status

    with_site(work)


def test_events_tell_the_health_at_once_on_each_change_and_now_and_then() -> None:
    async def work(site: Site) -> None:
        async with site.session.get(EVENTS, headers=OURS) as answer:
            assert answer.content_type == "application/x-ndjson"
            assert json.decode(await answer.content.readline())["live"] is False
            assert json.decode(await answer.content.readline())["live"] is False
            for check in Check:
                site.pulse.tell(Answered(check))
            while not json.decode(await answer.content.readline())["ready"]:
                pass

    with_site(work)


def test_so_many_listen_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_module, "LISTENERS_MAX", 1)

    async def work(site: Site) -> None:
        async with site.session.get(EVENTS, headers=OURS) as answer:
            await answer.content.readline()
            assert await status_of_events(site) == 503
        while (await status_of_events(site)) != 200:  # who hung up makes room
            await asyncio.sleep(0.01)

    async def status_of_events(site: Site) -> int:
        async with site.session.get(EVENTS, headers=OURS) as answer:
            return answer.status

    with_site(work)
