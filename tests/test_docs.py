"""The documentation's links lead somewhere: to a file that is there, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from couchgrass.region.config import Agent, Dashboard, Database, Functions, Gateway, Identity
from couchgrass.topology.config import App, Balancer, Synced

ROOT = Path(__file__).resolve().parent.parent
FIRST = ROOT / "README.md"
PAGES = sorted([FIRST, ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")])
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
PICTURES = ROOT / "docs" / "screens"
PICTURES_BYTES_MAX = 2_500_000
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_pictures_are_small_and_made_by_a_test() -> None:
    """`COUCHGRASS_RENEW_SCREENS` has them made anew."""
    made = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/web/test_*.py"))
    found = sorted(PICTURES.iterdir())
    assert sum(path.stat().st_size for path in found) < PICTURES_BYTES_MAX
    for path in found:
        assert path.suffix == ".png"
        assert f'"{path.stem}"' in made, path


@pytest.mark.parametrize("table", [App, Balancer, Synced])
def test_the_page_of_the_file_with_all_regions_has_every_key(table: type[msgspec.Struct]) -> None:
    keys = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "topology.md").read_text(encoding="utf-8")))
    assert set(table.__struct_fields__) <= keys


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [FIRST]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link]
    assert set(ROOT.glob("docs/**/*.md")) <= reached


@pytest.mark.parametrize("table", [Agent, Dashboard, Database, Functions, Gateway, Identity])
def test_the_page_of_a_region_has_every_key(table: type[msgspec.Struct]) -> None:
    keys = set(re.findall(r"`\[?([a-z_.]+)\]?`", (ROOT / "docs" / "region.md").read_text(encoding="utf-8")))
    told = {key.rpartition(".")[2] for key in keys}
    assert set(table.__struct_fields__) <= told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_merge_was_left_half_done(page: Path) -> None:
    assert not re.search(r"^(<{7}|={7}|>{7})( |$)", page.read_text(encoding="utf-8"), re.MULTILINE)
