"""The balancer's page against two real regions: one is drained, the traffic goes to the other, and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from playwright.sync_api import Locator, Page, expect

from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess
from tests.web.conftest import SignedIn, until_well

MOVED_MS = 60_000
PAUSE_S = 0.05
ENOUGH = 10
"""So many requests tell where all of them go."""


@contextmanager
def traffic(url: str, pause_s: float = PAUSE_S) -> Iterator[list[tuple[int, str]]]:
    """Reads todos through the balancer for the length of a block; status and region of the answers. Status 0:
    there was none, and why."""
    over = threading.Event()
    answers: list[tuple[int, str]] = []

    def read() -> None:
        while not over.wait(pause_s):
            try:
                answer = call(url, "GET", "/v1/todo")
            except (OSError, HTTPException) as lost:
                answers.append((0, str(lost)))
            else:
                answers.append((answer.status, answer.headers.get("x-couchgrass-region", "")))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield answers
    finally:
        over.set()
        reader.join()


def has_all(page: Page, region: str) -> None:
    """All requests go to that region."""
    card = page.get_by_role("region", name=region, exact=True)
    expect(card).to_contain_text("Share of all requests 100 %", timeout=MOVED_MS)


def answered(page: Page, region: str, button: str) -> Locator:
    """Presses a region's button, and the one that confirms it; the region's card."""
    card = page.get_by_role("region", name=region, exact=True)
    card.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(region)
    dialog.get_by_role("button", name=button.split(" in ")[0]).and_(page.locator("[type=submit]")).click()
    expect(dialog).not_to_be_visible()
    return card


def test_a_region_is_drained_and_traffic_moves_and_comes_back(
    dashboard: SignedIn, up_site: UpProcess
) -> None:
    until_well(up_site)
    page = dashboard("#/balancer")
    expect(page.get_by_role("heading", name="london serves")).to_be_visible(timeout=MOVED_MS)
    with traffic(up_site.url) as answers:
        has_all(page, "london")
        london = answered(page, "london", "Drain")
        try:
            expect(page.get_by_role("heading", name="dallas serves")).to_be_visible(timeout=MOVED_MS)
            expect(london).to_contain_text("drained")
            has_all(page, "dallas")
            moved = len(answers)
            up_site.until(lambda: len(answers) > moved + ENOUGH)
            # Not from when the page says so: Envoy takes its new files a moment later.
            assert {region for _, region in answers[moved:]} == {"dallas"}
        finally:
            answered(page, "london", "Let in again")
        expect(page.get_by_role("heading", name="london serves")).to_be_visible(timeout=MOVED_MS)
        has_all(page, "london")
        up_site.until(lambda: answers[-1][1] == "london")
    assert {status for status, _ in answers} == {200}


def test_before_a_drain_one_reads_what_it_means_and_may_think_better_of_it(
    dashboard: SignedIn, up_site: UpProcess
) -> None:
    until_well(up_site)
    page = dashboard("#/balancer")
    page.get_by_role("region", name="dallas", exact=True).get_by_role("button", name="Drain").click()
    dialog = page.get_by_role("dialog", name="Drain dallas?")
    expect(dialog).to_contain_text("dallas gets no new requests from now on.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("region", name="dallas", exact=True)).to_contain_text("standby")
