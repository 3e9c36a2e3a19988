"""What is answered below /_dashboard/, over HTTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchgrass import json
from couchgrass.clock import SystemClock
from couchgrass.dashboard.drilled import LOCK
from couchgrass.dashboard.http.own import Own
from couchgrass.dashboard.overview import Site
from couchgrass.dashboard.run.drills import DrillFolder
from couchgrass.dashboard.run.watch import Told, Watch
from couchgrass.dashboard.who import Who
from couchgrass.errors import Conflict, CouchgrassError, NotFound
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.serving.inner import json_answer
from couchgrass.serving.locks import is_taken
from couchgrass.testing.listening import listening
from couchgrass.topology.status import RegionStatus, Status

LIMIT_S = 60.0
WELL = Status("/x", True, None, (RegionStatus("london", "", "", "", None, {}, True, True),), (), None, "")
DRILL = """
import pathlib, sys
options = dict(zip(sys.argv[1:], sys.argv[2:]))
pathlib.Path(options["--json"]).write_text('[{"broken_promises": []}]')
pathlib.Path(options["--html"]).write_text("<p>a report")
"""


class App(Edge):
    """The server's edge, without its sign-in."""

    def __init__(self, own: Own) -> None:
        super().__init__()
        self._own = own

    async def answer(self, request: Request) -> Answer:
        return await self._own.answer(request, Who("admin", ("_admin",)))

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return json_answer(error.status, {"error": error.error, "reason": error.reason})

    async def close(self) -> None:
        """Nothing was begun."""


class Dashboard:
    """It, asked over HTTP. `drained` are the regions that the balancer was told of."""

    def __init__(self, session: aiohttp.ClientSession, drained: set[str]) -> None:
        self.session = session
        self.drained = drained

    async def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        text = body if isinstance(body, bytes | None) else json.encode(body)
        async with self.session.request(method, f"/_dashboard/{path}", data=text) as answer:
            return answer.status, json.decode(await answer.read() or b"null")


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Dashboard]:
    drained: set[str] = set()

    async def look() -> Status:
        return WELL

    async def read(lives: Callable[[str], bool]) -> Told:
        return Told()

    async def drain(region: str, is_drained: bool) -> bool:
        if region == "paris":
            raise NotFound("There is no region paris: there is london")
        if region == "tokyo":
            raise Conflict("No balancer runs on this machine. Where it runs: couchgrass drain tokyo")
        before = set(drained)
        drained.symmetric_difference_update({region} if is_drained != (region in drained) else ())
        return drained != before

    watch = Watch(Site("london"), look, read, SystemClock())
    drills = DrillFolder(
        folder / "drills",
        ("london", "dallas"),
        lambda: "",
        SystemClock(),
        command=(sys.executable, "-c", DRILL),
    )
    task = asyncio.create_task(watch.run())
    try:
        async with listening(App(Own(watch, drills, drain))) as url, aiohttp.ClientSession(url) as session:
            yield Dashboard(session, drained)
    finally:
        task.cancel()
        await asyncio.wait([task])


def asked(folder: Path, work: Callable[[Dashboard], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(LIMIT_S), served(folder) as dashboard:
            await work(dashboard)

    asyncio.run(whole())


def test_the_overview_and_the_last_hour(tmp_path: Path) -> None:
    async def work(dashboard: Dashboard) -> None:
        status, seen = await dashboard.ask("overview")
        assert (status, seen["region"], seen["regions"][0]["state"]) == (200, "london", "ready")
        status, past = await dashboard.ask("history")
        assert (status, past["step_s"], past["regions"]["london"]["up"][-1]) == (200, 10.0, 1.0)

    asked(tmp_path, work)


def test_the_feed_is_lines_of_overviews(tmp_path: Path) -> None:
    async def work(dashboard: Dashboard) -> None:
        async with dashboard.session.get("/_dashboard/overview/feed") as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines = [json.decode(await answer.content.readline()) for _ in range(3)]
        assert [line["regions"][0]["name"] for line in lines] == ["london"] * 3
        assert len({line["at"] for line in lines}) == 3

    asked(tmp_path, work)


def test_a_region_is_drained_and_let_in_again(tmp_path: Path) -> None:
    async def work(dashboard: Dashboard) -> None:
        ask = dashboard.ask
        told = {"region": "london", "drained": True}
        assert await ask("balancer/drained", "POST", told) == (200, {"ok": True, "changed": True})
        assert dashboard.drained == {"london"}
        assert await ask("balancer/drained", "POST", told) == (200, {"ok": True, "changed": False})
        await ask("balancer/drained", "POST", {**told, "drained": False})
        assert dashboard.drained == set()
        for name, status in (("paris", 404), ("tokyo", 409)):
            assert (await ask("balancer/drained", "POST", {**told, "region": name}))[0] == status

    asked(tmp_path, work)


def test_a_drill_is_started_seen_and_removed(tmp_path: Path) -> None:
    async def work(dashboard: Dashboard) -> None:
        ask = dashboard.ask
        assert await ask("drills") == (200, {"available": True, "why": "", "drills": []})
        status, begun = await ask("drills", "POST", {"fault": "region", "load": 10, "seconds": 4})
        assert status == 201
        one = f"drills/{begun['id']}"
        while (seen := (await ask(one))[1])["ended"] is None or is_taken(tmp_path / "drills" / LOCK):
            await asyncio.sleep(0.02)
        assert (seen["kept"], seen["reports"]) == (True, [{"broken_promises": []}])
        assert (await ask("drills"))[1]["drills"][0]["id"] == begun["id"]
        async with dashboard.session.get(f"/_dashboard/{one}/report.html") as answer:
            page: Mapping[str, str] = answer.headers
            assert await answer.text() == "<p>a report"
        assert page["content-type"] == "text/html; charset=utf-8"
        policy = page["content-security-policy"].split("; ")
        assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= set(policy)
        assert page["x-content-type-options"] == "nosniff"
        assert (await ask(one, "DELETE"))[0] == 200
        assert (await ask(one))[0] == 404

    asked(tmp_path, work)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "nothing", None, 404, "no such path"),
        ("GET", "drills/", None, 404, "no such drill"),
        ("GET", "drills/x/y", None, 404, "no such path"),
        ("GET", "drills/..%2f..%2fasked.json", None, 404, "no such path"),
        ("PUT", "overview", b"{}", 405, "Only GET,HEAD allowed"),
        ("GET", "balancer/drained", None, 405, "Only POST allowed"),
        ("POST", "drills", b"{", 400, "truncated"),
        ("POST", "drills", b"\xff", 400, ""),
        ("POST", "drills", {"fault": 7}, 400, "Expected `str`, got `int` - at `$.fault`"),
        ("POST", "drills", {"fault": "fire"}, 400, "there is no fault 'fire'"),
        ("POST", "drills", {"more": 1}, 400, "unknown field `more`"),
        ("POST", "balancer/drained", {"region": "london"}, 400, "missing required field `drained`"),
        ("POST", "drills", b" " * 70_000, 413, "65536"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, method: str, path: str, body: Any, status: int, words: str
) -> None:
    async def work(dashboard: Dashboard) -> None:
        found, answer = await dashboard.ask(path, method, body)
        assert (found, set(answer)) == (status, {"error", "reason"})
        assert words in answer["reason"]

    asked(tmp_path, work)
