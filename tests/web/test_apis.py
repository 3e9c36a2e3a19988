"""The pages of APIs, against a real region: where they are, where they lead, and trying them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from couchgrass.ids import new_id
from couchgrass.testing.browser import PHONE, WIDE, check_accessible, check_fits, opened
from couchgrass.testing.region import Owner
from couchgrass.testing.up import UpProcess
from tests.web.conftest import SignedIn, open_dashboard
from tests.web.owner import NAMESPACE, owner_of, write

HOME = f"#/apis/{NAMESPACE}"
TODOS = f"{HOME}/{quote(f'api/{NAMESPACE}/v1', safe='')}"
PAGE = """
def main(params):
    print("a page for", params.get("name"))
    return {"body": "<h1 id='loud'>Hi</h1><script>document.title = 'taken'</script>"}
"""
PICTURE = """
def main(params):
    return {"body": "iVBORw0KGgo=", "headers": {"content-type": "image/png"}}
"""


@pytest.fixture
def owner(up_site: UpProcess) -> Owner:
    return owner_of(up_site)


@pytest.fixture
def base() -> str:
    """Of an API that no other test has."""
    return f"/b{new_id()[:10]}"


def test_an_api_is_told_with_its_addresses_and_its_actions(dashboard: SignedIn, up_site: UpProcess) -> None:
    page = dashboard(HOME)
    page.get_by_role("link", name="/v1", exact=True).click()
    london = f"http://127.0.0.1:{up_site.region('london').gateway.port}"
    for url in (london, up_site.url):
        expect(page.get_by_text(f"{url}/api/{NAMESPACE}/v1", exact=True)).to_be_visible()
    row = page.get_by_role("row", name="POST")
    expect(row).to_contain_text("anybody")
    expect(row.get_by_role("link", name="todo_package/post_todo")).to_be_visible()
    page.get_by_role("link", name="Document").click()
    expect(page.get_by_role("textbox", name="Document of the API")).to_contain_text('"basePath": "/v1"')


def test_a_request_is_sent_through_the_gateway_and_its_answer_told(dashboard: SignedIn) -> None:
    page = dashboard(f"{TODOS}?tab=try&route=post%20/todo")
    title = f"tried {new_id()[:8]}"
    write(page, "Body", f'{{"title": "{title}"}}')
    answer = send(page)
    expect(answer).to_contain_text("201")
    expect(answer).to_contain_text("london")
    expect(answer.get_by_role("textbox", name="Body of the answer")).to_contain_text(title)
    page.get_by_text("As a curl command").click()
    expect(page.get_by_text("curl -i -X POST")).to_contain_text(title)
    page.get_by_label("Route").select_option("get /todo")
    expect(send(page).get_by_role("textbox", name="Body of the answer")).to_contain_text(title)
    page.get_by_label("Below the path").fill("/nothing-there")
    expect(send(page)).to_contain_text("404")


def send(page: Page) -> Locator:
    page.get_by_role("button", name="Send").click()
    return page.get_by_role("region", name="Answer", exact=True)


def test_html_is_shown_as_text_with_the_log_of_what_ran(dashboard: SignedIn, owner: Owner, base: str) -> None:
    owner.put(base[1:], "python:3", PAGE, web=True)
    owner.add_api(base, "/page", base[1:], kind="html")
    page = dashboard(HOME)
    page.get_by_role("link", name=base, exact=True).click()
    page.get_by_role("link", name="Try it", exact=True).first.click()
    page.get_by_label("Query, one a line").fill("name=Ada")
    answer = send(page)
    expect(answer.get_by_role("textbox", name="Body of the answer")).to_contain_text("<h1 id='loud'>")
    expect(answer.get_by_role("region", name="Log")).to_contain_text("a page for Ada")
    expect(page.locator("#loud")).to_have_count(0)
    assert "APIs" in page.title()
    answer.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Activation")


def test_what_is_no_text_is_told_by_its_size(dashboard: SignedIn, owner: Owner, base: str) -> None:
    owner.put(base[1:], "python:3", PICTURE, web=True)
    owner.add_api(base, "/picture", base[1:], kind="http")
    page = dashboard(f"{HOME}/{quote(f'api/{NAMESPACE}{base}', safe='')}?tab=try")
    expect(send(page)).to_contain_text("8 B of image/png")


def test_what_a_browser_can_not_send_is_said_before_it_is_sent(dashboard: SignedIn) -> None:
    page = dashboard(f"{TODOS}?tab=try")
    page.get_by_label("Headers, one a line").fill("Cookie: a=b")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("does not let a page send the header Cookie")


LOOKS = {"dark": ("dark", WIDE), "phone": ("light", PHONE)}


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_are_for_everybody(browser: Browser, up_site: UpProcess, look: str) -> None:
    scheme, viewport = LOOKS[look]
    with opened(browser, color_scheme=scheme, viewport=viewport) as window:
        page = window.page
        open_dashboard(page, up_site, HOME)
        page.get_by_role("link", name="/v1", exact=True).click()
        expect(page.get_by_role("row", name="DELETE")).to_be_visible()
        check_accessible(page)
        check_fits(page)
        page.get_by_role("link", name="Try it", exact=True).first.click()
        send(page)
        expect(page.get_by_role("textbox", name="Body of the answer")).to_be_visible()
        check_accessible(page)
        check_fits(page)
