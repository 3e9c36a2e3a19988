"""``couchgrass drain`` and ``couchgrass undrain``: take a region out of the balancer by hand, and back in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from couchgrass.cli.paper import FAILED, complain, errors
from couchgrass.cli.region import read_topology
from couchgrass.cli.which import Config, Folder, topology_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.balancer.state import RegionSeen

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass drain london[/]         [dim]# waits until no request is under way there[/]
  [cyan]couchgrass undrain london[/]

It ends with 0 when the region is drained, and with 1 when requests were still under way after the timeout.
The region stays out, also over restarts of the balancer, until it is undrained."""

UNDRAIN_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass undrain london[/]

A region that is ready gets requests again at once; one that is not, as soon as it is."""

POLL_S: Final = 0.05
NOTICED_S: Final = 5.0
"""How long the balancer may take to notice."""

Name = Annotated[str, typer.Argument(help="The region.", metavar="REGION")]


def drain(
    region: Name,
    config: Config = None,
    folder: Folder = None,
    timeout: Annotated[
        float, typer.Option(help="How long to wait for requests under way.", metavar="SECONDS", min=0)
    ] = 60.0,
) -> None:
    """Take a region out: it gets no new requests, and those under way there end in peace."""
    data = _data("drain", region, config, folder)
    _change("drain", data, region, is_drained=True)
    seen = _wait("drain", data, region, timeout)
    if seen is not None:
        told = f"{seen.requests} requests were still under way" if seen.requests else "that is not confirmed"
        complain("drain", f"{region} gets no new requests, but {told} after {timeout:g} s")
        raise typer.Exit(FAILED)
    typer.echo(f"{region} is drained")


def undrain(region: Name, config: Config = None, folder: Folder = None) -> None:
    """Let a drained region serve again."""
    data = _data("undrain", region, config, folder)
    if not _change("undrain", data, region, is_drained=False):
        typer.echo(f"{region} was not drained")
        return
    typer.echo(f"{region} is no longer drained")


def _data(command: str, region: str, config: Path | None, folder: Path | None) -> Path:
    """The balancer's data folder."""
    from couchgrass.balancer.envoy.site import site_of

    file = topology_file(command, config, folder)
    try:
        site = site_of(read_topology(file))
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused
    if region not in site.names:
        complain(command, f"{file} has no region {region}: there is {', '.join(site.names)}")
        raise typer.Exit(FAILED)
    return Path(site.balancer.data)


def _change(command: str, data: Path, region: str, *, is_drained: bool) -> bool:
    from couchgrass.balancer.envoy.folder import change_drained

    try:
        return change_drained(data, region, is_drained=is_drained)
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused


def _wait(command: str, data: Path, region: str, timeout_s: float) -> RegionSeen | None:
    """Until the balancer says that it is drained; what it says when the time is up."""
    from couchgrass.balancer.envoy.folder import read_state
    from couchgrass.balancer.state import Doing

    began, told = time.monotonic(), -1
    while True:
        try:
            state = read_state(data)
        except CouchgrassError as refused:
            complain(command, refused.reason)
            raise typer.Exit(FAILED) from refused
        if state is None:
            errors.print("No balancer runs here now: it will know when it starts.", highlight=False)
            return None
        seen = state.regions.get(region)
        if seen is not None and seen.state is Doing.DRAINED:
            return None
        if seen is not None and seen.state is Doing.DRAINING and seen.requests != told:
            told = seen.requests
            errors.print(f"{told} requests under way in {region}", highlight=False)
        if time.monotonic() - began >= max(timeout_s, NOTICED_S if told < 0 else 0):
            return seen
        time.sleep(POLL_S)
