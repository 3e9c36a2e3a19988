"""``couchgrass agent``: keeps a region's links to other regions, and answers for its health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.complaints import FAILED, complain
from couchgrass.cli.region import (
    DEFAULT_FILE,
    Port,
    RegionFile,
    named_by,
    on_port,
    peers_of,
    read_region,
    read_topology,
    region_file,
)
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.agent.run.links import Links
    from couchgrass.linking.address import Address
    from couchgrass.region.config import Region
    from couchgrass.region.run.account import Access
    from couchgrass.topology.config import Topology

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass agent --region couchgrass.toml#london[/]   [dim]# without the rest[/]"""

Peers = Annotated[list[str], typer.Option("--peer", hidden=True, metavar="NAME=URL")]


def agent(region: RegionFile = DEFAULT_FILE, peer: Peers = [], port: Port = None) -> None:  # noqa: B006
    """Run a region's agent alone: links, health, metrics.

    It keeps the links that bring other regions' changes here, and tells whether the region is live, whether
    it is ready, and its metrics. [cyan]couchgrass region[/] runs it together with the region's other
    processes.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    from couchgrass.serving import process

    peers = peers_of("agent", peer)
    try:
        found = on_port(read_region(region), "agent", port)
        process.run(_serve(found, topology_of(region, found), region, peers))
    except CouchgrassError as refused:
        complain("agent", refused.reason)
        raise typer.Exit(FAILED) from refused


def topology_of(file: Path, region: Region) -> Topology:
    """All regions of the file that names this one; only this one, where the file has no other. Raises
    CouchgrassError."""
    from couchgrass.topology.config import Topology

    place, mark, _ = str(region_file(file)).rpartition("#")
    return read_topology(Path(place)) if mark else Topology((region,))


async def _serve(region: Region, topology: Topology, file: Path, peers: Mapping[str, str]) -> None:
    from couchgrass.cli.agent_host import opened
    from couchgrass.region.run.account import database_access
    from couchgrass.region.run.begun import database_begun
    from couchgrass.serving.listen import bind
    from couchgrass.serving.process import allow_files, serve_until_told, url_of

    allow_files()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(region.agent.host, region.agent.port, named_by(file, "agent")))
        url = url_of(listener, region.agent.host)
        links = links_of(topology, region, peers)
        await database_begun(region)
        app = await opened(region, links, reach_of(region, database_access), stack)
        await serve_until_told(
            app, listener, lambda: typer.echo(f"couchgrass agent serves {region.name} at {url}")
        )


def links_of(topology: Topology, region: Region, peers: Mapping[str, str]) -> Links:
    """The links of one of the regions. `peers` are URLs at which other ones are reached instead."""
    from couchgrass.agent.run.links import Links
    from couchgrass.region.run.account import database_access, peer_access

    reach = {one.name: reach_of(one, peer_access, peers.get(one.name, "")) for one in topology.regions}
    reach[region.name] = reach_of(region, database_access)
    return Links(topology, region.name, reach)


def reach_of(region: Region, access: Callable[[Region], Access], url: str = "") -> Callable[[], Address]:
    """Says where a region's database is, each time anew; at `url` if there is one."""
    from couchgrass.linking.address import Address, parse_address

    def reach() -> Address:
        found = access(region)
        base = parse_address(url or found.url).base
        return Address(base, *((found.account.name, found.account.password) if found.account else ()))

    return reach
