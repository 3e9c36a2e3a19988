"""``couchgrass status`` of several regions: all of a file, their links and the balancer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from couchgrass.cli.fleet import balancer_urls, count_actions, look
from couchgrass.cli.paper import FAILED, complain, out, run
from couchgrass.cli.region import read_topology
from couchgrass.cli.up_view import Watching, view
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.topology.config import Topology
    from couchgrass.topology.status import Status

LOOK_S = 1.0
FOOT = "Ctrl-C stops it all; the data stays"
"""Below the live view of `up` itself."""


def show_fleet(file: Path, *, needs_up: bool, as_json: bool, watch: bool) -> None:
    """Prints it, once or each second. Ends with 1 when something is wrong. `needs_up`: as in `fleet.look`."""
    folder = file.absolute().parent
    try:
        topology = read_topology(file)
    except CouchgrassError as refused:
        complain("status", refused.reason)
        raise typer.Exit(FAILED) from refused
    if watch:
        how = (
            _print_each(folder, topology, needs_up)
            if as_json
            else follow(folder, topology, needs_up=needs_up, foot="Ctrl-C ends this view")
        )
        with suppress(KeyboardInterrupt):
            asyncio.run(how)
        return
    seen = run("status", _once(folder, topology, needs_up))
    if as_json:
        typer.echo(msgspec.json.format(_json(seen)))
    elif seen.running:
        out.print(view(seen, {}))
    else:
        complain("status", seen.wrong[0])
    if not seen.well:
        raise typer.Exit(FAILED)


async def follow(
    folder: Path,
    topology: Topology,
    *,
    needs_up: bool = True,
    foot: str = FOOT,
) -> None:
    """Looks each second, and never ends by itself. `foot` stands below the view."""
    from couchgrass.topology.run.look import Look
    from couchgrass.topology.status import rates

    balancer = topology.balancer
    metrics_url = "" if balancer is None else balancer_urls(balancer)[1]
    before: Mapping[str, float] = {}
    looked_at = time.monotonic()
    async with Look() as asking:
        with Watching(foot) as watching:
            while True:
                try:
                    status = await look(folder, topology, asking, needs_up=needs_up)
                except CouchgrassError as refused:
                    # `up` itself follows, and must not end for a file that can't be read at this moment.
                    watching.refused(refused.reason)
                    await asyncio.sleep(LOOK_S)
                    continue
                counted = await asking.requests(metrics_url) if metrics_url else {}
                now = time.monotonic()
                watching.show(status, rates(before, counted, now - looked_at))
                before, looked_at = counted, now
                await asyncio.sleep(LOOK_S)


async def _print_each(folder: Path, topology: Topology, needs_up: bool) -> None:
    """A line of JSON each second."""
    while True:
        typer.echo(_json(await _once(folder, topology, needs_up)))
        await asyncio.sleep(LOOK_S)


async def _once(folder: Path, topology: Topology, needs_up: bool) -> Status:
    from couchgrass.topology.run.look import Look

    async with Look() as asking:
        return await count_actions(await look(folder, topology, asking, needs_up=needs_up))


def _json(seen: Status) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(seen), "well": seen.well, "wrong": seen.wrong})
