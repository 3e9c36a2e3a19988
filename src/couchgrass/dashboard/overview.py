"""The overview: what is known of a file's regions, what was seen of them now, and the rates, put together.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from couchgrass.agent.seen import Link
from couchgrass.dashboard.rates import Flow
from couchgrass.dashboard.seen import (
    Admitted,
    BalancerNow,
    LinkNow,
    Overview,
    Rates,
    RegionNow,
    RegionState,
)
from couchgrass.topology.status import GOOD_LINKS, BalancerStatus, RegionStatus, Status

LINKS_MAX: Final = 1000
"""In one answer, which goes out twice a second: regions may share thousands of databases."""

WRONG_MAX: Final = 50


class Place(msgspec.Struct, frozen=True):
    """What the file says of a region. `weight`: None where the balancer's policy knows none."""

    location: str = ""
    coordinates: tuple[float, float] | None = None
    weight: int | None = None


class Site(msgspec.Struct, frozen=True):
    """What does not change while the dashboard runs: whose it is, and what the file says."""

    region: str
    places: Mapping[str, Place] = {}
    policy: str = ""


def overview(site: Site, seen: Status, flow: Flow, before: Overview | None, at: float) -> Overview:
    """`before`: the overview before this one, from which a state's beginning is taken."""
    return Overview(
        at=at,
        region=site.region,
        wrong=seen.wrong,
        regions=tuple(_region(one, site, flow, before, at) for one in seen.regions),
        links=tuple(_link(one, flow) for one in seen.links),
        balancer=None if seen.balancer is None else _balancer(seen.balancer, site, flow),
    )


def shown(whole: Overview) -> Overview:
    """What goes out of it. Of many links those that are not well are the first to be in it."""
    words, links = whole.wrong, whole.links
    if len(words) > WRONG_MAX:
        words = (*words[:WRONG_MAX], f"and {len(words) - WRONG_MAX} more")
    if len(links) > LINKS_MAX:
        first = sorted(range(len(links)), key=lambda at: _is_well(links[at]))[:LINKS_MAX]
        links = tuple(links[at] for at in sorted(first))
    if links is whole.links and words is whole.wrong:
        return whole
    left_out = len(whole.links) - len(links)
    return msgspec.structs.replace(whole, wrong=words, links=links, links_left_out=left_out)


def _region(one: RegionStatus, site: Site, flow: Flow, before: Overview | None, at: float) -> RegionNow:
    place = site.places.get(one.name, Place())
    state: RegionState = "ready" if one.ready else "live" if one.healthy else "down"
    earlier = next((was for was in before.regions if was.name == one.name), None) if before else None
    return RegionNow(
        name=one.name,
        location=place.location,
        coordinates=place.coordinates,
        here=one.here,
        state=state,
        since=earlier.since if earlier is not None and earlier.state == state else at,
        reasons=one.reasons,
        lag_s=one.lag_s,
        database_url=one.database_url,
        functions_url=one.functions_url,
        gateway_url=one.gateway_url,
        dashboard_url=one.dashboard_url or "",
        rates=flow.regions.get(one.name, Rates()) if state != "down" else Rates(),
    )


def _link(one: Link, flow: Flow) -> LinkNow:
    return LinkNow(
        database=one.database,
        source=one.source,
        target=one.target,
        state=one.state,
        job=one.job,
        lag_s=one.lag_s,
        pending=one.pending,
        rate_s=flow.written.get((one.database, one.source, one.target)),
        dead_letters=one.dead_letters,
        error=one.error,
        peer_reachable=one.peer_reachable,
    )


def _balancer(one: BalancerStatus, site: Site, flow: Flow) -> BalancerNow:
    return BalancerNow(
        url=one.url,
        answers=one.pid is not None,
        here=one.here,
        policy=one.policy or site.policy,
        regions={
            name: Admitted(
                state=admitted.state,
                reason=admitted.reason,
                since=admitted.since,
                requests=admitted.requests,
                requests_s=flow.balancer.get(name),
                weight=site.places.get(name, Place()).weight,
            )
            for name, admitted in one.regions.items()
        },
    )


def _is_well(one: LinkNow) -> bool:
    return one.state in GOOD_LINKS and one.peer_reachable and not (one.error or one.dead_letters)
