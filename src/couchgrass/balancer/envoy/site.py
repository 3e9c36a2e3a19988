"""What the balancer balances: the topology, read again when its file changes, and where the gateways are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.balancer.envoy.probe import find
from couchgrass.balancer.order import Order, order_of
from couchgrass.balancer.render import Upstream
from couchgrass.errors import CouchgrassError
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Topology

log = logging.getLogger("couchgrass.balancer")

_NEEDS_START: Final = ("host", "port", "metrics_host", "metrics_port", "data", "tls")


class Site(msgspec.Struct, frozen=True):
    """What is balanced now."""

    balancer: Balancer
    regions: tuple[Region, ...]
    order: Order

    @property
    def names(self) -> tuple[str, ...]:
        """In the file's order."""
        return tuple(region.name for region in self.regions)


class Source(msgspec.Struct, frozen=True):
    """Where it comes from: the file, how to read it, and where a region's gateway is ("": not known)."""

    file: Path
    read: Callable[[], Topology]
    url_of: Callable[[Region, Balancer], str]


def site_of(topology: Topology) -> Site:
    """Raises CouchgrassError when the file says nothing of a balancer, or not all that its policy needs."""
    if topology.balancer is None:
        raise CouchgrassError("the file has no [balancer]: that table says where it listens and how it picks")
    return Site(topology.balancer, topology.regions, order_of(topology.balancer, topology.regions))


class Sites:
    """The site and the gateways' addresses, followed."""

    def __init__(self, source: Source, site: Site) -> None:
        self.site = site
        self.upstreams: dict[str, Upstream] = {}
        self._source = source
        self._mark = _mark(source.file)
        self._told: dict[str, str] = {}

    def look(self) -> bool:
        """Reads the file again if it changed; whether something else is balanced now."""
        mark = _mark(self._source.file)
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            site = site_of(self._source.read())
        except CouchgrassError as refused:
            log.error("the file changed and can't be used, all stays as it is: %s", refused.reason)
            return False
        old = self.site.balancer
        for key in _NEEDS_START:
            if getattr(site.balancer, key) != getattr(old, key):
                log.warning("%s of [balancer] changed: it counts after a restart of the balancer", key)
        kept = {key: getattr(old, key) for key in _NEEDS_START}
        site = msgspec.structs.replace(site, balancer=msgspec.structs.replace(site.balancer, **kept))
        changed, self.site = site != self.site, site
        return changed

    async def find(self) -> bool:
        """Looks up where the gateways are; whether one is elsewhere now. One that can't be found any more is
        taken to be where it was."""
        found: dict[str, Upstream] = {}
        for region in self.site.regions:
            before = self.upstreams.get(region.name)
            upstream = await self._found(region) or before
            if upstream is not None:
                found[region.name] = upstream
        changed, self.upstreams = found != self.upstreams, found
        return changed

    async def _found(self, region: Region) -> Upstream | None:
        trouble = ""
        upstream = None
        try:
            url = self._source.url_of(region, self.site.balancer)
            if url:
                upstream = await find(region.name, url, is_ours=not region.gateway.url)
            else:
                trouble = "its gateway's port is not known yet"
        except OSError as refused:
            trouble = f"its gateway can't be looked up: {refused.strerror or refused}"
        except CouchgrassError as refused:
            trouble = refused.reason
        if trouble != self._told.get(region.name, ""):
            self._told[region.name] = trouble
            if trouble:
                log.warning("%s: %s", region.name, trouble)
        return upstream


def _mark(file: Path) -> tuple[int, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return (0, 0, 0)
    # The size too: a file that was half written when it was read may be whole within the same tick.
    return (stat.st_mtime_ns, stat.st_ino, stat.st_size)
