"""What runs of a file with several regions: by what supervisors wrote down and by what servers answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

if TYPE_CHECKING:
    from couchgrass.region.config import Region
    from couchgrass.region.run.state_file import Kept
    from couchgrass.topology.config import Balancer, Topology
    from couchgrass.topology.run.look import Look
    from couchgrass.topology.status import BalancerStatus, Place, Status

WIRES: Final = "wires"
BALANCER: Final = "balancer"
"""How their processes are called beside the regions."""


COUNTED: Final = {"count": "true"}


class _Written(TypedDict, total=False):
    """What is used of DATA/balancer.json."""

    url: str
    metrics_url: str


def up_kept() -> Kept:
    """The names of the files of a running `up`."""
    from couchgrass.region.run.state_file import Kept
    from couchgrass.topology.places import UP_LOCK, UP_STATE

    return Kept(
        UP_STATE, UP_LOCK, "is in use: couchgrass down ends what runs there, or name another with --dir"
    )


async def look(folder: Path, topology: Topology, asking: Look, *, needs_up: bool = True) -> Status:
    """All of it, now. `folder` is the file's. `needs_up`: that `couchgrass up` runs there, not each region
    by itself. Raises FolderTaken when what is written down can't be read."""
    from couchgrass.region.run.state_file import read_state
    from couchgrass.topology.places import CREDENTIALS
    from couchgrass.topology.status import Status

    state = read_state(folder, up_kept())
    places = [place_of(region) for region in topology.regions]
    regions, links = await asking.regions(places)
    credentials = folder / CREDENTIALS
    return Status(
        dir=str(folder),
        running=state is not None or not needs_up,
        pid=None if state is None else state.pid,
        regions=regions,
        links=links,
        balancer=await _balancer(topology, asking, is_here=state is not None),
        credentials_file=str(credentials) if credentials.exists() else "",
    )


async def _balancer(topology: Topology, asking: Look, *, is_here: bool) -> BalancerStatus | None:
    """What the balancer says of itself. On another machine it is not asked: its metrics are that one's."""
    import msgspec

    from couchgrass.topology.places import BALANCER_STATE

    balancer = topology.balancer
    if balancer is None:
        return None
    url, metrics_url = balancer_urls(balancer)
    try:
        written = msgspec.json.decode((Path(balancer.data) / BALANCER_STATE).read_bytes(), type=_Written)
    except (OSError, msgspec.DecodeError):
        told = await asking.balancer(url, metrics_url)
    else:
        is_here = True
        told = await asking.balancer(written.get("url") or url, written.get("metrics_url") or metrics_url)
    return msgspec.structs.replace(told, here=is_here)


async def count_actions(seen: Status) -> Status:
    """The same with the number of actions in each region, in the namespaces whose keys are in the file of
    credentials. Raises CouchgrassError when that can't be read."""
    import asyncio

    import msgspec

    from couchgrass.deploy.apply.credentials import read_credentials

    if not seen.credentials_file:
        return seen
    keys = [one.key for one in read_credentials(Path(seen.credentials_file)).namespaces.values()]
    counts = await asyncio.gather(*(_actions(one.functions_url, keys) for one in seen.regions))
    regions = tuple(
        msgspec.structs.replace(one, actions=count) for one, count in zip(seen.regions, counts, strict=True)
    )
    return msgspec.structs.replace(seen, regions=regions)


async def _actions(url: str, keys: Sequence[str]) -> int | None:
    """In one region; None when it does not answer in time, or does not know a key."""
    import asyncio

    from couchgrass.errors import CouchgrassError
    from couchgrass.topology.run.look import ANSWER_S
    from couchgrass.whisk.host import WhiskHost, path

    if not url:
        return None
    count = 0
    try:
        async with asyncio.timeout(ANSWER_S):
            for key in keys:
                async with WhiskHost(url, key, timeout_s=ANSWER_S) as host:
                    where = path("api", "v1", "namespaces", "_", "actions")
                    count += int((await host.ask("GET", where, query=COUNTED))["actions"])
    except (CouchgrassError, TimeoutError, LookupError, TypeError, ValueError):
        return None
    return count


def place_of(region: Region) -> Place:
    """A region's URLs and processes, as far as they are known."""
    from couchgrass.errors import CouchgrassError
    from couchgrass.region.restart import Phase
    from couchgrass.region.run.state_file import state_of
    from couchgrass.topology.apart import machine_of
    from couchgrass.topology.status import Place

    elsewhere = {
        "database": (region.database.url, region.database.public_url),
        "functions": (region.functions.url, region.functions.public_url),
        "gateway": (region.gateway.url, region.gateway.public_url),
        "dashboard": ("", region.dashboard.public_url),
    }
    urls = {name: url for name, (url, _) in elsewhere.items() if url}
    pids: dict[str, int] = {}
    try:
        state = state_of(region)
    except CouchgrassError:
        state = None
    processes = {} if state is None else state.processes
    if state is not None:
        pids["supervisor"] = state.pid
    for name, seen in processes.items():
        urls[name] = seen.url or _named(region, name)
        if seen.pid is not None:
            pids[name] = seen.pid
    is_here = bool(processes) or not machine_of(region)
    for name in ("database", "functions", "gateway", "agent", "dashboard"):
        public = elsewhere.get(name, ("", ""))[1].rstrip("/")
        urls.setdefault(name, public if public and not processes else _named(region, name))
    if region.dashboard.public_url or not is_here:
        urls["dashboard"] = region.dashboard.public_url
    running = bool(processes) and all(one.phase is Phase.READY for one in processes.values())
    return Place(region.name, urls, pids, running, here=is_here)


def _named(region: Region, name: str) -> str:
    """By the port that the file names."""
    from couchgrass.region.urls import reached_at

    process = getattr(region, name)
    return reached_at(process.host, process.port) if process.port else ""


def balancer_urls(balancer: Balancer) -> tuple[str, str]:
    """Where clients on this machine reach it, and where its metrics are."""
    from couchgrass.region.urls import reached_at

    return (
        reached_at(balancer.host, balancer.port, "http" if balancer.tls is None else "https"),
        reached_at(balancer.metrics_host, balancer.metrics_port) if balancer.metrics_port else "",
    )
