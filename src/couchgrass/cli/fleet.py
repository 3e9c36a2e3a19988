"""What runs in a folder of ``couchgrass up``: by what supervisors wrote down and by what servers answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from couchgrass.region.config import Region
    from couchgrass.region.run.state_file import Kept, RegionState
    from couchgrass.topology.config import Balancer, Topology
    from couchgrass.topology.run.look import Look
    from couchgrass.topology.status import Place, Status

WIRES: Final = "wires"
BALANCER: Final = "balancer"
"""How their processes are called beside the regions."""


def up_kept() -> Kept:
    """The names of the files of a running `up`."""
    from couchgrass.region.run.state_file import Kept
    from couchgrass.topology.places import UP_LOCK, UP_STATE

    return Kept(
        UP_STATE, UP_LOCK, "is in use: couchgrass down ends what runs there, or name another with --dir"
    )


async def look(folder: Path, topology: Topology, asking: Look) -> Status:
    """All of it, now. Raises FolderTaken when what is written down can't be read."""
    from couchgrass.region.run.state_file import read_state
    from couchgrass.topology.places import CREDENTIALS
    from couchgrass.topology.status import Status

    state = read_state(folder, up_kept())
    places = [place_of(region, state) for region in topology.regions]
    regions, links = await asking.regions(places)
    balancer = topology.balancer
    credentials = folder / CREDENTIALS
    return Status(
        dir=str(folder),
        running=state is not None,
        pid=None if state is None else state.pid,
        regions=regions,
        links=links,
        balancer=None if balancer is None else await asking.balancer(*balancer_urls(balancer)),
        credentials_file=str(credentials) if credentials.exists() else "",
    )


def place_of(region: Region, up: RegionState | None) -> Place:
    """A region's URLs and processes, as far as they are known."""
    from couchgrass.errors import CouchgrassError
    from couchgrass.region.restart import Phase
    from couchgrass.region.run.state_file import read_state
    from couchgrass.topology.status import Place

    elsewhere = {
        "database": region.database.url,
        "functions": region.functions.url,
        "gateway": region.gateway.url,
    }
    urls = {name: url for name, url in elsewhere.items() if url}
    pids: dict[str, int] = {}
    above = None if up is None else up.processes.get(region.name)
    if above is not None and above.pid is not None:
        pids["supervisor"] = above.pid
    try:
        state = read_state(Path(region.data))
    except CouchgrassError:
        state = None
    processes = {} if state is None else state.processes
    for name, seen in processes.items():
        urls[name] = seen.url or _named(region, name)
        if seen.pid is not None:
            pids[name] = seen.pid
    for name in ("database", "functions", "gateway", "agent"):
        urls.setdefault(name, _named(region, name))
    running = bool(processes) and all(one.phase is Phase.READY for one in processes.values())
    return Place(region.name, urls, pids, running)


def _named(region: Region, name: str) -> str:
    """By the port that the file names."""
    process = getattr(region, name)
    return _url(process.host, process.port) if process.port else ""


def balancer_urls(balancer: Balancer) -> tuple[str, str]:
    """Where clients on this machine reach it, and where its metrics are."""
    scheme = "http" if balancer.tls is None else "https"
    return (
        _url(balancer.host, balancer.port, scheme),
        _url(balancer.host, balancer.metrics_port) if balancer.metrics_port else "",
    )


def _url(host: str, port: int, scheme: str = "http") -> str:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://{f'[{here}]' if ':' in here else here}:{port}"
