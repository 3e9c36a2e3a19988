"""``couchgrass``: the entry point and its commands.

Only the command that is called is imported, and all of them for the help. A region is six processes that
start together, so what each of them does not need is felt.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import NamedTuple

import typer

from couchgrass import __version__
from couchgrass.cli.complaints import flowing

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass up[/]                 [dim]# two regions with the todo app[/]
  [cyan]couchgrass status[/]             [dim]# in another terminal[/]
  [cyan]couchgrass drill[/]              [dim]# a region dies; what users saw of it[/]
  [cyan]couchgrass deploy -p my/app[/]   [dim]# your own app, to all regions[/]
  [cyan]couchgrass down[/]               [dim]# the data stays[/]

Each command tells more with [cyan]--help[/]."""

RUN, DEPLOY, SET_UP, REPLICATE = "Run", "Deploy", "Set up regions", "Keep databases equal"
"""The headings of the help; a command without one is not shown."""


COLLECT_AFTER = 20_000
"""New containers before a collection."""


class _Command(NamedTuple):
    """Where a command, or a group of them, is: its module and its name there. `examples` names its epilog."""

    where: str
    heading: str = ""
    examples: str = ""


COMMANDS = {
    "up": _Command("couchgrass.cli.up:up", RUN, "EXAMPLES"),
    "down": _Command("couchgrass.cli.down:down", RUN, "EXAMPLES"),
    "region": _Command("couchgrass.cli.region:region", RUN, "EXAMPLES"),
    "status": _Command("couchgrass.cli.status:status", RUN, "EXAMPLES"),
    "drill": _Command("couchgrass.cli.drill:drill", RUN, "EXAMPLES"),
    "db": _Command("couchgrass.cli.db:db", RUN, "EXAMPLES"),
    "functions": _Command("couchgrass.cli.functions:functions", RUN, "EXAMPLES"),
    "gateway": _Command("couchgrass.cli.gateway:gateway", RUN, "EXAMPLES"),
    "balancer": _Command("couchgrass.cli.balancer:balancer", RUN, "EXAMPLES"),
    "drain": _Command("couchgrass.cli.drain:drain", RUN, "EXAMPLES"),
    "undrain": _Command("couchgrass.cli.drain:undrain", RUN, "UNDRAIN_EXAMPLES"),
    "agent": _Command("couchgrass.cli.agent:agent", RUN, "EXAMPLES"),
    "dashboard": _Command("couchgrass.cli.dashboard:dashboard", RUN, "EXAMPLES"),
    "deploy": _Command("couchgrass.cli.deploy:deploy", DEPLOY, "EXAMPLES"),
    "undeploy": _Command("couchgrass.cli.deploy:undeploy", DEPLOY, "UNDEPLOY_EXAMPLES"),
    "topology": _Command("couchgrass.cli.topology:app", SET_UP),
    "key": _Command("couchgrass.cli.key:app", SET_UP),
    "runtime": _Command("couchgrass.cli.runtime:app", SET_UP),
    "account": _Command("couchgrass.cli.account:app", SET_UP),
    "tenant": _Command("couchgrass.cli.tenant:tenants", SET_UP),
    "user": _Command("couchgrass.cli.tenant:users", SET_UP),
    "link": _Command("couchgrass.cli.link:link", REPLICATE, "EXAMPLES"),
    "links": _Command("couchgrass.cli.links:links", REPLICATE, "EXAMPLES"),
    "unlink": _Command("couchgrass.cli.unlink:unlink", REPLICATE, "EXAMPLES"),
    "wires": _Command("couchgrass.cli.wires:wires"),
}
"""In the order of the help."""


def application(called: str = "") -> typer.Typer:
    """The command line; all of it, unless `called` is the name of a command."""
    app = typer.Typer(
        name="couchgrass",
        epilog=flowing(EXAMPLES),
        help="Keeps a serverless app running when a whole region dies.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(couchgrass)
    for name in [called] if called in COMMANDS else COMMANDS:
        _add(app, name, COMMANDS[name])
    return app


def _add(app: typer.Typer, name: str, command: _Command) -> None:
    place, _, member = command.where.partition(":")
    module = import_module(place)
    found = getattr(module, member)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, rich_help_panel=command.heading)
        return
    app.command(
        name,
        epilog=flowing(getattr(module, command.examples)) if command.examples else None,
        hidden=not command.heading,
        rich_help_panel=command.heading or None,
    )(found)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"couchgrass {__version__}")
        raise typer.Exit


def couchgrass(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
) -> None:
    """Keeps a serverless app running when a whole region dies."""


def main() -> None:
    """Runs the command line."""
    # What imports make stays; looking through it for garbage again and again was a twentieth of a start.
    gc.set_threshold(COLLECT_AFTER)
    application(sys.argv[1] if len(sys.argv) > 1 else "")(prog_name="couchgrass")
