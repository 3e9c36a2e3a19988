"""``couchgrass``: the entry point and its commands."""

from __future__ import annotations

import typer

from couchgrass import __version__
from couchgrass.cli import (
    account,
    agent,
    balancer,
    db,
    deploy,
    down,
    drain,
    drill,
    functions,
    gateway,
    key,
    link,
    links,
    region,
    runtime,
    status,
    tenant,
    topology,
    unlink,
    up,
    wires,
)
from couchgrass.cli.paper import flowing

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass region --example > region.toml[/]            [dim]# its settings[/]
  [cyan]couchgrass region[/]                                    [dim]# database, functions and API gateway[/]
  [cyan]couchgrass key create guest --wskprops ~/.wskprops[/]   [dim]# in another terminal[/]

Each command tells more with [cyan]--help[/]."""

app = typer.Typer(
    name="couchgrass",
    epilog=flowing(EXAMPLES),
    help="Keeps a serverless app running when a whole region dies.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUN, DEPLOY, SET_UP, REPLICATE = "Run", "Deploy", "Set up regions", "Keep databases equal"
"""The headings of the help."""

app.command(epilog=flowing(up.EXAMPLES), rich_help_panel=RUN)(up.up)
app.command(epilog=flowing(down.EXAMPLES), rich_help_panel=RUN)(down.down)
app.command(epilog=flowing(region.EXAMPLES), rich_help_panel=RUN)(region.region)
app.command(epilog=flowing(status.EXAMPLES), rich_help_panel=RUN)(status.status)
app.command(epilog=flowing(drill.EXAMPLES), rich_help_panel=RUN)(drill.drill)
app.command(epilog=flowing(db.EXAMPLES), rich_help_panel=RUN)(db.db)
app.command(epilog=flowing(functions.EXAMPLES), rich_help_panel=RUN)(functions.functions)
app.command(epilog=flowing(gateway.EXAMPLES), rich_help_panel=RUN)(gateway.gateway)
app.command(epilog=flowing(balancer.EXAMPLES), rich_help_panel=RUN)(balancer.balancer)
app.command(epilog=flowing(drain.EXAMPLES), rich_help_panel=RUN)(drain.drain)
app.command(epilog=flowing(drain.UNDRAIN_EXAMPLES), rich_help_panel=RUN)(drain.undrain)
app.command(epilog=flowing(agent.EXAMPLES), rich_help_panel=RUN)(agent.agent)
app.command(epilog=flowing(deploy.EXAMPLES), rich_help_panel=DEPLOY)(deploy.deploy)
app.command(epilog=flowing(deploy.UNDEPLOY_EXAMPLES), rich_help_panel=DEPLOY)(deploy.undeploy)
app.add_typer(topology.app, name="topology", rich_help_panel=SET_UP)
app.add_typer(key.app, name="key", rich_help_panel=SET_UP)
app.add_typer(runtime.app, name="runtime", rich_help_panel=SET_UP)
app.add_typer(account.app, name="account", rich_help_panel=SET_UP)
app.add_typer(tenant.tenants, name="tenant", rich_help_panel=SET_UP)
app.add_typer(tenant.users, name="user", rich_help_panel=SET_UP)
app.command(epilog=flowing(link.EXAMPLES), rich_help_panel=REPLICATE)(link.link)
app.command(epilog=flowing(links.EXAMPLES), rich_help_panel=REPLICATE)(links.links)
app.command(epilog=flowing(unlink.EXAMPLES), rich_help_panel=REPLICATE)(unlink.unlink)
app.command(hidden=True)(wires.wires)


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
    app(prog_name="couchgrass")
