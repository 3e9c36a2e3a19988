"""``couchgrass topology``: the commands about the file with all regions."""

from __future__ import annotations

import typer

from couchgrass.cli import drift
from couchgrass.cli.paper import flowing

app = typer.Typer(no_args_is_help=True, help="The file with all regions, and whether they are as it says.")
app.command(epilog=flowing(drift.EXAMPLES))(drift.plan)
app.command(epilog=flowing(drift.EXAMPLES))(drift.apply)
