"""A browser for each file of tests of pages, and servers that no other tests use; each test has a window of
its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from couchgrass.cli.up import example_app, example_pages
from couchgrass.testing.browser import Window, opened, running_browser
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess, running
from couchgrass.testing.up import UpProcess, running_up

WELL_S = 120.0
TIMEOUT_S = 600
"""The first test that needs two regions waits for their start, and the last one for their end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder have more time than others, if they do not say how much."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def couch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Not the one of all tests: what pages list is all that a server has, and these tests leave nothing."""
    with running(tmp_path_factory.mktemp("pages") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer: while there is one an event loop runs on this thread, and is in the way of others."""
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
        who = name or couch_server.user, password or couch_server.password
        return open_utils(window.page, couch_server, hash, *who)

    return open_at


@pytest.fixture(scope="session")
def up_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """Two regions, london and dallas, with the todo app, its pages and a balancer. Who breaks something heals
    it, and waits `until_well`."""
    with running_up(tmp_path_factory.mktemp("site") / "d", app=example_app(), pages=example_pages()) as found:
        yield found


def until_well(up: UpProcess) -> None:
    """Waits until both regions are ready and the balancer sends all requests to london again."""

    def is_well() -> bool:
        seen = up.status()
        admitted = {} if seen.balancer is None else seen.balancer.regions
        states = {name: one.state for name, one in admitted.items()}
        return all(one.ready for one in seen.regions) and states == {"london": "serving", "dallas": "standby"}

    up.until(is_well, WELL_S)


@pytest.fixture
def dashboard(window: Window, up_site: UpProcess) -> SignedIn:
    """Opens `#hash` of a region's dashboard, signed in as its admin."""

    def open_at(hash: str = "", region: str = "london") -> Page:
        return open_dashboard(window.page, up_site, hash, region)

    return open_at


def end_job(url: str, name: str) -> None:
    """Deletes the document of a replication, if the test has not. The replicator may write into it, too."""
    path = f"/_replicator/{name}"
    while (found := call(url, "GET", path)).status == 200:
        call(url, "DELETE", f"{path}?rev={found.json()['_rev']}")


def open_utils(page: Page, server: ServerProcess, hash: str = "", *who: str) -> Page:
    """The page, at a database server's `#hash`, signed in as its admin or with another name and password."""
    name, password = who or (server.user, server.password)
    let_in(page, f"{server.url}/_session", name, password)
    page.goto(f"{server.url}/_utils/{hash}")
    page.get_by_role("button", name="Sign out").wait_for()
    return page


def open_dashboard(page: Page, up: UpProcess, hash: str = "", region: str = "london") -> Page:
    """The page, at a region's dashboard, signed in as its admin."""
    sign_in_at(page, up, region)
    page.goto(f"{up.dashboard(region)}/{hash}")
    page.get_by_role("button", name="Sign out").wait_for()
    return page


def sign_in_at(page: Page, up: UpProcess, region: str) -> None:
    """The window has the session of the region's admin from now on."""
    admin = up.admin(region)
    let_in(page, f"{up.dashboard(region)}/couch/_session", admin.name, admin.password)


def let_in(page: Page, session: str, name: str, password: str) -> None:
    """Signs the window in without the form, which tests of the frame are for."""
    login = {"name": name, "password": password}
    answer = page.request.post(session, data=login, headers={"x-couchgrass-dashboard": "1"})
    assert answer.ok, answer.text()


def sign_in(page: Page, name: str, password: str) -> None:
    """Through the form, as a person does."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
