"""The report as a page."""

from __future__ import annotations

from html.parser import HTMLParser

from couchgrass.drill.page import page
from couchgrass.drill.report import Fault
from couchgrass.drill.timeline import Failure
from tests.drill.test_report import good


class Seen(HTMLParser):
    """Which elements there are, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def seen(text: str) -> Seen:
    found = Seen()
    found.feed(text)
    assert found.open == []
    return found


def test_a_page_is_whole_and_asks_for_nothing_from_outside() -> None:
    text = page([good(), good(lost=1)], title="Drill of london & dallas")
    found = seen(text)
    assert found.links == []
    assert found.tags.count("svg") == 2
    assert found.tags.count("rect") == 6
    assert "All promises were kept." in text
    assert "1 acknowledged writes are lost" in text


def test_names_are_text() -> None:
    text = page([good(fault=Fault("region", "kill", "<b>x</b>"))], title="<script>")
    assert "<b>" not in text
    assert "<script>" not in text


def test_requests_that_failed_are_shown_with_what_was_said() -> None:
    failure = Failure("POST", 3.1, 0.7, 503, "london", "<i>reset</i>")
    text = page([good(failures=(failure,))], title="x")
    assert seen(text).tags.count("table") == 3
    assert "&lt;i&gt;reset" in text


def test_a_drill_without_a_request_has_an_empty_chart() -> None:
    assert seen(page([good(slots=(), methods=())], title="x")).tags.count("rect") == 0
