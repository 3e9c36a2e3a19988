"""The overview against two real regions: both are seen; one dies and comes back, also the own one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.testing.browser import PHONE, WIDE, check_accessible, check_fits, opened
from couchgrass.testing.up import UpProcess
from tests.web.conftest import SignedIn, open_dashboard, sign_in_at, until_well

WELL = "Both regions are ready"
BACK_MS = 90_000
HELD_S = 300.0

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""As a browser does with a tab that is put behind another one."""


@contextmanager
def dead(up: UpProcess, region: str) -> Iterator[None]:
    """A region is killed and kept from starting for the length of a block; after it, it is back."""
    hold = up.hold(region, time.time() + HELD_S)
    former = up.kill_region(region)
    try:
        yield
    finally:
        hold.unlink()
        up.until_back(region, former)
        until_well(up)


def well(page: Page) -> None:
    expect(page.get_by_role("heading", name=WELL)).to_be_visible(timeout=BACK_MS)


def test_both_regions_are_seen_and_how_their_links_are(dashboard: SignedIn) -> None:
    page = dashboard("#/overview")
    well(page)
    for name in ("london", "dallas"):
        card = page.get_by_role("region", name=name, exact=True)
        expect(card).to_contain_text("ready")
        expect(card).to_contain_text("Requests/s")
        expect(page.get_by_role("img", name=f"{name}: ready, ")).to_be_visible()
    page.get_by_role("button", name="london → dallas").click()
    links = page.get_by_role("region", name="Links between regions")
    expect(links.get_by_role("row").filter(has=page.get_by_text("todos", exact=True))).to_contain_text(
        "running"
    )
    expect(page.get_by_role("region", name="Balancer")).to_contain_text("serving")


def test_a_page_that_nobody_sees_follows_nothing(dashboard: SignedIn) -> None:
    page = dashboard("#/overview")
    well(page)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/overview/feed")):
        page.evaluate(HIDE, True)
    with page.expect_response("**/overview/feed"):
        page.evaluate(HIDE, False)
    well(page)
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_have_count(0)


def test_the_first_page_is_live_and_of_use(browser: Browser, up_site: UpProcess) -> None:
    """With nothing in the browser's cache; how soon, `bench.site` measures."""
    with opened(browser) as window:
        sign_in_at(window.page, up_site, "london")
        window.page.goto(f"{up_site.dashboard('london')}/")
        for name in ("london", "dallas"):
            card = window.page.get_by_role("region", name=name, exact=True)
            expect(card).to_contain_text("Requests/s")
        window.page.get_by_role("button", name="london → dallas").click()


def test_a_dead_region_is_obvious_and_seen_to_come_back(dashboard: SignedIn, up_site: UpProcess) -> None:
    page = dashboard("#/overview")
    well(page)
    with dead(up_site, "dallas"):
        expect(page.get_by_role("alert").filter(has_text="dallas is down since")).to_be_visible()
        expect(page).to_have_title(re.compile("^⚠ dallas is down"))
        expect(page.get_by_role("region", name="dallas", exact=True)).to_contain_text("down")
        for way in ("london to dallas", "dallas to london"):
            expect(page.get_by_role("img", name=f"{way}: cut: dallas down")).to_be_visible()
    well(page)
    expect(page.get_by_role("alert").filter(has_text="is down since")).to_have_count(0)
    expect(page).to_have_title(re.compile("^Overview"))
    expect(page.get_by_role("region", name="What happened")).to_contain_text("dallas is down")


def test_a_dashboard_whose_region_died_says_so_and_where_to_go(
    dashboard: SignedIn, up_site: UpProcess
) -> None:
    page = dashboard("#/overview", "dallas")
    well(page)
    with dead(up_site, "dallas"):
        alert = page.get_by_role("alert").filter(has_text="The dashboard of dallas does not answer since")
        expect(alert).to_be_visible()
        there = alert.get_by_role("link", name="Dashboard of london")
        assert there.get_attribute("href") == f"{up_site.dashboard('london')}/#/overview"
    expect(alert).to_have_count(0, timeout=BACK_MS)
    well(page)


@pytest.mark.parametrize(("scheme", "viewport"), [("dark", WIDE), ("light", PHONE)], ids=["dark", "phone"])
def test_the_pages_of_regions_are_for_everybody(
    browser: Browser, up_site: UpProcess, scheme: str, viewport: dict[str, int]
) -> None:
    with opened(browser, color_scheme=scheme, viewport=viewport) as window:
        page = open_dashboard(window.page, up_site, "#/overview")
        for name, there in (("overview", WELL), ("balancer", "serves"), ("drills", "New drill")):
            page.goto(f"{up_site.dashboard('london')}/#/{name}")
            expect(page.get_by_role("heading", level=2).filter(has_text=there)).to_be_visible(timeout=BACK_MS)
            check_accessible(page)
            check_fits(page)
        assert window.asked == {up_site.dashboard("london").removeprefix("http://")}
