"""The revision tree and the resolving of conflicts: what is seen, and what is in the database afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.testing.browser import PHONE, check_accessible, check_fits, opened
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, open_utils
from tests.web.owner import write

FIRST = "a" * 32
WINNER, OTHER, THIRD = f"3-{'d' * 32}", f"2-{'c' * 32}", f"2-{'b' * 32}"
GONE = f"2-{'e' * 32}"
HUGE = 12345678901234567890
NOTE = {"note.txt": {"content_type": "text/plain", "data": "bm90ZQ=="}}
BASE = {"title": "Buy milk", "done": False, "list": {"name": "Food", "colour": "green"}, "n": HUGE}


def revision(id: str, rev: str, before: list[str], body: dict[str, Any]) -> dict[str, Any]:
    """A document as a replicator writes it."""
    start, name = rev.split("-")
    ids = [name, *(one.split("-")[1] for one in before)]
    return {"_id": id, "_rev": rev, "_revisions": {"start": int(start), "ids": ids}, **body}


def with_three_leaves(id: str) -> list[dict[str, Any]]:
    """Each side changed something of its own, and two of them the title."""
    first = f"1-{FIRST}"
    return [
        revision(id, first, [], BASE),
        revision(id, WINNER, [GONE, first], {**BASE, "list": {"name": "Food", "colour": "blue"}}),
        revision(id, OTHER, [first], {**BASE, "title": "Buy soy milk", "_attachments": NOTE}),
        revision(id, THIRD, [first], {**BASE, "title": "Buy oat milk", "done": True}),
    ]


class Database:
    """A database of the test's own, asked by its API."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server, self.name = server, name
        self.ask("PUT", "")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        accept = {"Accept": "application/json"}
        return call(self.server.auth_url, method, f"/{self.name}{path}", body, headers=accept).json()

    def bring(self, docs: list[dict[str, Any]]) -> None:
        assert self.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False}) == []

    def leaves(self, id: str = "todo") -> dict[str, dict[str, Any]]:
        """All leaves, by revision, with their histories."""
        return {one["ok"]["_rev"]: one["ok"] for one in self.ask("GET", f"/{id}?open_revs=all&revs=true")}

    def living(self, id: str = "todo") -> list[dict[str, Any]]:
        return [one for one in self.leaves(id).values() if not one.get("_deleted")]

    def buried(self, id: str = "todo") -> set[str]:
        """The revisions that tombstones stand on."""
        return {parent(one) for one in self.leaves(id).values() if one.get("_deleted")}

    @property
    def auth_url(self) -> str:
        return f"{self.server.auth_url}/{self.name}"

    @property
    def href(self) -> str:
        return f"#/databases/{self.name}/conflicts"


def parent(leaf: dict[str, Any]) -> str:
    return f"{leaf['_revisions']['start'] - 1}-{leaf['_revisions']['ids'][1]}"


@pytest.fixture
def database(couch_server: ServerProcess, db_name: str) -> Iterator[Database]:
    made = Database(couch_server, db_name)
    made.bring(with_three_leaves("todo"))
    yield made
    made.ask("DELETE", "")


@pytest.fixture
def away(couch_server: ServerProcess, db_name: str) -> Iterator[Database]:
    """The same in another region."""
    made = Database(couch_server, f"{db_name}-away")
    made.bring(with_three_leaves("todo"))
    yield made
    made.ask("DELETE", "")


def keep(page: Page, rev: str) -> None:
    page.get_by_role("button", name=f"Keep this: {rev}").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep this", exact=True).click()


def test_the_tree_is_drawn_and_each_revision_can_be_read_and_compared(
    utils: SignedIn, database: Database
) -> None:
    page = utils(f"#/databases/{database.name}/doc/todo/revisions")
    rows = page.get_by_role("list", name="Revisions, the newest first").get_by_role("listitem")
    expect(rows).to_have_text(
        [
            "3-dddddddd winner",
            "2-eeeeeeee content gone",
            "2-cccccccc conflict",
            "2-bbbbbbbb conflict",
            "1-aaaaaaaa",
        ]
    )
    expect(page.locator("path.conflicts-line")).to_have_count(4)
    expect(page.locator("g.conflicts-dot.missing")).to_have_count(1)
    page.get_by_role("button", name="2-eeeeeeee").click()
    expect(page.get_by_text("The content of this revision is not here.")).to_be_visible()
    page.get_by_role("button", name="2-cccccccc").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"Content of {OTHER}")).to_contain_text(str(HUGE))
    page.get_by_label("Compare with").select_option(THIRD)
    changes = page.get_by_role("region", name="Differences between")
    expect(changes.get_by_role("heading")).to_have_text(
        ["title changed", "done changed", '_attachments["note.txt"] added']
    )
    expect(changes).to_contain_text('"Buy oat milk"')
    page.reload()
    expect(changes.get_by_role("heading")).to_have_count(3)
    page.get_by_role("link", name="Resolve 2 conflicts").click()
    expect(page.get_by_role("list", name="Revisions in conflict").get_by_role("listitem")).to_have_count(3)


def test_a_long_history_is_one_row_that_opens(utils: SignedIn, database: Database) -> None:
    revs = [f"{at}-{at:032x}" for at in range(1200, 200, -1)]
    database.bring(
        [revision("old", revs[0], revs[1:], {}), revision("old", f"5-{FIRST}", [f"4-{FIRST}"], {})]
    )
    page = utils(f"#/databases/{database.name}/doc/old/revisions")
    rows = page.get_by_role("list", name="Revisions, the newest first").get_by_role("listitem")
    expect(rows.nth(4)).to_have_text("… 995 revisions …")
    expect(rows.nth(6)).to_have_text("200 earlier, forgotten")
    expect(rows).to_have_count(10)
    page.get_by_role("button", name="Show more of 995 revisions").click()
    expect(rows).to_have_count(110)


def test_the_winner_is_kept_as_it_is(utils: SignedIn, database: Database) -> None:
    page = utils(f"{database.href}/todo")
    keep(page, WINNER)
    expect(page.get_by_text("No conflict", exact=True)).to_be_visible()
    assert [one["_rev"] for one in database.living()] == [WINNER]
    assert database.buried() == {OTHER, THIRD}
    assert len(database.leaves()) == 3


def test_another_leaf_is_kept_with_all_that_is_in_it(utils: SignedIn, database: Database) -> None:
    page = utils(f"{database.href}/todo")
    keep(page, OTHER)
    expect(page.get_by_text("No conflict", exact=True)).to_be_visible()
    [left] = database.living()
    assert parent(left) == OTHER
    assert (left["title"], left["n"]) == ("Buy soy milk", HUGE)
    assert call(database.server.auth_url, "GET", f"/{database.name}/todo/note.txt").body == b"note"
    assert database.buried() == {WINNER, THIRD}


def test_a_merge_takes_what_one_side_changed_and_asks_for_the_rest(
    utils: SignedIn, database: Database
) -> None:
    page = utils(f"{database.href}/todo")
    save = page.get_by_role("button", name="Save the merge")
    expect(page.get_by_text("1 field is to be decided first.")).to_be_visible()
    expect(save).to_be_disabled()
    title = page.get_by_role("group", name="title")
    expect(title).to_contain_text("changed in several ways")
    expect(page.get_by_role("group", name="done")).to_contain_text("changed on one side")
    title.get_by_role("radio", name="2-cccccccc").check()
    save.click()
    expect(page.get_by_text("No conflict", exact=True)).to_be_visible()
    [left] = database.living()
    assert parent(left) == WINNER
    merged = {name: value for name, value in left.items() if not name.startswith("_")}
    assert merged == {
        **BASE,
        "title": "Buy soy milk",
        "done": True,
        "list": {"name": "Food", "colour": "blue"},
    }
    assert call(database.server.auth_url, "GET", f"/{database.name}/todo/note.txt").body == b"note"
    assert database.buried() == {OTHER, THIRD}


def test_a_merge_can_be_written_by_hand(utils: SignedIn, database: Database) -> None:
    page = utils(f"{database.href}/todo")
    save = page.get_by_role("button", name="Save the merge")
    write(page, "Merged document", '{"title": "Buy", "_rev": "x"}')
    expect(page.get_by_role("alert")).to_contain_text("Names that begin with _ are CouchDB's own: _rev")
    write(page, "Merged document", '{"title": "Buy"')
    expect(page.get_by_role("alert")).to_contain_text("Line 1, column 16")
    expect(save).to_be_disabled()
    write(page, "Merged document", '{"title": "Buy", "big": 98765432109876543210}')
    save.click()
    expect(page.get_by_text("No conflict", exact=True)).to_be_visible()
    [left] = database.living()
    assert (left["title"], left["big"], "done" in left) == ("Buy", 98765432109876543210, False)


def test_to_delete_is_to_delete_all_leaves(utils: SignedIn, database: Database) -> None:
    page = utils(f"{database.href}/todo")
    page.get_by_role("button", name="Delete the document").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("The document is deleted", exact=True)).to_be_visible()
    assert database.living() == []
    assert database.buried() == {WINNER, OTHER, THIRD}


def test_what_came_meanwhile_stops_it_and_is_shown(utils: SignedIn, database: Database) -> None:
    page = utils(f"{database.href}/todo")
    page.get_by_role("button", name=f"Keep this: {WINNER}").click()
    newer = database.ask("PUT", f"/todo?rev={OTHER}", {"title": "Buy nothing"})["rev"]
    before = database.leaves()
    page.get_by_role("dialog").get_by_role("button", name="Keep this", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(f"{OTHER} was edited: it is {newer} now")
    expect(page.get_by_role("list", name="Revisions in conflict")).to_contain_text(newer[:10])
    assert database.leaves() == before


def test_what_is_refused_half_way_is_told_and_nothing_is_lost(utils: SignedIn, database: Database) -> None:
    rule = "function (doc) { if (doc._deleted) throw({forbidden: 'nothing is deleted here'}); }"
    database.ask("PUT", "/_design/rule", {"validate_doc_update": rule})
    page = utils(f"{database.href}/todo")
    keep(page, THIRD)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Not all was done.")
    expect(alert).to_contain_text(f"{OTHER} not deleted: forbidden: nothing is deleted here")
    expect(page.get_by_role("status").filter(has_text="written")).to_be_visible()
    assert sorted(one["title"] for one in database.living()) == ["Buy milk", "Buy oat milk", "Buy soy milk"]
    expect(page.get_by_role("list", name="Revisions in conflict").get_by_role("listitem")).to_have_count(3)


def test_regions_agree_whatever_is_decided_in_each(
    utils: SignedIn, database: Database, away: Database
) -> None:
    """The same decision makes the same revisions; of different ones nothing that was picked is lost."""
    for one in (database, away):
        one.bring(with_three_leaves("same"))
        one.bring(with_three_leaves("other"))
    page = utils()
    for place, id, rev in (
        (database, "same", THIRD),
        (away, "same", THIRD),
        (database, "todo", THIRD),
        (away, "todo", OTHER),
        (database, "other", WINNER),
        (away, "other", OTHER),
    ):
        page.goto(page.url.split("#")[0] + f"{place.href}/{id}")
        keep(page, rev)
        expect(page.get_by_text("No conflict", exact=True)).to_be_visible()
    assert database.leaves("same") == away.leaves("same")
    for source, target in ((database, away), (away, database)):
        job = {
            "source": f"{source.server.auth_url}/{source.name}",
            "target": f"{target.server.auth_url}/{target.name}",
        }
        assert call(source.server.auth_url, "POST", "/_replicate", job).json()["ok"]
    for id in ("same", "todo", "other"):
        assert database.leaves(id) == away.leaves(id)
    assert sorted(one["title"] for one in database.living("todo")) == ["Buy oat milk", "Buy soy milk"]
    assert [one["title"] for one in database.living("other")] == ["Buy soy milk"]


def test_all_conflicts_are_found_new_ones_appear_and_several_end_by_the_rule(
    utils: SignedIn, database: Database
) -> None:
    for at in range(30):
        database.bring(with_three_leaves(f"item-{at:02}"))
    database.ask("POST", "/_bulk_docs", {"docs": [{"_id": f"plain-{at}"} for at in range(40)]})
    database.ask("POST", "/_bulk_docs", {"docs": [{"_id": "todo", "_rev": OTHER, "_deleted": True}]})
    page = utils(database.href)
    expect(page.get_by_role("status")).to_contain_text("71 documents looked at; 31 documents have conflicts")
    row = page.get_by_role("row", name="todo")
    expect(row).to_contain_text("2")
    database.bring(with_three_leaves("late"))
    expect(page.get_by_role("row", name="late")).to_be_visible()
    database.ask("POST", "/_bulk_docs", {"docs": [{"_id": "todo", "_rev": THIRD, "_deleted": True}]})
    expect(row).to_have_count(0)
    page.get_by_label("Filter by id").fill("item")
    page.get_by_label("All 30").check()
    page.get_by_role("button", name="Keep the winners of 30").click()
    database.ask("PUT", f"/item-07?rev={OTHER}", {"title": "edited meanwhile"})
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("60 other revisions are deleted")
    dialog.get_by_role("button", name="Keep the winners").click()
    expect(dialog).to_contain_text("29 of 30 resolved, 1 left alone, as they changed meanwhile.")
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    expect(page.get_by_role("row", name="item-")).to_have_count(1)
    assert [one["_rev"] for one in database.living("item-00")] == [WINNER]
    assert database.buried("item-00") == {OTHER, THIRD}
    assert len(database.living("item-07")) == 3


@pytest.mark.parametrize("how", [{"color_scheme": "dark"}, {"viewport": PHONE}], ids=["dark", "phone"])
def test_the_pages_are_for_everybody(browser: Browser, database: Database, how: dict[str, Any]) -> None:
    place = f"{database.server.url}/_utils/"
    with opened(browser, **how) as window:
        page = open_utils(window.page, database.server)
        for hash, seen in (
            (database.href, page.get_by_role("link", name="todo", exact=True)),
            (f"{database.href}/todo", page.get_by_role("textbox", name="Merged document")),
            (
                f"#/databases/{database.name}/doc/todo/revisions?rev={OTHER}&with={THIRD}",
                page.get_by_role("region", name="Differences between"),
            ),
        ):
            page.goto(f"{place}{hash}")
            seen.wait_for()
            check_accessible(page)
            check_fits(page)


def test_a_document_that_is_not_there_is_said_in_the_servers_words(
    utils: SignedIn, database: Database
) -> None:
    page = utils(f"{database.href}/nothing")
    expect(page.get_by_role("alert")).to_contain_text("not_found: missing (404)")
