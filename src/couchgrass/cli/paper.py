"""What commands that talk to servers print: progress and complaints to stderr, results to stdout."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.cells import cell_len, set_cell_size
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


AGAIN = "run it again to finish, nothing is done twice"
"""What is said to who interrupts most commands."""


def run(command: str, work: Coroutine[Any, Any, T], *, interrupted: str = AGAIN) -> T:
    """Runs it to its end; a refusal becomes a complaint and the exit status 1. A signal to end it is what
    Ctrl-C is: what it has begun is put in order first."""
    try:
        return asyncio.run(_heeding(work))
    except CouchgrassError as refused:
        notes = "".join(f" ({note})" for note in getattr(refused, "__notes__", ()))
        complain(command, (refused.reason or refused.error) + notes)
        raise typer.Exit(FAILED) from refused
    except (KeyboardInterrupt, asyncio.CancelledError) as stopped:
        complain(command, f"interrupted: {interrupted}")
        raise typer.Exit(INTERRUPTED) from stopped


async def _heeding(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None, "this runs in one"
    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored, as by nohup, stays so.
        if signal.getsignal(number) is signal.SIG_DFL:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work


def lines(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of plain texts, without a frame."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(escape(text) for text in row))
    return table


def print_whole(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of texts to be copied, which never breaks one: where it is wider than the window, the window
    breaks its lines."""
    table = [tuple(titles), *map(tuple, rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    for number, row in enumerate(table):
        cells = [set_cell_size(text, width) for text, width in zip(row, widths, strict=True)]
        line = "  ".join(cells).rstrip()
        out.print(line, style="bold" if number == 0 else "", highlight=False, soft_wrap=True, markup=False)


def tell_done(done: Sequence[Done], *, verbose: bool) -> None:
    """What was done on servers, if anything was: each thing, or where it is many databases, their numbers."""
    from couchgrass.linking.steps import counted

    dbs = {one.db for one in done}
    if len(dbs) > FEW and not verbose:
        out.print(f"{len(dbs):,} databases: {counted(done)}.", highlight=False, soft_wrap=True)
        out.print("[dim]--verbose shows each.[/]")
    elif done:
        out.print(lines(("database", "server", "done"), [(one.db, one.where, one.text) for one in done]))
