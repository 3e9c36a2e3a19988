"""``couchgrass dashboard``: the pages for people, of a region or of any CouchDB."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from couchgrass.cli.complaints import FAILED, complain, misused
from couchgrass.cli.region import DEFAULT_FILE, RegionFile, named_by, read_region
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.region.config import Region

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass dashboard --region couchgrass.toml#london[/]    [dim]# without the rest[/]
  [cyan]couchgrass dashboard --database http://127.0.0.1:5984[/]   [dim]# of any CouchDB[/]

Sign in with a name and password of the database. A server admin sees and does all; others what the database
allows them. In a region [cyan]couchgrass region[/] runs it with the rest."""


def dashboard(
    region: RegionFile = DEFAULT_FILE,
    database: Annotated[
        str,
        typer.Option(
            help="Instead of a region: the URL of an Apache CouchDB, a Cloudant account or a couchgrass db.",
            metavar="URL",
        ),
    ] = "",
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on, with --database. [dim]\\[default: 127.0.0.1][/]",
            show_default=False,
            metavar="ADDRESS",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on, with --database; 0 takes a free one. [dim]\\[default: 3236][/]",
            show_default=False,
            min=0,
            max=65535,
            metavar="PORT",
        ),
    ] = None,
) -> None:
    """Serve the dashboard alone: databases and replication, and a region's functions, APIs and health.

    It passes on what the pages ask of the region's database, functions and gateway. It keeps no password:
    people sign in to the database, with a session that the browser holds.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    if database:
        if region != DEFAULT_FILE:
            misused("dashboard", "name one of --region and --database")
        _check_url(database)
    elif host is not None:
        misused("dashboard", "--host is for --database; a region's file has its own in [dashboard]")
    from couchgrass.serving import process

    try:
        if database:
            process.run(_serve_database(database, host, port))
        else:
            process.run(_serve_region(read_region(region), region, port))
    except CouchgrassError as refused:
        complain("dashboard", refused.reason)
        raise typer.Exit(FAILED) from refused


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or parts.query or parts.fragment:
        misused("dashboard", "--database takes a URL like https://couch.example.org")
    if "@" in parts.netloc:
        misused("dashboard", "--database has a name or password in it: people sign in on the page")


async def _serve_database(url: str, host: str | None, port: int | None) -> None:
    from couchgrass.cli.dashboard_host import of_database
    from couchgrass.region.config import DASHBOARD_PORT, LOOPBACK
    from couchgrass.serving.listen import bind
    from couchgrass.serving.process import allow_files, serve_until_told, url_of

    allow_files()
    host = LOOPBACK if host is None else host
    with bind(host, DASHBOARD_PORT if port is None else port) as listener:
        own = url_of(listener, host)
        await serve_until_told(
            of_database(url, own), listener, lambda: typer.echo(f"couchgrass dashboard serves {url} at {own}")
        )


async def _serve_region(region: Region, file: Path, port: int | None) -> None:
    from couchgrass.region.run.begun import others_begun
    from couchgrass.serving.listen import bind
    from couchgrass.serving.process import allow_files, serve_until_told, url_of

    allow_files()
    named = named_by(file, "dashboard")
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(
            bind(region.dashboard.host, region.dashboard.port if port is None else port, named)
        )
        url = url_of(listener, region.dashboard.host)
        # Who connects from now on is answered, be it a moment later.
        typer.echo(f"couchgrass dashboard serves {region.name} at {url}")
        await others_begun(region, "dashboard", listener)
        from couchgrass.cli.dashboard_host import opened

        await serve_until_told(await opened(region, file, url, stack), listener, lambda: None)
