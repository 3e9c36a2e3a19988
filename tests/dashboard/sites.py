"""Overviews for tests, made of what is said of them."""

from __future__ import annotations

from typing import Any

import msgspec

from couchgrass.dashboard.seen import Admitted, BalancerNow, LinkNow, Overview, Rates, RegionNow

NOW = 1_700_000_000.0

LONDON = RegionNow(
    name="london",
    location="London, GB",
    coordinates=(51.5, -0.1),
    here=True,
    state="ready",
    since=NOW,
    reasons=(),
    lag_s=0.0,
    database_url="",
    functions_url="",
    gateway_url="",
    dashboard_url="",
    rates=Rates(),
)
DALLAS = msgspec.structs.replace(LONDON, name="dallas", location="Dallas, TX")
LINK = LinkNow(
    database="todos",
    source="london",
    target="dallas",
    state="running",
    job="j",
    lag_s=0.0,
    pending=0,
    rate_s=0.0,
    dead_letters=0,
    error="",
    peer_reachable=True,
)


def but(value: Any, **changes: Any) -> Any:
    """The same with something else."""
    return msgspec.structs.replace(value, **changes)


def balancer(**states: str) -> BalancerNow:
    """One that answers."""
    regions = {name: Admitted(state, "", NOW, 0, 0.0, None) for name, state in states.items()}
    return BalancerNow("http://b", answers=True, here=True, policy="failover", regions=regions)


def overview(at: float = NOW, **changes: Any) -> Overview:
    """Two regions that are well."""
    return Overview(
        **{
            "at": at,
            "region": "london",
            "wrong": (),
            "regions": (LONDON, DALLAS),
            "links": (LINK,),
            "balancer": None,
            **changes,
        }
    )
