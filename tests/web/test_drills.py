"""The page of drills against two real regions: one is started and watched, its report read and deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

from playwright.sync_api import expect

from couchgrass.testing.browser import RENEW, check_accessible, shot
from couchgrass.testing.up import UpProcess
from tests.web.conftest import SignedIn, until_well

ENDS_MS = 150_000
REGION, LOAD, SECONDS = ("london", "40", "15") if RENEW in os.environ else ("dallas", "5", "4")
"""A picture that is kept shows how another region takes over."""


def test_a_drill_is_started_watched_and_its_report_read(
    dashboard: SignedIn, up_site: UpProcess, tmp_path: Path
) -> None:
    until_well(up_site)
    page = dashboard("#/drills")
    page.get_by_label("The functions die").check()
    note = page.get_by_role("note")
    expect(note).to_contain_text("the region’s functions server is killed")
    page.locator("select[name=region]").select_option(REGION)
    page.get_by_label("Requests a second").fill(LOAD)
    page.get_by_label("Seconds of load").fill(SECONDS)
    page.get_by_role("button", name="Start the drill").click()

    log = page.get_by_role("log", name="What the drill says")
    expect(log).to_contain_text(f"fault: functions, kill, {REGION}", timeout=ENDS_MS)
    expect(page.get_by_role("img", name="Requests a second by region while the drill runs")).to_be_visible()
    facts = page.get_by_role("region", name="Facts")
    expect(facts).to_contain_text("Acknowledged and lost after healing", timeout=ENDS_MS)
    expect(page.get_by_text("running", exact=True)).not_to_be_visible()
    check_accessible(page)
    shot(page, "drill", tmp_path, height=1164)

    page.get_by_text("The report’s own page").click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", name=f"functions, kill: {REGION}")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download JSON").click()
    (told,) = json.loads(Path(downloading.value.path()).read_text(encoding="utf-8"))
    assert told["fault"] == {"kind": "functions", "how": "kill", "region": REGION, "other": ""}

    page.get_by_role("link", name="Drills", exact=False).and_(page.locator(".trail a")).click()
    row = page.get_by_role("row").filter(has_text="The functions die (kill)")
    expect(row).to_be_visible()
    check_accessible(page)
    shot(page, "drills", tmp_path, height=960)
    row.get_by_role("button", name="Delete the report").click()
    expect(page.get_by_text("No drill so far")).to_be_visible()
    until_well(up_site)


def test_what_a_drill_can_not_do_is_said_before_it_starts(dashboard: SignedIn) -> None:
    page = dashboard("#/drills")
    page.get_by_label("Seconds of load").fill("1")
    page.get_by_role("button", name="Start the drill").click()
    assert page.evaluate("() => document.querySelector('[name=seconds]').validity.rangeUnderflow")
    assert page.url.endswith("#/drills")
