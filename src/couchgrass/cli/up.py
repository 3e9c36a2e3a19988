"""``couchgrass up``: regions, the balancer and the app, all on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from couchgrass.cli.down import Dir
from couchgrass.cli.fleet import up_kept
from couchgrass.cli.paper import FAILED, complain, errors, out
from couchgrass.cli.region import read_topology
from couchgrass.cli.wires import wired
from couchgrass.errors import CouchgrassError
from couchgrass.topology.places import DEFAULT_DIR

if TYPE_CHECKING:
    from couchgrass.topology.config import Topology
    from couchgrass.topology.generate import Asked
    from couchgrass.topology.run.folder import Example

DEFAULT_REGIONS: Final = "london,dallas"
LAST_LINES: Final = 20
RUNS: Final = b"runs"

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass up[/]                         [dim]# London and Dallas, the todo app[/]
  [cyan]curl http://127.0.0.1:8080/v1/todo[/]    [dim]# in another terminal[/]
  [cyan]couchgrass up --app my/app --detach[/]   [dim]# goes on in the background[/]
  [cyan]couchgrass up --regions london,dallas,tokyo --dir three[/]
  [cyan]couchgrass down[/]

The first start writes DIR/couchgrass.toml; from then on that file is what counts, and each start goes on with
the data that there is. Ctrl-C stops the balancer, then the regions; a second one hurries them."""


def up(
    folder: Dir = Path(DEFAULT_DIR),
    regions: Annotated[
        str | None,
        typer.Option(
            "--regions", help=f"Their names. [dim]\\[default: {DEFAULT_REGIONS}][/]", metavar="NAME,…"
        ),
    ] = None,
    app: Annotated[
        Path | None,
        typer.Option(
            "--app", help="A folder with a manifest. [dim]\\[default: the todo app][/]", metavar="PATH"
        ),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            help="NAME=VALUE lines, for the manifest's $NAME. [dim]\\[default: local.env of the app][/]",
            metavar="FILE",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", help="The balancer's port. [dim]\\[default: 8080][/]", metavar="N", min=1, max=65535
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when all is ready, and go on in the background.")
    ] = False,
    behind: Annotated[int | None, typer.Option("--behind", hidden=True)] = None,
) -> None:
    """Run several regions on this machine, an app in all of them, and a balancer in front.

    A region that dies is started again; the others serve meanwhile.
    """
    try:
        asked = _asked(regions, app, env_file, port)
        if detach:
            raise typer.Exit(_detached(folder, asked))
        raise typer.Exit(_run(folder.absolute(), asked, behind=behind))
    except CouchgrassError as refused:
        complain("up", refused.reason or refused.error)
        raise typer.Exit(FAILED) from refused


def _asked(regions: str | None, app: Path | None, env_file: Path | None, port: int | None) -> Asked:
    from couchgrass.topology.generate import Asked, names_of
    from couchgrass.topology.run.folder import check_app

    if app is not None:
        check_app(app)
    if env_file is not None and not env_file.is_file():
        raise CouchgrassError(f"{env_file} is not there")
    names = None if regions is None else names_of(regions)
    return Asked(names, _whole(app), port, _whole(env_file))


def _whole(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _run(folder: Path, asked: Asked, *, behind: int | None) -> int:
    from couchgrass.cli.up_run import Fleet
    from couchgrass.region.run.state_file import Hold
    from couchgrass.topology.places import UP_LOG
    from couchgrass.topology.run.folder import FolderRefused, check_ports, ready_wires
    from couchgrass.topology.run.journal import Journal

    hold = Hold(folder, up_kept())
    try:
        topology = _topology(folder, asked)
        check_ports(folder, topology)
        wires = ready_wires(folder, topology, wired(topology))
        try:
            journal = Journal(folder / UP_LOG)
        except OSError as refused:
            raise FolderRefused(f"{folder / UP_LOG} can't be written: {refused.strerror}") from refused

        async def whole() -> int:
            fleet = Fleet(folder, topology, wires, journal)
            return await fleet.run(begun=partial(_let_go, behind), watch=behind is None)

        status = asyncio.run(whole())
        if status:
            _tell_end(journal.last(LAST_LINES), folder / UP_LOG)
        else:
            out.print(f"Stopped. The data stays in {folder}.", highlight=False, soft_wrap=True)
        journal.close()
        return status
    finally:
        hold.close()


def _topology(folder: Path, asked: Asked) -> Topology:
    """What is to run. The first start writes it down. Raises CouchgrassError."""
    from couchgrass.cli.preflight import check_apps, wants_sign_in
    from couchgrass.topology.cities import meant
    from couchgrass.topology.generate import names_of
    from couchgrass.topology.places import CONFIG
    from couchgrass.topology.run.folder import check_app, check_options, env_file_of, first_file

    file = folder / CONFIG
    if not file.exists():
        names = asked.regions or names_of(DEFAULT_REGIONS)
        for name in names:
            if city := meant(name):
                errors.print(f"{name} is no city that is known here; {city} is", highlight=False)
        env_file = env_file_of(asked)
        sign_in = bool(env_file) and wants_sign_in(Path(env_file))
        first_file(folder, asked, example=example(asked), regions=names, sign_in=sign_in)
        topology = read_topology(file)
    else:
        topology = read_topology(file)
        check_options(folder, topology, asked)
    for one in topology.apps:
        check_app(Path(one.folder))
    check_apps(folder, topology)
    return topology


def example(asked: Asked) -> Example:
    """The todo app and its pages. Says when these are not built. Raises CouchgrassError."""
    from couchgrass.topology.run.folder import Example

    app, pages = example_app(), example_pages()
    if pages is None and asked.app is None:
        errors.print(
            "[yellow]warning:[/] the todo app's pages are not built, so there is only its API: make setup "
            "in the source tree builds them; docs/pages.md says how to add them",
            highlight=False,
            soft_wrap=True,
        )
    return Example(app, pages)


def example_pages() -> Path | None:
    """What is built of the todo client, as it was installed, or of the source tree; None: nothing is."""
    package = Path(__file__).resolve().parent.parent
    places = (package / "examples" / "todo-web", package.parent.parent / "examples" / "todo" / "web" / "dist")
    return next((place for place in places if (place / "index.html").is_file()), None)


def example_app() -> Path:
    """The todo app, as it was installed, or of the source tree. Raises CouchgrassError."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "examples" / "todo", package.parent.parent / "examples" / "todo" / "python"):
        if (place / "manifest.yaml").is_file():
            return place
    raise CouchgrassError("the todo app is not part of this installation: name another with --app")


def _tell_end(last: Sequence[str], log: Path) -> None:
    for line in last:
        errors.print(line, highlight=False, soft_wrap=True, markup=False)
    complain("up", f"it ended; all of its log is in {log}")


def _let_go(behind: int | None) -> None:
    """Whoever waits at the other end of stdout and of this pipe learns that all runs."""
    if behind is None:
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    sys.stdout.flush()
    os.write(behind, RUNS)
    for descriptor in (1, 2, behind):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _detached(folder: Path, asked: Asked) -> int:
    """Passes on what the one in the background says, until it lets go or ends; the exit status."""
    command = [sys.executable, "-m", "couchgrass", "up", "--dir", str(folder.absolute())]
    if asked.regions is not None:
        command.append(f"--regions={','.join(asked.regions)}")
    if asked.app is not None:
        command.append(f"--app={asked.app}")
    if asked.env_file is not None:
        command.append(f"--env-file={asked.env_file}")
    if asked.port is not None:
        command.append(f"--port={asked.port}")
    reading, writing = os.pipe()
    behind = subprocess.Popen(  # noqa: S603
        [*command, f"--behind={writing}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(writing,),
        text=True,
    )
    os.close(writing)
    assert behind.stdout is not None
    while True:
        try:
            for line in behind.stdout:
                out.print(line, end="", highlight=False, soft_wrap=True, markup=False)
            break
        except KeyboardInterrupt:
            behind.send_signal(signal.SIGTERM)
    behind.stdout.close()
    with os.fdopen(reading, "rb") as told:
        return 0 if told.read() == RUNS else behind.wait()
