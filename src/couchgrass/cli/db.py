"""``couchgrass db``: runs the document database."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from couchgrass.docdb.http.serve import Started, Wanted, run
from couchgrass.errors import CouchgrassError

errors = Console(stderr=True)
DATA = Path("couchgrass-data")


def db(
    data: Annotated[Path, typer.Option(help="Folder for the databases; made at the first start.")] = DATA,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1: this machine only")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535, show_default="5984"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings in CouchDB's ini form, such as [chttpd] port = 5984.", exists=True, dir_okay=False
        ),
    ] = None,
) -> None:
    """Run the document database, which any CouchDB client can use.

    The admin's name and password come from COUCHDB_USER and COUCHDB_PASSWORD. Without them an admin is
    made at the first start; a line says which file holds the password.

    Try it:  curl -u admin:PASSWORD -X PUT http://127.0.0.1:5984/todos
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    try:
        run(Wanted(data.absolute(), host, port, config, _admin()), _show)
    except CouchgrassError as refused:
        errors.print(f"[bold red]couchgrass db:[/] {refused.reason}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from refused


def _admin() -> tuple[str, str] | None:
    """The admin from the environment, which is then cleared so that no child process inherits it."""
    name, password = os.environ.pop("COUCHDB_USER", ""), os.environ.pop("COUCHDB_PASSWORD", "")
    if bool(name) != bool(password):
        missing = "COUCHDB_PASSWORD" if name else "COUCHDB_USER"
        errors.print(f"[bold red]couchgrass db:[/] {missing} is not set: set both or neither")
        raise typer.Exit(2)
    return (name, password) if name else None


def _show(started: Started) -> None:
    typer.echo(f"couchgrass db serves {started.data} at {started.url}")
    if started.admin_file is not None:
        typer.echo(f"The admin's name and password are in {started.admin_file}")
