"""Agents, gateways and a balancer are asked how they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web

from couchgrass.agent.seen import Health, Link, Report
from couchgrass.topology.run import look as looking
from couchgrass.topology.run.look import Look
from couchgrass.topology.status import Place, RegionStatus

T = TypeVar("T")

PATIENT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come, however busy the machine is."""
    monkeypatch.setattr(looking, "METRICS_S", PATIENT_S)


HEALTH = Health("london", True, False, "1", True, True, False, 7.0, ("catching up",))
REPORT = Report(HEALTH, (Link("todos", "dallas", "london", "running", lag_s=7.0),))


def answered(work: Callable[[Look, str], Awaitable[T]], **answers: tuple[int, Any]) -> T:
    """What `work` makes of a server that answers so, by the last part of the path."""

    async def answer(request: web.Request) -> web.Response:
        status, body = answers.get(request.path.rpartition("/")[2], (404, {}))
        body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return web.Response(status=status, body=body)

    async def whole() -> T:
        app = web.Application()
        app.router.add_get("/{tail:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with Look(PATIENT_S) as look:
                return await work(look, url)
        finally:
            await runner.cleanup()

    return asyncio.run(whole())


def region(here: bool, **answers: tuple[int, Any]) -> tuple[RegionStatus, tuple[Link, ...]]:
    async def work(look: Look, url: str) -> tuple[RegionStatus, tuple[Link, ...]]:
        place = Place("london", {"agent": url, "gateway": url}, running=here, here=here)
        (seen,), links = await look.regions([place])
        return seen, links

    return answered(work, **answers)


def test_an_agent_here_reports_health_and_links() -> None:
    seen, links = region(True, status=(200, REPORT))
    assert (seen.healthy, seen.ready, seen.lag_s, seen.reasons) == (True, False, 7.0, ("catching up",))
    assert links == REPORT.links


def test_a_gateway_elsewhere_tells_health_also_when_the_region_is_not_ready() -> None:
    seen, links = region(False, ready=(503, HEALTH), status=(200, REPORT))
    assert (seen.healthy, seen.ready, seen.reasons, links) == (True, False, ("catching up",), ())
    seen, _ = region(False, ready=(200, msgspec.structs.replace(HEALTH, ready=True, reasons=())))
    assert (seen.healthy, seen.ready) == (True, True)


def test_what_is_no_answer_of_ours_is_silence() -> None:
    for answers in (
        {},
        {"ready": (503, b"<html>")},
        {"ready": (200, {"error": "x"})},
        {"ready": (500, HEALTH)},
    ):
        seen, _ = region(False, **answers)
        assert seen.reasons == ("its gateway does not answer",)
    seen, links = region(True, status=(200, {"health": {}, "links": [{"no": "link"}]}))
    assert (seen.ready, links) == (False, ())


def test_a_place_that_is_not_known_is_not_asked() -> None:
    async def work(look: Look, url: str) -> tuple[RegionStatus, ...]:
        places = [
            Place("a"),
            Place("b", here=False),
            Place("c", {"agent": "http://127.0.0.1:1"}, running=True),
        ]
        return (await look.regions(places))[0]

    assert [one.reasons[0] for one in answered(work)] == [
        "it does not run",
        "its gateway does not answer",
        "its agent does not answer",
    ]


def test_the_balancer_tells_its_regions() -> None:
    told = {
        "pid": 7,
        "url": "http://b:1",
        "regions": {"london": {"state": "serving", "reason": "", "live": True}},
    }
    seen = answered(lambda look, url: look.balancer("http://x", url), balancer=(200, told))
    assert (seen.pid, seen.url, seen.regions["london"].state) == (7, "http://b:1", "serving")
    silent = answered(lambda look, url: look.balancer("http://x", url), balancer=(200, {"pid": "seven"}))
    assert (silent.pid, silent.url) == (None, "http://x")


def test_requests_are_counted_by_region() -> None:
    text = b"""\
couchgrass_balancer_requests_total{region="london",code="200"} 5
couchgrass_balancer_requests_total{region="london",code="503"} 2
couchgrass_balancer_requests_total{region="dallas"} 1.0
other_total{region="dallas"} 9
"""
    counted = answered(lambda look, url: look.requests(url), metrics=(200, text))
    assert counted == {"london": 7.0, "dallas": 1.0}
