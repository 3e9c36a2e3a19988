"""The todo client of an app whose users sign in: through the sign-in service's page and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.cli.up import example_app, example_pages
from couchgrass.deploy.apply.credentials import read_credentials
from couchgrass.testing.browser import check_accessible, opened
from couchgrass.testing.region import environment
from couchgrass.testing.up import UpProcess, running_up
from couchgrass.topology.places import CREDENTIALS

PEOPLE = ("ada@example.org", "bob@example.org")
PASSWORD = "analytical engine"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """One region is enough here."""
    folder = tmp_path_factory.mktemp("site") / "d"
    with running_up(
        folder, regions=("london",), app=example_app(), pages=example_pages(), sign_in=True
    ) as up:
        (tenant,) = {one.tenant_id for one in read_credentials(folder / CREDENTIALS).tenants.values()}
        for email in PEOPLE:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "couchgrass",
                    "user",
                    "add",
                    tenant,
                    email,
                    "--region",
                    f"{up.file}#london",
                ],
                input=f"{PASSWORD}\n",
                text=True,
                check=True,
                capture_output=True,
                env=environment(),
            )
        yield up


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_each_signs_in_first_and_has_todos_of_their_own(site: UpProcess, browser: Browser) -> None:
    with opened(browser) as window:
        page = window.page
        page.goto(f"{site.url}/#/active")
        expect(page.get_by_text("sign in to see them")).to_be_visible()
        expect(page.get_by_label("New todo")).to_be_hidden()
        check_accessible(page)
        sign_in(page, PEOPLE[0], "wrong")
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text(PEOPLE[0])).to_be_visible()
        expect(page).to_have_url(f"{site.url}/#/active")
        page.get_by_label("New todo").fill("The notes")
        page.get_by_label("New todo").press("Enter")
        expect(page.get_by_text("All is saved")).to_be_visible()
        page.reload()
        expect(page.get_by_text("The notes")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("The notes")).to_be_hidden()
        page.reload()
        expect(page.get_by_text("sign in to see them")).to_be_visible()
    with opened(browser) as window:
        page = window.page
        page.goto(site.url)
        sign_in(page, PEOPLE[1])
        expect(page.get_by_text(PEOPLE[1])).to_be_visible()
        expect(page.get_by_text("Nothing to do.")).to_be_visible()
