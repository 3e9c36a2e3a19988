"""``couchgrass topology``: the file with all regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from couchgrass.cli import drift
from couchgrass.cli.paper import FAILED, complain, flowing, out, print_whole
from couchgrass.cli.region import read_topology
from couchgrass.cli.which import Config, Folder, topology_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.region.config import Database, Functions, Gateway
    from couchgrass.topology.config import Topology

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass topology example > couchgrass.toml[/]         [dim]# two regions here[/]
  [cyan]couchgrass topology check[/]                             [dim]# of ./couchgrass.toml[/]
  [cyan]couchgrass topology schema > couchgrass.schema.json[/]   [dim]# for editors[/]

The same file serves a laptop and a fleet. [cyan]COUCHGRASS_CONFIG[/] names another than ./couchgrass.toml."""

app = typer.Typer(
    help="The file with all regions: what stands in it, and whether they are as it says.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(EXAMPLES),
)


@app.command()
def example() -> None:
    """Print a file to begin with: two regions on this machine, and all settings with their defaults."""
    from couchgrass.topology.example import EXAMPLE

    typer.echo(EXAMPLE, nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the file, by which editors complete and check it."""
    import msgspec

    from couchgrass.topology.schema import schema as whole

    typer.echo(msgspec.json.format(msgspec.json.encode(whole())).decode())


@app.command()
def check(config: Config = None, folder: Folder = None) -> None:
    """Check a file, and show what it says. Nothing is asked over the network and nothing is changed."""
    try:
        topology = read_topology(topology_file("topology check", config, folder))
    except CouchgrassError as refused:
        complain("topology check", refused.reason)
        raise typer.Exit(FAILED) from refused
    _show(topology)


def _show(topology: Topology) -> None:
    rows: list[tuple[str, str, str]] = []
    for region in topology.regions:
        said = [("location", region.location)] if region.location else []
        said += [(name, _place(getattr(region, name))) for name in ("database", "functions", "gateway")]
        said.append(("data", region.data))
        rows += [(region.name if number == 0 else "", *one) for number, one in enumerate(said)]
    print_whole(("region", "", "where"), rows)
    told = [f"databases {', '.join(one.match for one in topology.databases) or 'none'}"]
    told.append(f"apps {', '.join(one.folder for one in topology.apps) or 'none'}")
    if topology.balancer is not None:
        told.append(
            f"balancer {topology.balancer.policy} on {topology.balancer.host}:{topology.balancer.port}"
        )
    out.print("\n".join(told), highlight=False, soft_wrap=True, markup=False)


def _place(process: Database | Functions | Gateway) -> str:
    return process.url or process.public_url or f"port {process.port}"


app.command(epilog=flowing(drift.EXAMPLES))(drift.plan)
app.command(epilog=flowing(drift.EXAMPLES))(drift.apply)
