"""The overview of what was seen."""

from __future__ import annotations

import msgspec

from couchgrass.agent.seen import Link
from couchgrass.dashboard.overview import LINKS_MAX, WRONG_MAX, Place, Site, overview, shown
from couchgrass.dashboard.rates import Flow
from couchgrass.dashboard.seen import Rates
from couchgrass.topology.status import Admitted, BalancerStatus, RegionStatus, Status

SITE = Site("london", {"london": Place("London", (51.5, -0.1), 3), "dallas": Place()}, "weighted")
LONDON = RegionStatus(
    "london", "http://d", "http://f", "http://g", None, {}, ready=True, healthy=True, lag_s=0.5
)
DALLAS = msgspec.structs.replace(LONDON, name="dallas", ready=False, reasons=("behind",), here=False)
LINK = Link("todos", "dallas", "london", "running", "j", 0.5, 3)
SEEN = Status(
    "/x",
    True,
    1,
    (LONDON, DALLAS),
    (LINK,),
    BalancerStatus("http://b", "", 7, {"london": Admitted("serving", "", 2, 123.0)}, policy="weighted"),
    "",
)
FLOW = Flow(
    {"london": Rates(1.0, 0.0, 2.0, 0.5), "dallas": Rates(9.0)},
    {"london": 4.0},
    {("todos", "dallas", "london"): 12.0},
)


def test_all_that_is_known_is_put_together() -> None:
    found = overview(SITE, SEEN, FLOW, None, 1000.0)
    london, dallas = found.regions
    assert (london.state, london.location, london.coordinates) == ("ready", "London", (51.5, -0.1))
    assert (dallas.state, dallas.reasons, dallas.here, dallas.location) == ("live", ("behind",), False, "")
    assert london.rates.requests_s == 1.0
    assert (found.links[0].rate_s, found.links[0].pending) == (12.0, 3)
    assert found.wrong == ("dallas: behind",)
    assert found.balancer is not None
    one = found.balancer.regions["london"]
    assert (found.balancer.answers, one.weight, one.requests_s, one.since) == (True, 3, 4.0, 123.0)
    assert shown(found) is found


def test_a_state_holds_since_it_was_first_seen() -> None:
    first = overview(SITE, SEEN, FLOW, None, 1000.0)
    second = overview(SITE, SEEN, FLOW, first, 1001.0)
    gone = msgspec.structs.replace(LONDON, ready=False, healthy=False)
    third = overview(SITE, msgspec.structs.replace(SEEN, regions=(gone, DALLAS)), FLOW, second, 1002.0)
    assert [one.regions[0].since for one in (first, second, third)] == [1000.0, 1000.0, 1002.0]
    assert third.regions[1].since == 1000.0


def test_a_region_that_is_down_has_no_rates() -> None:
    gone = msgspec.structs.replace(LONDON, ready=False, healthy=False)
    found = overview(SITE, msgspec.structs.replace(SEEN, regions=(gone,)), FLOW, None, 1.0)
    assert (found.regions[0].state, found.regions[0].rates) == ("down", Rates())


def test_of_too_many_links_those_in_trouble_are_shown_in_their_order() -> None:
    links = [msgspec.structs.replace(LINK, database=f"d{number:05}") for number in range(LINKS_MAX + 200)]
    links[-1] = msgspec.structs.replace(links[-1], error="no rights", state="crashing")
    links[-7] = msgspec.structs.replace(links[-7], peer_reachable=False)
    found = overview(SITE, msgspec.structs.replace(SEEN, links=tuple(links)), FLOW, None, 1.0)
    assert len(found.links) == LINKS_MAX + 200
    cut = shown(found)
    assert (len(cut.links), cut.links_left_out) == (LINKS_MAX, 200)
    assert [one.database for one in cut.links[-2:]] == [links[-7].database, links[-1].database]


def test_of_too_many_words_the_number_is_told() -> None:
    links = tuple(msgspec.structs.replace(LINK, database=f"d{number}", error="x") for number in range(200))
    seen = msgspec.structs.replace(SEEN, links=links)
    words = shown(overview(SITE, seen, FLOW, None, 1.0)).wrong
    assert (len(words), words[-1]) == (WRONG_MAX + 1, "and 151 more")
