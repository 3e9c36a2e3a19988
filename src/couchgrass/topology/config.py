"""`couchgrass.toml`: regions, the databases that they keep in step, apps, and the balancer, as values.

Pure. One file for a laptop and for a fleet: every host has the same and runs its part of it. A region's table
is what a region's own file is (`region/config.py`), but for its name, which is the table's. What is wrong is
said with the line and the key. Paths are relative to the file's folder; no secret stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from couchgrass.region.config import LOOPBACK, Port, Region, Where, parse_toml, region_of
from couchgrass.region.refusals import in_value
from couchgrass.region.toml_lines import key_lines

BALANCER_PORT: Final = 8080
METRICS_PORT: Final = 8081
REGIONS_MAX: Final = 32


class Shape(StrEnum):
    """Who copies from whom: everybody from everybody; each from the one before; all by way of one."""

    MESH = "mesh"
    RING = "ring"
    HUB = "hub"


class Policy(StrEnum):
    """How the balancer picks a region: the first that serves in the file's order; the nearest; by weight; the
    one with the fewest requests under way."""

    FAILOVER = "failover"
    GEO = "geo"
    WEIGHTED = "weighted"
    LEAST_REQUEST = "least-request"


class Synced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Databases that regions keep in step. `match` is a name or a pattern with `*`. `hub` is the region in
    the middle of a hub. With `source` it goes one way: from that region to all others, which are standbys."""

    match: Annotated[str, Meta(min_length=1, max_length=255)]
    shape: Shape = Shape.MESH
    hub: str = ""
    source: str = ""
    regions: tuple[str, ...] = ()


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app to deploy: `folder` has its manifest, `env_file` what the manifest takes from the environment.
    `account` is the name of its account in each region's database; `regions` empty: all."""

    folder: str
    env_file: str = ""
    namespace: str = "guest"
    account: str = ""
    regions: tuple[str, ...] = ()


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files. They are read again when they change."""

    certificate: str
    key: str


class Balancer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it listens and how it picks. `affinity`: a cookie keeps a client in its region as long as that
    serves. `probe_ms`: how often each region is asked, and `probe_timeout_ms` how long it may take."""

    host: str = LOOPBACK
    port: Port = BALANCER_PORT
    metrics_port: Port = METRICS_PORT
    hostname: str = ""
    data: str = "balancer"
    policy: Policy = Policy.FAILOVER
    weights: dict[str, Annotated[int, Meta(ge=0, le=1000)]] = {}
    location: str = ""
    coordinates: tuple[float, float] | None = None
    affinity: bool = False
    affinity_minutes: Annotated[int, Meta(ge=1, le=10080)] = 60
    tls: Tls | None = None
    probe_ms: Annotated[int, Meta(ge=50, le=60_000)] = 250
    probe_timeout_ms: Annotated[int, Meta(ge=50, le=60_000)] = 500
    request_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 70.0


class Topology(msgspec.Struct, frozen=True):
    """All of the file. `regions` are in the file's order, which is the order of `failover`."""

    regions: tuple[Region, ...]
    databases: tuple[Synced, ...] = ()
    apps: tuple[App, ...] = ()
    balancer: Balancer | None = None

    def region(self, name: str) -> Region:
        """Raises KeyError."""
        for one in self.regions:
            if one.name == name:
                return one
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.regions)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    databases: tuple[Synced, ...] = ()
    apps: tuple[App, ...] = ()
    balancer: Balancer | None = None
    regions: dict[str, Any] = {}


def parse_topology(text: str, folder: str, source: str) -> Topology:
    """The topology of a file in `folder`. Raises ConfigRefused, whose text begins with `source`:LINE."""
    table = parse_toml(text, source)
    lines = key_lines(text)
    where = Where(source, lines)
    try:
        file = msgspec.convert(table, _File)
    except msgspec.ValidationError as bad:
        reason, _, place = str(bad).partition(" - at `")
        path = tuple(re.findall(r"[^.$`\[\]]+", place.replace("[...]", "")))
        raise where.refusal(path, in_value(reason)) from None
    if not file.regions:
        raise where.refusal(("regions",), "there is no region: begin with [regions.london]")
    regions = tuple(
        _region(name, table, folder, Where(source, lines, ("regions", name)))
        for name, table in file.regions.items()
    )
    return Topology(
        regions,
        file.databases,
        tuple(_app(one, folder) for one in file.apps),
        None if file.balancer is None else _balancer(file.balancer, folder),
    )


def _region(name: str, table: Any, folder: str, where: Where) -> Region:
    if not isinstance(table, Mapping):
        raise where.refusal((), "must be a table")
    if "name" in table:
        raise where.refusal(("name",), "the table's name is the region's")
    return region_of({"data": name, **table, "name": name}, folder, where)


def _app(app: App, folder: str) -> App:
    return msgspec.structs.replace(
        app,
        folder=str(PurePath(folder) / app.folder),
        env_file=str(PurePath(folder) / app.env_file) if app.env_file else "",
    )


def _balancer(balancer: Balancer, folder: str) -> Balancer:
    tls = balancer.tls
    return msgspec.structs.replace(
        balancer,
        data=str(PurePath(folder) / balancer.data),
        tls=None
        if tls is None
        else Tls(str(PurePath(folder) / tls.certificate), str(PurePath(folder) / tls.key)),
    )
