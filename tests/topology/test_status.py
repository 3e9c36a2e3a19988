"""What is wrong with regions, from what their agents and the balancer say."""

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
)

LONDON = Place("london", {"database": "http://d", "gateway": "http://g"}, {"database": 7}, running=True)
HEALTH = {"region": "london", "live": True, "ready": True, "lag_s": 0.5, "reasons": []}
LINK = Link("todos", "dallas", "london", "running", lag_s=0.0)
BALANCER = BalancerStatus("http://b", "http://m", 9, {"london": Admitted("serving")})


def status(**changed: object) -> Status:
    whole = Status(
        dir="DIR",
        running=True,
        pid=1,
        regions=(region_status(LONDON, HEALTH),),
        links=(LINK,),
        balancer=BALANCER,
        credentials_file="",
    )
    return msgspec.structs.replace(whole, **changed)


def test_all_is_well() -> None:
    assert status().well
    assert status(balancer=None, links=()).well


def test_a_region_as_its_agent_tells_it() -> None:
    one = region_status(LONDON, HEALTH)
    assert (one.database_url, one.gateway_url, one.functions_url) == ("http://d", "http://g", "")
    assert (one.ready, one.healthy, one.lag_s, one.pids) == (True, True, 0.5, {"database": 7})
    assert one.dashboard_url == "http://d/_utils/"


def test_a_region_of_which_nobody_tells() -> None:
    assert region_status(LONDON, None).reasons == ("its agent does not answer",)
    gone = region_status(Place("london"), None)
    assert (gone.reasons, gone.ready, gone.healthy) == (("it does not run",), False, False)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"running": False}, "nothing runs in DIR"),
        ({"regions": (region_status(LONDON, {**HEALTH, "ready": False}),)}, "london: is not ready"),
        (
            {"regions": (region_status(LONDON, {"ready": False, "reasons": ["no database", "no x"]}),)},
            "london: no database, no x",
        ),
        ({"links": (Link("t", "a", "b", "crashing", error="why"),)}, "t a->b: why"),
        ({"links": (Link("t", "a", "b", "missing"),)}, "t a->b: missing"),
        ({"links": (Link("t", "a", "b", "running", peer_reachable=False),)}, "t a->b: a is not reached"),
        (
            {"links": (Link("t", "a", "b", "running", dead_letters=3),)},
            "t a->b: 3 changes could not be written",
        ),
        ({"balancer": BalancerStatus("http://b")}, "the balancer does not answer"),
        (
            {"balancer": BalancerStatus("http://b", "", 9, {"london": Admitted("out")})},
            "the balancer has no region to send requests to",
        ),
    ],
)
def test_what_is_wrong_is_said(changed: dict[str, object], wrong: str) -> None:
    assert status(**changed).wrong == (wrong,)


def test_the_slowest_link_of_a_way_counts_and_an_unknown_lag_makes_it_unknown() -> None:
    quick, slow = LINK, msgspec.structs.replace(LINK, database="more", lag_s=3.0)
    other = Link("todos", "london", "dallas", "running")
    assert slowest((quick, slow, other)) == {("dallas", "london"): 3.0, ("london", "dallas"): None}


def test_rates_are_differences_and_a_counter_that_began_anew_counts_from_nothing() -> None:
    assert rates({"a": 10.0}, {"a": 30.0}, 2.0) == {"a": 10.0}
    assert rates({"a": 100.0}, {"a": 30.0}, 2.0) == {"a": 15.0}
    assert rates({}, {"a": 30.0}, 2.0) == {"a": 0.0}
