"""A real browser for tests of the web pages: Debian's Chromium, driven by Playwright, with axe.

A page that logs an error, breaks the Content-Security-Policy or asks another host fails its test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FloatRect,
    Page,
    Request,
    Route,
    ViewportSize,
    expect,
    sync_playwright,
)

ROOT: Final = Path(__file__).resolve().parents[3]
AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SCREENS: Final = ROOT / "docs" / "screens"
RENEW: Final = "COUCHGRASS_RENEW_SCREENS"
"""With this in the environment `shot` keeps its pictures in docs/screens. They look best when nothing else
has been in the regions before: `COUCHGRASS_RENEW_SCREENS=1 pytest -p no:randomly tests/web/test_pictures.py
tests/web/test_todo.py tests/web/test_drills.py`, which takes five minutes."""

WAIT_MS: Final = 30_000
"""For whatever is waited for. Long for a person: the machine may do much else."""

START_MS: Final = 120_000
"""For the browser itself, which reads a lot from the disk."""

POLL_MS: Final = 10

BYTES_MIN: Final = 8_000
"""A picture of an empty page is smaller."""

WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 800}

_HARMLESS: Final = ("Failed to load resource",)
"""What the browser logs of its own for each answer that is an error, which pages expect."""


class NoBrowser(Exception):
    """There is none on this machine."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """For the length of a block. Raises NoBrowser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise NoBrowser("no chromium: apt-get install chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
            timeout=START_MS,
        )
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A browser's window with nothing kept from others, in which nothing moves: a colour half way to another
    one is no colour of the page. `complaints`: what was wrong in its pages."""

    def __init__(self, browser: Browser, **how: Any) -> None:
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.context: BrowserContext = browser.new_context(
            viewport=how.pop("viewport", WIDE), reduced_motion="reduce", **how
        )
        self.context.set_default_timeout(WAIT_MS)
        self.context.on("page", self._follow)
        self.page: Page = self.context.new_page()

    def _follow(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._heard)
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_HARMLESS):
            self.complaints.append(f"console: {message.text}")

    def check(self) -> None:
        """Raises AssertionError when something was wrong."""
        assert not self.complaints, "\n".join(self.complaints)

    def close(self) -> None:
        self.context.close()


@contextmanager
def opened(browser: Browser, **how: Any) -> Iterator[Window]:
    """A window for the length of a block, which must end without complaints."""
    window = Window(browser, **how)
    try:
        yield window
        window.check()
    finally:
        window.close()


class Held:
    """Requests that a page sends wait here until the test lets them through, one after the other."""

    def __init__(self, page: Page, url: str, method: str = "POST") -> None:
        self._page = page
        self._method = method
        self._waiting: list[Route] = []
        page.route(url, self._came)

    def _came(self, route: Route) -> None:
        if route.request.method == self._method:
            self._waiting.append(route)
        else:
            route.fallback()

    def until_there(self) -> Request:
        """Returns when one waits: that one. Raises AssertionError when none comes."""
        for _ in range(WAIT_MS // POLL_MS):
            if self._waiting:
                return self._waiting[0].request
            self._page.wait_for_timeout(POLL_MS)
        raise AssertionError(f"the page sent no {self._method}")

    def let_through(self) -> None:
        """Lets the first one through."""
        self._waiting.pop(0).continue_()


def check_accessible(page: Page) -> None:
    """Raises AssertionError for what axe finds that is serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    told = [
        f"{one['id']} ({one['impact']}): {one['help']}\n"
        + "\n".join(f"    {node['html'][:160]} {node['failureSummary'][:300]}" for node in one["nodes"][:3])
        for one in bad
    ]
    assert not bad, "\n".join(told)


def check_fits(page: Page) -> None:
    """Raises AssertionError when the page is wider than its window."""
    wide, seen = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen, f"the page is {wide} wide in a window of {seen}"


def shot(page: Page, name: str, folder: Path, *, height: int | None = None) -> Path:
    """A picture of the page in `folder`; also in docs/screens when that is to be renewed. `height`: how much
    of the page, from its top, when that is not the window's."""
    place = folder / f"{name}.png"
    size = page.viewport_size or WIDE
    page.evaluate("() => scrollTo(0, 0)")
    clip: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
    page.screenshot(path=place, animations="disabled", full_page=True, clip=clip)
    assert place.stat().st_size > BYTES_MIN, "there is nothing to be seen"
    if RENEW in os.environ:
        SCREENS.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, SCREENS / place.name)
    return place
