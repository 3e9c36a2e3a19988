"""What each of the region's servers gets to see of a request, and what the browser of their answers."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass import json
from couchgrass.couch.auth import basic
from couchgrass.dashboard.passed import LOCAL
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.listening import listening
from tests.dashboard.http.site import ACTING, COOKIE, Echo, Site, run, site

LOGIN = basic("admin", "password")
KEY = basic("23bc46b1-71f6-4ed5-8c54-816aa4f8c502", "secret")
API = "/functions/api/v1/namespaces"


async def database(request: Request) -> Answer | None:
    """Knows two sessions, and tells all else what it was sent."""
    if request.raw_path != b"/_session" or request.method != "GET":
        return None
    cookie = request.header(b"cookie") or ""
    name = cookie.removeprefix("AuthSession=")
    roles = {"boss": ["_admin"], "clerk": ["writer"]}.get(name, [])
    told = {"ok": True, "userCtx": {"name": name if roles else None, "roles": roles}}
    headers = [(b"set-cookie", f"AuthSession={name}-new; Path=/; HttpOnly".encode())]
    return Answer(200, json.encode(told), headers)


class Behind:
    """A dashboard, and what was sent to the servers behind it."""

    def __init__(self, site: Site, couch: Echo, functions: Echo, gateway: Echo) -> None:
        self.site, self.couch, self.functions, self.gateway = site, couch, functions, gateway

    async def told(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        status, told, _ = await self.site.ask(method, path, **how)
        assert status == 200, told
        found: dict[str, Any] = told["headers"]
        return found


def behind(work: Any, **how: Any) -> None:
    async def whole() -> None:
        couch, functions, gateway = Echo(database), Echo(), Echo()
        async with (
            listening(couch) as at_couch,
            listening(functions) as at_functions,
            listening(gateway) as at_gateway,
            site(at_couch, functions=at_functions, gateway=at_gateway, **how) as made,
        ):
            await work(Behind(made, couch, functions, gateway))

    run(whole)


def test_the_database_gets_its_session_and_the_password_and_no_other_cookie() -> None:
    async def work(site: Behind) -> None:
        sent = await site.told("GET", "/couch/db?x=1", user="boss", authorization=LOGIN)
        assert (sent["cookie"], sent["authorization"]) == ("AuthSession=boss", LOGIN)
        assert "cookie" not in await site.told("GET", "/couch/db", cookie="AuthSession=boss")
        assert site.couch.seen[0].raw_path == b"/db" and site.couch.seen[0].query_string == b"x=1"

    behind(work)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [("", LOCAL), ("192.0.2.1", "192.0.2.1"), ("192.0.2.1, 127.0.0.1", LOCAL)],
)
def test_the_database_is_told_who_asks_and_never_that_the_region_itself_does(
    forwarded: str, client: str
) -> None:
    """It locks out an address that brings wrong passwords; at 127.0.0.1 are the region's processes."""

    async def work(site: Behind) -> None:
        headers: dict[str, Any] = {"x_forwarded_for": forwarded} if forwarded else {}
        sent = await site.told("POST", "/couch/_session", body=b"{}", **headers)
        assert sent["x-forwarded-for"] == client
        await site.site.ask("GET", "/_dashboard/overview", authorization=LOGIN, **headers)
        asked = site.couch.seen[-1]
        assert (asked.raw_path, asked.header(b"x-forwarded-for")) == (b"/_session", client)

    behind(work)


def test_functions_get_a_key_and_nothing_of_the_database() -> None:
    async def work(site: Behind) -> None:
        sent = await site.told("GET", f"{API}/_/actions", user="boss", authorization=KEY)
        assert sent["authorization"] == KEY
        assert "cookie" not in sent
        for authorization in (ACTING, "Bearer x", LOGIN):
            sent = await site.told("GET", f"{API}/_/actions", authorization=authorization)
            assert "authorization" not in sent
        sent = await site.told("GET", "/functions/", user="boss")
        assert not {"cookie", "authorization"} & set(sent), "everybody is told the limits and the kinds"
        for path in ("/functions/_couchgrass/namespaces", "/functions/api/v2", "/functions/api"):
            assert (await site.site.ask("GET", path, user="boss"))[0] == 404

    behind(work)


def test_an_admin_acts_in_a_namespace_and_nobody_else_does() -> None:
    async def work(site: Behind) -> None:
        named: dict[str, Any] = {"x_couchgrass_namespace": "guest"}
        sent = await site.told("GET", f"{API}/_/actions", user="boss", authorization=LOGIN, **named)
        assert (sent["authorization"], sent["x-couchgrass-namespace"]) == (ACTING, "guest")
        before = len(site.functions.seen)
        for user, status in (("clerk", 403), ("stranger", 401), ("", 401)):
            answered, told, headers = await site.site.ask("GET", f"{API}/_/actions", user=user, **named)
            assert (answered, told["reason"]) == (status, "You are not a server admin.")
            assert "www-authenticate" not in headers
        assert len(site.functions.seen) == before
        assert (await site.site.ask("GET", API, user="boss", x_couchgrass_namespace="a/b"))[0] == 400

    behind(work)


@pytest.mark.parametrize(
    "path",
    [
        "/functions/",
        "/functions/api/v1/web/guest/default/x",
        "/functions/api/v1",
        "/functions/api/v1/namespacesx",
    ],
)
def test_the_secret_goes_to_no_web_action(path: str) -> None:
    async def work(site: Behind) -> None:
        status, _, _ = await site.site.ask("GET", path, user="boss", x_couchgrass_namespace="guest")
        assert status == 404
        assert site.functions.seen == []

    behind(work)


def test_apis_are_made_and_seen_by_an_admin() -> None:
    async def work(site: Behind) -> None:
        path = "/functions/api/v1/web/whisk.system/apimgmt/getApi.http"
        sent = await site.told("GET", path, user="boss", x_couchgrass_namespace="guest")
        assert sent["authorization"] == ACTING

    behind(work)


def test_functions_elsewhere_get_the_key_of_their_one_namespace() -> None:
    async def work(site: Behind) -> None:
        sent = await site.told("GET", f"{API}/_/actions", user="boss", x_couchgrass_namespace="guest")
        assert sent["authorization"] == "Basic of-openwhisk"
        assert "x-couchgrass-namespace" not in sent

    behind(work, acting="Basic of-openwhisk", in_any=False)


def test_without_a_key_for_functions_elsewhere_that_is_said() -> None:
    async def work(site: Behind) -> None:
        for path in (f"{API}/_/actions", "/_dashboard/namespaces"):
            status, told, _ = await site.site.ask("GET", path, user="boss", x_couchgrass_namespace="guest")
            assert status == 404 and "[functions] key" in told["reason"]

    behind(work, acting="", in_any=False)


def test_the_gateway_gets_tokens_and_nothing_of_the_database() -> None:
    async def work(site: Behind) -> None:
        sent = await site.told(
            "POST", "/gateway/api/guest/todo", user="boss", authorization="Bearer of-an-api"
        )
        assert sent["authorization"] == "Bearer of-an-api" and "cookie" not in sent
        assert "authorization" not in await site.told("GET", "/gateway/todo", authorization=LOGIN)

    behind(work)


def test_no_server_but_the_database_leaves_a_cookie_in_the_browser() -> None:
    async def sets(request: Request) -> Answer:
        return Answer(200, b"{}", [(b"set-cookie", f"{COOKIE}=mine; Path=/".encode())])

    async def work(site: Behind) -> None:
        site.gateway.respond = site.functions.respond = sets
        for path in ("/gateway/x", f"{API}/_/actions"):
            assert "set-cookie" not in (await site.site.ask("GET", path))[2]

    behind(work)


def test_a_session_that_goes_on_is_renewed_in_the_browser() -> None:
    async def work(site: Behind) -> None:
        _, _, headers = await site.site.ask("GET", "/_dashboard/nothing", user="boss")
        assert headers["set-cookie"] == f"{COOKIE}=boss-new; Path=/; HttpOnly; SameSite=Strict"
        _, _, headers = await site.site.ask("GET", "/couch/_session", user="boss", x_forwarded_proto="https")
        assert headers["set-cookie"] == f"{COOKIE}=boss-new; Path=/; HttpOnly; SameSite=Strict; Secure"

    class Own:
        async def answer(self, request: Request, who: object) -> Answer:
            return Answer(200, b"")

    behind(work, own=Own())


def test_who_signs_out_is_signed_out_also_when_the_database_is_silent() -> None:
    async def work() -> None:
        async with site("http://127.0.0.1:1") as dashboard:
            status, told, headers = await dashboard.ask("DELETE", "/couch/_session", user="boss")
            assert (status, told) == (200, {"ok": True})
            assert headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0; ")

    run(work)
