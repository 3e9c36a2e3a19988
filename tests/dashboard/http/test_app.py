"""What the dashboard serves, to whom, and how it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from couchgrass import json
from couchgrass.dashboard.known import FRESH_S
from couchgrass.dashboard.who import Who
from couchgrass.errors import Conflict
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.listening import listening
from tests.dashboard.http.site import COOKIE, OWN, Echo, run, site
from tests.dashboard.http.test_backends import database


class Pages:
    """What serves /_dashboard/ in these tests."""

    def __init__(self) -> None:
        self.seen: list[Who] = []
        self.goes_on = asyncio.Event()

    async def answer(self, request: Request, who: Who) -> Answer:
        self.seen.append(who)
        if request.raw_path.endswith(b"/refused"):
            raise Conflict("not now")
        if request.raw_path.endswith(b"/feed"):
            return Answer(200, pieces=self.feed())
        return Answer(200, b"<b>report</b>", [(b"content-security-policy", b"default-src 'self'")])

    async def feed(self) -> AsyncGenerator[bytes, None]:
        yield b"first\n"
        await self.goes_on.wait()
        while True:
            yield b"more\n"
            await asyncio.sleep(0)


def test_the_pages_and_what_they_ask_first_are_for_everybody() -> None:
    async def work() -> None:
        async with site("") as dashboard:
            status, text, headers = await dashboard.ask("GET", "/", headers={})
            assert (status, text) == (200, "<!doctype html>the pages")
            assert "script-src 'self'" in headers["content-security-policy"]
            status, told, headers = await dashboard.ask("GET", "/config.json", headers={})
            assert (status, told["region"], told["mode"], told["couch"]) == (
                200,
                "london",
                "dashboard",
                "couch/",
            )
            assert headers["cache-control"] == "no-store"
            assert (await dashboard.ask("GET", "/nothing", headers={}))[0] == 404
            assert (await dashboard.ask("GET", "/%2e%2e/etc/passwd", headers={}))[0] == 404
            status, told, headers = await dashboard.ask("POST", "/", headers={})
            assert (status, headers["allow"]) == (405, "GET, HEAD")

    run(work)


@pytest.mark.parametrize(
    "path", ["/couch/_session", "/functions/api/v1", "/gateway/x", "/_dashboard/overview"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_all_else_is_for_our_own_pages(method: str, path: str) -> None:
    async def work() -> None:
        echo = Echo()
        async with listening(echo) as url, site(url, functions=url, gateway=url) as dashboard:
            told = await dashboard.ask(method, path, headers={}, user="boss", origin="https://evil.example")
            assert told[0] == 403
            assert told[1]["error"] == "forbidden"
            assert not any(name.lower().startswith("access-control-") for name in told[2])
            same_site = await dashboard.ask(method, path, user="boss", sec_fetch_site="same-site")
            assert same_site[0] == 403
            assert echo.seen == []

    run(work)


def test_a_link_to_an_attachment_can_be_followed_and_runs_nothing() -> None:
    async def page(request: Request) -> Answer:
        return Answer(200, b"<script>", [(b"content-type", b"text/html")])

    async def work() -> None:
        async with listening(Echo(page)) as url, site(url) as dashboard:
            link = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
            status, _, headers = await dashboard.ask("GET", "/couch/db/doc/page.html", headers=link)
            assert (status, headers["content-security-policy"]) == (200, "sandbox; default-src 'none'")
            assert headers["x-content-type-options"] == "nosniff"

    run(work)


@pytest.mark.parametrize("path", ["/couch/db/..%2f_users", "/couch//evil.example/", "/gateway/%2e%2e/x"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    async def work() -> None:
        echo = Echo()
        async with listening(echo) as url, site(url, gateway=url) as dashboard:
            assert (await dashboard.ask("GET", path))[0] == 400
            assert echo.seen == []

    run(work)


def test_its_own_paths_are_for_admins_and_answered_in_their_name() -> None:
    async def work() -> None:
        own = Pages()
        async with listening(Echo(database)) as url, site(url, own=own) as dashboard:
            status, text, headers = await dashboard.ask(
                "GET", "/_dashboard/drills/1/report.html", user="boss"
            )
            assert (status, text) == (200, "<b>report</b>")
            assert headers["content-security-policy"] == "default-src 'self'"
            assert headers["x-content-type-options"] == "nosniff"
            status, told, _ = await dashboard.ask("POST", "/_dashboard/refused", user="boss")
            assert (status, told) == (409, {"error": "conflict", "reason": "not now"})
            assert own.seen == [Who("boss", ("_admin",))] * 2
            for user, expected in (("clerk", 403), ("", 401)):
                assert (await dashboard.ask("GET", "/_dashboard/drills", user=user))[0] == expected
            assert len(own.seen) == 2

    run(work)


def test_its_own_feeds_end_when_it_stops() -> None:
    async def work() -> None:
        async with listening(Echo(database)) as url, site(url, own=Pages()) as dashboard:
            path = f"{dashboard.url}/_dashboard/overview/feed"
            cookie = {"cookie": f"{COOKIE}=boss"}
            async with dashboard.session.get(path, headers={**OWN, **cookie}) as answer:
                assert await answer.content.readline() == b"first\n"
                dashboard.app.draining = True
                assert await answer.content.read() == b""

    run(work)


def test_its_own_feeds_end_for_who_may_listen_no_more() -> None:
    async def work() -> None:
        own, roles = Pages(), ["_admin"]

        async def changing(request: Request) -> Answer:
            return Answer(200, json.encode({"userCtx": {"name": "boss", "roles": roles}}))

        async with listening(Echo(changing)) as url, site(url, own=own, allowed_s=0) as dashboard:
            path = f"{dashboard.url}/_dashboard/overview/feed"
            async with dashboard.session.get(path, headers={**OWN, "cookie": f"{COOKIE}=boss"}) as answer:
                assert await answer.content.readline() == b"first\n"
                own.goes_on.set()
                assert await answer.content.readline() == b"more\n"
                roles.remove("_admin")
                dashboard.clock.time_s += FRESH_S
                async for _ in answer.content:
                    pass

    run(work)
