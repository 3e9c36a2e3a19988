"""``couchgrass drill``: breaks something under load, heals it, and reports what was lost."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from couchgrass.cli.paper import FAILED, complain, errors, lines, misused, out, run
from couchgrass.cli.region import read_topology
from couchgrass.drill.plan import How, Kind, check_load, check_region
from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.topology.places import CONFIG, DEFAULT_DIR

if TYPE_CHECKING:
    from couchgrass.drill.report import Fault, Report
    from couchgrass.drill.run.place import UpSite
    from couchgrass.drill.run.watch import Watch
    from couchgrass.topology.config import Topology

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass drill[/]                                  [dim]# kills what serves[/]
  [cyan]couchgrass drill --fault database --how pause[/]     [dim]# its database hangs[/]
  [cyan]couchgrass drill --fault link --seconds 120[/]       [dim]# regions are cut off[/]
  [cyan]couchgrass drill --fault all --html report.html[/]   [dim]# each, with charts[/]

It needs a running [cyan]couchgrass up[/] with the todo app, makes todos of its own and removes them again.
It ends with 0 when all promises were kept: no GET failed, service within a second, nothing lost."""

WELL_S = 90.0
"""How long a drill waits before it begins, and between two, for all regions to be ready."""

LINKED_S = 120.0
"""How long a database that the API has just made may take to be in all regions."""


def drill(
    folder: Annotated[Path, typer.Option("--dir", help="The folder of couchgrass up.", metavar="DIR")] = Path(
        DEFAULT_DIR
    ),
    fault: Annotated[Kind, typer.Option(help="What breaks.")] = Kind.REGION,
    how: Annotated[
        How | None, typer.Option(help="How it breaks. [dim]\\[default: kill; cut for a link][/]")
    ] = None,
    region: Annotated[
        str, typer.Option(help="Which region. [dim]\\[default: the one that serves][/]", metavar="NAME")
    ] = "",
    load: Annotated[float, typer.Option(help="Requests a second.", metavar="N")] = 200.0,
    seconds: Annotated[float, typer.Option(help="How long each drill's load lasts.", metavar="S")] = 20.0,
    api: Annotated[
        str, typer.Option(help="The path of the todos. [dim]\\[default: of the first app][/]", metavar="PATH")
    ] = "",
    database: Annotated[str, typer.Option(help="The database of the todos.", metavar="NAME")] = "todos",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the reports there.", metavar="FILE")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with charts there.", metavar="FILE")
    ] = None,
) -> None:
    """Break something under real load, heal it, and measure what users saw and what was lost."""
    from couchgrass.drill.report import broken_promises

    try:
        check_load(load, seconds)
    except BadRequest as refused:
        misused("drill", refused.reason)
    for file in filter(None, (json_file, html_file)):
        if not file.absolute().parent.is_dir():
            misused("drill", f"{file.absolute().parent} is no folder")
    try:
        plan = _Plan(folder, fault, how, region, load, seconds, api, database)
    except CouchgrassError as refused:
        complain("drill", refused.reason)
        raise typer.Exit(FAILED) from refused
    try:
        run("drill", plan.run(), interrupted="what it broke is healed, and its todos are removed")
    finally:
        # Of several drills those that came to their end count, whatever became of the next one.
        if plan.reports:
            _write(plan.reports, json_file, html_file)
    if any(broken_promises(report) for report in plan.reports):
        raise typer.Exit(FAILED)


class _Plan:
    """The drills that were asked for, against what runs now."""

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        how: How | None,
        region: str,
        rate: float,
        seconds: float,
        api: str,
        database: str,
    ) -> None:
        from couchgrass.drill.plan import faults

        self._topology = read_topology(folder / CONFIG)
        names = self._topology.names
        check_region(region, names)
        self._balancer = _balancer(self._topology)
        serving = _serving(self._balancer, names)
        self._faults = faults(kind, how, region or serving, names)
        self._site = _site(folder, self._topology)
        self._rate = rate
        self._seconds = seconds
        namespace = self._topology.apps[0].namespace if self._topology.apps else "guest"
        self._api = "/" + (api or f"api/{namespace}/v1/todo").strip("/")
        self._database = database
        self.reports: list[Report] = []
        """Of the drills that came to their end."""

    async def run(self) -> None:
        """All drills, one after the other."""
        for fault in self._faults:
            await self._well()
            self.reports.append(await self._one(fault))
            _show(self.reports[-1])

    async def _well(self) -> None:
        from couchgrass.drill.run.drill import settled

        async def ready() -> bool:
            seen = await asyncio.gather(*(self._site.health(name) for name in self._site.regions))
            return all(one is not None and one.ready for one in seen) and self._balances()

        if not await settled(ready, time.monotonic, limit_s=WELL_S):
            raise BadRequest("not all regions are ready: couchgrass status says what is wrong")

    def _balances(self) -> bool:
        """The balancer gives requests to all regions again, but for drained ones; it is careful with one that
        came back just now."""
        try:
            regions = _balancer(self._topology).get("regions", {})
        except BadRequest:
            return False  # it is being started
        return not any(one.get("state") in ("out", "starting") for one in regions.values())

    async def _one(self, fault: Fault) -> Report:
        from couchgrass.drill.ops import Load
        from couchgrass.drill.run.drill import Drill
        from couchgrass.drill.run.load import Driver

        seed = secrets.SystemRandom()
        began = time.monotonic()

        def now() -> float:
            return time.monotonic() - began

        mark = f"drill {secrets.token_hex(4)}"
        async with AsyncExitStack() as stack:
            watches = await self._watches(stack, mark)
            urls = await self._urls(fault)
            await self._linked(watches)
            driver = Driver(urls, Load(seed.randrange), now, mark=mark)
            tell: Callable[[str], None] = lambda text: errors.print(  # noqa: E731
                f"[dim]{now():6.1f} s[/]  {escape(text)}", highlight=False
            )
            try:
                drill = Drill(self._site, driver, watches, now, tell)
                return await drill.run(fault, self._rate, self._seconds)
            finally:
                await _remove(watches, {one.doc for one in driver.outcomes if one.doc})

    async def _watches(self, stack: AsyncExitStack, mark: str) -> dict[str, Watch]:
        from couchgrass.drill.run.watch import Watch
        from couchgrass.region.run.account import peer_access

        found = {}
        for one in self._topology.regions:
            server = await stack.enter_async_context(peer_access(one).server())
            found[one.name] = Watch(server, self._database, mark)
        return found

    async def _linked(self, watches: Mapping[str, Watch]) -> None:
        """The first todo of all makes the database in one region; the others have it a moment later."""
        from couchgrass.drill.run.drill import settled

        async def there() -> bool:
            return all(await asyncio.gather(*(watch.is_there() for watch in watches.values())))

        if not await settled(there, time.monotonic, limit_s=LINKED_S):
            raise BadRequest(f"not all regions have the database {self._database}: name another --database")

    async def _urls(self, fault: Fault) -> Sequence[str]:
        """Where the load goes: to the balancer; when a link breaks, to each region, as from users of both."""
        from couchgrass.drill.run.probe import check_todos
        from couchgrass.region.run.account import gateway_url

        if fault.kind == Kind.LINK.value:
            urls = [gateway_url(self._topology.region(name)) for name in (fault.region, fault.other)]
        else:
            urls = [str(self._balancer["url"])]
        urls = [url.rstrip("/") + self._api for url in urls]
        await asyncio.gather(*(check_todos(url) for url in urls))
        return urls


def _balancer(topology: Topology) -> Mapping[str, Any]:
    """What the balancer says of itself. Raises BadRequest when none runs."""
    import msgspec

    from couchgrass.balancer.envoy.folder import read_state

    if topology.balancer is None:
        raise BadRequest("the topology has no [balancer]")
    state = read_state(Path(topology.balancer.data))
    if state is None:
        raise BadRequest(f"no balancer runs in {topology.balancer.data}: couchgrass up starts all")
    found: dict[str, Any] = msgspec.to_builtins(state)
    return found


async def _remove(watches: Mapping[str, Watch], docs: Collection[str]) -> None:
    """The todos of a drill, in all regions that answer: an interrupted one ends before they are equal."""
    for name, watch in watches.items() if docs else ():
        try:
            if await watch.look():
                await watch.remove(watch.marked.union(docs))
                continue
        except CouchgrassError:
            pass
        complain("drill", f"the database of {name} does not answer, so todos of the drill may stay there")


def _serving(balancer: Mapping[str, Any], names: Sequence[str]) -> str:
    """Raises BadRequest when a region may not take over."""
    states = {name: one["state"] for name, one in balancer["regions"].items()}
    if drained := [name for name in names if states.get(name) in ("draining", "drained")]:
        raise BadRequest(f"{drained[0]} is drained and would not take over: couchgrass undrain {drained[0]}")
    return next((name for name in names if states.get(name) == "serving"), names[0])


def _site(folder: Path, topology: Topology) -> UpSite:
    from couchgrass.drill.run.place import UpSite
    from couchgrass.region.run.account import served_at
    from couchgrass.region.run.state_file import read_state

    def pids(name: str) -> Mapping[str, int]:
        state = read_state(Path(topology.region(name).data))
        if state is None:
            return {}
        parts = {part: seen.pid for part, seen in state.processes.items() if seen.pid is not None}
        return {"supervisor": state.pid, **parts}

    def balancer_pid() -> int | None:
        found = _balancer(topology).get("pid")
        return found if isinstance(found, int) else None

    return UpSite(
        folder,
        topology.names,
        pids=pids,
        health_url=lambda name: served_at(topology.region(name), "agent"),
        balancer_pid=balancer_pid,
    )


def _show(report: Report) -> None:
    from couchgrass.drill.report import broken_promises, facts

    out.print()
    out.print(lines(("", ""), facts(report)))
    broken = broken_promises(report)
    for word in broken:
        out.print(f"[bold red]not kept:[/] {escape(word)}", highlight=False, soft_wrap=True)
    if not broken:
        out.print("[bold green]All promises were kept.[/]")


def _write(reports: Sequence[Report], json_file: Path | None, html_file: Path | None) -> None:
    import msgspec

    from couchgrass.drill.page import page
    from couchgrass.drill.report import broken_promises

    told = [{**msgspec.to_builtins(one), "broken_promises": broken_promises(one)} for one in reports]
    contents: list[tuple[Path | None, bytes]] = [
        (json_file, msgspec.json.format(msgspec.json.encode(told)) + b"\n"),
        (html_file, page(reports, title="couchgrass drill").encode()),
    ]
    for file, content in contents:
        if file is None:
            continue
        try:
            file.write_bytes(content)
        except OSError as refused:
            complain("drill", f"{file} can't be written: {refused.strerror}")
            raise typer.Exit(FAILED) from refused
        out.print(f"Written: {file}", highlight=False, soft_wrap=True)
