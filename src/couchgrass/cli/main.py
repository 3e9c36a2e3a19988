"""``couchgrass``: the entry point and its commands."""

from __future__ import annotations

import typer

from couchgrass import __version__
from couchgrass.cli import (
    account,
    db,
    functions,
    gateway,
    key,
    link,
    links,
    region,
    runtime,
    status,
    tenant,
    unlink,
)
from couchgrass.cli.paper import flowing

app = typer.Typer(
    name="couchgrass",
    help="Keeps a serverless app running when a whole region dies.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=flowing(db.EXAMPLES))(db.db)
app.command(epilog=flowing(region.EXAMPLES))(region.region)
app.command(epilog=flowing(status.EXAMPLES))(status.status)
app.command(epilog=flowing(functions.EXAMPLES))(functions.functions)
app.command(epilog=flowing(gateway.EXAMPLES))(gateway.gateway)
app.add_typer(key.app, name="key")
app.add_typer(account.app, name="account")
app.add_typer(runtime.app, name="runtime")
app.command(epilog=flowing(link.EXAMPLES))(link.link)
app.command(epilog=flowing(links.EXAMPLES))(links.links)
app.command(epilog=flowing(unlink.EXAMPLES))(unlink.unlink)
app.add_typer(tenant.tenants, name="tenant")
app.add_typer(tenant.users, name="user")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"couchgrass {__version__}")
        raise typer.Exit


@app.callback()
def couchgrass(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
) -> None:
    """Keeps a serverless app running when a whole region dies."""


def main() -> None:
    """Runs the command line."""
    app()
