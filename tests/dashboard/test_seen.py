"""What the server answers and what the pages expect have the same names."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from couchgrass.dashboard import seen

CONTRACT = Path(__file__).resolve().parents[2] / "web" / "src" / "api" / "dashboard.ts"
INTERFACE = re.compile(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
MEMBER = re.compile(r"^  (\w+)\??:", re.MULTILINE)
SHARED = (
    "Rates",
    "RegionNow",
    "LinkNow",
    "Admitted",
    "BalancerNow",
    "Overview",
    "History",
    "DrillAsked",
    "DrillRun",
    "DrillSeen",
    "Drills",
)


def expected() -> dict[str, set[str]]:
    """The members of each interface, those of the one that it extends included."""
    found: dict[str, set[str]] = {}
    for name, base, body in INTERFACE.findall(CONTRACT.read_text(encoding="utf-8")):
        found[name] = set(MEMBER.findall(body)) | found.get(base, set())
    return found


@pytest.mark.parametrize("name", SHARED)
def test_each_value_has_the_names_that_the_pages_expect(name: str) -> None:
    assert set(getattr(seen, name).__struct_fields__) == expected()[name]


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("regions", seen.RegionPast),
        ("links", seen.LinkPast),
        ("balancer", seen.AdmittedPast),
        ("events", seen.Event),
    ],
)
def test_what_is_within_the_history_has_them_too(field: str, kind: type[msgspec.Struct]) -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    history = text[text.index("export interface History") :]
    line = re.search(rf"^  {field}: (.*)$", history, re.MULTILINE)
    assert line is not None
    members = re.findall(r"(\w+)\??:", line[1].replace('"good" | "bad" | "warn" | "plain"', "Tone"))
    assert set(members) == set(kind.__struct_fields__)
