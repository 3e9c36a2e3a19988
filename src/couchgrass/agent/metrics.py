"""A region's metrics: what its processes say, put together, and what its agent sees itself.

Pure. Every series gets the labels `region` and `part`, the process that it is of; where a process says one of
them itself, its own is kept as `exported_…`, as Prometheus does. Samples of one name come together under one
type, whoever says them. Specification: Prometheus' text format 0.0.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from couchgrass.agent.readiness import RUNNING
from couchgrass.agent.seen import Health, Link
from couchgrass.errors import BadRequest
from couchgrass.exposition import Family, Sample, exposition, label

AGENT: Final = "agent"

_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_META: Final = re.compile(rf"# (HELP|TYPE) ({_NAME}) ?(.*)")
_NUMBER: Final = r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|Inf|NaN)"
_SAMPLE: Final = re.compile(rf"({_NAME})(?:\{{(.*)\}})?[ \t]+({_NUMBER})(?:[ \t]+-?[0-9]+)?[ \t]*")
_LABEL: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*("(?:[^"\\]|\\.)*")\s*(?:,|$)')
_KINDS: Final = frozenset({"counter", "gauge", "histogram", "summary", "untyped"})
_SUFFIXES: Final = ("_bucket", "_sum", "_count", "_created")


class Disk(NamedTuple):
    """The data folder: what it takes, and what is left on its disk."""

    used_bytes: int
    free_bytes: int


class _Gathered:
    """One metric of all processes."""

    __slots__ = ("help", "kind", "lines")

    def __init__(self) -> None:
        self.help = ""
        self.kind = "untyped"
        self.lines: list[str] = []


def failed_family(times: int) -> Family:
    """How often the part whose metric it is could not be read."""
    desc = "how often a part's metrics could not be had"
    return Family("couchgrass_scrape_failed_total", "counter", desc, [Sample(times)])


def own_families(health: Health, links: Iterable[Link], disk: Disk | None) -> Iterator[Family]:
    """What the agent sees."""
    for name, desc, is_so in (
        ("live", "the region can serve", health.live),
        ("ready", "the region serves and has caught up since its start", health.ready),
        ("database_up", "the database takes writes", health.database),
        ("functions_up", "the functions run actions", health.functions),
    ):
        yield Family(f"couchgrass_{name}", "gauge", desc, [Sample(int(is_so))])
    yield from _link_families(tuple(links))
    if disk is not None:
        used, free = [Sample(disk.used_bytes)], [Sample(disk.free_bytes)]
        yield Family("couchgrass_data_bytes", "gauge", "what the data folder takes on its disk", used)
        yield Family("couchgrass_data_free_bytes", "gauge", "what is left on the data folder's disk", free)


def _link_families(links: tuple[Link, ...]) -> Iterator[Family]:
    labels = [{"database": one.database, "source": one.source, "target": one.target} for one in links]
    pairs = list(zip(links, labels, strict=True))
    for name, desc, samples in (
        (
            "lag_seconds",
            "age of the oldest change that the target may lack",
            [Sample(one.lag_s, which) for one, which in pairs if one.lag_s is not None],
        ),
        (
            "pending_changes",
            "changes that are not copied yet",
            [Sample(one.pending, which) for one, which in pairs if one.pending is not None],
        ),
        (
            "dead_letters",
            "documents that the target refused",
            [Sample(one.dead_letters, which) for one, which in pairs],
        ),
        ("running", "the link runs", [Sample(int(one.state == RUNNING), which) for one, which in pairs]),
    ):
        yield Family(f"couchgrass_link_{name}", "gauge", desc, samples)
    peers = {one.source: one.peer_reachable for one in links}
    reach = [Sample(int(there), {"source": peer}) for peer, there in peers.items()]
    yield Family("couchgrass_peer_reachable", "gauge", "the other region's database answers", reach)


class Gathering:
    """The metrics of one region, part by part."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._metrics: dict[str, _Gathered] = {}

    def add(self, part: str, text: str) -> None:
        """All that one part says. Raises BadRequest for what is no text of metrics: then nothing of it is
        taken."""
        head = f"{label('region', self._region)},{label('part', part)}"
        told: dict[str, _Gathered] = {}
        for line in text.split("\n"):
            _take(told, line, head)
        for name, metric in told.items():
            known = self._metrics.setdefault(name, metric)
            if known is not metric:
                known.lines += metric.lines

    def add_families(self, part: str, families: Iterable[Family]) -> None:
        """The same of what is at hand."""
        self.add(part, exposition(families))

    def text(self) -> str:
        """All of it."""
        return "".join(
            f"# HELP {name} {one.help}\n# TYPE {name} {one.kind}\n" + "".join(one.lines)
            for name, one in self._metrics.items()
            if one.lines
        )


def _take(told: dict[str, _Gathered], line: str, head: str) -> None:
    if line.startswith("#"):
        if meta := _META.fullmatch(line):
            metric = told.setdefault(meta[2], _Gathered())
            if meta[1] == "HELP":
                metric.help = meta[3]
            elif meta[3] in _KINDS:
                metric.kind = meta[3]
        return
    if not line.strip():
        return
    found = _SAMPLE.fullmatch(line)
    if found is None:
        raise BadRequest(f"no line of metrics: {line[:100]}")
    name = found[1]
    own = [f"{_kept(key)}={value}" for key, value in _labels(found[2] or "")]
    metric = told.setdefault(_family_of(told, name), _Gathered())
    metric.lines.append(f"{name}{{{','.join([head, *own])}}} {found[3]}\n")


def _family_of(gathered: Mapping[str, _Gathered], name: str) -> str:
    """Which metric a sample is of: a histogram's samples have endings."""
    for suffix in _SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and base in gathered and gathered[base].kind in ("histogram", "summary"):
            return base
    return name


def _labels(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = _LABEL.match(text, at)
        if found is None:
            raise BadRequest(f"no labels of a metric: {text[:100]}")
        yield found[1], found[2]
        at = found.end()


def _kept(name: str) -> str:
    return f"exported_{name}" if name in ("region", "part") else name
