"""What commands that talk to servers print: progress and complaints to stderr, results to stdout."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from couchgrass.cli.complaints import FAILED as FAILED
from couchgrass.cli.complaints import INTERRUPTED
from couchgrass.cli.complaints import complain as complain
from couchgrass.cli.complaints import flowing as flowing
from couchgrass.cli.complaints import misused as misused
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.linking.steps import Done

out = Console()
errors = Console(stderr=True)

FEW = 4
"""More databases than that are not told about one by one."""

VERBOSE = f"Tell all that was done also when it is more than {FEW} databases."

T = TypeVar("T")


def run(command: str, work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end; a refusal becomes a complaint and the exit status 1. A signal to end it is what
    Ctrl-C is: what it has begun is put in order first."""
    try:
        return asyncio.run(_heeding(work))
    except CouchgrassError as refused:
        notes = "".join(f" ({note})" for note in getattr(refused, "__notes__", ()))
        complain(command, (refused.reason or refused.error) + notes)
        raise typer.Exit(FAILED) from refused
    except (KeyboardInterrupt, asyncio.CancelledError) as stopped:
        complain(command, "interrupted: run it again to finish, nothing is done twice")
        raise typer.Exit(INTERRUPTED) from stopped


async def _heeding(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None, "this runs in one"
    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored, as by nohup, stays so.
        if signal.getsignal(number) is signal.SIG_DFL:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work


def lines(titles: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Sequence[str] = ()) -> Table:
    """A table of plain texts, without a frame. The columns of the titles in `whole` never break a text,
    to be copied.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=title in whole)
    for row in rows:
        table.add_row(*(escape(text) for text in row))
    return table


def tell_done(done: Sequence[Done], *, verbose: bool) -> None:
    """What was done on servers, if anything was: each thing, or where it is many databases, their numbers."""
    from couchgrass.linking.steps import counted

    dbs = {one.db for one in done}
    if len(dbs) > FEW and not verbose:
        out.print(f"{len(dbs):,} databases: {counted(done)}.", highlight=False, soft_wrap=True)
        out.print("[dim]--verbose shows each.[/]")
    elif done:
        out.print(lines(("database", "server", "done"), [(one.db, one.where, one.text) for one in done]))
