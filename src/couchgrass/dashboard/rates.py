"""Rates out of what was counted: readings of counters, some seconds apart.

Pure. A counter that fell began anew: what it shows now came since then, so it counts from 0. A part of a
region that could not be read counts nothing, instead of 0.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeVar

import msgspec

from couchgrass.dashboard.seen import Rates

READINGS_KEPT: Final = 3
"""A rate is of the time between the oldest and the newest: with fewer, it would jump."""

_REQUESTS: Final = "couchgrass_gateway_http_requests_total"
_ACTIVATIONS: Final = "couchgrass_functions_activations_total"
_RUNS: Final = "couchgrass_functions_runs_total"
_GATEWAY: Final = re.compile(r"^couchgrass_gateway_http_request_seconds_count\b", re.MULTILINE)
_FUNCTIONS: Final = re.compile(r"^couchgrass_functions_cells\b", re.MULTILINE)
"""What a part always tells, also before there is anything to count."""

_COUNTER: Final = re.compile(
    rf"^({_REQUESTS}|{_ACTIVATIONS}|{_RUNS})\{{([^\n]*)\}} ([0-9.e+]+)[ \t]*$", re.MULTILINE
)
_COLD: Final = 'start="cold"'
_FAILED: Final = 'code="5'

K = TypeVar("K", bound=Hashable)


class Counted(msgspec.Struct, frozen=True):
    """What a region counted since the starts of its processes; None: that part did not say."""

    requests: float | None = None
    errors: float | None = None
    activations: float | None = None
    cold: float | None = None


class Reading(msgspec.Struct, frozen=True):
    """All that was counted by `at`, in seconds of a monotonic clock. `balancer`: requests sent to each
    region. `written`: documents written by each link, by (database, source, target)."""

    at: float
    regions: Mapping[str, Counted] = {}
    balancer: Mapping[str, float] = {}
    written: Mapping[tuple[str, str, str], float] = {}


class Flow(msgspec.Struct, frozen=True):
    """Per second. What is not there is not known."""

    regions: Mapping[str, Rates] = {}
    balancer: Mapping[str, float] = {}
    written: Mapping[tuple[str, str, str], float] = {}


def counted(text: str) -> Counted:
    """What is counted in the text of a region's agent (`agent/metrics.py`)."""
    sums = dict.fromkeys((_REQUESTS, _FAILED, _ACTIVATIONS, _RUNS), 0.0)
    for name, labels, number in _COUNTER.findall(text):
        value = _number(number)
        if name != _RUNS or _COLD in labels:
            sums[name] += value
        if name == _REQUESTS and _FAILED in labels:
            sums[_FAILED] += value
    has_gateway, has_functions = _GATEWAY.search(text), _FUNCTIONS.search(text)
    return Counted(
        requests=sums[_REQUESTS] if has_gateway else None,
        errors=sums[_FAILED] if has_gateway else None,
        activations=sums[_ACTIVATIONS] if has_functions else None,
        cold=sums[_RUNS] if has_functions else None,
    )


def flow(readings: Sequence[Reading]) -> Flow:
    """The rates over the time of these readings, the oldest first. What the newest does not tell is not known
    any more; neither is what only one tells."""
    if not readings:
        return Flow()
    return Flow(
        regions={name: _of_region(name, readings) for name in readings[-1].regions},
        balancer=_each([(one.at, one.balancer) for one in readings]),
        written=_each([(one.at, one.written) for one in readings]),
    )


def rate(points: Sequence[tuple[float, float | None]]) -> float | None:
    """Of (second, counter), the oldest first."""
    if not points or points[-1][1] is None:
        return None
    passed = grown = 0.0
    for (before_at, before), (at, now) in pairwise(points):
        if before is not None and now is not None and at > before_at:
            passed += at - before_at
            grown += now - before if now >= before else now
    return grown / passed if passed > 0.0 else None


def _of_region(name: str, readings: Iterable[Reading]) -> Rates:
    rows = [(one.at, one.regions.get(name, Counted())) for one in readings]
    return Rates(
        requests_s=rate([(at, row.requests) for at, row in rows]),
        errors_s=rate([(at, row.errors) for at, row in rows]),
        activations_s=rate([(at, row.activations) for at, row in rows]),
        cold_s=rate([(at, row.cold) for at, row in rows]),
    )


def _each(rows: Sequence[tuple[float, Mapping[K, float]]]) -> dict[K, float]:
    found = {key: rate([(at, row.get(key)) for at, row in rows]) for key in rows[-1][1]}
    return {key: value for key, value in found.items() if value is not None}


def _number(text: str) -> float:
    """A text that is no number counts nothing: metrics are others' words."""
    try:
        return float(text)
    except ValueError:
        return 0.0
