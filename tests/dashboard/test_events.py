"""What changed is told in words, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from couchgrass.dashboard.events import changes
from couchgrass.dashboard.seen import Overview
from tests.dashboard.sites import DALLAS, LINK, LONDON, NOW, balancer, but, overview

DOWN = but(LONDON, state="down", reasons=("it does not run",))
LIVE = but(LONDON, state="live", reasons=("behind dallas by 4 s",))


def told(before: Overview, now: Overview) -> list[tuple[str, str, str]]:
    return [(one.region, one.text, one.tone) for one in changes(before, now)]


def regions(region: object) -> Overview:
    return overview(regions=(region, DALLAS))


@pytest.mark.parametrize(
    ("before", "now", "text", "tone"),
    [
        (LONDON, DOWN, "london is down: it does not run", "bad"),
        (DOWN, LIVE, "london is back and catches up", "warn"),
        (LONDON, LIVE, "london is not ready: behind dallas by 4 s", "warn"),
        (LIVE, LONDON, "london is ready", "good"),
    ],
)
def test_a_regions_states(before: object, now: object, text: str, tone: str) -> None:
    assert told(regions(before), regions(now)) == [("london", text, tone)]


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (LINK, but(LINK, peer_reachable=False), ["dallas does not reach london"]),
        (but(LINK, peer_reachable=False), LINK, ["dallas reaches london again"]),
        (
            LINK,
            but(LINK, state="crashing", error="no such database"),
            ["replication london to dallas fails: todos: no such database"],
        ),
        (but(LINK, state="crashing"), LINK, ["replication london to dallas runs"]),
        (LINK, but(LINK, state="missing", pending=3), []),
        (LINK, but(LINK, state="crashing", peer_reachable=False), ["dallas does not reach london"]),
    ],
)
def test_a_links_states(before: object, now: object, words: list[str]) -> None:
    found = told(overview(links=(before,)), overview(links=(now,)))
    assert [text for _, text, _ in found] == words


def test_links_of_many_databases_are_told_together() -> None:
    many = tuple(but(LINK, database=f"d{number}") for number in range(50))
    broken = tuple(but(one, state="error", error="no rights") for one in many)
    found = told(overview(links=many), overview(links=broken))
    assert found == [("dallas", "replication london to dallas fails: d0 and 49 more: no rights", "bad")]


def test_a_region_that_is_silent_tells_nothing_of_its_links() -> None:
    assert told(overview(), overview(links=())) == told(overview(links=()), overview()) == []


def test_the_balancers_states() -> None:
    before = overview(balancer=balancer(london="serving", dallas="standby"))
    found = told(before, overview(balancer=balancer(london="out", dallas="serving")))
    assert found == [
        ("london", "the balancer takes london out", "bad"),
        ("dallas", "the balancer sends requests to dallas", "good"),
    ]
    silent = overview(balancer=but(balancer(), answers=False))
    assert told(before, silent) == [("", "the balancer does not answer", "bad")]
    assert told(silent, before) == [("", "the balancer answers again", "good")]


def test_a_balancer_that_is_elsewhere_is_not_judged() -> None:
    away: Callable[[bool], Overview] = lambda answers: overview(  # noqa: E731
        balancer=but(balancer(), here=False, answers=answers)
    )
    assert told(away(True), away(False)) == []


def test_what_stays_is_no_news() -> None:
    assert told(overview(), overview(at=NOW + 1)) == []
