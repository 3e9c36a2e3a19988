"""The frame of the pages: signing in and out, where one can go, light and dark, small screens."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.testing.browser import PHONE, check_accessible, check_fits, opened
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, sign_in


def test_who_signs_in_sees_the_pages_and_may_leave(utils: SignedIn) -> None:
    page = utils()
    for name in ("Databases", "Replication", "Active tasks"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_refused_in_the_servers_words(
    page: Page, couch_server: ServerProcess, db_name: str
) -> None:
    page.goto(f"{couch_server.url}/_utils/")
    # A name of its own: some wrong passwords lock it.
    page.get_by_label("Name", exact=True).fill(f"nobody-{db_name}")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is incorrect.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_is_for_everybody(browser: Browser, couch_server: ServerProcess, scheme: str) -> None:
    with opened(browser, color_scheme=scheme) as window:
        window.page.goto(f"{couch_server.url}/_utils/")
        window.page.get_by_role("button", name="Sign in").wait_for()
        check_accessible(window.page)
        assert window.asked == {couch_server.url.removeprefix("http://")}


def test_on_a_phone_the_pages_are_behind_a_button(browser: Browser, couch_server: ServerProcess) -> None:
    with opened(browser, viewport=PHONE) as window:
        page = window.page
        page.goto(f"{couch_server.url}/_utils/")
        sign_in(page, couch_server.user, couch_server.password)
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Replication", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("eplication")
        check_fits(page)


def test_the_colours_can_be_chosen_and_are_kept(utils: SignedIn) -> None:
    page = utils()
    page.get_by_role("button", name="Dark colours").click()
    page.reload()
    expect(page.get_by_role("button", name="Light colours")).to_be_visible()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"


def test_a_session_that_ended_asks_to_sign_in_again(utils: SignedIn, couch_server: ServerProcess) -> None:
    page = utils("#/tasks")
    page.context.clear_cookies()
    page.reload()
    sign_in(page, couch_server.user, couch_server.password)
    assert page.url.endswith("#/tasks")
