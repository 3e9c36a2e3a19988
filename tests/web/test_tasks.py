"""The page of active tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from couchgrass.testing.browser import PHONE, WIDE, check_accessible, check_fits, opened
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, end_job, open_utils

NOW = int(time.time())
COUCHDB_TASKS: list[dict[str, Any]] = [
    {
        "type": "indexer",
        "node": "couchdb@127.0.0.1",
        "pid": "<0.1.0>",
        "database": "shards/00000000-7fffffff/todos.1600000000",
        "design_document": "_design/by_list",
        "progress": 40,
        "changes_done": 4,
        "total_changes": 10,
        "started_on": NOW - 90,
        "updated_on": NOW,
    },
    {
        "type": "view_compaction",
        "node": "couchdb@127.0.0.1",
        "pid": "<0.2.0>",
        "database": "shards/80000000-ffffffff/users.1600000000",
        "design_document": "_design/names",
        "progress": 75,
        "started_on": NOW - 5,
        "updated_on": NOW,
    },
]
"""Two kinds that Apache CouchDB has and we have not."""


@pytest.fixture
def copied(couch_server: ServerProcess, db_name: str) -> Iterator[str]:
    """A database that a continuous job copies."""
    url = couch_server.auth_url
    job = {"source": db_name, "target": f"{db_name}-copy", "create_target": True, "continuous": True}
    for path, body in ((db_name, None), (f"{db_name}/one", {}), (f"_replicator/{db_name}", job)):
        assert call(url, "PUT", f"/{path}", body).status == 201
    yield db_name
    end_job(url, db_name)
    for name in (db_name, f"{db_name}-copy"):
        call(url, "DELETE", f"/{name}")


def test_a_replication_is_at_work_and_leads_to_its_page(utils: SignedIn, copied: str) -> None:
    page = utils("#/tasks")
    page.get_by_label("Filter tasks").fill(copied)
    row = page.get_by_role("row").filter(has_text=f"{copied} → {copied}-copy")
    expect(row).to_contain_text("up to date")
    row.get_by_role("button").click()
    details = page.get_by_role("dialog", name="Replication")
    expect(details).to_contain_text("checkpoint_interval")
    details.get_by_role("link", name="The replication's page").click()
    expect(page.get_by_role("heading", name=copied, level=1)).to_be_visible()


def couchdb(page: Page, tasks: list[dict[str, Any]]) -> None:
    """Has the page see what Apache CouchDB would answer."""

    def answer(route: Route) -> None:
        route.fulfill(json=tasks)

    page.route("**/_active_tasks", answer)


def test_what_a_couchdb_does_has_bars_and_filters(utils: SignedIn) -> None:
    page = utils("#/databases")
    couchdb(page, COUCHDB_TASKS)
    page.goto(page.url.partition("#")[0] + "#/tasks")
    row = page.get_by_role("row").filter(has_text="todos _design/by_list")
    expect(row.get_by_role("progressbar")).to_have_attribute("value", "0.4")
    expect(row).to_contain_text("40 %")
    page.get_by_label("Type").select_option("view_compaction")
    expect(row).to_be_hidden()
    expect(page.get_by_text("users _design/names")).to_be_visible()
    couchdb(page, [])
    expect(page.get_by_text("nothing to do in the background")).to_be_visible()


def test_the_page_is_for_everybody(browser: Browser, couch_server: ServerProcess) -> None:
    for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
        with opened(browser, color_scheme=scheme, viewport=viewport) as window:
            page = window.page
            couchdb(page, COUCHDB_TASKS)
            open_utils(page, couch_server, "#/tasks")
            expect(page.get_by_role("progressbar")).to_have_count(2)
            check_accessible(page)
            check_fits(page)
