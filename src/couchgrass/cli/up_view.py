"""What ``couchgrass up`` shows: how far the start is, where all is, and how it is from then on.

On a terminal these are live tables; elsewhere a line for each thing that changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from couchgrass.cli.paper import lines, out, print_whole
from couchgrass.region.places import ADMIN

if TYPE_CHECKING:
    from couchgrass.region.run.state_file import Seen
    from couchgrass.topology.status import Status

REFRESHES_PER_S: Final = 8


class Progress:
    """The start, and the stop, process by process; used in `with`."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if out.is_terminal:
            # A new one each time: one that was stopped still counts its former lines, and would wipe others.
            self._live = Live(self._table(), console=out, transient=True, refresh_per_second=REFRESHES_PER_S)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def changed(self, seen: Mapping[str, Seen]) -> None:
        """What the supervisor wrote down."""
        for name, one in seen.items():
            self.say(name, f"ready at {one.url}" if one.phase.value == "ready" else one.phase.value)

    def say(self, name: str, state: str) -> None:
        """One thing's state, in words."""
        if self._states.get(name) == state:
            return
        self._states[name] = state
        if self._live is not None:
            self._live.update(self._table())
        elif not out.is_terminal and state != "waiting":
            out.print(f"{name}: {state}", highlight=False, soft_wrap=True, markup=False)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, state in self._states.items():
            done = state.startswith(("ready", "stopped"))
            mark = Text("✓", style="green") if done else Spinner("dots")
            table.add_row(mark, escape(name), escape(state))
        return table


def show_places(folder: Path, status: Status, pages: Sequence[str] = ()) -> None:
    """The table of URLs, where the credentials are, and where to look at the apps: `pages` are the paths of
    their pages."""
    out.print()
    rows = [
        (one.name, one.gateway_url, one.functions_url, one.database_url, one.dashboard_url or "")
        for one in status.regions
    ]
    titles = ("region", "gateway", "functions", "database", "dashboard")
    print_whole(titles, rows)
    if status.balancer is not None:
        out.print(f"One address for all: {status.balancer.url}", highlight=False, soft_wrap=True)
    base = status.regions[0].gateway_url if status.balancer is None else status.balancer.url
    for path in pages:
        out.print(f"The app is at {base}{path}", highlight=False, soft_wrap=True, style="bold")
    if status.credentials_file:
        out.print(f"Credentials are in {status.credentials_file}", highlight=False, soft_wrap=True)
    admins = [folder / one.name / ADMIN for one in status.regions if one.dashboard_url]
    for first in [one for one in admins if one.exists()][:1]:
        told = f"Sign in to a dashboard as its region's admin: {first}"
        out.print(told, highlight=False, soft_wrap=True, markup=False)
    out.print(f"Logs are in {folder / 'up.log'}", highlight=False, soft_wrap=True)
    if out.is_terminal:
        out.print()


class Watching:
    """The live view, with a line at its foot; used in `with`."""

    def __init__(self, foot: str) -> None:
        self._foot = foot
        self._live = Live(console=out, transient=True, refresh_per_second=REFRESHES_PER_S)
        self._said: tuple[str, ...] | None = None

    def __enter__(self) -> Watching:
        if out.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, status: Status, rates: Mapping[str, float]) -> None:
        """How it is now; `rates`: requests a second by region."""
        if out.is_terminal:
            self._live.update(view(status, rates, self._foot))
            return
        self._say(status.wrong or ("all is well",))

    def refused(self, reason: str) -> None:
        """It can't be seen now."""
        if out.is_terminal:
            self._live.update(Text(reason, style="yellow"))
        else:
            self._say((reason,))

    def _say(self, said: tuple[str, ...]) -> None:
        for line in said:
            if self._said is None or line not in self._said:
                out.print(line, highlight=False, soft_wrap=True, markup=False)
        self._said = said


def view(status: Status, rates: Mapping[str, float], foot: str = "") -> Group:
    """One screen: regions, the ways between them, and what is wrong; an empty line between them."""
    admitted = {} if status.balancer is None else status.balancer.regions
    rows = []
    for one in status.regions:
        health = "ready" if one.ready else "live" if one.healthy else "down"
        seen = admitted.get(one.name)
        rate = f"{rates[one.name]:.0f}" if one.name in rates else ""
        actions = "" if one.actions is None else str(one.actions)
        rows.append((one.name, health, seen.state if seen else "", rate, _lag(one.lag_s), actions))
    titles = ("region", "health", "balancer", "requests/s", "lag", "actions")
    parts: list[RenderableType] = [_without_empty(titles, rows)]
    if ways := _ways(status):
        parts.append(lines(("link", "databases", "lag", "pending", "state"), ways))
    if status.balancer is not None and status.balancer.pid is not None:
        parts.append(Text(f"One address for all: {status.balancer.url}"))
    if status.wrong:
        parts.append(Text("\n".join(status.wrong), style="yellow"))
    if foot:
        parts.append(Text(foot, style="dim"))
    spaced = [part for one in parts for part in (one, Text())]
    return Group(*spaced[:-1])


def _without_empty(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """The table without the columns that nobody has anything for."""
    kept = [number for number in range(len(titles)) if any(row[number] for row in rows)]
    return lines([titles[number] for number in kept], [[row[number] for number in kept] for row in rows])


def _ways(status: Status) -> list[tuple[str, str, str, str, str]]:
    from couchgrass.topology.status import slowest, waiting

    rows = []
    pending = waiting(status.links)
    for (source, target), lag_s in slowest(status.links).items():
        between = [one for one in status.links if (one.source, one.target) == (source, target)]
        states = sorted({one.state for one in between})
        left = pending[source, target]
        waits = "" if left is None else str(left)
        rows.append((f"{source} -> {target}", str(len(between)), _lag(lag_s), waits, ", ".join(states)))
    return rows


def _lag(lag_s: float | None) -> str:
    return "" if lag_s is None else f"{lag_s:.1f} s"
