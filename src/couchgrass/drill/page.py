"""A drill's report as one HTML page without anything from outside: the chart is SVG.

Pure.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from couchgrass.drill.report import Report, broken_promises, facts
from couchgrass.drill.timeline import SLOT_S

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 260, 56, 28
COLOURS: Final = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#0891b2", "#be185d")
FAILED: Final = "#dc2626"
TICKS: Final = 10

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1f2937; --soft: #6b7280; --line: #e5e7eb; --page: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e5e7eb; --soft: #9ca3af; --line: #374151; --page: #111827; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 2rem auto;
  max-width: 940px; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; }
.wide { overflow-x: auto; margin: 1rem 0; } table { border-collapse: collapse; width: 100%; }
td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 500; } td { font-variant-numeric: tabular-nums; white-space: nowrap; }
.facts th { width: 40%; } .facts td { white-space: normal; overflow-wrap: anywhere; }
.counts td + td, .counts th + th { text-align: right; } .failures td:last-child { white-space: normal; }
svg { width: 100%; min-width: 600px; height: auto; } summary { color: var(--soft); cursor: pointer; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); } .grid { stroke: var(--line); }
.mark { stroke: var(--soft); stroke-dasharray: 4 3; } .good { color: #059669; } .bad { color: #dc2626; }
.key { display: inline-flex; gap: .4rem; align-items: center; margin-right: 1.2rem; color: var(--soft); }
.key i { width: .8rem; height: .8rem; border-radius: 2px; display: inline-block; }
"""


def page(reports: Sequence[Report], *, title: str) -> str:
    """The whole page."""
    parts = "".join(_section(report) for report in reports)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{html.escape(title)}</h1>{parts}</body></html>\n"
    )


def _section(report: Report) -> str:
    broken = broken_promises(report)
    words = "".join(f"<li>{html.escape(word)}</li>" for word in broken)
    verdict = f'<ul class="bad">{words}</ul>' if broken else '<p class="good">All promises were kept.</p>'
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts(report)
    )
    head = f"{report.fault.kind}, {report.fault.how}: {report.fault.region}"
    tables = f"{_table('facts', rows)}{_methods(report)}{_failures(report)}"
    return f"<h2>{html.escape(head)}</h2>{verdict}{_chart(report)}{tables}"


def _table(kind: str, rows: str) -> str:
    """One that is scrolled where the window is too narrow for it."""
    return f'<div class="wide"><table class="{kind}">{rows}</table></div>'


def _methods(report: Report) -> str:
    names = (
        "method",
        "requests",
        "failed",
        "in flight",
        "not there yet",
        "conflicts",
        "median ms",
        "p99 ms",
    )
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{html.escape(one.method)}</td><td>{one.requests}</td><td>{one.failed}</td>"
        f"<td>{one.in_flight_failed}</td><td>{one.stale}</td><td>{one.conflicts}</td>"
        f"<td>{one.p50_ms}</td><td>{one.p99_ms}</td></tr>"
        for one in report.methods
    )
    return _table("counts", f"<tr>{head}</tr>{rows}")


def _failures(report: Report) -> str:
    if not report.failures:
        return ""
    names = ("failed", "at s", "took s", "status", "region", "said")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(str(value))}</td>"
            for value in (one.method, one.at_s, one.took_s, one.status or "", one.region, one.error)
        )
        + "</tr>"
        for one in report.failures
    )
    told = f"Requests that failed, the first {len(report.failures)}"
    table = _table("failures", f"<tr>{head}</tr>{rows}")
    return f"<details><summary>{told}</summary>{table}</details>"


def _chart(report: Report) -> str:
    """Requests a second by region, stacked, with failures on top, and the moments of the fault."""
    regions = sorted({name for slot in report.slots for name in slot.served})
    top = max((sum(slot.served.values()) + slot.failed for slot in report.slots), default=0) or 1
    end_s = max(len(report.slots) * SLOT_S, SLOT_S)
    scale_x, scale_y = (WIDTH - LEFT) / end_s, (HEIGHT - BOTTOM) / top
    bars: list[str] = []
    for slot in report.slots:
        below = 0
        stack = [(slot.served.get(name, 0), COLOURS[at % len(COLOURS)]) for at, name in enumerate(regions)]
        for count, colour in (*stack, (slot.failed, FAILED)):
            if count:
                y = HEIGHT - BOTTOM - (below + count) * scale_y
                bars.append(
                    f'<rect x="{LEFT + slot.at_s * scale_x:.1f}" y="{y:.1f}" width="{SLOT_S * scale_x:.2f}" '
                    f'height="{count * scale_y:.1f}" fill="{colour}"/>'
                )
                below += count
    marks = [(report.broke_s, "fault"), (report.healed_s, "healed")]
    lines = "".join(
        f'<line class="mark" x1="{LEFT + at * scale_x:.1f}" x2="{LEFT + at * scale_x:.1f}" y1="0" '
        f'y2="{HEIGHT - BOTTOM}"/><text x="{LEFT + at * scale_x + 4:.1f}" y="11">{word}</text>'
        for at, word in marks
    )
    colours = [(name, COLOURS[at % len(COLOURS)]) for at, name in enumerate(regions)]
    keys = _keys([*colours, ("failed", FAILED)])
    return (
        f'<div class="wide"><svg viewBox="0 -12 {WIDTH} {HEIGHT + 12}" role="img" '
        'aria-label="requests over time by region">'
        f"{_axes(end_s, top / SLOT_S)}{''.join(bars)}{lines}</svg></div><p>{keys}</p>"
    )


def _axes(end_s: float, per_second: float) -> str:
    out = []
    for share in (0.0, 0.5, 1.0):
        y = (HEIGHT - BOTTOM) * share
        rate = f"{per_second * (1 - share):.0f}/s"
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{rate}</text>')
    step = max(1, round(end_s / TICKS))
    out += [
        f'<text x="{LEFT + at * (WIDTH - LEFT) / end_s:.1f}" y="{HEIGHT - 8}">{at} s</text>'
        for at in range(0, int(end_s) + 1, step)
    ]
    return "".join(out)


def _keys(named: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f'<span class="key"><i style="background:{colour}"></i>{html.escape(name)}</span>'
        for name, colour in named
    )
