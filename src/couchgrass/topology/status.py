"""What `couchgrass status` and the live view of `up` show of regions, on this machine or elsewhere.

Pure. `topology/run/look.py` asks the agents and the balancer; what supervisors wrote down is added to it. The
JSON of `couchgrass status --json` has these values' names.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from couchgrass.agent.seen import Link

GOOD_LINKS = frozenset({"running", "pending", "initializing", "completed"})
"""States of a link that does its work, or is about to."""


class Place(msgspec.Struct, frozen=True):
    """Where a region's processes are reached, as far as it is known, and which processes they are. What is
    not `here`, but on a machine of its own, is asked at its gateway."""

    name: str
    urls: Mapping[str, str] = {}
    pids: Mapping[str, int] = {}
    running: bool = False
    """All its processes are ready."""

    here: bool = True


class RegionStatus(msgspec.Struct, frozen=True):
    """One region. `ready` and `healthy`: its agent says so, and that it is live. `reasons`: what is wrong.
    `actions`: how many there are in the namespaces whose keys are known; None: nobody asked, or no answer.
    `here`: it is on this machine."""

    name: str
    database_url: str
    functions_url: str
    gateway_url: str
    dashboard_url: str | None
    pids: dict[str, int]
    ready: bool
    healthy: bool
    lag_s: float | None = None
    reasons: tuple[str, ...] = ()
    actions: int | None = None
    here: bool = True


class Admitted(msgspec.Struct, frozen=True):
    """A region as the balancer sees it: "serving", "standby", "out" …, why, and since when, in seconds since
    the epoch. `requests`: under way there now."""

    state: str
    reason: str = ""
    requests: int = 0
    since: float = 0.0


class BalancerStatus(msgspec.Struct, frozen=True):
    """The balancer; without `pid` it does not run, or does not answer. `here`: it should, on this machine.
    `policy`: how it picks."""

    url: str
    metrics_url: str = ""
    pid: int | None = None
    regions: dict[str, Admitted] = {}
    here: bool = True
    policy: str = ""


class Status(msgspec.Struct, frozen=True):
    """All regions of a file. `pid`: the `up` that runs them here. `running`: it does, or none is needed."""

    dir: str
    running: bool
    pid: int | None
    regions: tuple[RegionStatus, ...]
    links: tuple[Link, ...]
    balancer: BalancerStatus | None
    credentials_file: str

    @property
    def well(self) -> bool:
        """Nothing is wrong."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        if not self.running:
            return (f"nothing runs in {self.dir}",)
        found = [
            f"{one.name}: {', '.join(one.reasons) or 'is not ready'}" for one in self.regions if not one.ready
        ]
        found += [f"{_shown(one)}: {trouble(one)}" for one in self.links if trouble(one)]
        if self.balancer is not None:
            if self.balancer.pid is None:
                found += ["the balancer does not answer"] * self.balancer.here
            elif not any(one.state == "serving" for one in self.balancer.regions.values()):
                found.append("the balancer has no region to send requests to")
        return tuple(found)


def region_status(place: Place, health: Mapping[str, object] | None) -> RegionStatus:
    """`health`: what the region's agent answered (`agent/seen.py`); None: nothing."""
    told = health or {}
    live, ready = bool(told.get("live")), bool(told.get("ready"))
    lag = told.get("lag_s")
    reasons = told.get("reasons")
    words = tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else ()
    if health is None:
        who = "its agent" if place.here else "its gateway"
        words = (f"{who} does not answer",) if place.running or not place.here else ("it does not run",)
    database, dashboard = place.urls.get("database", ""), place.urls.get("dashboard", "")
    if not dashboard and database:
        dashboard = f"{database}/_utils/"
    return RegionStatus(
        name=place.name,
        database_url=database,
        functions_url=place.urls.get("functions", ""),
        gateway_url=place.urls.get("gateway", ""),
        dashboard_url=dashboard or None,
        pids=dict(place.pids),
        ready=ready,
        healthy=live and (place.running or not place.here),
        lag_s=float(lag) if isinstance(lag, int | float) else None,
        reasons=words,
        here=place.here,
    )


def slowest(links: tuple[Link, ...]) -> dict[tuple[str, str], float | None]:
    """The largest lag of each ordered pair of regions; None when one of its links does not know."""
    found: dict[tuple[str, str], float | None] = {}
    for link in links:
        pair = (link.source, link.target)
        known = found.get(pair, 0.0)
        found[pair] = None if known is None or link.lag_s is None else max(known, link.lag_s)
    return found


def waiting(links: tuple[Link, ...]) -> dict[tuple[str, str], int | None]:
    """The changes that wait between each ordered pair of regions; None when a link does not know."""
    found: dict[tuple[str, str], int | None] = {}
    for link in links:
        pair = (link.source, link.target)
        known = found.get(pair, 0)
        found[pair] = None if known is None or link.pending is None else known + link.pending
    return found


def rates(before: Mapping[str, float], after: Mapping[str, float], passed_s: float) -> dict[str, float]:
    """Requests a second by region, of two readings of counters; one that began anew counts from 0."""
    return {
        name: max(0.0, total - (before.get(name, total) if total >= before.get(name, 0.0) else 0.0))
        / max(passed_s, 1e-3)
        for name, total in after.items()
    }


def _shown(link: Link) -> str:
    return f"{link.database} {link.source}->{link.target}"


def trouble(link: Link) -> str:
    """What is wrong with it, in words; "" when nothing is."""
    if not link.peer_reachable:
        return f"{link.source} is not reached"
    if link.error or link.state not in GOOD_LINKS:
        return link.error or link.state
    return f"{link.dead_letters} changes could not be written" if link.dead_letters else ""
