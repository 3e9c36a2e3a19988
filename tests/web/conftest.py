"""One browser for all tests of pages; each test has a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from couchgrass.testing.browser import Window, opened, running_browser
from couchgrass.testing.server import ServerProcess, running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture
def window(browser: Browser) -> Iterator[Window]:
    """A window, which must end without complaints."""
    with opened(browser) as found:
        yield found


@pytest.fixture
def page(window: Window) -> Page:
    return window.page


@pytest.fixture(scope="session")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server at the other end of replications."""
    with running(tmp_path_factory.mktemp("other") / "data") as server:
        yield server


SignedIn = Callable[..., Page]


@pytest.fixture
def utils(window: Window, couch_server: ServerProcess) -> SignedIn:
    """Opens `#hash` of the database server's pages, signed in as its admin or as somebody else."""

    def open_at(hash: str = "", name: str = "", password: str = "") -> Page:
        page = window.page
        page.goto(f"{couch_server.url}/_utils/{hash}")
        sign_in(page, name or couch_server.user, password or couch_server.password)
        return page

    return open_at


def sign_in(page: Page, name: str, password: str) -> None:
    """Through the form, as a person does."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Pages").wait_for()
