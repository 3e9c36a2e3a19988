"""What ``couchgrass deploy`` and ``undeploy`` show: the plan, progress, what became of it; as JSON too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from couchgrass.cli.deploy_places import behind
from couchgrass.cli.paper import errors, lines, out, print_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from couchgrass.deploy.apply.region import Outcome, Prepared
    from couchgrass.deploy.steps import Step

CREATE, GOES, LEFT = "create", "delete", "left"
Line = tuple[str, str, str, str]


def plan_lines(prepared: Prepared) -> list[Line]:
    """(change, kind, name, why) of what there is to do, and of what stays though it left the manifest."""
    made: list[Line] = [
        ("update" if one.kind == "right" else CREATE, _KINDS.get(one.kind, one.kind), one.name, "")
        for one in prepared.missing
    ]
    shown = [*prepared.plan.writes, *prepared.plan.left]
    return made + [(step.change, step.kind, step.name, ", ".join(step.why)) for step in shown]


_KINDS = {
    "account": "database account",
    "right": "right to database",
    "tenant": "sign-in tenant",
    "client": "sign-in client",
}


def show_plan(prepared: Sequence[Prepared], *, takes_away: bool) -> None:
    """The plan of all regions, those with the same one together."""
    groups: dict[tuple[Line, ...], list[Prepared]] = {}
    for one in prepared:
        groups.setdefault(tuple(plan_lines(one)), []).append(one)
    for rows, ones in groups.items():
        if not rows and len(groups) == 1:
            return
        app, namespace = ones[0].name, ones[0].wanted.needs.namespace
        title = f"{', '.join(one.place.name for one in ones)}: app {app} in namespace {namespace}"
        out.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
        shown = [(*row[:3], "" if takes_away and row[0] == GOES else row[3]) for row in rows]
        out.print(lines(("change", "what", "name", "why"), shown) if rows else "nothing to do")
        same = len(ones[0].plan.steps) - len(ones[0].plan.writes) - len(ones[0].plan.left)
        if same:
            out.print(f"{same} unchanged", style="dim", highlight=False)
        if any(row[0] == LEFT for row in rows) and not takes_away:
            out.print("What left the manifest stays; --prune deletes it.", style="dim", highlight=False)


@contextmanager
def progress(prepared: Sequence[Prepared]) -> Iterator[Callable[[str], Callable[[Step], None]]]:
    """Bars at a terminal. Gives what makes, for a region's name, what hears of each of its steps."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bars:
        tasks = {
            one.place.name: bars.add_task(one.place.name, total=len(one.plan.writes), now="")
            for one in prepared
        }

        def of(region: str) -> Callable[[Step], None]:
            def tell(step: Step) -> None:
                bars.update(tasks[region], advance=1, now=f"{step.kind} {step.name}")

            return tell

        yield of


def show_apis(outcomes: Sequence[Outcome], balancer: str) -> None:
    """The table `ok: APIs` of each region, and the same at the balancer."""
    from couchgrass.deploy.apply.region import api_rows

    titles = ("Action", "Verb", "API Name", "URL")
    tables = [
        (one.prepared.place.name, [(row.action, row.verb, row.api, row.url) for row in api_rows(one)])
        for one in outcomes
    ]
    tables = [(name, rows) for name, rows in tables if rows]
    if tables and balancer:
        tables.append(("balancer", [(*row[:3], behind(row[3], balancer)) for row in tables[0][1]]))
    for name, rows in tables:
        out.print(f"\n{name}", style="bold", markup=False, highlight=False)
        out.print("ok: APIs", highlight=False)
        print_whole(titles, rows)


def told(prepared: Prepared, outcome: Outcome | None, balancer: str) -> dict[str, Any]:
    """A region as JSON."""
    from couchgrass.deploy.apply.region import api_rows

    found: dict[str, Any] = {
        "region": prepared.place.name,
        "result": _result(prepared, outcome),
        "changes": [
            {"change": change, "kind": kind, "name": name, "why": why}
            for change, kind, name, why in plan_lines(prepared)
        ],
    }
    if outcome is not None:
        if outcome.error is not None:
            found["error"] = error_text(outcome)
        found["apis"] = [
            {"action": row.action, "verb": row.verb, "api": row.api, "url": row.url}
            | ({"balancer_url": behind(row.url, balancer)} if balancer else {})
            for row in api_rows(outcome)
        ]
    return found


def _result(prepared: Prepared, outcome: Outcome | None) -> str:
    if outcome is None:
        return "planned"
    if outcome.error is not None:
        return "rolled back" if outcome.is_back else "failed"
    return "done" if prepared.changes else "unchanged"


def error_text(outcome: Outcome) -> str:
    """What went wrong in a region, and how it was left."""
    from couchgrass.deploy.apply.apply import Failed

    error = outcome.error
    assert error is not None, "only of one that failed"
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    text = f"{outcome.prepared.place.name}: {error.reason or error.error}{notes}"
    if not isinstance(error, Failed):
        return text
    if error.stuck:
        return f"{text}; it could not be put back: {'; '.join(error.stuck)}"
    return f"{text}; the region is as it was before"


def show_warnings(warnings: Sequence[str]) -> None:
    """Each once, on stderr."""
    for text in dict.fromkeys(warnings):
        errors.print(f"[yellow]warning:[/] {_plain(text)}", highlight=False, soft_wrap=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def print_json(value: Mapping[str, Any]) -> None:
    """On stdout."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
