"""Counters of the server, and the answers that show them: ``_stats``, ``_prometheus`` and ``_system``.

Pure: the time and the facts about the process are arguments. A counter is a plain integer that the code it is
about adds to (``stats.document_writes += 5``). One such statement does not lose counts between threads of
CPython as long as it has the interpreter lock; histograms, and `request_done`, belong to the event loop, so what
a writer thread measures is observed where its answer arrives.

Names, types and shapes are those of CouchDB 3.5 (``couch_stats``, ``couch_prometheus``). A histogram covers the
last `interval_s` seconds, with bins an eighth of a power of two wide. Beyond CouchDB, the sums and counts that
``_prometheus`` shows for a histogram never go back, and the process is also shown under the names that every
Prometheus client uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

PROMETHEUS_CONTENT_TYPE = "text/plain; version=2.0"
"""What CouchDB says; the text is Prometheus' 0.0.4 all the same."""

_QUANTILES = ((50, 0.5), (75, 0.75), (90, 0.9), (95, 0.95), (99, 0.99), (999, 0.999))
_LOWEST, _HIGHEST = 0.01, 4_000_000.0
_BINS_PER_DOUBLING = 8


def _bin_of(value: float) -> int:
    mantissa, exponent = math.frexp(value)
    return exponent * _BINS_PER_DOUBLING + int(mantissa * 2 * _BINS_PER_DOUBLING)


_FIRST = _bin_of(_LOWEST)
_BINS = _bin_of(_HIGHEST) - _FIRST + 1


def _bin_start(index: int) -> float:
    exponent, part = divmod(index + _FIRST - _BINS_PER_DOUBLING, _BINS_PER_DOUBLING)
    return math.ldexp(_BINS_PER_DOUBLING + part, exponent - 4)
