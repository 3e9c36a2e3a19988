"""Probes of gateways that answer in all manners."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from couchgrass.balancer.admission import Absence, Answer, Result, Silence
from couchgrass.balancer.envoy.probe import REASON_CHARS_MAX, Prober, find
from couchgrass.balancer.render import Upstream

HEALTH = {"region": "london", "live": True, "ready": True, "incarnation": "i", "lag_s": 0.5, "reasons": []}


def probed(
    told: Any = HEALTH, status: int = 200, *, is_ours: bool = True, timeout_s: float = 5.0, wait_s: float = 0
) -> Result:
    """What a probe makes of an answer."""

    async def answer(request: web.Request) -> web.Response:
        assert request.path == ("/_couchgrass/ready" if is_ours else "/")
        await asyncio.sleep(wait_s)
        return web.json_response(told, status=status)

    async def work() -> Result:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        async with TestServer(app) as server, Prober(timeout_s) as prober:
            return await prober.ask(Upstream("london", "127.0.0.1", server.port or 0, is_ours=is_ours))

    return asyncio.run(work())


def test_a_regions_health_is_taken_as_it_says() -> None:
    assert probed() == Answer(True, True, "i", 0.5, "")
    told = HEALTH | {"live": True, "ready": False, "reasons": ["behind dallas", "no canary"]}
    assert probed(told, 503) == Answer(True, False, "i", 0.5, "behind dallas; no canary")


def test_who_does_not_live_is_not_ready() -> None:
    assert probed(HEALTH | {"live": False}, 503) == Answer(False, False, "i", 0.5, "")


def test_a_health_that_knows_little_is_enough() -> None:
    assert probed({"live": False, "ready": False}, 503) == Answer(False, False, "", None, "")


def test_a_long_reason_is_cut() -> None:
    found = probed(HEALTH | {"reasons": ["x" * 10_000]})
    assert isinstance(found, Answer)
    assert len(found.reason) == REASON_CHARS_MAX


def test_another_region_at_that_address_is_not_this_one() -> None:
    assert probed(HEALTH | {"region": "dallas"}) == Absence("there is the region dallas instead")


@pytest.mark.parametrize("told", [[], {"live": "yes"}, "x"])
def test_what_is_no_health_is_an_absence(told: Any) -> None:
    assert probed(told, 404) == Absence("its gateway answers 404 and nothing about its health")


def test_a_gateway_of_another_kind_lives_and_is_ready_when_it_answers() -> None:
    assert probed("hello", 404, is_ours=False) == Answer(True, True)
    assert probed("broken", 502, is_ours=False) == Absence("its gateway answers with 502")


def test_who_takes_too_long_is_silent_and_who_refuses_is_absent() -> None:
    assert isinstance(probed(timeout_s=0.05, wait_s=5), Silence)

    async def work() -> Result:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            async with Prober(5.0) as prober:
                return await prober.ask(Upstream("london", "127.0.0.1", nobody.getsockname()[1]))

    assert isinstance(found := asyncio.run(work()), Absence)
    assert "refused" in found.reason


@pytest.mark.parametrize(
    ("url", "is_ours", "found"),
    [
        ("http://127.0.0.1:3234", True, Upstream("r", "127.0.0.1", 3234)),
        ("http://localhost:3234", True, Upstream("r", "127.0.0.1", 3234)),
        ("http://localhost", False, Upstream("r", "127.0.0.1", 80, "localhost", is_ours=False)),
        ("https://localhost", True, Upstream("r", "127.0.0.1", 443, "localhost", is_tls=True)),
        ("https://[::1]:8443/x", False, Upstream("r", "::1", 8443, is_tls=True, is_ours=False)),
    ],
)
def test_an_url_leads_to_an_address_and_a_name_where_one_is_needed(
    url: str, is_ours: bool, found: Upstream
) -> None:
    assert asyncio.run(find("r", url, is_ours=is_ours)) == found
