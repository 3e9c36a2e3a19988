"""``couchgrass functions``: a region's functions alone."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import typer

from couchgrass.cli.complaints import FAILED, complain
from couchgrass.cli.region import DEFAULT_FILE, Port, RegionFile, named_by, on_port, read_region
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from pathlib import Path

    from couchgrass.region.config import Region

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass functions[/]                        [dim]# alone, of ./region.toml[/]
  [cyan]couchgrass functions --region london.toml[/]"""


def functions(region: RegionFile = DEFAULT_FILE, port: Port = None) -> None:
    """Run a region's functions alone: OpenWhisk's REST API, web actions, and the actions' processes.

    [cyan]couchgrass region[/] runs it together with the database and the gateway.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    from couchgrass.serving import process

    try:
        process.run(_serve(on_port(read_region(region), "functions", port), region))
    except CouchgrassError as refused:
        complain("functions", refused.reason)
        raise typer.Exit(FAILED) from refused


async def _serve(region: Region, file: Path) -> None:
    from couchgrass.cli.functions_host import opened
    from couchgrass.serving.listen import bind
    from couchgrass.serving.process import allow_files, serve_until_told, url_of

    allow_files()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(
            bind(region.functions.host, region.functions.port, named_by(file, "functions"))
        )
        url = url_of(listener, region.functions.host)
        app = await opened(region, url, stack)
        await serve_until_told(
            app, listener, lambda: typer.echo(f"couchgrass functions serves {region.name} at {url}")
        )
