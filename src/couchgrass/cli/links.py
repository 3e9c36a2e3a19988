"""``couchgrass links``: the state of all replications that servers run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from couchgrass.cli.paper import FAILED, complain, lines, misused, out, run
from couchgrass.errors import BadRequest, CouchgrassError

if TYPE_CHECKING:
    from couchgrass.linking.address import Address
    from couchgrass.linking.rows import LinkRow

WATCH_S = 2.0
UNKNOWN = "–"
CALM = ("running", "completed")
NEW_LINE = "\n"
NUMBERS_WIDTH = 48
"""What the columns beside the link take: below that, its target gets a line of its own."""

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass links https://admin@london.example https://admin@dallas.example[/]
  [cyan]couchgrass links URL --watch[/]                 [dim]# live, until Ctrl-C[/]
  [cyan]couchgrass links URL --json | jq '.links[].lag_s'[/]

A job is shown by the server that runs it, so name both. Passwords are found as for [cyan]couchgrass link[/]
(COUCHGRASS_A_PASSWORD for the first URL, COUCHGRASS_B_PASSWORD for the second, …).

[bold]lag[/]: the age in seconds of the oldest change that the target may lack; while the source is away,
the time since it was last heard. [bold]dead[/]: documents that the target refused; the server that runs the
job lists them at /_scheduler/docs/_replicator/JOB, where JOB is the name in --json. Apache CouchDB and
Cloudant tell no lag; dead is there what failed since the job began."""


def links(
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="Servers, with an admin's name in each.")],
    json: Annotated[
        bool, typer.Option("--json", help="JSON, for programs; with --watch one line a time.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it live, until Ctrl-C.")] = False,
) -> None:
    """Show state, lag, pending changes and dead letters of all links."""
    from couchgrass.cli.credentials import addresses

    try:
        found = addresses(urls)
    except BadRequest as bad:
        misused("links", bad.reason)
    if watch:
        try:
            asyncio.run(_watch(found, json))
        except KeyboardInterrupt:
            return
    rows, lost = run("links", _look(found))
    if json:
        out.print_json(data=_as_json(rows, lost))
    else:
        if rows or not lost:
            out.print(_table(rows))
        for server, reason in lost.items():
            complain("links", _unreached(server, reason))
    if lost:
        raise typer.Exit(FAILED)


async def _look(addresses: Sequence[Address]) -> tuple[list[LinkRow], dict[str, str]]:
    """The rows of all servers, and why some could not be asked."""
    from couchgrass.couch.server import CouchServer
    from couchgrass.linking.apply.watch import replications

    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(CouchServer(address.base, address.user, address.password))
            for address in addresses
        ]
        answers = await asyncio.gather(*(replications(server) for server in servers), return_exceptions=True)
    rows: list[LinkRow] = []
    lost: dict[str, str] = {}
    for server, answer in zip(servers, answers, strict=True):
        if isinstance(answer, CouchgrassError):
            lost[server.base] = answer.reason or answer.error
        elif isinstance(answer, BaseException):
            raise answer
        else:
            rows += answer
    return rows, lost


async def _watch(addresses: Sequence[Address], json: bool) -> None:
    if json:
        while True:
            out.out(msgspec.json.encode(_as_json(*await _look(addresses))).decode(), highlight=False)
            await asyncio.sleep(WATCH_S)
    with Live(console=out, auto_refresh=False) as live:
        while True:
            rows, lost = await _look(addresses)
            unreached = [Text(_unreached(server, reason), "red") for server, reason in lost.items()]
            live.update(Group(*unreached, *((_table(rows),) if rows or not lost else ())), refresh=True)
            await asyncio.sleep(WATCH_S)


def _table(rows: Sequence[LinkRow]) -> Any:
    """Troubles first, so that they are seen where not all rows have room; one that many jobs have, once."""
    if not rows:
        return "No replication runs there."
    table = lines(("link", "state", "lag", "pending", "dead"), ())
    for column in table.columns[2:]:
        column.justify = "right"
    ends = [(_end(row.source, row.server), _end(row.target, row.server)) for row in rows]
    is_wide = max(len(source) + len(target) for source, target in ends) + NUMBERS_WIDTH <= out.width
    troubled = sorted(zip(rows, ends, strict=True), key=lambda shown: shown[0].state in CALM)
    for row, (source, target) in troubled:
        link = f"{source}{' ' if is_wide else NEW_LINE}→ {target}"
        color = "green" if row.state in CALM else "red" if row.error else "yellow"
        lag = UNKNOWN if row.lag_s is None else f"{row.lag_s:.1f} s"
        pending, dead = (
            UNKNOWN if count is None else f"{count:,}" for count in (row.pending, row.dead_letters)
        )
        dead = f"[red]{dead}[/]" if row.dead_letters else dead
        table.add_row(escape(link), f"[{color}]{escape(row.state)}[/]", lag, pending, dead)
    return Group(*_troubles(rows), table)


def _troubles(rows: Sequence[LinkRow]) -> list[Text]:
    """Each error with the job that has it, or how many have it, and when the next of them tries again."""
    same: dict[tuple[str, str], list[LinkRow]] = {}
    for row in rows:
        if row.error:
            same.setdefault((row.server, row.error), []).append(row)
    said = []
    for (server, error), having in same.items():
        who = f"job {having[0].name}" if len(having) == 1 else f"{len(having)} jobs"
        again = min((row.next_try for row in having if row.next_try), default=None)
        text = f"{server}: {who}: {error}" + (f", next try {again}" if again else "")
        said.append(Text(text, "red"))
    return said


def _unreached(server: str, reason: str) -> str:
    return reason if server in reason else f"{server}: {reason}"


def _end(name: str, server: str) -> str:
    """A database that a server names without a URL is its own."""
    return name if "://" in name else f"{server}/{name}"


def _as_json(rows: Sequence[LinkRow], lost: dict[str, str]) -> dict[str, Any]:
    return {"links": [msgspec.to_builtins(row) for row in rows], "unreached": lost}
