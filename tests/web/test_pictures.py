"""The pages as the docs show them: a picture of each, in daylight, with something in it; and for everybody.

Dark rooms and phones are the matter of each page's own tests.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.testing.browser import PHONE, RENEW, check_accessible, check_fits, opened, shot
from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess
from tests.web.conftest import end_job, open_dashboard, until_well
from tests.web.owner import NAMESPACE, owner_of, write
from tests.web.test_balancer import MOVED_MS, traffic

pytestmark = pytest.mark.timeout(600)

ORDERS = "orders"
ACTION = "hello"
GREETING = """
def main(params):
    print("a greeting for", params["name"])
    return {"greeting": f"Hello, {params['name']}!"}
"""
PART_S, PAUSE_S = 85.0, 0.5
"""With all of them the charts' first five minutes are full."""
RARELY_S = 0.25
"""Between two requests, when nobody keeps the pictures."""

CITIES = ("Lisbon", "Oslo", "Nairobi", "Lima", "Kyoto")
FIRST, WINNER, OTHER = f"1-{'a' * 32}", f"2-{'d' * 32}", f"2-{'c' * 32}"
KEY = f"apikey-{'5b2c' * 8}"
RIGHTS = {KEY: ["_reader", "_writer", "_replicator"], "anna": ["_admin"], "metrics": ["_reader"]}


def order(number: int) -> dict[str, Any]:
    return {
        "_id": f"order-{number}",
        "city": CITIES[number % len(CITIES)],
        "items": [{"name": "Couch grass, 1 kg", "count": number % 4 + 1}],
        "paid": number % 3 > 0,
    }


def leaf(rev: str, *before: str, **changes: Any) -> dict[str, Any]:
    """A revision of an order that two regions changed, as a replicator writes it."""
    ids = [one.partition("-")[2] for one in (rev, *before)]
    return {**order(1007), "_rev": rev, "_revisions": {"start": int(rev[0]), "ids": ids}, **changes}


@pytest.fixture(scope="module")
def site(up_site: UpProcess) -> Iterator[UpProcess]:
    """Both regions ready, todos read through the balancer, and a database that is being copied."""
    until_well(up_site)
    url = admin_url(up_site, "london", "database")

    def asked(method: str, path: str, body: Any = None) -> Any:
        answer = call(url, method, path, body)
        assert answer.status < 300, answer.body
        return answer.json()

    asked("PUT", f"/{ORDERS}")
    asked("POST", f"/{ORDERS}/_bulk_docs", {"docs": [order(number) for number in range(1008, 1140)]})
    leaves = [
        leaf(FIRST),
        leaf(WINNER, FIRST, paid=False),
        leaf(OTHER, FIRST, city="Porto", items=[{"name": "Couch grass, 1 kg", "count": 12}]),
    ]
    asked("POST", f"/{ORDERS}/_bulk_docs", {"docs": leaves, "new_edits": False})
    asked("PUT", f"/_api/v2/db/{ORDERS}/_security", {"cloudant": RIGHTS})
    admin = up_site.admin("dallas")
    login = {"basic": {"username": admin.name, "password": admin.password}}
    dallas = f"http://127.0.0.1:{up_site.region('dallas').database.port}"
    jobs = {
        "orders-to-dallas": {"url": f"{dallas}/{ORDERS}", "auth": login},
        "orders-to-oslo": {"url": f"http://127.0.0.1:1/{ORDERS}"},
    }
    for name, target in jobs.items():
        job = {"source": ORDERS, "target": target, "continuous": True, "create_target": True}
        asked("PUT", f"/_replicator/{name}", job)
    owner = owner_of(up_site)
    owner.put(ACTION, "python:3", GREETING)
    with traffic(up_site.url, *(() if RENEW in os.environ else (RARELY_S,))):
        if RENEW in os.environ:
            live_a_while(up_site)
        yield up_site
    for name in jobs:
        end_job(url, name)
    asked("DELETE", f"/{ORDERS}")
    call(admin_url(up_site, "dallas", "database"), "DELETE", f"/{ORDERS}")
    call(up_site.url, "DELETE", "/v1/todo")
    assert owner.ask("DELETE", f"actions/{ACTION}").status == 200


def admin_url(up: UpProcess, region: str, process: str) -> str:
    admin = up.admin(region)
    return f"http://{admin.name}:{admin.password}@127.0.0.1:{getattr(up.region(region), process).port}"


def live_a_while(up: UpProcess) -> None:
    """For pictures that are kept: minutes of traffic, in the middle of which London is drained."""
    url = admin_url(up, "london", "dashboard")
    pause = threading.Event()
    for is_drained in (False, True, False):
        asked = {"region": "london", "drained": is_drained}
        header = {"x-couchgrass-dashboard": "1"}
        assert call(url, "POST", "/_dashboard/balancer/drained", asked, headers=header).status == 200
        ends_at = time.monotonic() + PART_S
        while time.monotonic() < ends_at:
            call(up.url, "POST", "/v1/todo", {"title": "Water the grass"})
            pause.wait(PAUSE_S)


@pytest.fixture(scope="module")
def page(site: UpProcess, browser: Browser) -> Iterator[Page]:
    """One window for all of them."""
    with opened(browser) as window:
        yield open_dashboard(window.page, site)


def go(page: Page, hash: str) -> None:
    page.goto(page.url.partition("#")[0] + hash)


def looked_at(page: Page, name: str, folder: Path, height: int | None = None) -> None:
    page.mouse.move(0, 0)
    check_accessible(page)
    check_fits(page)
    shot(page, name, folder, height=height)


def test_databases(page: Page, tmp_path: Path) -> None:
    here = f"#/databases/{ORDERS}"
    compared = f"{here}/doc/order-1007/revisions?rev={OTHER}&with={WINNER}"
    for name, hash, there, height in (
        ("databases", "#/databases", page.get_by_role("link", name=ORDERS, exact=True), 700),
        ("documents", here, page.get_by_role("link", name="order-1008", exact=True), 640),
        (
            "document",
            f"{here}/doc/order-1008",
            page.get_by_role("textbox", name="Document").filter(has_text="Lima"),
            540,
        ),
        (
            "conflicts",
            f"{here}/conflicts/order-1007",
            page.get_by_role("textbox", name="Merged document"),
            784,
        ),
        ("revisions", compared, page.get_by_role("region", name="Differences between"), 1000),
        (
            "permissions",
            f"{here}/permissions",
            page.get_by_role("checkbox", name="_admin for anna"),
            580,
        ),
    ):
        go(page, hash)
        expect(there).to_be_visible()
        looked_at(page, name, tmp_path, height)


def test_replication(page: Page, tmp_path: Path) -> None:
    go(page, "#/replication")
    for name, state in (("orders-to-dallas", "Running"), ("orders-to-oslo", "Crashing")):
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text(state)
    looked_at(page, "replication", tmp_path, 640)
    go(page, "#/replication/new")
    page.get_by_label("Source database").fill(ORDERS)
    page.get_by_label("Target URL").fill("https://paris.example/orders")
    page.get_by_label("Target user").fill("anna")
    page.get_by_label("Both directions").check()
    looked_at(page, "replication-new", tmp_path, 960)
    page.get_by_label("Source database").fill("")
    page.get_by_label("Target URL").fill("")
    go(page, "#/tasks")
    expect(page.get_by_role("row").filter(has_text=ORDERS)).to_be_visible()
    looked_at(page, "tasks", tmp_path, 440)


def test_functions(page: Page, site: UpProcess, tmp_path: Path) -> None:
    here = f"#/functions/{NAMESPACE}"
    go(page, here)
    expect(page.get_by_role("link", name="get_todo")).to_be_visible()
    looked_at(page, "functions", tmp_path, 680)
    go(page, f"{here}/actions/default/{ACTION}?tab=invoke")
    write(page, "Parameters as JSON", '{"name": "Ada"}')
    page.get_by_role("button", name="Invoke").click()
    outcome = page.get_by_role("region", name="Outcome")
    expect(outcome.get_by_role("region", name="Log")).to_contain_text("a greeting for Ada")
    looked_at(page, "action", tmp_path)
    go(page, f"{here}/tail")
    expect(page.get_by_text("Following.")).to_be_visible()
    # First of all: of what else runs there may be more than is drawn.
    page.get_by_placeholder("Name or log").fill(ACTION)
    ended = page.get_by_role("list", name="Activations as they end").get_by_role("listitem")
    for name in ("Grace", "Barbara", "Katherine", "Margaret"):
        assert owner_of(site).invoke(ACTION, {"name": name}).status == 200
        expect(ended.filter(has_text=f"a greeting for {name}")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(ended).to_have_count(4)
    looked_at(page, "activations", tmp_path, 640)


def test_apis(page: Page, tmp_path: Path) -> None:
    go(page, f"#/apis/{NAMESPACE}")
    page.get_by_role("link", name="/v1", exact=True).click()
    page.get_by_role("link", name="Try it", exact=True).first.click()
    page.get_by_label("Route").select_option("post /todo")
    write(page, "Body", '{"title": "Water the grass"}')
    page.get_by_role("button", name="Send").click()
    answer = page.get_by_role("region", name="Answer", exact=True)
    expect(answer.get_by_role("textbox", name="Body of the answer")).to_contain_text("Water the grass")
    expect(answer.get_by_role("region", name="What ran")).to_contain_text("Ran")
    looked_at(page, "apis", tmp_path, 1120)


def test_the_balancer(page: Page, tmp_path: Path) -> None:
    go(page, "#/balancer")
    share = page.get_by_role("region", name="london", exact=True).get_by_text("100 %", exact=True)
    expect(share.first).to_be_visible(timeout=MOVED_MS)
    looked_at(page, "balancer", tmp_path, 900)


@pytest.mark.parametrize(
    ("name", "how", "height"),
    [
        ("overview", {}, 1076),
        ("overview-dark", {"color_scheme": "dark"}, 890),
        ("overview-phone", {"viewport": PHONE}, 884),
    ],
)
def test_the_overview(
    site: UpProcess, browser: Browser, name: str, how: dict[str, Any], height: int, tmp_path: Path
) -> None:
    with opened(browser, **how) as window:
        page = open_dashboard(window.page, site)
        expect(page.get_by_role("heading", name="Both regions are ready")).to_be_visible()
        expect(page.get_by_role("region", name="london", exact=True)).to_contain_text("ready")
        looked_at(page, name, tmp_path, height)


def test_the_sign_in(site: UpProcess, browser: Browser, tmp_path: Path) -> None:
    with opened(browser) as window:
        window.page.goto(site.dashboard("london"))
        expect(window.page.get_by_role("button", name="Sign in")).to_be_visible()
        looked_at(window.page, "sign-in", tmp_path)
