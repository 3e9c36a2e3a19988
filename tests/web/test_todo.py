"""The todo client in a browser, in two regions of which one dies: side by side, offline, with conflicts."""

from __future__ import annotations

import re
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from couchgrass.drill.wires import Fault
from couchgrass.region.run.account import gateway_url, peer_access
from couchgrass.testing.browser import PHONE, Held, check_accessible, check_fits, opened, shot
from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess
from tests.web.conftest import until_well

API = "/v1/todo"
ENTER = "Enter"
REGIONS = ("london", "dallas")

APART_S = 120.0
"""For two regions to see that they are apart, or together again."""

HELD_S = 300.0


@pytest.fixture
def todos(up_site: UpProcess) -> UpProcess:
    """The regions, with no todos, both of them well."""
    until_well(up_site)

    def is_empty() -> bool:
        # More than once: under a version that is deleted there may be another, or one on its way.
        for name in REGIONS:
            call(api(up_site, name), "DELETE", API)
        return all(lists_nothing(up_site, name) for name in REGIONS)

    up_site.until(is_empty, APART_S)
    return up_site


def api(up: UpProcess, name: str) -> str:
    return gateway_url(up.region(name))


def lists_nothing(up: UpProcess, name: str) -> bool:
    answer = call(api(up, name), "GET", API)
    return answer.status == 200 and answer.json() == []


def listed(up: UpProcess, name: str) -> list[dict[str, Any]]:
    """The todos as a region has them; none while it does not answer."""
    answer = call(api(up, name), "GET", API)
    found: list[dict[str, Any]] = answer.json() if answer.status == 200 else []
    return found


def add(board: Locator | Page, title: str) -> None:
    board.get_by_label("New todo").fill(title)
    board.get_by_label("New todo").press(ENTER)


def shown(board: Locator | Page) -> Locator:
    return board.locator("li.todo .title")


def board(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def test_it_is_the_todo_list_that_people_know(todos: UpProcess, page: Page, tmp_path: Path) -> None:
    page.goto(todos.url)
    expect(page.get_by_label("New todo")).to_be_focused()
    for title in ("Water the grass", "  Mow it  ", "   "):
        add(page, title)
    page.get_by_label("New todo").clear()
    expect(shown(page)).to_have_text(["Water the grass", "Mow it"])
    expect(page.get_by_text("2 items left")).to_be_visible()

    page.get_by_text("Mow it").dblclick()
    page.get_by_label("Edit Mow it").fill("Never mow it")
    page.get_by_label("Edit Mow it").press("Escape")
    expect(page.get_by_role("button", name="Edit Mow it")).to_be_focused()
    expect(shown(page)).to_have_text(["Water the grass", "Mow it"])
    page.get_by_text("Mow it").dblclick()
    page.get_by_label("Edit Mow it").fill("Mow it twice")
    page.get_by_label("Edit Mow it").press(ENTER)
    page.get_by_label("Complete Water the grass").check()
    expect(page.get_by_text("1 item left")).to_be_visible()

    page.get_by_role("link", name="Active").click()
    expect(page).to_have_url(re.compile("#/active$"))
    expect(shown(page)).to_have_text(["Mow it twice"])
    page.reload()
    expect(shown(page)).to_have_text(["Mow it twice"])
    page.get_by_role("link", name="Completed").click()
    expect(shown(page)).to_have_text(["Water the grass"])
    page.get_by_role("link", name="All", exact=True).click()
    check_accessible(page)
    shot(page, "todo", tmp_path, height=460)

    page.get_by_role("button", name="Clear completed").click()
    expect(shown(page)).to_have_text(["Mow it twice"])
    page.get_by_label("Mark all as complete").check()
    expect(page.get_by_text("0 items left")).to_be_visible()
    expect(page.get_by_text("All is saved")).to_be_visible()
    done = [("Mow it twice", True)]
    todos.until(lambda: [(one["title"], one["completed"]) for one in listed(todos, "london")] == done)
    page.get_by_text("Mow it twice").dblclick()
    page.get_by_label("Edit Mow it twice").fill("")
    page.get_by_label("Edit Mow it twice").press(ENTER)
    expect(page.get_by_text("Nothing to do.")).to_be_visible()


def test_an_edit_is_not_ended_by_the_answer_to_what_was_done_before(todos: UpProcess, page: Page) -> None:
    held = Held(page, f"**{API}")
    page.goto(todos.url)
    add(page, "Mow it")
    held.until_there()
    page.get_by_text("Mow it").dblclick()
    field = page.get_by_role("textbox", name="Edit Mow it")
    field.fill("Mow it tw")
    held.let_through()
    expect(page.get_by_text("All is saved")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("Mow it tw")
    field.press_sequentially("ice")
    field.press(ENTER)
    todos.until(lambda: [one["title"] for one in listed(todos, "london")] == ["Mow it twice"])


def test_what_others_change_is_seen_without_a_reload(todos: UpProcess, page: Page) -> None:
    page.goto(todos.url)
    expect(page.get_by_text("Answered by london")).to_be_visible()
    expect(page.get_by_text("Nothing to do.")).to_be_visible()
    made = call(api(todos, "dallas"), "POST", API, {"title": "From elsewhere"}).json()
    expect(shown(page)).to_have_text(["From elsewhere"])
    path = urllib.parse.urlsplit(made["url"]).path
    call(api(todos, "dallas"), "PATCH", path, {"completed": True})
    expect(page.get_by_label("Complete From elsewhere")).to_be_checked()
    call(api(todos, "dallas"), "DELETE", path)
    expect(page.get_by_text("Nothing to do.")).to_be_visible()


def test_the_story_in_both_regions_with_one_killed_in_the_middle(
    todos: UpProcess, page: Page, tmp_path: Path
) -> None:
    page.goto(todos.url)
    page.get_by_role("button", name="Side by side").click()
    london, dallas = board(page, "London"), board(page, "Dallas")
    add(london, "Made in London")
    expect(dallas.get_by_text("Made in London")).to_be_visible()
    expect(dallas.get_by_text(re.compile(r"arrived after \d"))).to_be_visible()
    dallas.get_by_label("Complete Made in London").check()
    expect(london.get_by_label("Complete Made in London")).to_be_checked()
    expect(london.get_by_text("Answered by london")).to_be_visible()
    add(dallas, "Made in Dallas")
    expect(london.get_by_text("Made in Dallas")).to_be_visible()
    expect(london.locator("li.todo", has_text="Made in Dallas")).to_contain_text("arrived after")
    shot(page, "todo-side-by-side", tmp_path, height=480)

    hold = todos.hold("london", time.time() + HELD_S)
    former = todos.kill_region("london")
    try:
        expect(london.get_by_text("does not answer")).to_be_visible()
        add(london, "Typed while London is down")
        expect(london.get_by_text("not saved yet", exact=True)).to_be_visible()
        expect(london.get_by_text("1 change is not saved yet")).to_be_visible()
        add(dallas, "Made meanwhile")
        expect(dallas.get_by_text("All is saved")).to_be_visible()
        shot(page, "todo-region-down", tmp_path, height=560)
        page.reload()
        expect(london.get_by_text("1 change is not saved yet")).to_be_visible()
        any_region = page.context.new_page()
        any_region.goto(todos.url)
        add(any_region, "Through the balancer")
        expect(any_region.get_by_text("Answered by dallas")).to_be_visible()
        expect(any_region.get_by_text("All is saved")).to_be_visible()
    finally:
        hold.unlink()
        todos.until_back("london", former)
    names = [
        "Made in London",
        "Made in Dallas",
        "Typed while London is down",
        "Made meanwhile",
        "Through the balancer",
    ]
    for one in (london, dallas):
        for name in names:
            expect(one.get_by_text(name, exact=True)).to_be_visible()
        expect(one.get_by_text("All is saved")).to_be_visible()
    wanted = [sorted(names)] * 2
    todos.until(lambda: [sorted(one["title"] for one in listed(todos, name)) for name in REGIONS] == wanted)
    until_well(todos)


def test_two_changes_of_one_todo_are_shown_and_merged(todos: UpProcess, page: Page, tmp_path: Path) -> None:
    made = call(api(todos, "london"), "POST", API, {"title": "Water"}).json()
    todos.until(lambda: len(leaves(todos, "dallas", made["id"])) == 1)
    changes = {"london": "Water the lawn", "dallas": "Water the couch grass"}
    change_apart(todos, made, changes)
    [winner] = [one["title"] for one in listed(todos, "london")]
    page.goto(todos.url)
    expect(shown(page)).to_have_text([winner])
    page.get_by_role("button", name="2 versions").click()
    dialog = page.get_by_role("dialog")
    others = [title for title in changes.values() if title != winner]
    expect(dialog.locator(".choice-title")).to_have_text([winner, *others])
    check_accessible(page)
    shot(page, "todo-conflict", tmp_path)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="2 versions")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Title").fill("Water lawn and couch grass")
    dialog.get_by_label("completed").check()
    dialog.get_by_role("button", name="Save as the one").click()
    expect(page.get_by_role("button", name="2 versions")).to_be_hidden()
    expect(shown(page)).to_have_text(["Water lawn and couch grass"])
    expect(page.get_by_text("All is saved")).to_be_visible()
    settled = [[("Water lawn and couch grass", True)]] * 2
    todos.until(lambda: [leaves(todos, name, made["id"]) for name in REGIONS] == settled)


def change_apart(up: UpProcess, todo: dict[str, Any], titles: dict[str, str]) -> None:
    """A todo gets another title in each region, while these do not see each other. Afterwards they do."""
    up.set_faults(london_dallas=Fault(cut=True), dallas_london=Fault(cut=True))
    try:
        up.until(lambda: all(not one.peer_reachable or one.error for one in up.status().links), APART_S)
        path = urllib.parse.urlsplit(todo["url"]).path
        for name, title in titles.items():
            assert call(api(up, name), "PATCH", path, {"title": title}).status == 200
    finally:
        up.set_faults()
    up.until(lambda: all(len(leaves(up, name, todo["id"])) == 2 for name in REGIONS), APART_S)


def leaves(up: UpProcess, name: str, doc_id: str) -> list[tuple[str, bool]]:
    """Title and state of all versions that a region's database has."""
    asked = {"Accept": "application/json"}
    answer = call(database(up, name), "GET", f"/todos/{doc_id}?open_revs=all", headers=asked)
    found = answer.json() if answer.status == 200 else []
    return [(one["ok"]["title"], one["ok"]["completed"]) for one in found if "title" in one.get("ok", {})]


def database(up: UpProcess, name: str) -> str:
    """The URL of a region's database, with its admin."""
    access = peer_access(up.region(name))
    assert access.account is not None
    return access.url.replace("://", f"://{access.account.name}:{access.account.password}@", 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_small_screens_and_dark_rooms(todos: UpProcess, browser: Browser, scheme: str) -> None:
    call(api(todos, "london"), "POST", API, {"title": "A rather long todo " * 8})
    with opened(browser, viewport=PHONE, color_scheme=scheme) as window:
        page = window.page
        page.goto(f"{todos.url}/#/?side=london,dallas")
        expect(shown(board(page, "Dallas"))).to_have_count(1)
        check_fits(page)
        check_accessible(page)
        hosts = {urllib.parse.urlsplit(api(todos, name)).netloc for name in REGIONS}
        assert window.asked <= {urllib.parse.urlsplit(todos.url).netloc, *hosts}
