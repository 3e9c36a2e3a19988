"""``couchgrass down``: ends what ``couchgrass up`` started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from couchgrass.cli.fleet import up_kept
from couchgrass.cli.paper import FAILED, complain, errors, out
from couchgrass.errors import CouchgrassError
from couchgrass.topology.places import DEFAULT_DIR

STOP_S: Final = 100.0
"""Longer than the balancer, the regions and the wires may take together; what is left then is killed."""

LOOK_S: Final = 0.05

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass down[/]                 [dim]# what runs in ./.couchgrass[/]
  [cyan]couchgrass down --dir /srv/app[/]

The balancer is stopped first, then the regions, all with time to finish. Data stays."""

Dir = Annotated[Path, typer.Option("--dir", help="The folder of couchgrass up.", metavar="DIR")]


def down(folder: Dir = Path(DEFAULT_DIR)) -> None:
    """Stop the regions and the balancer that [cyan]couchgrass up[/] runs. Their data stays."""
    from couchgrass.region.run.state_file import holder, is_held, read_state

    kept = up_kept()
    if not is_held(folder, kept):
        where = "" if folder.is_dir() else ", which is not there"
        complain("down", f"nothing runs in {folder}{where}")
        raise typer.Exit(FAILED)
    try:
        state = read_state(folder, kept)
    except CouchgrassError:
        state = None
    pid = holder(folder, kept) if state is None else state.pid
    if pid is None:
        complain("down", f"something runs in {folder}, but {folder / kept.lock} does not say what")
        raise typer.Exit(FAILED)
    with errors.status("stopping: the balancer, the regions, the wires"):
        ended = _end(pid, signal.SIGTERM, lambda: is_held(folder, kept)) or _end(
            pid, signal.SIGKILL, lambda: is_held(folder, kept)
        )
    if not ended:
        complain("down", f"process {pid} does not end")
        raise typer.Exit(FAILED)
    out.print(f"What ran in {folder} is stopped; its data is kept.", highlight=False, soft_wrap=True)


def _end(pid: int, number: signal.Signals, runs: Callable[[], bool]) -> bool:
    """Whether it ended. Ctrl-C meanwhile is a second signal to it, which hurries it."""
    ends_at = time.monotonic() + STOP_S
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return not runs()
    except PermissionError as refused:
        complain("down", f"process {pid} is another user's")
        raise typer.Exit(FAILED) from refused
    while runs():
        if time.monotonic() > ends_at:
            return False
        try:
            time.sleep(LOOK_S)
        except KeyboardInterrupt:
            os.kill(pid, number)
    return True
