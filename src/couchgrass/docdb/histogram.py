"""A histogram over the last seconds, with the figures that CouchDB's ``_stats`` shows of one.

Pure: the time is an argument. Bins are an eighth of a power of two wide, from 0.01 to 4,000,000; there is one
set of them for each second, and those within the interval are added up. Figures take each value as the middle
of its bin.
The rule is that of CouchDB 3.5 (``couch_stats_histogram``, ``couch_stats_math``).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

PERCENTILES = {50: 0.5, 75: 0.75, 90: 0.9, 95: 0.95, 99: 0.99, 999: 0.999}
"""How ``_stats`` names a percentile, and the part of all values that lies below it."""

_BINS = 230
_STARTS = [math.ldexp(8 + (index + 2) % 8, (index + 2) // 8 - 10) for index in range(_BINS + 1)]
"""The least value of each bin, and the end of the last: 0.0098, …, 1, 1.125, … 1.875, 2, 2.25, …, 4194304."""

_INNER_STARTS = _STARTS[1:-1]
"""What tells bins apart: what is too small or too large for all falls into the first or last."""


class Histogram:
    """How values spread: milliseconds, or numbers of things.

    `count` and `total` are those of all values ever, for Prometheus; `summary` is of the last `interval_s`.
    """

    __slots__ = ("_bins", "_interval_s", "_seconds", "_turn_at_s", "count", "total")

    def __init__(self, interval_s: int = 10) -> None:
        self.count = 0
        self.total = 0.0
        self._interval_s = interval_s
        self._seconds: deque[tuple[int, list[int]]] = deque(maxlen=interval_s)
        self._bins: list[int] = []
        self._turn_at_s = -math.inf

    def observe(self, value: float, at_s: float) -> None:
        """Count `value` at the time `at_s`, in seconds of a clock that does not go back."""
        if at_s >= self._turn_at_s:
            self._bins = [0] * _BINS
            self._seconds.append((math.floor(at_s), self._bins))
            self._turn_at_s = math.floor(at_s) + 1
        self.count += 1
        self.total += value
        self._bins[bisect_right(_INNER_STARTS, value)] += 1

    def summary(self, at_s: float) -> dict[str, Any]:
        """The spread over the interval that ends at `at_s`, in the shape of ``_stats``."""
        live = [bins for second, bins in self._seconds if second > at_s - self._interval_s]
        return _summary([(index, n) for index, n in enumerate(map(sum, zip(*live, strict=True))) if n])


def _summary(bins: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Moments and percentiles of (bin, count) pairs in ascending order."""
    n = sum(count for _, count in bins)
    middles = [((_STARTS[index] + _STARTS[index + 1]) / 2, count) for index, count in bins]
    mean = sum(middle * count for middle, count in middles) / n if n else 0
    variance = _moment(middles, mean, 2)
    deviation = math.sqrt(variance)
    percentiles = [[name, _percentile(bins, n * part)] for name, part in PERCENTILES.items()]
    return {
        "n": n,
        "min": _STARTS[bins[0][0]] if n else 0,
        "max": _STARTS[bins[-1][0] + 1] if n else 0,
        "arithmetic_mean": mean,
        "geometric_mean": math.exp(sum(count * math.log(m) for m, count in middles) / n) if n else 0,
        "harmonic_mean": n / sum(count / m for m, count in middles) if n else 0,
        "median": percentiles[0][1],
        "variance": variance,
        "standard_deviation": deviation,
        "skewness": _moment(middles, mean, 3) / deviation**3 if deviation**3 > 1e-12 else 0,
        "kurtosis": _moment(middles, mean, 4) / deviation**4 - 3 if deviation**4 > 1e-12 else 0,
        "percentile": percentiles,
        "histogram": [[0, 0]],
    }


def _moment(middles: Sequence[tuple[float, int]], mean: float, power: int) -> float:
    n = sum(count for _, count in middles)
    return sum(count * (middle - mean) ** power for middle, count in middles) / n if n else 0


def _percentile(bins: Iterable[tuple[int, int]], rank: float) -> float:
    """The value that `rank` observations lie below, taken as evenly spread within their bin."""
    for index, count in bins:
        if rank < count:
            start = _STARTS[index]
            return start + (_STARTS[index + 1] - start) * rank / count
        rank -= count
    return 0
