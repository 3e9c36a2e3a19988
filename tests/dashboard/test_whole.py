"""A region's dashboard with all that is behind it: who signs in there, what they can do, and a database that
dies."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from couchgrass.couch.auth import basic
from couchgrass.testing.call import Reply, call
from couchgrass.testing.region import Login, RegionProcess, running_region

pytestmark = pytest.mark.timeout(300)
"""A start of the whole region counts for the first test."""

OWN = {"x-couchgrass-dashboard": "1"}
COOKIE = "couchgrass-local"
GUEST = {"x-couchgrass-namespace": "guest"}
ECHO = "def main(args): return args"
SECRETLY = "def main(args): return {'body': str(args)}"
MB = 1024 * 1024


class Browser:
    """Keeps the session's cookie, and asks as the pages do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = ""

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        cookie = {"cookie": f"{COOKIE}={self.session}"} if self.session else {}
        reply = call(self.url, method, path, body, headers={**OWN, **cookie, **(headers or {})})
        if set_cookie := reply.headers.get("set-cookie"):
            assert set_cookie.startswith(f"{COOKIE}=") and "; HttpOnly; SameSite=Strict" in set_cookie
            self.session = set_cookie.partition(";")[0].partition("=")[2]
        return reply

    def sign_in(self, login: Login) -> Reply:
        return self.ask("POST", "/couch/_session", {"name": login.name, "password": login.password})


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionProcess]:
    with running_region(tmp_path_factory.mktemp("dashboard")) as found:
        found.owner("guest").put("echo", "python:3", ECHO)
        yield found


@pytest.fixture
def browser(region: RegionProcess) -> Browser:
    """Nobody's."""
    return Browser(region.dashboard)


@pytest.fixture
def admin(region: RegionProcess, browser: Browser) -> Browser:
    """The database admin's."""
    region.until(region.is_ready)
    assert browser.sign_in(region.admin).status == 200
    return browser


def user(region: RegionProcess, *roles: str) -> Login:
    """Somebody without a right of their own."""
    login = Login(f"u{secrets.token_hex(4)}", secrets.token_hex(8))
    doc = {"type": "user", "name": login.name, "password": login.password, "roles": list(roles)}
    assert call(region.database, "PUT", f"/_users/org.couchdb.user:{login.name}", doc).status == 201
    return login


def test_who_signs_in_is_who_they_are_until_they_sign_out(region: RegionProcess, browser: Browser) -> None:
    assert browser.ask("GET", "/couch/_session").json()["userCtx"]["name"] is None
    assert browser.sign_in(Login("admin", "wrong")).status == 401
    assert browser.sign_in(region.admin).json()["roles"] == ["_admin"]
    told = browser.ask("GET", "/couch/_session").json()["userCtx"]
    assert (told["name"], told["roles"]) == (region.admin.name, ["_admin"])
    assert browser.ask("DELETE", "/couch/_session").status == 200
    assert browser.session == ""
    assert browser.ask("GET", "/_dashboard/namespaces").status == 401


def test_the_databases_own_pages_say_where_the_dashboard_is(region: RegionProcess, browser: Browser) -> None:
    own = call(region.url("database"), "GET", "/_utils/config.json").json()
    assert (own["mode"], own["region"], own["dashboard_url"]) == ("database", "local", region.dashboard)
    told = browser.ask("GET", "/config.json").json()
    assert (told["mode"], told["region"], told["dashboard_url"]) == ("dashboard", "local", region.dashboard)


def test_the_cookie_is_worth_nothing_without_the_pages_header(admin: Browser) -> None:
    cookie = {"cookie": f"{COOKIE}={admin.session}"}
    for method, path in (
        ("GET", "/couch/_all_dbs"),
        ("DELETE", "/couch/todos"),
        ("GET", "/_dashboard/namespaces"),
    ):
        assert call(admin.url, method, path, headers=cookie).status == 403
        reply = call(admin.url, method, path, headers={**cookie, **OWN, "sec-fetch-site": "cross-site"})
        assert reply.status == 403
    assert call(
        admin.url, "GET", "/couch/_session", headers={**OWN, "cookie": f"AuthSession={admin.session}"}
    ).json()["userCtx"] == {"name": None, "roles": []}


def test_an_admin_acts_in_each_namespace_and_others_in_none(region: RegionProcess, admin: Browser) -> None:
    region.owner("other")
    assert {"guest", "other"} <= set(admin.ask("GET", "/_dashboard/namespaces").json()["namespaces"])
    invoke = "/functions/api/v1/namespaces/_/actions/echo?blocking=true&result=true"
    done = admin.ask("POST", invoke, {"x": 1}, headers=GUEST)
    assert (done.status, done.json()) == (200, {"x": 1})
    assert admin.ask("POST", invoke, {}, headers={"x-couchgrass-namespace": "other"}).status == 404
    clerk = Browser(admin.url)
    assert clerk.sign_in(user(region)).status == 200
    for path in ("/functions/api/v1/namespaces/_/actions", "/functions/api/v1/namespaces"):
        assert clerk.ask("GET", path, headers=GUEST).status == 403
        assert clerk.ask("GET", path).status == 401
    assert clerk.ask("GET", "/_dashboard/namespaces").status == 403


def test_a_web_action_never_sees_who_is_signed_in(region: RegionProcess, admin: Browser) -> None:
    region.owner("guest").put("spy", "python:3", SECRETLY, web=True)
    shared = (region.data / "agent" / "secret").read_text().strip()
    seen = admin.ask("GET", "/functions/api/v1/web/guest/default/spy")
    assert seen.status == 200
    assert shared not in seen.body.decode() and admin.session not in seen.body.decode()
    # A browser sends it to all ports of the host.
    cookies = {"cookie": f"{COOKIE}={admin.session}; mine=1"}
    direct = call(region.functions, "GET", "/api/v1/web/guest/default/spy", headers=cookies).body.decode()
    assert "mine=1" in direct and admin.session not in direct
    assert admin.ask("GET", "/functions/api/v1/web/guest/default/spy", headers=GUEST).status == 404


def test_wrong_passwords_here_lock_none_of_the_regions_processes_out(
    region: RegionProcess, browser: Browser
) -> None:
    account = Login(**json.loads((region.data / "functions.json").read_text()))
    for number in range(12):
        wrong = Login(account.name, f"wrong{number}")
        assert browser.sign_in(wrong).status in (401, 403)
        browser.ask("GET", "/_dashboard/overview", headers={"authorization": basic(*wrong)})
    assert browser.sign_in(account).status == 403, "locked out, but here alone"
    seen = call(region.database, "GET", "/_session", headers={"Authorization": basic(*account)})
    assert seen.json()["userCtx"]["name"] == account.name


def test_an_attachment_of_many_megabytes_goes_up_and_down(admin: Browser) -> None:
    name = f"t{secrets.token_hex(4)}"
    assert admin.ask("PUT", f"/couch/{name}").status == 201
    body = secrets.token_bytes(MB) * 24
    put = admin.ask("PUT", f"/couch/{name}/doc/a%2Fb.bin", body, headers={"content-type": "image/png"})
    assert put.status == 201, put
    got = admin.ask("GET", f"/couch/{name}/doc/a%2Fb.bin")
    assert (got.body == body, got.headers["content-type"]) == (True, "image/png")
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_change_comes_through_the_feed_as_it_is_made(admin: Browser) -> None:
    name = f"t{secrets.token_hex(4)}"
    assert admin.ask("PUT", f"/couch/{name}").status == 201
    path = f"/couch/{name}/_changes?feed=continuous&heartbeat=60000"
    with closing(http.client.HTTPConnection(urlsplit(admin.url).netloc, timeout=60)) as connection:
        connection.request("GET", path, headers={**OWN, "cookie": f"{COOKIE}={admin.session}"})
        with connection.getresponse() as answer:
            for doc in ("one", "two"):
                assert admin.ask("PUT", f"/couch/{name}/{doc}", {}).status == 201
                line = next(line for line in iter(answer.readline, b"") if line.strip())
                assert json.loads(line)["id"] == doc


def test_a_database_that_dies_is_said_and_watched(region: RegionProcess, admin: Browser) -> None:
    assert admin.ask("GET", "/_dashboard/namespaces").status == 200
    pid = region.seen("database").pid
    assert pid is not None
    with region.paused("database"):
        # It hangs: nobody is kept waiting for it who was verified before.
        assert admin.ask("GET", "/_dashboard/namespaces").status == 200
        stranger = Browser(admin.url)
        stranger.session = "somebody-elses"
        assert stranger.ask("GET", "/_dashboard/namespaces").status == 502
    region.kill("database")

    def is_refused() -> bool:
        reply = admin.ask("GET", "/couch/_all_dbs")
        return reply.status == 502 and reply.json()["error"] == "no_answer"

    region.until(lambda: is_refused() or region.seen("database").pid != pid)
    assert admin.ask("GET", "/_dashboard/namespaces").status == 200
    region.until_again("database", pid)
    region.until(lambda: admin.ask("GET", "/couch/_all_dbs").status == 200)
