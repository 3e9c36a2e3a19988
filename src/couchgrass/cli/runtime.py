"""``couchgrass runtime``: packages that actions find installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from couchgrass.cli.paper import FAILED, complain, errors, flowing, lines, misused, out
from couchgrass.cli.region import DEFAULT_FILE, RegionPlace
from couchgrass.cli.status import data_folder
from couchgrass.errors import CouchgrassError

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass runtime add --classic nodejs[/]   [dim]# what IBM's Node.js kinds had[/]
  [cyan]couchgrass runtime add --classic python[/]
  [cyan]couchgrass runtime add nodejs:8 @cloudant/cloudant@2 openwhisk[/]
  [cyan]couchgrass runtime add python 'requests>=2.30'[/]
  [cyan]couchgrass runtime list[/]

A kind such as nodejs:8 has its own packages if it has some, else those of its family, nodejs. An app's own
node_modules and virtualenv come first. New packages are used by the processes that start from then on."""

app = typer.Typer(
    help="Packages that actions find installed.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    epilog=flowing(EXAMPLES),
)

Kind = Annotated[str, typer.Argument(help="nodejs, python, or one kind such as nodejs:8.", metavar="KIND")]


@app.command()
def add(
    kind: Kind,
    packages: Annotated[
        list[str] | None,
        typer.Argument(help="Names, perhaps with versions.", metavar="PACKAGE...", show_default=False),
    ] = None,
    classic: Annotated[
        bool, typer.Option("--classic", help="The set that IBM's runtimes had, in versions of then.")
    ] = False,
    data: RegionPlace = DEFAULT_FILE,
) -> None:
    """Install packages for a kind or a family, besides those it has.

    Nothing of the packages is run or compiled for it; those that need that do not work.
    """
    from couchgrass.functions import packages as rules

    family = _family(kind)
    _check_there(kind, family)
    wanted = (*(rules.CLASSIC[family] if classic else ()), *(packages or ()))
    if not wanted:
        misused("runtime add", "name packages, or say --classic")
    try:
        rules.check_packages(family, wanted)
    except CouchgrassError as refused:
        misused("runtime add", refused.reason)
    _change("runtime add", kind, data, lambda before: rules.with_added(before, wanted))


@app.command()
def remove(
    kind: Kind,
    packages: Annotated[list[str], typer.Argument(help="Their names.", metavar="PACKAGE...")],
    data: RegionPlace = DEFAULT_FILE,
) -> None:
    """Take packages away from a kind or a family."""
    from couchgrass.functions import packages as rules

    _family(kind)
    _change("runtime remove", kind, data, lambda before: rules.without(before, packages))


@app.command("list")
def show(data: RegionPlace = DEFAULT_FILE) -> None:
    """Show which packages were installed for what."""
    from couchgrass.functions.runtimes import packages

    runtimes = _runtimes(data)
    rows = [(kind, " ".join(packages.asked(runtimes, kind))) for kind in packages.names(runtimes)]
    if rows:
        out.print(lines(("kind", "packages"), rows))
    else:
        out.print("No packages are installed.")


def _runtimes(data: Path) -> Path:
    from couchgrass.region.places import RUNTIMES

    return data_folder("runtime", data) / RUNTIMES


def _family(kind: str) -> str:
    from couchgrass.functions.packages import check_kind

    try:
        return check_kind(kind)
    except CouchgrassError as refused:
        misused("runtime", refused.reason)


def _check_there(kind: str, family: str) -> None:
    """Packages for a kind that no action can have would be found by nobody."""
    from couchgrass.functions.kinds import Kinds

    known = [str(one["kind"]) for one in Kinds().info()[family]]
    if kind != family and kind not in known:
        misused("runtime add", f"there is no kind {kind}: there are {', '.join(known)}")


def _change(
    command: str, kind: str, data: Path, change: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> None:
    from couchgrass.functions.packages import check_kind
    from couchgrass.functions.runtimes import packages
    from couchgrass.functions.runtimes.install import INSTALLERS

    runtimes = _runtimes(data)
    try:
        packages.check_free(runtimes, kind)
        wanted = change(packages.asked(runtimes, kind))
        with errors.status(f"Installing {len(wanted)} packages for {kind} …"):
            packages.put(runtimes, kind, wanted, INSTALLERS[check_kind(kind)])
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused
    except OSError as refused:
        complain(command, f"{refused.filename or runtimes}: {refused.strerror}")
        raise typer.Exit(FAILED) from refused
    typer.echo(f"{kind} has these packages: {' '.join(wanted) or 'none'}")
