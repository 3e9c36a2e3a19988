"""What the dashboard of a region knows: its watch, its drills and the way to the balancer, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from couchgrass.cli.fleet import balancer_urls, look, place_of, up_kept
from couchgrass.cli.region import region_file
from couchgrass.clock import SystemClock
from couchgrass.dashboard.http.own import Drain, Own
from couchgrass.dashboard.overview import Place, Site
from couchgrass.dashboard.run.drills import DrillFolder
from couchgrass.dashboard.run.watch import Told, Watch
from couchgrass.errors import Conflict, CouchgrassError, NotFound
from couchgrass.region.config import Region
from couchgrass.serving.process import run_beside
from couchgrass.topology.config import Policy, Topology
from couchgrass.topology.geo import place
from couchgrass.topology.places import BALANCER_STATE, CONFIG, DRILLS
from couchgrass.topology.run.look import Look
from couchgrass.topology.status import Status

ANSWER_S: Final = 0.75
"""How long a region may be silent until it is down, where it answered at once so far."""


async def own_of(
    region: Region,
    topology: Topology,
    folder: Path,
    stack: AsyncExitStack,
) -> Own:
    """`folder` is that of the topology's file. The watch runs from now on, until `stack` ends it."""
    asking = await stack.enter_async_context(Look(ANSWER_S))
    clock = SystemClock()

    async def seen() -> Status:
        return await look(folder, topology, asking, needs_up=False)

    watch = Watch(site_of(region, topology), seen, counts(topology, asking), clock)
    run_beside(watch.run(), stack, "the regions can't be watched any more")
    drills = DrillFolder(folder / DRILLS, topology.names, lambda: why_no_drill(folder, topology), clock)
    return Own(watch, drills, drain_of(folder, topology))


def folder_of(file: Path, region: Region) -> Path:
    """The folder of the file that names all regions; of one that is alone, its data folder."""
    place, mark, _ = str(region_file(file)).rpartition("#")
    return Path(place).absolute().parent if mark else Path(region.data)


def is_of_up(folder: Path) -> bool:
    """Whether a `couchgrass up` runs what the file in the folder says."""
    from couchgrass.region.run.state_file import is_held

    return is_held(folder, up_kept()) and (folder / CONFIG).is_file()


def site_of(region: Region, topology: Topology) -> Site:
    """What the file says, for the overview."""
    balancer = topology.balancer
    is_weighted = balancer is not None and balancer.policy is Policy.WEIGHTED
    weights = balancer.weights if balancer is not None else {}
    return Site(
        region.name,
        {
            one.name: Place(
                one.location,
                one.coordinates or place(one.location),
                weights.get(one.name, 1) if is_weighted else None,
            )
            for one in topology.regions
        },
        "" if balancer is None else balancer.policy.value,
    )


def counts(topology: Topology, asking: Look) -> Callable[[Callable[[str], bool]], Awaitable[Told]]:
    """Reads what those regions of this machine count that are meant, and the balancer."""

    async def text(one: Region, lives: Callable[[str], bool]) -> str:
        if not lives(one.name):
            return ""
        where = place_of(one)
        agent = where.urls.get("agent", "")
        return await asking.metrics(agent) if where.here and where.pids and agent else ""

    async def read(lives: Callable[[str], bool]) -> Told:
        metrics_url = "" if topology.balancer is None else balancer_urls(topology.balancer)[1]
        balancer = asking.requests(metrics_url) if metrics_url else _nothing()
        total, texts = await asyncio.gather(
            balancer, asyncio.gather(*(text(one, lives) for one in topology.regions))
        )
        return Told(dict(zip(topology.names, texts, strict=True)), total)

    return read


async def _nothing() -> dict[str, float]:
    return {}


def drain_of(folder: Path, topology: Topology) -> Drain:
    """As ``couchgrass drain`` does it, where the balancer is on this machine."""

    def change(region: str, is_drained: bool) -> bool:
        from couchgrass.balancer.envoy.folder import change_drained

        if region not in topology.names:
            raise NotFound(f"There is no region {region}: there is {', '.join(topology.names)}")
        balancer = topology.balancer
        if balancer is None:
            raise Conflict("There is no balancer: the file of the regions has no [balancer].")
        data = Path(balancer.data)
        if not ((data / BALANCER_STATE).exists() or is_of_up(folder)):
            command = f"couchgrass {'drain' if is_drained else 'undrain'} {region}"
            raise Conflict(f"No balancer runs on this machine. Where it runs: {command}")
        return change_drained(data, region, is_drained=is_drained)

    async def drain(region: str, is_drained: bool) -> bool:
        return await asyncio.to_thread(change, region, is_drained)

    return drain


def why_no_drill(folder: Path, topology: Topology) -> str:
    """Why `couchgrass drill` could not break anything here; "" when it could."""
    from couchgrass.balancer.envoy.folder import read_state

    if not is_of_up(folder):
        return f"Drills break what couchgrass up runs, and no couchgrass up runs in {folder}."
    if len(topology.regions) < 2:
        return "A drill needs two regions: one that breaks and one that serves meanwhile."
    if topology.balancer is None:
        return "A drill needs a balancer: the file of the regions has no [balancer]."
    if not topology.apps:
        return "A drill needs the todo app, whose API it asks: the file of the regions has no [[apps]]."
    try:
        if read_state(Path(topology.balancer.data)) is None:
            return "The balancer does not run now."
    except CouchgrassError as refused:
        return refused.reason
    return ""
