"""``couchgrass status --dir``: all regions of a folder of ``couchgrass up``, their links and the balancer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from couchgrass.cli.fleet import balancer_urls, look
from couchgrass.cli.paper import FAILED, complain, out, run
from couchgrass.cli.region import read_topology
from couchgrass.cli.up_view import Watching, view
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.topology.config import Topology
    from couchgrass.topology.status import Status

LOOK_S = 1.0


def show_fleet(folder: Path, *, as_json: bool, watch: bool) -> None:
    """Prints it, once or each second. Ends with 1 when something is wrong."""
    from couchgrass.topology.places import CONFIG

    try:
        topology = read_topology(folder / CONFIG)
    except CouchgrassError as refused:
        complain("status", refused.reason)
        raise typer.Exit(FAILED) from refused
    if watch:
        try:
            asyncio.run(follow(folder, topology))
        except KeyboardInterrupt:
            return
    seen = run("status", _once(folder, topology))
    if as_json:
        _print_json(seen)
    elif seen.running:
        out.print(view(seen, {}))
    else:
        complain("status", seen.wrong[0])
    if not seen.well:
        raise typer.Exit(FAILED)


async def follow(folder: Path, topology: Topology) -> None:
    """Looks each second, and never ends by itself."""
    from couchgrass.topology.run.look import Look
    from couchgrass.topology.status import rates

    balancer = topology.balancer
    metrics_url = "" if balancer is None else balancer_urls(balancer)[1]
    before: Mapping[str, float] = {}
    looked_at = time.monotonic()
    async with Look() as asking:
        with Watching() as watching:
            while True:
                status = await look(folder, topology, asking)
                counted = await asking.requests(metrics_url) if metrics_url else {}
                now = time.monotonic()
                watching.show(status, rates(before, counted, now - looked_at))
                before, looked_at = counted, now
                await asyncio.sleep(LOOK_S)


async def _once(folder: Path, topology: Topology) -> Status:
    from couchgrass.topology.run.look import Look

    async with Look() as asking:
        return await look(folder, topology, asking)


def _print_json(seen: Status) -> None:
    import msgspec

    told = {**msgspec.to_builtins(seen), "well": seen.well, "wrong": seen.wrong}
    typer.echo(msgspec.json.format(msgspec.json.encode(told)))
