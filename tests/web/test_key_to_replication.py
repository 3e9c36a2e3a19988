"""The whole story in the browser alone: a key is made, a replication uses it, and a document arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.testing.browser import opened
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import end_job, sign_in
from tests.web.owner import write


@pytest.fixture
def name(couch_server: ServerProcess, other_server: ServerProcess, db_name: str) -> Iterator[str]:
    """Of databases and of a job that the test makes."""
    yield db_name
    end_job(couch_server.auth_url, db_name)
    for server in (couch_server, other_server):
        call(server.auth_url, "DELETE", f"/{db_name}")


def new_database(page: Page, server: ServerProcess, name: str) -> None:
    page.goto(f"{server.url}/_utils/#/databases")
    sign_in(page, server.user, server.password)
    page.get_by_role("button", name="New database").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def generated_key(page: Page) -> tuple[str, str]:
    """Name and password of a key that may read, write and keep checkpoints."""
    page.get_by_role("link", name="Permissions").click()
    page.get_by_role("button", name="Generate API key").click()
    dialog = page.get_by_role("dialog")
    for right in ("_reader", "_writer", "_replicator"):
        dialog.get_by_label(right).check()
    dialog.get_by_role("button", name="Generate", exact=True).click()
    expect(dialog.get_by_text("Keep the password now.")).to_be_visible()
    key, password = dialog.locator("dd code").all_inner_texts()
    dialog.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("checkbox", name=f"_replicator for {key}")).to_be_checked()
    return key, password


def test_from_a_key_to_a_document_that_arrives(
    browser: Browser, couch_server: ServerProcess, other_server: ServerProcess, name: str
) -> None:
    with opened(browser) as here, opened(browser) as there:
        new_database(there.page, other_server, name)
        key, password = generated_key(there.page)
        page = here.page
        new_database(page, couch_server, name)
        page.get_by_role("link", name="Replication", exact=True).click()
        page.get_by_role("link", name="New replication").click()
        page.get_by_label("Source database").fill(name)
        page.get_by_label("Target URL").fill(f"{other_server.url}/{name}")
        page.get_by_label("Target authentication").select_option("API key")
        page.get_by_label("Target key").fill(key)
        page.get_by_label("Target password").fill(password)
        page.get_by_label("Id", exact=True).fill(name)
        page.get_by_role("button", name="Start replication").click()
        job = page.get_by_role("region", name=name, exact=True)
        expect(job).to_contain_text("Running")
        write_document(page, name, "milk")
        shown = there.page
        shown.get_by_role("link", name="Changes").click()
        expect(shown.get_by_role("link", name="milk", exact=True)).to_be_visible()
        page.goto(f"{couch_server.url}/_utils/#/replication/_replicator/{name}")
        expect(page.get_by_role("region", name="Status")).to_contain_text("Running")
        assert password not in page.content()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("heading", name="Replication", level=1)).to_be_visible()


def write_document(page: Page, database: str, doc_id: str) -> None:
    page.goto(page.url.partition("#")[0] + f"#/databases/{database}/new")
    write(page, "Document", json.dumps({"_id": doc_id, "title": "Buy milk"}))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=doc_id, level=1)).to_be_visible()
