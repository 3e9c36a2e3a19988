"""Agents and a balancer are asked over real HTTP, and whatever they answer, or not, is no error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from couchgrass.topology.run import look as looking
from couchgrass.topology.run.look import ANSWER_BYTES_MAX, Look
from couchgrass.topology.status import Place

PATIENT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come, however busy the machine is."""
    monkeypatch.setattr(looking, "METRICS_S", PATIENT_S)


HEALTH = {"region": "london", "live": True, "ready": True, "lag_s": 0.1, "reasons": []}
LINK = {"database": "todos", "source": "dallas", "target": "london", "state": "running"}
ADMITTED = {"state": "serving", "since": 5.5, "requests": 2}
METRICS = """\
# TYPE couchgrass_balancer_requests_total counter
couchgrass_balancer_requests_total{region="london",code="200"} 40
couchgrass_balancer_requests_total{code="503",region="london"} 2
couchgrass_balancer_requests_total{region="dallas",code="200"} 1e3
other{region="london"} 9
"""


@asynccontextmanager
async def serving(**answers: str) -> AsyncIterator[str]:
    """Answers by the last part of the path."""

    async def answer(request: web.Request) -> web.Response:
        text = answers.get(request.path.rpartition("/")[2])
        return web.Response(status=404) if text is None else web.Response(text=text)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _well() -> None:
    told = json.dumps({"health": HEALTH, "links": [LINK]})
    balancer = json.dumps(
        {"pid": 7, "url": "http://b", "regions": {"london": ADMITTED}, "x": 1, "policy": "geo"}
    )
    async with serving(status=told, balancer=balancer, metrics=METRICS) as url, Look(PATIENT_S) as look:
        here = Place("london", {"agent": url}, {}, running=True)
        (london, dallas), links = await look.regions([here, Place("dallas")])
        assert (london.ready, london.healthy, london.lag_s) == (True, True, 0.1)
        assert dallas.reasons == ("it does not run",)
        assert [(one.source, one.state) for one in links] == [("dallas", "running")]
        seen = await look.balancer("http://named", url)
        assert (seen.url, seen.pid, seen.regions["london"].state) == ("http://b", 7, "serving")
        assert (seen.policy, seen.regions["london"].since, seen.regions["london"].requests) == ("geo", 5.5, 2)
        assert await look.requests(url) == {"london": 42.0, "dallas": 1000.0}
        assert await look.metrics(url) == METRICS


def test_what_they_say_is_shown() -> None:
    asyncio.run(_well())


async def _badly(text: str) -> None:
    async with serving(status=text, balancer=text, metrics=text) as url, Look(PATIENT_S) as look:
        (london,), links = await look.regions([Place("london", {"agent": url}, {}, running=True)])
        assert not london.ready
        assert links == ()
        assert (await look.balancer("http://named", url)).pid is None
        assert await look.requests(url) == {}
        assert await look.metrics("http://127.0.0.1:9") == ""


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"links": 3, "health": "x", "pid": "x"}', "x" * (ANSWER_BYTES_MAX + 1)],
    ids=["nothing", "a list", "half", "other types", "too much"],
)
def test_nonsense_is_no_answer(text: str) -> None:
    asyncio.run(_badly(text))
