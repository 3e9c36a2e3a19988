"""Each policy's order."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.balancer.order import Order, Turn, order_of, standing_by
from couchgrass.errors import BadRequest
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Policy

REGIONS = (
    Region("london", location="London, GB"),
    Region("dallas", location="Dallas, TX"),
    Region("tokyo", coordinates=(35.7, 139.7)),
    Region("nowhere"),
)


def order(policy: Policy, **settings: Any) -> Order:
    return order_of(Balancer(policy=policy, **settings), REGIONS)


def named(found: Order) -> list[str]:
    return [turn.region for turn in sorted(found.turns, key=lambda turn: turn.priority)]


def test_failover_takes_the_files_order() -> None:
    found = order(Policy.FAILOVER)
    assert [(turn.region, turn.priority) for turn in found.turns] == [
        ("london", 0),
        ("dallas", 1),
        ("tokyo", 2),
        ("nowhere", 3),
    ]


@pytest.mark.parametrize(
    ("where", "nearest"),
    [
        ({"location": "Paris"}, ["london", "dallas", "tokyo", "nowhere"]),
        ({"location": "Chicago, IL"}, ["dallas", "london", "tokyo", "nowhere"]),
        ({"coordinates": (37.5, 127.0)}, ["tokyo", "london", "dallas", "nowhere"]),
    ],
)
def test_geo_takes_the_nearest_first_and_what_has_no_place_last(
    where: dict[str, Any], nearest: list[str]
) -> None:
    assert named(order(Policy.GEO, **where)) == nearest


def test_geo_needs_a_place_of_its_own() -> None:
    with pytest.raises(BadRequest, match="location of"):
        order(Policy.GEO, location="Atlantis")


def test_weights_share_the_first_priority_and_weight_0_waits() -> None:
    found = order(Policy.WEIGHTED, weights={"london": 3, "dallas": 0, "tokyo": 1})
    assert found.turns == (
        Turn("london", 0, 3),
        Turn("tokyo", 0, 1),
        Turn("nowhere", 0, 1),
        Turn("dallas", 1),
    )
    assert not found.by_load


def test_all_weights_0_are_all_the_same() -> None:
    weights = {region.name: 0 for region in REGIONS}
    assert {turn.priority for turn in order(Policy.WEIGHTED, weights=weights).turns} == {0}


def test_a_weight_of_a_region_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadRequest, match="no region mars"):
        order(Policy.WEIGHTED, weights={"mars": 1})


def test_least_request_has_all_in_one_priority() -> None:
    found = order(Policy.LEAST_REQUEST)
    assert found.by_load
    assert {turn.priority for turn in found.turns} == {0}


def test_those_after_the_first_that_is_open_stand_by() -> None:
    found = order(Policy.FAILOVER)
    assert standing_by(found, ["london", "dallas"]) == {"dallas"}
    assert standing_by(found, ["dallas", "tokyo"]) == {"tokyo"}
    assert standing_by(found, []) == frozenset()
    assert standing_by(order(Policy.LEAST_REQUEST), ["london", "dallas"]) == frozenset()
