"""Who may do what with a database: the table of rights, keys that are told once, CouchDB's own lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from couchgrass.testing.browser import PHONE, Held, check_accessible, check_fits, opened
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, open_utils, sign_in


@pytest.fixture
def database(couch_server: ServerProcess, db_name: str) -> Iterator[str]:
    """A database with one document, for server admins alone."""
    asked(couch_server, "PUT", f"/{db_name}")
    asked(couch_server, "PUT", f"/{db_name}/one", {"x": 1})
    yield db_name
    asked(couch_server, "DELETE", f"/{db_name}")


def asked(server: ServerProcess, method: str, path: str, body: Any = None) -> Any:
    answer = call(server.auth_url, method, path, body)
    assert answer.status < 300, answer.body
    return answer.json()


def status(server: ServerProcess, name: str, password: str, method: str, path: str, body: Any = None) -> int:
    """What somebody else gets."""
    url = server.url.replace("http://", f"http://{name}:{password}@")
    return call(url, method, path, body).status


def security(server: ServerProcess, database: str) -> Any:
    return asked(server, "GET", f"/{database}/_security")


def permissions(utils: SignedIn, database: str, *who: str) -> Page:
    return utils(f"#/databases/{database}/permissions", *who)


def test_a_key_is_made_told_once_and_may_what_is_checked(
    utils: SignedIn, couch_server: ServerProcess, database: str
) -> None:
    page = permissions(utils, database)
    asked_for: list[Request] = []
    page.on("request", lambda request: asked_for.append(request))
    page.get_by_role("button", name="Generate API key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("_writer").check()
    dialog.get_by_role("button", name="Generate", exact=True).click()
    expect(dialog.get_by_text("Keep the password now.")).to_be_visible()
    key, password = dialog.locator("dd code").all_inner_texts()
    path = f"/{database}/one"
    for _ in range(3):  # a browser closes a dialog at the second one, whatever the page says
        page.keyboard.press("Escape")
    expect(dialog.get_by_role("alert")).to_contain_text("Is the password kept?")
    expect(dialog.locator("dd code").last).to_have_text(password)
    dialog.get_by_role("button", name="Copy password").click()
    expect(dialog.get_by_text("Copied")).to_be_visible()
    assert status(couch_server, key, password, "GET", path) == 200
    assert status(couch_server, key, password, "PUT", f"/{database}/two", {}) == 201
    assert status(couch_server, key, password, "PUT", f"/{database}/_design/d", {}) == 403
    dialog.get_by_role("button", name="I have kept it").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("checkbox", name=f"_writer for {key}")).to_be_checked()
    assert password not in page.content()
    assert not [one.url for one in asked_for if password in one.url or password in (one.post_data or "")]
    assert password not in json.dumps(
        page.evaluate("() => [{...localStorage}, {...sessionStorage}, location.href]")
    )
    page.reload()
    expect(page.get_by_text(key, exact=True)).to_be_visible()
    assert password not in page.content()

    page.get_by_role("checkbox", name=f"_writer for {key}").uncheck()
    expect(page.get_by_role("status").filter(has_text=f"{key}: _writer taken away")).to_be_visible()
    assert status(couch_server, key, password, "PUT", f"/{database}/three", {}) == 403
    page.get_by_role("button", name=f"Remove {key}").click()
    page.get_by_label("Delete the key too").check()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text(key, exact=True)).to_have_count(0)
    assert status(couch_server, key, password, "GET", path) == 401
    assert security(couch_server, database)["cloudant"] == {}


def test_a_change_is_made_to_what_is_stored_now(
    utils: SignedIn, couch_server: ServerProcess, database: str
) -> None:
    page = permissions(utils, database)
    expect(page.get_by_text("Private", exact=True)).to_be_visible()
    elsewhere = {"cloudant": {"anna": ["_reader", "_design"]}, "couchdb_auth_only": False}
    asked(couch_server, "PUT", f"/_api/v2/db/{database}/_security", elsewhere)
    page.get_by_role("button", name="Add user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of a user or an API key").fill("ben")
    dialog.get_by_label("_replicator").check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("checkbox", name="_reader for anna")).to_be_checked()
    # While one change is on its way, the next one can be asked for.
    held = Held(page, "**/_security", "PUT")
    page.get_by_role("checkbox", name="_reader for everybody").check()
    expect(page.get_by_text("Partly public")).to_be_visible()
    held.until_there()
    page.get_by_label("Add member", exact=True).fill("carl")
    page.get_by_label("Add member", exact=True).press("Enter")
    expect(page.get_by_role("button", name="Remove member carl")).to_be_visible()
    for _ in range(2):
        held.until_there()
        held.let_through()
    expect(page.get_by_role("status").filter(has_text="carl added to members")).to_be_visible()
    stored = security(couch_server, database)
    assert stored["cloudant"] == {
        "anna": ["_reader", "_design"],
        "ben": ["_reader", "_replicator"],
        "nobody": ["_reader"],
    }
    assert stored["members"] == {"names": ["carl"], "roles": ["_admin"]}


def test_a_public_database_is_called_public(
    utils: SignedIn, couch_server: ServerProcess, database: str
) -> None:
    asked(couch_server, "PUT", f"/{database}/_security", {})
    page = permissions(utils, database)
    expect(page.get_by_text("everybody who reaches this server may read and write")).to_be_visible()
    page.get_by_role("button", name="Add user").click()
    expect(page.get_by_role("dialog")).to_contain_text("only those listed may use it")


def test_who_may_not_change_it_sees_it_and_is_told(
    utils: SignedIn, couch_server: ServerProcess, database: str, db_name: str
) -> None:
    user = {"name": db_name, "password": "pw", "roles": [], "type": "user"}
    asked(couch_server, "PUT", f"/_users/org.couchdb.user:{db_name}", user)
    asked(couch_server, "PUT", f"/{database}/_security", {"members": {"names": [db_name], "roles": []}})
    page = permissions(utils, database, db_name, "pw")
    expect(page.get_by_text("Only admins of the database may change it.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="_reader for everybody")).to_be_disabled()
    expect(page.get_by_role("button", name="Generate API key")).to_have_count(0)
    expect(page.get_by_label("Add member", exact=True)).to_have_count(0)


def test_a_refusal_is_told_in_the_servers_words(utils: SignedIn) -> None:
    page = permissions(utils, "_users")
    page.get_by_label("Add member", exact=True).fill("carl")
    page.get_by_label("Add member", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You can't edit the security object of")
    expect(page.get_by_role("button", name="Remove member carl")).to_have_count(0)


def as_apache_answers(route: Route) -> None:
    """To a server without Cloudant's API `_api` is the name of a database, and no good one."""
    route.fulfill(status=400, json={"error": "illegal_database_name", "reason": "Name: '_api'. Only …"})


def test_without_cloudants_api_a_user_is_made_instead_of_a_key(
    page: Page, couch_server: ServerProcess, database: str
) -> None:
    page.route("**/_api/**", as_apache_answers)
    page.goto(f"{couch_server.url}/_utils/#/databases/{database}/permissions")
    sign_in(page, couch_server.user, couch_server.password)
    page.get_by_role("button", name="Create a user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(dialog.get_by_text("Keep the password now.")).to_be_visible()
    name, password = dialog.locator("dd code").all_inner_texts()
    dialog.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("button", name=f"Remove member {name}")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    assert status(couch_server, name, password, "PUT", f"/{database}/two", {}) == 201
    assert status(couch_server, name, password, "PUT", f"/{database}/_design/d", {}) == 403
    page.get_by_role("button", name=f"Remove member {name}").click()
    expect(page.get_by_role("status").filter(has_text=f"{name} removed from members")).to_be_visible()
    assert status(couch_server, name, password, "GET", f"/{database}/one") == 403


@pytest.mark.parametrize("how", [{"color_scheme": "dark"}, {"viewport": PHONE}], ids=["dark", "phone"])
def test_the_page_is_for_everybody(
    browser: Browser, couch_server: ServerProcess, database: str, how: dict[str, Any]
) -> None:
    rights = {
        f"apikey-{'5b2c' * 8}": ["_reader", "_writer"],
        "anna": ["_admin"],
        "metrics": ["_reader", "_design"],
    }
    asked(couch_server, "PUT", f"/_api/v2/db/{database}/_security", {"cloudant": rights})
    with opened(browser, **how) as window:
        page = open_utils(window.page, couch_server, f"#/databases/{database}/permissions")
        page.get_by_role("checkbox", name="_admin for anna").wait_for()
        check_accessible(page)
        check_fits(page)
        page.get_by_role("button", name="Generate API key").click()
        page.get_by_role("dialog").wait_for()
        check_accessible(page)
