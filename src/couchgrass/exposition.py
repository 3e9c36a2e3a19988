"""Metrics as Prometheus reads them: families of samples to text (format 0.0.4), and spreads of durations.

What is counted are plain integers that the code it is about adds to; nothing here holds them. A sample's
value is a number, a family's name ends in _total when it is a counter. Specification: Prometheus'
"Exposition formats".
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""The upper bounds of a spread of durations."""


class Sample(NamedTuple):
    """One number of a metric. `suffix` is the ending that its name has, such as ``_sum``."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """What Prometheus takes as one metric. `kind`: counter (its name ends in _total), gauge, summary or
    histogram."""

    name: str
    kind: str
    desc: str
    samples: Sequence[Sample]


class Spread:
    """How durations spread over `SECONDS`. Belongs to one thread; `add` costs some 150 ns."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total_s = 0.0

    def add(self, took_s: float) -> None:
        """One more."""
        self.counts[bisect_left(SECONDS, took_s)] += 1
        self.total_s += took_s

    def samples(self, labels: Mapping[str, str] = {}) -> list[Sample]:
        """What a histogram is made of."""
        reached = 0
        samples = []
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            reached += count
            samples.append(Sample(reached, {**labels, "le": bound}, "_bucket"))
        return [*samples, Sample(self.total_s, labels, "_sum"), Sample(reached, labels, "_count")]


def exposition(families: Iterable[Family]) -> str:
    """The text of all of them."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.desc)}\n# TYPE {family.name} {family.kind}\n")
        lines.extend(_sample_line(family.name, sample) for sample in family.samples)
    return "".join(lines)


def label(name: str, text: str) -> str:
    """A label as it stands in braces."""
    return f'{name}="{_escaped(text, quotes=True)}"'


def _sample_line(name: str, sample: Sample) -> str:
    labels = ",".join(label(key, text) for key, text in sample.labels.items())
    value = sample.value
    number = str(value) if math.isfinite(value) else "NaN" if math.isnan(value) else f"{value:+}".title()
    return f"{name}{sample.suffix}{'{' + labels + '}' if labels else ''} {number}\n"


def _escaped(text: str, *, quotes: bool = False) -> str:
    """Text as the format takes it, on one line."""
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text
