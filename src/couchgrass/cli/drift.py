"""``couchgrass topology plan`` and ``apply``: what the regions lack of what their file says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from couchgrass.cli.paper import FAILED, complain, errors, lines, out, run
from couchgrass.cli.region import read_topology
from couchgrass.cli.which import Config, Folder, topology_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from couchgrass.agent.plan import Drift
    from couchgrass.topology.config import Topology

ROUNDS_MAX: Final = 8
"""A database goes from region to region one link a round; a ring of many takes some."""

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass topology plan[/]                     [dim]# of ./couchgrass.toml[/]
  [cyan]couchgrass topology apply -c couchgrass.toml[/]
  [cyan]couchgrass topology plan --json | jq '.drift[]'[/]

The regions' agents do the same by themselves all the time, each for its own region. What only [bold]apply[/]
does: it takes the keys of regions that left the file. No database is ever deleted, and nothing is touched
that is not ours."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


class Mended(msgspec.Struct):
    """What was done, what failed, what is left, and which regions could not be asked."""

    done: list[Drift]
    failed: list[tuple[Drift, str]]
    drift: list[Drift]
    unreached: Mapping[str, str]


def plan(config: Config = None, folder: Folder = None, json: Json = False) -> None:
    """Show what differs between the regions and their file: databases, keys, rights, links.

    Ends with 1 when there is something, or when a region can't be asked.
    """
    found = _run("topology plan", topology_file("topology plan", config, folder), mend=False)
    if json:
        out.print_json(data={"drift": _told(found.drift), "unreached": dict(found.unreached)})
    elif found.drift:
        out.print(_table(found.drift))
    elif not found.unreached:
        out.print("All is as the file says.")
    _end("topology plan", found, json=json)


def apply(config: Config = None, folder: Folder = None, json: Json = False) -> None:
    """Make the regions what their file says: databases, keys, rights, links.

    Ends with 1 when something could not be done, or when a region can't be asked.
    """
    found = _run("topology apply", topology_file("topology apply", config, folder), mend=True)
    if json:
        failed = [{**_told([drift])[0], "reason": reason} for drift, reason in found.failed]
        out.print_json(
            data={
                "done": _told(found.done),
                "failed": failed,
                "drift": _told(found.drift),
                "unreached": dict(found.unreached),
            }
        )
    elif found.done:
        out.print(_table(found.done))
    elif not found.drift and not found.unreached:
        out.print("Nothing was to be done.")
    for drift, reason in found.failed:
        complain("topology apply", f"{drift.region}: {drift.database} {drift.what}: {reason}")
    _end("topology apply", found, json=json)


def _end(command: str, found: Mended, *, json: bool) -> None:
    if not json:
        for name, reason in found.unreached.items():
            outcome = "is left as it is" if command.endswith("apply") else "can't be asked"
            complain(command, f"{name} {outcome}: {reason}")
    if found.drift or found.unreached:
        raise typer.Exit(FAILED)


def _run(command: str, file: Path, *, mend: bool) -> Mended:
    try:
        topology = read_topology(file)
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused
    with errors.status("looking at the regions"):
        return run(command, _mended(topology, mend=mend))


async def _mended(topology: Topology, *, mend: bool) -> Mended:
    """Looks, and mends as long as that leads to something else to be done."""
    from couchgrass.agent.plan import drift
    from couchgrass.agent.run.whole import opened
    from couchgrass.cli.agent import reach_of
    from couchgrass.region.run.account import peer_access

    reach = {region.name: reach_of(region, peer_access) for region in topology.regions}
    mended = Mended([], [], [], {})
    async with opened(topology, reach) as whole:
        for number in range(ROUNDS_MAX + 1):
            looked = await whole.look()
            mended.unreached = looked.unreached
            mended.drift = [drift(step) for step in looked.steps]
            if not mend or not looked.steps or number == ROUNDS_MAX:
                break
            outcome = await whole.apply(looked)
            mended.done += outcome.done
            mended.failed = outcome.failed
            if not outcome.done:
                break
    return mended


def _told(drift: Sequence[Drift]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(one) for one in drift]


def _table(drift: Sequence[Drift]) -> Any:
    rows = [(one.region, one.database, one.what, one.why) for one in drift]
    return lines(("region", "database", "what", "why"), rows)
