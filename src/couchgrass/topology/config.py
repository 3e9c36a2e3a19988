"""`couchgrass.toml`: regions, the databases that they keep in step, apps, and the balancer, as values.

Pure. One file for a laptop and for a fleet: every host has the same and runs its part of it. A region's table
is what a region's own file is (`region/config.py`), but for its name, which is the table's. What is wrong is
said with the line and the key. Paths are relative to the file's folder; no secret stands in the file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from couchgrass.functions.names import is_name
from couchgrass.region.config import (
    LOOPBACK,
    NAME_PATTERN,
    NAME_RULE,
    Coordinates,
    Port,
    Region,
    Where,
    converted,
    names_dashboard,
    parse_toml,
    refuse_unknown,
    region_of,
)
from couchgrass.region.toml_lines import Path, key_lines
from couchgrass.topology import apart
from couchgrass.topology.geo import place
from couchgrass.topology.pages import csp_problem, path_problem
from couchgrass.topology.patterns import problem_of

BALANCER_PORT: Final = 8080
METRICS_PORT: Final = 8081
REGIONS_MAX: Final = 32

_ACCOUNT: Final = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME: Final = rf"(\*\.)?{_LABEL}(\.{_LABEL})*"


class Shape(StrEnum):
    """Who copies from whom: everybody from everybody; each from its neighbours; all by way of one."""

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


class Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people see of an app: the files of `folder`, served by each region's gateway below `path`. `csp`
    is their Content-Security-Policy; "": the strict one that a deploy makes."""

    folder: str
    path: str = "/"
    csp: str = ""


class App(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app to deploy: `folder` has its manifest, `env_file` what the manifest takes from the environment.
    `account` is the name of its account in each region's database; `regions` empty: all. `pages` are what
    people see of it."""

    folder: str
    env_file: str = ""
    namespace: str = "guest"
    account: str = ""
    regions: tuple[str, ...] = ()
    pages: Pages | None = None


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files. They are read again when they change."""

    certificate: str
    key: str


Weight = Annotated[int, Meta(ge=0, le=1000)]


class Balancer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it listens and how it picks. Its state and its metrics are for its operators and have a host of
    their own: who opens `host` to the world has not opened `metrics_host`. `affinity`: a cookie keeps a
    client in its region as long as that serves. `probe_ms`: how often each region is asked;
    `probe_timeout_ms`: how long it may be silent then."""

    host: str = LOOPBACK
    port: Port = BALANCER_PORT
    metrics_host: str = LOOPBACK
    metrics_port: Port = METRICS_PORT
    hostname: str = ""
    data: str = "balancer"
    policy: Policy = Policy.FAILOVER
    weights: dict[str, Weight] = {}
    location: str = ""
    coordinates: Coordinates | None = None
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


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's tables. What stands below a region's name is a region's own file."""

    databases: tuple[Synced, ...] = ()
    apps: tuple[App, ...] = ()
    balancer: Balancer | None = None
    regions: dict[str, Any] = {}


def parse_topology(text: str, folder: str, source: str) -> Topology:
    """The topology of a file in `folder`. Raises ConfigRefused, whose text begins with `source`:LINE."""
    table = parse_toml(text, source)
    where = Where(source, key_lines(text))
    refuse_unknown(File, table, (), where)
    _check_choices(table, where)
    file = converted(table, File, where)
    if not file.regions:
        raise where.refusal(("regions",), "there is no region: begin with [regions.london]")
    if len(file.regions) > REGIONS_MAX:
        raise where.refusal(("regions",), f"{len(file.regions)} are too many: {REGIONS_MAX} at the most")
    regions = tuple(
        _region(name, one, folder, msgspec.structs.replace(where, above=("regions", name)))
        for name, one in file.regions.items()
    )
    balancer = None if file.balancer is None else _balancer(file.balancer, folder)
    unnamed = frozenset(name for name, one in file.regions.items() if not names_dashboard(one))
    topology = Topology(
        apart.with_dashboards(regions, unnamed, _balancer_claims(balancer)),
        file.databases,
        tuple(_app(one, folder) for one in file.apps),
        balancer,
    )
    _check_databases(topology, where)
    _check_apps(topology, where)
    if topology.balancer is not None:
        _check_balancer(topology, topology.balancer, where)
    _check_apart(topology, where)
    return topology


def _check_choices(table: Mapping[str, Any], where: Where) -> None:
    """Words of which there are few, and numbers by region: what a converter says of them is not enough."""
    balancer, databases = table.get("balancer"), table.get("databases")
    choices: list[tuple[Path, Any, type[StrEnum]]] = []
    if isinstance(balancer, Mapping):
        choices.append((("balancer", "policy"), balancer.get("policy"), Policy))
        weights = balancer.get("weights")
        for name, weight in weights.items() if isinstance(weights, Mapping) else ():
            converted(weight, Weight, msgspec.structs.replace(where, above=("balancer", "weights", name)))
    for number, one in enumerate(databases if isinstance(databases, list) else ()):
        if isinstance(one, Mapping):
            choices.append((("databases", str(number), "shape"), one.get("shape"), Shape))
    for path, word, kind in choices:
        if isinstance(word, str) and word not in (words := [str(one) for one in kind]):
            raise where.refusal(path, f"there is no {word or 'empty one'}; there are {', '.join(words)}")


def _check_databases(topology: Topology, where: Where) -> None:
    """Patterns, and the regions that they name."""
    seen: set[str] = set()
    for number, entry in enumerate(topology.databases):
        at = ("databases", str(number))
        if problem := problem_of(entry.match):
            raise where.refusal((*at, "match"), f"{entry.match}: {problem}")
        if entry.match in seen:
            raise where.refusal((*at, "match"), f"{entry.match} stands there twice; the first one counts")
        seen.add(entry.match)
        _check_regions(entry.regions, topology, (*at, "regions"), where)
        if len(entry.regions) == 1:
            raise where.refusal((*at, "regions"), "two at least are kept in step; without this key all are")
        among = entry.regions or topology.names
        for key, name in (("hub", entry.hub), ("source", entry.source)):
            if name and name not in among:
                raise where.refusal((*at, key), _unknown(name, among))
        if entry.shape is Shape.HUB and not entry.hub:
            raise where.refusal((*at, "shape"), "a hub needs the region in the middle: hub = NAME")
        if entry.hub and entry.shape is not Shape.HUB:
            raise where.refusal((*at, "hub"), 'is for shape = "hub"')


def _check_apps(topology: Topology, where: Where) -> None:
    seen: set[tuple[str, str]] = set()
    for number, app in enumerate(topology.apps):
        at = ("apps", str(number))
        _check_regions(app.regions, topology, (*at, "regions"), where)
        if not is_name(app.namespace):
            raise where.refusal((*at, "namespace"), "no name: letters, digits and _ @ . & -")
        if app.account and not re.fullmatch(_ACCOUNT, app.account):
            raise where.refusal((*at, "account"), "no name: a letter or digit, then these or _ . @ -")
        if (app.folder, app.namespace) in seen:
            raise where.refusal((*at, "folder"), f"{app.folder} is deployed to {app.namespace} already")
        seen.add((app.folder, app.namespace))
    _check_pages(topology, where)


def _check_pages(topology: Topology, where: Where) -> None:
    seen: dict[str, str] = {}
    for number, app in enumerate(topology.apps):
        if app.pages is None:
            continue
        at, pages = ("apps", str(number), "pages"), app.pages
        if not pages.folder:
            raise where.refusal((*at, "folder"), "is empty: name the folder with the index.html")
        if problem := path_problem(pages.path):
            raise where.refusal((*at, "path"), problem)
        if problem := csp_problem(pages.csp):
            raise where.refusal((*at, "csp"), problem)
        if pages.path in seen:
            raise where.refusal((*at, "path"), f"the pages of {seen[pages.path]} are at {pages.path} already")
        seen[pages.path] = app.folder


def _check_balancer(topology: Topology, balancer: Balancer, where: Where) -> None:
    for name in balancer.weights:
        if name not in topology.names:
            raise where.refusal(("balancer", "weights", name), _unknown(name, topology.names))
    weighted = balancer.policy is Policy.WEIGHTED
    if balancer.weights and not weighted:
        raise where.refusal(("balancer", "weights"), 'are for policy = "weighted"')
    if weighted and not any(balancer.weights.get(name, 1) for name in topology.names):
        raise where.refusal(("balancer", "weights"), "all are 0: no region would get a request")
    if balancer.hostname and not re.fullmatch(_HOSTNAME, balancer.hostname):
        raise where.refusal(("balancer", "hostname"), "no name of a host: it must look like todo.example.org")
    if balancer.policy is not Policy.GEO:
        return
    needed: list[tuple[Path, str, Coordinates | None]] = [
        (("balancer",), balancer.location, balancer.coordinates)
    ]
    needed += [(("regions", one.name), one.location, one.coordinates) for one in topology.regions]
    for path, location, coordinates in needed:
        if coordinates is None and place(location) is None:
            told = f"nobody knows where {location} is" if location else "it is not said where this is"
            key = "location" if location else "coordinates"
            raise where.refusal((*path, key), f'{told}: policy = "geo" needs coordinates = [NORTH, EAST]')


def _check_apart(topology: Topology, where: Where) -> None:
    claims = [claim for region in topology.regions for claim in apart.claims_of(region)]
    folders = [apart.folder_of(region) for region in topology.regions]
    claims += _balancer_claims(topology.balancer)
    if (balancer := topology.balancer) is not None:
        folders.append(apart.Folder(("balancer", "data"), "the balancer", "", balancer.data))
    for path, reason in apart.clashes(claims, folders):
        raise where.refusal(path, reason)


def _balancer_claims(balancer: Balancer | None) -> list[apart.Claim]:
    if balancer is None:
        return []
    return [
        apart.Claim(("balancer", key), what, "", host, port)
        for key, what, host, port in (
            ("port", "the balancer", balancer.host, balancer.port),
            ("metrics_port", "the balancer's metrics", balancer.metrics_host, balancer.metrics_port),
        )
        if port
    ]


def _check_regions(names: tuple[str, ...], topology: Topology, path: Path, where: Where) -> None:
    for number, name in enumerate(names):
        if name not in topology.names:
            raise where.refusal((*path, str(number)), _unknown(name, topology.names))
        if name in names[:number]:
            raise where.refusal((*path, str(number)), f"{name} stands there twice")


def _unknown(name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"there is no region {name}; " + (
        f"did you mean {near[0]}?" if near else f"there is {', '.join(names)}"
    )


def _region(name: str, table: Any, folder: str, where: Where) -> Region:
    if not isinstance(table, Mapping):
        raise where.refusal((), "must be a table")
    if not re.fullmatch(NAME_PATTERN, name):
        raise where.refusal((), f"a region's name {NAME_RULE}")
    if "name" in table:
        raise where.refusal(("name",), "the table's name is the region's")
    return region_of({"data": name, **table, "name": name}, folder, where)


def _app(app: App, folder: str) -> App:
    return msgspec.structs.replace(
        app,
        folder=str(PurePath(folder) / app.folder),
        env_file=str(PurePath(folder) / app.env_file) if app.env_file else "",
        pages=None if app.pages is None else _pages(app.pages, folder),
    )


def _pages(pages: Pages, folder: str) -> Pages:
    """An empty folder stays so, to be refused."""
    whole = str(PurePath(folder) / pages.folder) if pages.folder else ""
    return msgspec.structs.replace(pages, folder=whole)


def _balancer(balancer: Balancer, folder: str) -> Balancer:
    tls = balancer.tls
    return msgspec.structs.replace(
        balancer,
        data=str(PurePath(folder) / balancer.data),
        tls=None
        if tls is None
        else Tls(str(PurePath(folder) / tls.certificate), str(PurePath(folder) / tls.key)),
    )
