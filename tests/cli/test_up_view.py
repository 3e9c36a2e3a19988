"""What `up` and `status` show: sections apart, nothing that is to be copied broken, nobody's lines wiped."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from couchgrass.agent.seen import Link
from couchgrass.cli import paper, up_view
from couchgrass.cli.up_view import Progress, show_places, view
from couchgrass.topology.status import Admitted, BalancerStatus, RegionStatus, Status

LONG = "https://couch.a-name-of-a-host-that-is-long.dallas.internal.example.org"


def status(url: str = "http://127.0.0.1:5984") -> Status:
    regions = tuple(
        RegionStatus(name, url, url, url, None, {}, ready=ready, healthy=True, lag_s=0.0)
        for name, ready in (("london", True), ("dallas", False))
    )
    links = (Link("todos", "london", "dallas", "running", "job", 4.2, 118),)
    balancer = BalancerStatus("http://127.0.0.1:8080", pid=1, regions={"london": Admitted("serving")})
    return Status("/d", True, 1, regions, links, balancer, "")


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A narrow one, at which somebody sits."""
    written = io.StringIO()
    console = Console(file=written, width=40, force_terminal=True, color_system=None)
    for module in (paper, up_view):
        monkeypatch.setattr(module, "out", console)
    return written


def test_sections_of_the_view_are_apart() -> None:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(view(status(), {}, "Ctrl-C"))
    first_words = [line.split()[0] if line.strip() else "" for line in capture.get().splitlines()]
    assert first_words == [
        *("region", "london", "dallas", "", "link", "london", "", "One", "", "dallas:", "", "Ctrl-C"),
    ]


def test_urls_are_whole_in_a_narrow_window(window: io.StringIO) -> None:
    show_places(Path("/d"), status(LONG))
    assert f"london  {LONG}  {LONG}  {LONG}\n" in window.getvalue()


def test_where_the_app_is_looked_at_is_said(window: io.StringIO) -> None:
    show_places(Path("/d"), status(), ["/", "/todo/"])
    assert "The app is at http://127.0.0.1:8080/\n" in window.getvalue()
    assert "The app is at http://127.0.0.1:8080/todo/\n" in window.getvalue()
    show_places(Path("/d"), msgspec.structs.replace(status(), balancer=None), ["/"])
    assert "The app is at http://127.0.0.1:5984/\n" in window.getvalue()


def test_who_signs_in_to_a_dashboard_is_said_where_the_region_made_an_admin(
    window: io.StringIO, tmp_path: Path
) -> None:
    seen = status()
    told = [msgspec.structs.replace(one, dashboard_url="http://127.0.0.1:3236") for one in seen.regions]
    seen = msgspec.structs.replace(seen, regions=tuple(told))
    show_places(tmp_path, seen)
    assert "Sign in" not in window.getvalue()
    admin = tmp_path / "london" / "database" / "admin.json"
    admin.parent.mkdir(parents=True)
    admin.touch()
    show_places(tmp_path, seen)
    assert f"Sign in to a dashboard as its region's admin: {admin}\n" in window.getvalue()


def test_progress_that_is_shown_again_wipes_no_line_between(window: io.StringIO) -> None:
    progress = Progress()
    with progress:
        for name in ("wires", "london", "dallas"):
            progress.say(name, "starting")
    window.truncate(0)
    with progress:
        first = window.getvalue()
    assert "\x1b[1A" not in first
