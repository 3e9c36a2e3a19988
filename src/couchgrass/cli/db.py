"""``couchgrass db``: runs the document database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.complaints import FAILED, complain, misused
from couchgrass.cli.credentials import taken
from couchgrass.cli.region import named_by, read_region
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.docdb.http.app import App
    from couchgrass.docdb.http.serve import Extension, Started
    from couchgrass.region.config import Region

DATA = Path("couchgrass-data")

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass db[/]                                  [dim]# serves ./couchgrass-data[/]
  [cyan]cat couchgrass-data/admin.json[/]                 [dim]# the admin's password[/]
  [cyan]curl -u admin:… -X PUT 127.0.0.1:5984/todos[/]    [dim]# a database[/]

  [cyan]COUCHDB_USER=me COUCHDB_PASSWORD=… couchgrass db --data /srv/couch[/]
  [cyan]couchgrass db --host :: --port 5985[/]            [dim]# open to the network[/]

Ctrl-C or SIGTERM ends it; requests under way get 4 seconds to finish. A second one does not wait for them.
Whatever was answered with success is on the disk."""


def db(
    data: Annotated[
        Path, typer.Option(help="Folder for the databases; made at the first start.", metavar="DIR")
    ] = DATA,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address or name to listen on. Without it only this machine gets in. "
            "[dim]\\[default: 127.0.0.1][/]",
            show_default=False,
            metavar="ADDRESS",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on; 0 takes a free one. [dim]\\[default: 5984][/]",
            show_default=False,
            min=0,
            max=65535,
            metavar="PORT",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in CouchDB's ini form, such as [cyan]\\[couchdb] max_document_size = 8000000[/]. "
            "--host and --port come before it.",
            exists=True,
            dir_okay=False,
            metavar="FILE",
        ),
    ] = None,
    region: Annotated[str, typer.Option(hidden=True)] = "",
    account: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the document database, which any CouchDB client can use.

    The admin is set by [cyan]COUCHDB_USER[/] and [cyan]COUCHDB_PASSWORD[/] in the environment.
    Else one is made at the first start; a line says which file has its password.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    admin = _admin()
    # Only now: the help shall not wait for what a server needs.
    from couchgrass.docdb.http.serve import Service, Wanted, run
    from couchgrass.region.places import ACCOUNT_NAME
    from couchgrass.serving.listen import Named

    named = named_by(Path(region), "database") if region else Named()
    try:
        service = None if account is None else Service(ACCOUNT_NAME, account.absolute())
        wanted = Wanted(data.absolute(), host, port, config, admin, named, service)
        run(wanted, _show, partial(_attached, region))
    except CouchgrassError as refused:
        complain("db", refused.reason)
        raise typer.Exit(FAILED) from refused


async def _attached(region: str, app: App) -> Extension:
    """What runs beside the server; and its pages say whose database it is."""
    from couchgrass.cli.replicator import attach

    if region:
        app.server.belongs_to = partial(_told, cache(partial(read_region, Path(region))))
    return await attach(app)


def _told(read: Callable[[], Region]) -> dict[str, str]:
    """The region, and where its dashboard is: looked up when somebody asks, not when the server starts."""
    from couchgrass.region.run.account import dashboard_url

    try:
        region = read()
        return {"region": region.name, "dashboard_url": dashboard_url(region)}
    except CouchgrassError:
        # The file, or what runs, can't be read at this moment: the pages do without.
        return {}


def _admin() -> tuple[str, str] | None:
    """The admin from the environment, which is then cleared: no child process and no process list has it."""
    name, password = taken("COUCHDB_USER"), taken("COUCHDB_PASSWORD")
    if bool(name) != bool(password):
        misused("db", f"{'COUCHDB_PASSWORD' if name else 'COUCHDB_USER'} is not set: set both or neither")
    if ":" in name:
        misused("db", "COUCHDB_USER holds a colon: nobody could sign in with it")
    return (name, password) if name else None


def _show(started: Started) -> None:
    typer.echo(f"couchgrass db serves {started.data} at {started.url}")
    if started.admin_file is not None:
        typer.echo(f"The admin's name and password are in {started.admin_file}")
