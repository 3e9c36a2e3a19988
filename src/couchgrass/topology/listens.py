"""The ports that a topology's processes listen on when all of them run on one machine.

Pure.
"""

from __future__ import annotations

import msgspec

from couchgrass.topology.config import Topology


class Listens(msgspec.Struct, frozen=True):
    """A port; 0 for any that is free. `key` is its place in the file."""

    key: str
    host: str
    port: int


def listens(topology: Topology) -> tuple[Listens, ...]:
    """All of them, in the file's order; none for what runs elsewhere."""
    found = []
    for region in topology.regions:
        for name in ("database", "functions", "gateway", "agent"):
            process = getattr(region, name)
            if not getattr(process, "url", ""):
                found.append(Listens(f"regions.{region.name}.{name}.port", process.host, process.port))
    balancer = topology.balancer
    if balancer is not None:
        found.append(Listens("balancer.port", balancer.host, balancer.port))
        found.append(Listens("balancer.metrics_port", balancer.host, balancer.metrics_port))
    return tuple(found)


def doubled(topology: Topology) -> str:
    """Two processes of the file on the same port, in words; "" when there are none. Two that listen on
    different addresses are no trouble."""
    seen: dict[tuple[str, int], str] = {}
    for one in listens(topology):
        if one.port and (other := seen.setdefault((one.host, one.port), one.key)) != one.key:
            return f"{one.key} is {one.port}, and so is {other}"
    return ""
