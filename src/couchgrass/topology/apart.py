"""What regions, and the balancer, would take from each other on one machine: ports and data folders.

Pure. One file serves a laptop, where all run together, and a fleet, where each has its machine and may have
the same ports and folders. Regions are on different machines when the file says so: the host of their public
URLs, else the first of their addresses, names another one. Whatever names none, or loopback, is here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterator, Sequence
from pathlib import PurePath
from urllib.parse import urlsplit

import msgspec

from couchgrass.region.config import Region, free_above, places_of, with_dashboard
from couchgrass.region.toml_lines import Path


class Claim(msgspec.Struct, frozen=True):
    """A process on a port that the file names. `path` is that key's, `what` names the process for people."""

    path: Path
    what: str
    machine: str
    host: str
    port: int


class Folder(msgspec.Struct, frozen=True):
    """A data folder, as a whole path."""

    path: Path
    what: str
    machine: str
    folder: str


def machine_of(region: Region) -> str:
    """The host by which the world knows the region's machine; "" for this one."""
    urls = (region.database.public_url, region.gateway.public_url, region.functions.public_url)
    hosts = [urlsplit(url).hostname or "" for url in urls if url] + list(region.addresses[:1])
    return next((host.lower() for host in hosts if not _is_loopback(host)), "")


def claims_of(region: Region) -> list[Claim]:
    """The ports that a region's processes take."""
    return [
        Claim(
            ("regions", region.name, process, "port"),
            f"the {process} of {region.name}",
            machine_of(region),
            host,
            port,
        )
        for process, host, port in places_of(region)
    ]


def with_dashboards(
    regions: Sequence[Region], unnamed: Container[str], others: Sequence[Claim] = ()
) -> tuple[Region, ...]:
    """The regions, with dashboards on ports that nothing else on their machines has, for those whose file
    does not name one."""
    taken: dict[str, set[int]] = {}
    for claim in [*others, *(claim for region in regions for claim in claims_of(region))]:
        if claim.path[-2:] != ("dashboard", "port") or claim.path[1] not in unnamed:
            taken.setdefault(claim.machine, set()).add(claim.port)
    found = []
    for region in regions:
        if region.name in unnamed:
            here = taken.setdefault(machine_of(region), set())
            region = with_dashboard(region, free_above(region.agent.port, here))
            here.add(region.dashboard.port)
        found.append(region)
    return tuple(found)


def folder_of(region: Region) -> Folder:
    """The folder that a region takes."""
    return Folder(("regions", region.name, "data"), f"region {region.name}", machine_of(region), region.data)


def clashes(claims: Sequence[Claim], folders: Sequence[Folder]) -> Iterator[tuple[Path, str]]:
    """(the later key, what is wrong with it) for all that two would take from each other."""
    for number, claim in enumerate(claims):
        for other in claims[:number]:
            if claim.port == other.port and claim.machine == other.machine and _meet(claim.host, other.host):
                yield (
                    claim.path,
                    f"{claim.port} is the port of {other.what} too, and the file names no other machine",
                )
    for number, folder in enumerate(folders):
        for above in folders[:number]:
            if folder.machine == above.machine and (how := _overlap(folder.folder, above.folder)):
                yield folder.path, f"{how} the data folder of {above.what}"


def _meet(host: str, other: str) -> bool:
    """Whether two hosts of one machine share their ports."""
    return host == other or any(map(_is_any, (host, other))) or (_is_loopback(host) and _is_loopback(other))


def _overlap(folder: str, other: str) -> str:
    parts, others = _steps(folder), _steps(other)
    if parts == others:
        return "is"
    if parts[: len(others)] == others:
        return "lies in"
    return "holds" if others[: len(parts)] == parts else ""


def _steps(folder: str) -> list[str]:
    """The parts of a path, without the . and .. in it."""
    steps: list[str] = []
    for part in PurePath(folder).parts:
        if part == ".." and steps and steps[-1] not in ("..", "/"):
            steps.pop()
        elif part != ".":
            steps.append(part)
    return steps


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
