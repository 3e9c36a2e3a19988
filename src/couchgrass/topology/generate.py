"""The `couchgrass.toml` that `couchgrass up` begins with: regions on this machine, and what they have.

Pure. From then on the file is its owner's; what the command line says must not contradict it
(`contradicted`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.region.config import (
    AGENT_PORT,
    DASHBOARD_PORT,
    DATABASE_PORT,
    FUNCTIONS_PORT,
    GATEWAY_PORT,
    LOOPBACK,
)
from couchgrass.topology.cities import city_of
from couchgrass.topology.config import BALANCER_PORT, METRICS_PORT, REGIONS_MAX, Topology

REGION_STEP: Final = 10
"""Ports of the second region are so much higher than those of the first."""

TAKEN_STEP: Final = 100
"""A port that is taken is looked for so much higher, until one is free."""

FIRST_PORTS: Final = {
    "database": DATABASE_PORT,
    "functions": FUNCTIONS_PORT,
    "gateway": GATEWAY_PORT,
    "agent": AGENT_PORT,
    "dashboard": DASHBOARD_PORT,
}
"""Of the first region."""

RESERVED: Final = frozenset({"apps", "balancer", "drills", "holds", "up", "wires"})
"""Names that other things have in the folder, or as processes."""

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"


class NamesRefused(BadRequest):
    """Regions can't have these names."""


class NoPort(BadRequest):
    """No port is free."""


class Asked(msgspec.Struct, frozen=True):
    """What the command line asks for; None: not said. `app` and `env_file` are whole paths."""

    regions: tuple[str, ...] | None = None
    app: str | None = None
    port: int | None = None
    env_file: str | None = None


class Ports(msgspec.Struct, frozen=True):
    """Each region's ports by process, in the regions' order; the balancer's and that of its metrics."""

    regions: tuple[dict[str, int], ...]
    balancer: int
    metrics: int


def names_of(text: str) -> tuple[str, ...]:
    """The regions of `london,dallas`. Raises NamesRefused."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise NamesRefused("names no region: it must look like london,dallas")
    if len(names) > REGIONS_MAX:
        raise NamesRefused(f"names {len(names)} regions, at most {REGIONS_MAX}")
    for name in names:
        if not re.fullmatch(_NAME, name):
            raise NamesRefused(
                f"{name!r} is no name of a region: it must begin with a letter or digit and go on with "
                "these, or . _ -, 63 at the most"
            )
        if name in RESERVED:
            raise NamesRefused(f"{name} is no name of a region: something else is called so here")
        if names.count(name) > 1:
            raise NamesRefused(f"{name} is named twice")
    return names


def ports_for(count: int, taken: Callable[[int], bool], *, balancer: int | None = None) -> Ports:
    """Ports for so many regions, none twice, none that is `taken`; a `balancer` port that is named stays as
    it is. Raises NoPort."""
    given: set[int] = set() if balancer is None else {balancer}

    def free(wanted: int) -> int:
        for port in range(wanted, 65536, TAKEN_STEP):
            if port not in given and not taken(port):
                given.add(port)
                return port
        raise NoPort(f"no port is free: {wanted} and all that were tried above it are taken")

    regions = tuple(
        {name: free(port + REGION_STEP * number) for name, port in FIRST_PORTS.items()}
        for number in range(count)
    )
    return Ports(regions, balancer or free(BALANCER_PORT), free(METRICS_PORT))


def contradicted(topology: Topology, asked: Asked) -> str:
    """What the command line says against the file; "" when nothing."""
    if asked.regions is not None and set(asked.regions) != set(topology.names):
        return f"--regions names {', '.join(asked.regions)}, but it has {', '.join(topology.names)}"
    folders = [one.folder for one in topology.apps]
    if asked.app is not None and PurePath(asked.app) not in map(PurePath, folders):
        return f"--app names {asked.app}, but it has {', '.join(folders) or 'no app'}"
    files = [one.env_file for one in topology.apps if one.env_file]
    if asked.env_file is not None and PurePath(asked.env_file) not in map(PurePath, files):
        return f"--env-file names {asked.env_file}, but it has {', '.join(files) or 'none'}"
    port = None if topology.balancer is None else topology.balancer.port
    if asked.port is not None and asked.port != port:
        return f"--port names {asked.port}, but it has {'no balancer' if port is None else port}"
    return ""


def generated(
    names: Sequence[str],
    ports: Ports,
    *,
    app: str,
    account: str,
    databases: Sequence[str],
    env_file: str = "",
    pages: str = "",
    sign_in: bool = False,
) -> str:
    """The file's text. `app` is the folder of the app and `env_file` its file, from this file's folder on or
    whole; `account` the name of its account in each region's database; `databases` names and patterns;
    `pages` the folder of what people see of it, "" when there is none.
    `sign_in`: the app's APIs want tokens, whose issuer is the balancer: the same for all regions."""
    issuer = f"http://{LOOPBACK}:{ports.balancer}" if sign_in else ""
    regions = "\n".join(_region(name, one, issuer) for name, one in zip(names, ports.regions, strict=True))
    env = f"env_file = {_text(env_file)}" if env_file else '# env_file = "local.env"'
    return (
        _HEAD
        + regions
        + _REST.format(
            app=_text(app),
            account=_text(account),
            databases="\n\n".join(f"[[databases]]\nmatch = {_text(one)}" for one in databases),
            env=env,
            pages=_pages(pages),
            port=ports.balancer,
            metrics=ports.metrics,
        )
    )


def account_for(folder: str) -> str:
    """The account of an app whose folder has this name."""
    return re.sub(r"[^a-z0-9_-]+", "-", folder.lower()).strip("-_") or "app"


def _pages(folder: str) -> str:
    if folder:
        return f'pages = {{ folder = {_text(folder)}, path = "/" }}   # what people see of it'
    return '# pages = { folder = "web/dist", path = "/" }   # what people see of it'


def _region(name: str, ports: dict[str, int], issuer: str) -> str:
    key = name if re.fullmatch(r"[\w-]+", name) else _text(name)
    city = city_of(name)
    lines = [f"[regions.{key}]"]
    if city is not None:
        lines.append(f"location = {_text(city.location)}")
        lines.append(f"coordinates = [{city.coordinates[0]}, {city.coordinates[1]}]")
    for process, port in ports.items():
        lines.append(f"{process}.port = {port}")
    lines.append('gateway.default_namespace = "guest"   # its APIs need no /api/guest in front')
    if issuer:
        lines.append("identity.enabled = true")
        lines.append(f"identity.issuer = {_text(issuer)}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


_HEAD: Final = """\
# Regions of couchgrass, all on this machine. `couchgrass up` made this file; it is yours now. Paths are
# relative to this file's folder.

# --- The regions. Each has its data in a folder of its name beside this file. The order is that of failover.

"""

_REST: Final = """
# --- Databases that the regions keep in step. One with a name is made by a deploy; one that an app makes
#     later in any region, and that matches a pattern, is made in the others and linked within seconds.

{databases}
# shape = "mesh"                     # or "ring", or "hub" with hub = "london"
# source = "london"                  # one way only: the others are standbys

# --- Apps, deployed to all regions by `couchgrass deploy`.

[[apps]]
folder = {app}
account = {account}                     # its account in each region's database
# namespace = "guest"
{env}             # what the manifest takes from the environment
{pages}

# --- The balancer: the one address that clients know.

[balancer]
host = "127.0.0.1"
port = {port}
metrics_port = {metrics}
policy = "failover"                  # or "geo", "weighted", "least-request"
# hostname = "todo.example.org"
# affinity = true                    # a cookie keeps a client in its region
# tls = {{ certificate = "cert.pem", key = "key.pem" }}
"""
