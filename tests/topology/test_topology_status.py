"""What is wrong with several regions, said in words."""

from __future__ import annotations

import msgspec
import pytest

from couchgrass.agent.seen import Link
from couchgrass.topology.status import (
    Admitted,
    BalancerStatus,
    Place,
    Status,
    rates,
    region_status,
    slowest,
    waiting,
)

URLS = {"database": "http://d:1", "functions": "http://f:1", "gateway": "http://g:1"}
HERE = Place("london", URLS, {"database": 7}, running=True)
GOOD = {"live": True, "ready": True, "lag_s": 0.5, "reasons": []}
LINK = Link("todos", "dallas", "london", "running", lag_s=1.0, pending=3)
WELL = Status(
    dir="/d",
    running=True,
    pid=1,
    regions=(region_status(HERE, GOOD),),
    links=(LINK,),
    balancer=BalancerStatus("http://b", "http://m", 5, {"london": Admitted("serving")}),
    credentials_file="",
)


def but(**changes: object) -> tuple[str, ...]:
    return msgspec.structs.replace(WELL, **changes).wrong


def test_a_region_is_what_its_agent_says() -> None:
    seen = region_status(HERE, GOOD)
    assert (seen.ready, seen.healthy, seen.lag_s, seen.reasons) == (True, True, 0.5, ())
    assert (seen.database_url, seen.dashboard_url) == ("http://d:1", "http://d:1/_utils/")
    ill = region_status(HERE, {"live": False, "ready": False, "reasons": ["functions: down"]})
    assert (ill.ready, ill.healthy, ill.reasons) == (False, False, ("functions: down",))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (HERE, "its agent does not answer"),
        (Place("london", URLS), "it does not run"),
        (Place("london", URLS, here=False), "its gateway does not answer"),
    ],
)
def test_silence_is_told_by_whose_it_is(place: Place, said: str) -> None:
    seen = region_status(place, None)
    assert (seen.ready, seen.healthy, seen.reasons) == (False, False, (said,))


def test_a_region_elsewhere_is_healthy_when_it_says_so() -> None:
    assert region_status(Place("london", URLS, here=False), GOOD).healthy
    assert not region_status(Place("london", URLS, here=True), GOOD).healthy


def test_an_answer_of_another_kind_is_no_good_news() -> None:
    seen = region_status(HERE, {"live": "x", "lag_s": "much", "reasons": 7})
    assert (seen.ready, seen.lag_s, seen.reasons) == (False, None, ())


def test_all_is_well_when_nothing_is_wrong() -> None:
    assert (WELL.well, WELL.wrong) == (True, ())


def test_whatever_is_wrong_is_said() -> None:
    assert but(running=False) == ("nothing runs in /d",)
    assert but(regions=(region_status(HERE, None),)) == ("london: its agent does not answer",)
    broken = msgspec.structs.replace(LINK, state="error", error="refused")
    assert but(links=(broken,)) == ("todos dallas->london: refused",)
    assert but(links=(msgspec.structs.replace(LINK, peer_reachable=False),)) == (
        "todos dallas->london: dallas is not reached",
    )
    assert but(links=(msgspec.structs.replace(LINK, dead_letters=2),)) == (
        "todos dallas->london: 2 changes could not be written",
    )


def test_a_balancer_that_should_be_here_is_missed() -> None:
    assert but(balancer=BalancerStatus("http://b")) == ("the balancer does not answer",)
    assert but(balancer=BalancerStatus("http://b", here=False)) == ()
    out = BalancerStatus("http://b", pid=5, regions={"london": Admitted("out")})
    assert but(balancer=out) == ("the balancer has no region to send requests to",)


def test_links_of_a_pair_are_taken_together() -> None:
    more = msgspec.structs.replace(LINK, database="other", lag_s=2.0, pending=4)
    assert slowest((LINK, more)) == {("dallas", "london"): 2.0}
    assert waiting((LINK, more)) == {("dallas", "london"): 7}
    unknown = msgspec.structs.replace(LINK, lag_s=None, pending=None)
    assert slowest((LINK, unknown, more)) == {("dallas", "london"): None}
    assert waiting((unknown, LINK, more)) == {("dallas", "london"): None}


def test_rates_are_of_what_came_since() -> None:
    assert rates({"a": 10.0, "b": 50.0}, {"a": 30.0, "b": 5.0, "c": 8.0}, 2.0) == {
        "a": 10.0,
        "b": 2.5,
        "c": 0.0,
    }
