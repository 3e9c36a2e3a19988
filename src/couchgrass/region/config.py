"""A region's file: TOML with one region in it, as values. Everything in it has a default.

Pure. `region_of` reads any table of this shape, so that a file with several regions can hold such tables.
What is wrong is said with the line and the key; a key that there is not is an error, never ignored. Paths are
relative to the file's folder. No secret stands in the file: it names the files that hold them.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
import tomllib
import types
import typing
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from couchgrass.errors import BadRequest
from couchgrass.region.refusals import in_toml, in_value
from couchgrass.region.toml_lines import Path, key_lines, line_of

LOOPBACK: Final = "127.0.0.1"
_KIND: Final = r"[a-z][a-z0-9-]*:[\w.-]+"
_IMAGE: Final = r"[a-z0-9][a-z0-9._-]*(:[0-9]+(?=/))?(/[a-z0-9._-]+)*(:[\w.-]+)?(@\w+:[0-9a-f]+)?"

LOCAL_NETWORKS: Final = ("127.0.0.0/8", "::1/128")
DATABASE_PORT, FUNCTIONS_PORT, GATEWAY_PORT = 5984, 3233, 3234
"""CouchDB's, and those of OpenWhisk's standalone server with its API gateway."""

AGENT_PORT, DASHBOARD_PORT = 3235, 3236

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Coordinates = tuple[Annotated[float, Meta(ge=-90, le=90)], Annotated[float, Meta(ge=-180, le=180)]]
"""Degrees north and degrees east."""

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
Name = Annotated[str, Meta(pattern=NAME_PATTERN)]


NAME_RULE: Final = "must begin with a letter or digit and go on with these, or . _ -, 63 at the most"

T = TypeVar("T")


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The embedded database's address, or `url` of another CouchDB with the file of its `credentials`.

    `public_url` is where other regions reach the embedded one; `credentials` then is what they come with: a
    file with the name and password of its server admin."""

    host: str = LOOPBACK
    port: Port = DATABASE_PORT
    url: str = ""
    public_url: str = ""
    credentials: str = ""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of each namespace, and the most that an action may ask for."""

    actions_per_minute: Count = 600_000
    triggers_per_minute: Count = 60_000
    concurrent_actions: Count = 1000
    sequence_length: Count = 50
    timeout_ms: Count = 600_000
    memory_mb: Count = 2048
    logs_mb: Count = 10


class Functions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`memory_mb` is for all action processes together, `activation_days` and `activation_mb` for records.
    `runtimes` are kinds that run elsewhere, by URL; `images` the same for images of `blackbox` actions.
    `url` is that of an OpenWhisk which runs elsewhere instead, and `key` the file with a namespace's key."""

    host: str = LOOPBACK
    port: Port = FUNCTIONS_PORT
    url: str = ""
    key: str = ""
    memory_mb: Annotated[int, Meta(ge=128)] = 2048
    public_url: str = ""
    activation_days: Annotated[float, Meta(gt=0, le=3650)] = 7.0
    activation_mb: Annotated[int, Meta(ge=16)] = 4096
    limits: Limits = Limits()
    runtimes: dict[str, str] = {}
    images: dict[str, str] = {}


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`default_namespace`: whose APIs are served without the prefix `/api/TENANT`. `trusted_proxies`: the
    networks whose `X-Forwarded-*` are believed. `url` is that of a gateway which runs elsewhere instead."""

    host: str = LOOPBACK
    port: Port = GATEWAY_PORT
    url: str = ""
    public_url: str = ""
    default_namespace: str = ""
    trusted_proxies: tuple[str, ...] = LOCAL_NETWORKS


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What keeps the region's links, and answers for its health and its metrics. `caught_up_s`: the lag
    behind a reachable peer up to which a region counts as caught up, after a start."""

    host: str = LOOPBACK
    port: Port = AGENT_PORT
    caught_up_s: Annotated[float, Meta(gt=0)] = 2.0


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pages for people. A `port` that is not named is the first one above the agent's that nothing else
    in the file has. `public_url`: where a browser elsewhere reaches it, with whatever brings TLS in front."""

    host: str = LOOPBACK
    port: Port = DASHBOARD_PORT
    public_url: str = ""


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sign-in service: whether there is one, and the issuer that its tokens name."""

    enabled: bool = False
    issuer: str = ""


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region. `data` is a whole path, as is `database.credentials` where there is one. `coordinates` are
    degrees north and degrees east."""

    name: Name = "local"
    location: str = ""
    coordinates: Coordinates | None = None
    data: str = "couchgrass-data"
    addresses: tuple[str, ...] = ()
    database: Database = Database()
    functions: Functions = Functions()
    gateway: Gateway = Gateway()
    agent: Agent = Agent()
    dashboard: Dashboard = Dashboard()
    identity: Identity = Identity()


class ConfigRefused(BadRequest):
    """The file can't be used. `line` counts from 1, `key` is dotted, "" for the whole file."""

    def __init__(self, reason: str, *, source: str, line: int, key: str = "") -> None:
        super().__init__(f"{source}:{line}: {key + ': ' if key else ''}{reason}")
        self.line = line
        self.key = key


class Where(msgspec.Struct, frozen=True):
    """What errors say about a place: the file's name, its keys' lines, and the path of the region's table."""

    source: str
    lines: Mapping[Path, int]
    above: Path = ()

    def refusal(self, path: Path, reason: str) -> ConfigRefused:
        """The error about a key of the region."""
        whole = self.above + path
        return ConfigRefused(
            reason, source=self.source, line=line_of(self.lines, whole), key=".".join(map(_shown, whole))
        )


def parse_region(text: str, folder: str, source: str) -> Region:
    """The region of a file in `folder`. Raises ConfigRefused, whose text begins with `source`:LINE."""
    table, where = parse_toml(text, source), Where(source, key_lines(text))
    if isinstance(several := table.get("regions"), Mapping) and several:
        first = f"{source}#{next(iter(several))}"
        raise where.refusal(("regions",), f"the file has several regions: name one, as in {first}")
    return region_of(table, folder, where)


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Raises ConfigRefused with the line of the mistake."""
    try:
        return tomllib.loads(text, parse_float=_finite)
    except RecursionError:
        raise ConfigRefused("brackets stand in one another too deep", source=source, line=1) from None
    except tomllib.TOMLDecodeError as bad:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(bad))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        reason = str(bad)[: place.start()] if place else str(bad)
        raise ConfigRefused(in_toml(reason), source=source, line=line) from None


def _finite(text: str) -> Any:
    """A number. What is none becomes a value that is refused wherever it stands."""
    number = float(text)
    return number if math.isfinite(number) else ...


def region_of(table: Mapping[str, Any], folder: str, where: Where) -> Region:
    """The region that a table describes. Raises ConfigRefused."""
    refuse_unknown(Region, table, (), where)
    region = converted(dict(table), Region, where)
    if not names_dashboard(table):
        taken = {port for name, _, port in places_of(region) if name != "dashboard"}
        region = with_dashboard(region, free_above(region.agent.port, taken))
    _check_database(table.get("database", {}), region.database, where)
    _check_elsewhere(table, region, where)
    _check_ports(region, where)
    _check_runtimes(region.functions, where)
    _check_networks(region.gateway.trusted_proxies, where)
    for slice_name, url in (
        ("functions", region.functions.public_url),
        ("gateway", region.gateway.public_url),
        ("dashboard", region.dashboard.public_url),
    ):
        _check_url(url, (slice_name, "public_url"), where)
    _check_url(region.identity.issuer, ("identity", "issuer"), where)
    return _whole(region, PurePath(folder))


def _whole(region: Region, folder: PurePath) -> Region:
    """The region with whole paths, and URLs without a slash at their end."""
    replace, database, functions = msgspec.structs.replace, region.database, region.functions
    return replace(
        region,
        data=str(folder / region.data),
        database=replace(
            database,
            url=database.url.rstrip("/"),
            public_url=database.public_url.rstrip("/"),
            credentials=str(folder / database.credentials) if database.credentials else "",
        ),
        functions=replace(
            functions,
            url=functions.url.rstrip("/"),
            key=str(folder / functions.key) if functions.key else "",
        ),
        gateway=replace(region.gateway, url=region.gateway.url.rstrip("/")),
        dashboard=replace(region.dashboard, public_url=region.dashboard.public_url.rstrip("/")),
    )


def converted(value: Any, kind: type[T], where: Where) -> T:
    """The value as one of this kind. Raises ConfigRefused."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as bad:
        reason, _, place = str(bad).partition(" - at `")
        path = tuple(re.findall(r"[^.$`\[\]]+", place.replace("[...]", "")))
        raise where.refusal(path, _told(path, reason)) from None


def _told(path: Path, reason: str) -> str:
    if path == ("name",) and "regex" in reason:
        return NAME_RULE
    return in_value(reason)


def _check_ports(region: Region, where: Where) -> None:
    """Ports that the region's own processes would take from each other."""
    taken: dict[int, str] = {}
    for name, _, port in places_of(region):
        if (other := taken.setdefault(port, name)) != name:
            raise where.refusal((name, "port"), f"{port} is the port of the {other} too")


def places_of(region: Region) -> list[tuple[str, str, int]]:
    """(process, host, port) of what the region itself runs on ports that its file names."""
    parts: dict[str, Database | Functions | Gateway | Agent | Dashboard] = {
        "database": region.database,
        "functions": region.functions,
        "gateway": region.gateway,
        "agent": region.agent,
        "dashboard": region.dashboard,
    }
    return [
        (name, part.host, part.port)
        for name, part in parts.items()
        if part.port and not getattr(part, "url", "")
    ]


def names_dashboard(table: Mapping[str, Any]) -> bool:
    """Whether a region's table says which port its dashboard has."""
    given = table.get("dashboard")
    return isinstance(given, Mapping) and "port" in given


def with_dashboard(region: Region, port: int) -> Region:
    """The region with its dashboard on this port."""
    return msgspec.structs.replace(region, dashboard=msgspec.structs.replace(region.dashboard, port=port))


def free_above(port: int, taken: Container[int]) -> int:
    """The first port above this one that is not taken; any that is free (0) above 0 itself, and past the
    last one."""
    return next((one for one in range(port + 1, 65536) if one not in taken), 0) if port else 0


def _check_database(given: Mapping[str, Any], database: Database, where: Where) -> None:
    for key in ("host", "port"):
        if database.url and key in given:
            raise where.refusal(("database", key), "is of the embedded database, but there is a url")
    if database.url and database.public_url:
        raise where.refusal(("database", "public_url"), "is of the embedded database, but there is a url")
    if database.credentials and not (database.url or database.public_url):
        raise where.refusal(("database", "credentials"), "is for a database with a url or a public_url")
    _check_url(database.url, ("database", "url"), where)
    _check_url(database.public_url, ("database", "public_url"), where)


def _check_elsewhere(table: Mapping[str, Any], region: Region, where: Where) -> None:
    """Functions and a gateway that run elsewhere have no setting of those that would run here."""
    for name, part, allowed in (
        ("functions", region.functions, ("url", "key", "public_url")),
        ("gateway", region.gateway, ("url", "public_url")),
    ):
        _check_url(part.url, (name, "url"), where)
        for key in table.get(name, {}):
            if part.url and key not in allowed:
                raise where.refusal((name, key), f"is of the {name} here, but there is a url")
    if region.functions.key and not region.functions.url:
        raise where.refusal(("functions", "key"), "is for functions with a url")
    if region.functions.url and not region.gateway.url:
        raise where.refusal(("functions", "url"), "needs the url of the gateway in front of it in [gateway]")


def _check_url(url: str, path: Path, where: Where) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
        parts = urlsplit("")
    if url and not good:
        raise where.refusal(path, "no URL: it must look like https://host:port")
    if "@" in parts.netloc:
        raise where.refusal(path, "has a name or password in it: put them into a file that only you can read")


def _check_runtimes(functions: Functions, where: Where) -> None:
    for table, given, pattern, like in (
        ("runtimes", functions.runtimes, _KIND, "no kind: it must look like swift:5.3"),
        ("images", functions.images, _IMAGE, "no image: it must look like owner/name:tag"),
    ):
        for name, url in given.items():
            path = ("functions", table, name)
            _check_url(url or "-", path, where)
            if not re.fullmatch(pattern, name):
                raise where.refusal(path, like)


def _check_networks(networks: Iterable[str], where: Where) -> None:
    for number, network in enumerate(networks):
        try:
            ipaddress.ip_network(network)
        except ValueError:
            path = ("gateway", "trusted_proxies", str(number))
            raise where.refusal(path, "no network: it must look like 10.0.0.0/8 or 10.1.2.3") from None


def refuse_unknown(kind: type[msgspec.Struct], table: Mapping[str, Any], path: Path, where: Where) -> None:
    """Walks the tables for keys that there are not, the first in the file first."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    unknown = [key for key in table if key not in fields]
    for key in sorted(unknown, key=lambda key: line_of(where.lines, (*where.above, *path, key))):
        raise where.refusal((*path, key), f"there is no such key{_meant(key, fields)}")
    for key, value in table.items():
        inner = next(_structs_of(fields[key]), None)
        if inner is None:
            continue
        if isinstance(value, Mapping):
            refuse_unknown(inner, value, (*path, key), where)
        for number, one in enumerate(value if isinstance(value, list) else ()):
            if isinstance(one, Mapping):
                refuse_unknown(inner, one, (*path, key, str(number)), where)


def _structs_of(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The kinds of tables that a field's type allows, also in a list or when it may be left out."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    elif typing.get_origin(kind) in (tuple, types.UnionType, typing.Union):
        for inner in typing.get_args(kind):
            yield from _structs_of(inner)


def _meant(key: str, fields: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, fields, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(fields)}"


def _shown(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else f'"{key}"'


EXAMPLE: Final = """\
# A region of couchgrass. All of it may be left out; what is shown are the defaults, and with a # examples.

name = "local"
location = ""                        # for people and for the balancer: "London, GB"
# coordinates = [51.5, -0.1]         # degrees north, degrees east, for a balancer that picks the nearest
data = "couchgrass-data"             # a folder, relative to this file
addresses = []                       # where the world reaches this region: ["london.example.org"]

[database]
host = "127.0.0.1"
port = 5984
# Instead of the embedded database any CouchDB or Cloudant:
# url = "https://couch.example.org"
# credentials = "couch.json"         # {"name": …, "password": …}, readable by you only
# Where other regions reach the embedded one, and what they come with:
# public_url = "https://couch.london.example.org"

[functions]
host = "127.0.0.1"
port = 3233
memory_mb = 2048                     # for all action processes together
public_url = ""                      # how clients reach it, when that is not host and port
# Instead of the functions that run here any OpenWhisk; then its gateway's url is needed too:
# url = "https://openwhisk.example.org"
# key = "whisk.json"                 # the key of a namespace, readable by you only
activation_days = 7                  # how long records of activations are kept
activation_mb = 4096                 # and how large they may be together; the oldest go first

[functions.limits]                   # of each namespace, and the most that an action may ask for
actions_per_minute = 600000
triggers_per_minute = 60000
concurrent_actions = 1000
sequence_length = 50
timeout_ms = 600000
memory_mb = 2048
logs_mb = 10

[functions.runtimes]                 # kinds that run elsewhere, with OpenWhisk's /init and /run
# "swift:5.3" = "http://127.0.0.1:9700"

[functions.images]                   # the same for actions of the kind blackbox, by their image
# "me/ruby" = "http://127.0.0.1:9701"

[gateway]
host = "127.0.0.1"
port = 3234
public_url = ""                      # "https://api.example.org"
# url = "https://api.example.org"    # a gateway that runs elsewhere, instead of one that runs here
default_namespace = ""               # whose APIs need no /api/TENANT in front
trusted_proxies = ["127.0.0.0/8", "::1/128"]   # balancers whose X-Forwarded-* are believed

[agent]                              # the region's health, links and metrics
host = "127.0.0.1"
port = 3235
caught_up_s = 2.0                    # after a start: ready when no reachable region is further ahead

[dashboard]                          # the pages for people
host = "127.0.0.1"
port = 3236                          # when nothing is said: the first free one above the agent's
public_url = ""                      # where browsers reach it: "https://couchgrass.example.org"

[identity]                           # the sign-in service
enabled = false
issuer = ""                          # what its tokens name as their issuer; "" for the gateway's URL
"""
