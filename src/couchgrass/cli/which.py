"""Which file with several regions a command is about: the same rule for all commands.

The one that is named; else the one that `COUCHGRASS_CONFIG` names; else ``./couchgrass.toml``; else that of
`couchgrass up` in this folder, ``./.couchgrass/couchgrass.toml``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from couchgrass.cli.complaints import misused
from couchgrass.topology.places import CONFIG, DEFAULT_DIR

DEFAULT_TOPOLOGY = Path(CONFIG)
CONFIG_VARIABLE = "COUCHGRASS_CONFIG"
UP_TOPOLOGY = Path(DEFAULT_DIR) / CONFIG

USUAL = f"./{CONFIG}, or couchgrass up's"
"""In the help."""

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help=f"The file with all regions. [dim]\\[default: {USUAL}][/]", metavar="FILE"
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="The folder of couchgrass up, instead of a file.", metavar="DIR"),
]


def usual_file() -> Path:
    """The file that is meant when none is named."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    return UP_TOPOLOGY if UP_TOPOLOGY.is_file() and not DEFAULT_TOPOLOGY.is_file() else DEFAULT_TOPOLOGY


def topology_file(command: str, config: Path | None, folder: Path | None = None) -> Path:
    """The file that a command's options mean."""
    if config is not None and folder is not None:
        misused(command, "--config and --dir name the same thing: give one of them")
    return folder / CONFIG if folder is not None else config or usual_file()


def missing(file: Path) -> str:
    """What to do when the file is not there."""
    if file == DEFAULT_TOPOLOGY:
        return f"couchgrass up starts two regions here; couchgrass topology example > {file} makes a file"
    if file.name == CONFIG and str(file.parent) == DEFAULT_DIR:
        return "couchgrass up makes it"
    if file.name == CONFIG:
        return f"couchgrass up --dir {file.parent} makes it"
    return "couchgrass topology example prints one to begin with"
