"""What Envoy says of its cluster (`/clusters?format=json`), as each region's load.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from couchgrass.balancer.admission import Load
from couchgrass.balancer.render import CLUSTER

_ACTIVE = ("rq_active", "rq_pending_active")
_TOTAL = "rq_total"


class _Socket(msgspec.Struct, frozen=True):
    address: str
    port_value: int = 0


class _Address(msgspec.Struct, frozen=True):
    socket_address: _Socket | None = None


class _Stat(msgspec.Struct, frozen=True):
    name: str
    value: int | str = 0


class _Health(msgspec.Struct, frozen=True):
    eds_health_status: str = ""


class _Host(msgspec.Struct, frozen=True):
    address: _Address
    stats: list[_Stat] = []
    health_status: _Health = _Health()


class _Cluster(msgspec.Struct, frozen=True):
    name: str
    host_statuses: list[_Host] = []


class _Clusters(msgspec.Struct, frozen=True):
    cluster_statuses: list[_Cluster] = []


def loads_of(text: bytes, regions: Mapping[tuple[str, int], str]) -> dict[str, Load]:
    """Each region's load, of those whose address and port are given. Raises msgspec.DecodeError."""
    found: dict[str, Load] = {}
    for region, host in _hosts(text, regions):
        under_way = sum(int(stat.value) for stat in host.stats if stat.name in _ACTIVE)
        is_open = host.health_status.eds_health_status in ("", "HEALTHY", "UNKNOWN")
        found[region] = Load(under_way, is_open)
    return found


def totals_of(text: bytes, regions: Mapping[tuple[str, int], str]) -> dict[str, int]:
    """How many requests each region got since Envoy's start. Raises msgspec.DecodeError."""
    return {
        region: sum(int(stat.value) for stat in host.stats if stat.name == _TOTAL)
        for region, host in _hosts(text, regions)
    }


def _hosts(text: bytes, regions: Mapping[tuple[str, int], str]) -> Iterator[tuple[str, _Host]]:
    for cluster in msgspec.json.decode(text, type=_Clusters).cluster_statuses:
        for host in cluster.host_statuses if cluster.name == CLUSTER else ():
            socket = host.address.socket_address
            region = None if socket is None else regions.get((socket.address, socket.port_value))
            if region is not None:
                yield region, host
