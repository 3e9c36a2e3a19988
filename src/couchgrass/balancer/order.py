"""In which order and with which weights the balancer uses the regions: its policy, as Envoy understands it.

Pure. Envoy gives requests to the lowest priority that has a region which serves, and there by weight or to
the region with the fewest requests under way. So `failover` and `geo` are one region a priority, and
`weighted` and `least-request` all regions in the first; what has weight 0 waits in the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Policy
from couchgrass.topology.geo import Coordinates, distance_km, place

WEIGHT: Final = 1
"""Of a region that `weights` does not name."""


class Turn(msgspec.Struct, frozen=True):
    """A region's place: the lower the priority the earlier; among equals by weight."""

    region: str
    priority: int
    weight: int = 1


class Order(msgspec.Struct, frozen=True):
    """All regions, by priority. `by_load`: among equals the one with the fewest requests under way."""

    turns: tuple[Turn, ...]
    by_load: bool = False


def order_of(balancer: Balancer, regions: Sequence[Region]) -> Order:
    """Raises BadRequest, for a policy that lacks what it needs."""
    names = [region.name for region in regions]
    match balancer.policy:
        case Policy.FAILOVER:
            return _one_each(names)
        case Policy.GEO:
            return _one_each(_by_distance(balancer, regions))
        case Policy.WEIGHTED:
            return _weighted(balancer, names)
        case Policy.LEAST_REQUEST:
            return Order(tuple(Turn(name, 0) for name in names), by_load=True)


def standing_by(order: Order, open_regions: Iterable[str]) -> frozenset[str]:
    """Those of the regions open for requests that get none as long as one before them is open."""
    usable = frozenset(open_regions)
    first = min((turn.priority for turn in order.turns if turn.region in usable), default=0)
    return frozenset(turn.region for turn in order.turns if turn.region in usable and turn.priority > first)


def _one_each(names: Iterable[str]) -> Order:
    return Order(tuple(Turn(name, priority) for priority, name in enumerate(names)))


def _by_distance(balancer: Balancer, regions: Sequence[Region]) -> list[str]:
    """The nearest first. Regions whose place is not known come last, in the file's order."""
    here = balancer.coordinates or place(balancer.location)
    if here is None:
        raise _refused("location", "the policy geo needs a known city, or coordinates")

    def distance(region: Region) -> float:
        there: Coordinates | None = region.coordinates or place(region.location)
        return float("inf") if there is None else distance_km(here, there)

    return [region.name for region in sorted(regions, key=distance)]


def _weighted(balancer: Balancer, names: Sequence[str]) -> Order:
    unknown = [name for name in balancer.weights if name not in names]
    if unknown:
        raise _refused("weights", f"there is no region {unknown[0]}")
    weights = {name: balancer.weights.get(name, WEIGHT) for name in names}
    turns = [Turn(name, 0, weight) for name, weight in weights.items() if weight]
    idle = 1 if turns else 0
    turns += [Turn(name, idle) for name, weight in weights.items() if not weight]
    return Order(tuple(turns))


def _refused(key: str, reason: str) -> BadRequest:
    return BadRequest(f"{key} of [balancer]: {reason}")
