"""``couchgrass status``: what runs in a region or in several, and what is wrong."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.paper import FAILED, complain, misused, out, print_whole, run
from couchgrass.cli.region import DEFAULT_FILE, RegionPlace, read_region
from couchgrass.cli.up_status import show_fleet
from couchgrass.cli.which import CONFIG_VARIABLE, UP_TOPOLOGY, Config, Folder, usual_file
from couchgrass.errors import CouchgrassError
from couchgrass.topology.places import CONFIG

if TYPE_CHECKING:
    from couchgrass.region.run.look import Line, Status

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass status[/]                          [dim]# what there is in this folder[/]
  [cyan]couchgrass status --watch[/]                  [dim]# live, of several regions[/]
  [cyan]couchgrass status --region london --json[/]   [dim]# one region's processes[/]
  [cyan]couchgrass status -c couchgrass.toml[/]       [dim]# all, wherever they run[/]

Without an option it is the region of ./region.toml, else all of ./couchgrass.toml (or of the file that
[cyan]COUCHGRASS_CONFIG[/] names), else what couchgrass up runs in ./.couchgrass.

It ends with 0 when all is ready and answers, and with 1 when something does not."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def status(
    data: RegionPlace = DEFAULT_FILE,
    folder: Folder = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again each second; of several regions.")
    ] = False,
) -> None:
    """Show what runs, and what is wrong: of one region its processes, of several also links and balancer.

    Of one region: ready or not, restarts, URLs, and how actions are kept apart.
    """
    if (folder is not None) + (config is not None) + (data != DEFAULT_FILE) > 1:
        misused("status", "name one of --region, --dir and --config")
    if data == DEFAULT_FILE and (several := _several(folder, config)) is not None:
        file, needs_up = several
        show_fleet(file, needs_up=needs_up, as_json=as_json, watch=watch)
        return
    if watch:
        misused("status", "--watch is for several regions: name their file with -c, or a folder with --dir")
    from couchgrass.region.run.look import look

    seen = run("status", look(data_folder("status", data)))
    if as_json:
        _print_json(seen)
    elif not seen.running:
        complain("status", f"no region runs in {seen.data}")
    else:
        _print(seen)
    if not seen.well:
        raise typer.Exit(FAILED)


def _several(folder: Path | None, config: Path | None) -> tuple[Path, bool] | None:
    """The file of several regions that is meant, and whether `couchgrass up` should run them; None: one
    region's is."""
    if folder is not None:
        return folder / CONFIG, True
    if config is not None:
        return config, False
    if DEFAULT_FILE.exists():
        return None
    file = usual_file()
    known = file.is_file() or CONFIG_VARIABLE in os.environ
    return (file, file == UP_TOPOLOGY) if known else None


def data_folder(command: str, place: Path) -> Path:
    """The data folder that is named, or that a region's file names."""
    if place.is_dir():
        return place.absolute()
    try:
        return Path(read_region(place).data)
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused


def _print_json(seen: Status) -> None:
    import msgspec

    told = msgspec.to_builtins(seen)
    told["processes"] = [{**msgspec.to_builtins(one), "ready": one.well} for one in seen.processes]
    told["ready"] = seen.well
    typer.echo(msgspec.json.format(msgspec.json.encode(told)))


def _print(seen: Status) -> None:
    now = time.time()
    rows = [
        (one.name, _word(one), "" if one.since is None else _ago(now - one.since), str(one.restarts), one.url)
        for one in seen.processes
    ]
    out.print(f"Region {seen.name} in {seen.data}", highlight=False, soft_wrap=True, markup=False)
    print_whole(("process", "state", "for", "restarts", "URL"), rows)
    confinement = seen.confinement or "not known"
    out.print(f"Actions are confined by: {confinement}", highlight=False, soft_wrap=True, markup=False)


def _word(one: Line) -> str:
    if one.well or one.phase not in ("ready", "elsewhere"):
        return one.phase
    return f"{one.phase}, but does not answer"


def _ago(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
