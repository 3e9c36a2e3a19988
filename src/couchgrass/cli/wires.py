"""``couchgrass wires``: the relays that stand for the ways between regions of one machine. `up` runs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from couchgrass.cli.complaints import FAILED, complain
from couchgrass.cli.region import read_topology
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.drill.run.relay import Address
    from couchgrass.region.config import Region
    from couchgrass.topology.config import Topology


def wires(folder: Annotated[Path, typer.Option("--dir", metavar="DIR")]) -> None:
    """Run the wires of DIR/wires.json, and do to them what it says."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    from couchgrass.topology.places import CONFIG

    try:
        asyncio.run(_serve(folder, read_topology(folder / CONFIG)))
    except CouchgrassError as refused:
        complain("wires", refused.reason)
        raise typer.Exit(FAILED) from refused


def wired(topology: Topology) -> list[str]:
    """The regions whose database a wire can lead to: one behind TLS is known by its own address only."""
    return [one.name for one in topology.regions if not one.database.url.startswith("https://")]


async def _serve(folder: Path, topology: Topology) -> None:
    from couchgrass.drill.run.relay import Relays
    from couchgrass.drill.wires import ends_of, read_wires
    from couchgrass.serving.process import heed_signals
    from couchgrass.topology.places import WIRES

    place = folder / WIRES
    try:
        known = read_wires(place.read_bytes(), str(place))
    except OSError as refused:
        raise CouchgrassError(f"{place} can't be read: {refused.strerror}") from refused
    targets = {one.name: _target(one) for one in topology.regions}
    if lost := [wire for wire in known.ports if ends_of(wire)[0] not in targets]:
        raise CouchgrassError(f"{place} has the wire {lost[0]}, but there is no such region")
    relays = Relays(place, targets)
    relays.open(known.ports, lambda wire: ends_of(wire)[0])
    stop = asyncio.Event()
    heed_signals(stop, asyncio.Event())
    following = asyncio.create_task(relays.follow())
    told = asyncio.create_task(stop.wait())
    typer.echo(f"couchgrass wires are at http://127.0.0.1:{min(known.ports.values(), default=0)}")
    await asyncio.wait({following, told}, return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    told.cancel()
    await relays.close()
    if following.done() and not following.cancelled():
        following.result()


def _target(region: Region) -> Callable[[], Address | None]:
    """Where its database is now: on any free port, only the running region knows."""
    from couchgrass.region.run.state_file import read_state
    from couchgrass.region.urls import reached_host

    def found() -> Address | None:
        url = region.database.url
        if not url and not region.database.port:
            state = read_state(Path(region.data))
            url = "" if state is None else state.database_url
            if not url:
                return None
        if url:
            parts = urlsplit(url)
            return parts.hostname or "", parts.port or 80
        return reached_host(region.database.host), region.database.port

    return found
