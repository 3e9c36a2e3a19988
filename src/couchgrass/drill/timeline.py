"""A drill's requests over time: how long nothing worked, who served, what failed.

Pure. Times are seconds of the drill's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from couchgrass.drill.ops import Outcome

SLOT_S: Final = 0.25

FAILURES_MAX: Final = 20
"""Requests that failed are told one by one, up to this number."""


class Slot(msgspec.Struct, frozen=True):
    """Requests that ended within SLOT_S from `at_s`: answered by region, failed, and the slowest answer."""

    at_s: float
    served: dict[str, int]
    failed: int
    slowest_ms: float


class Failure(msgspec.Struct, frozen=True):
    """A request that failed: when it began and how long it took, its status (0: no answer), who answered."""

    method: str
    at_s: float
    took_s: float
    status: int
    region: str
    error: str


class ByMethod(msgspec.Struct, frozen=True):
    """How requests of one method went. `stale`: 404 for a document that was acknowledged before, by a region
    without it so far."""

    method: str
    requests: int
    failed: int
    in_flight_failed: int
    stale: int
    conflicts: int
    p50_ms: float
    p99_ms: float


def slots(outcomes: Sequence[Outcome]) -> tuple[Slot, ...]:
    """The requests by the time of their end, without gaps."""
    if not outcomes:
        return ()
    last = max(int(one.ended_s / SLOT_S) for one in outcomes)
    served = [Counter[str]() for _ in range(last + 1)]
    failed = [0] * (last + 1)
    slowest = [0.0] * (last + 1)
    for one in outcomes:
        at = max(0, int(one.ended_s / SLOT_S))
        if one.failed:
            failed[at] += 1
        else:
            served[at][one.region or "?"] += 1
        slowest[at] = max(slowest[at], (one.ended_s - one.began_s) * 1000)
    return tuple(
        Slot(round(at * SLOT_S, 3), dict(served[at]), failed[at], round(slowest[at], 1))
        for at in range(last + 1)
    )


def by_method(outcomes: Sequence[Outcome], broke_s: float, noticed_s: float) -> tuple[ByMethod, ...]:
    """How each method went. A request was in flight when it ended after the fault, at `broke_s`, and had
    begun before that could be noticed."""
    names = sorted({one.op.method.value for one in outcomes})
    found = []
    for name in names:
        mine = [one for one in outcomes if one.op.method.value == name]
        bad = [one for one in mine if one.failed]
        took = sorted((one.ended_s - one.began_s) * 1000 for one in mine if not one.failed)
        flying = sum(1 for one in bad if one.began_s <= noticed_s and one.ended_s >= broke_s)
        found.append(
            ByMethod(
                name,
                len(mine),
                len(bad),
                flying,
                sum(1 for one in mine if one.status == 404),
                sum(1 for one in mine if one.status == 409),
                round(quantile(took, 0.5), 2),
                round(quantile(took, 0.99), 2),
            )
        )
    return tuple(found)


def failures(outcomes: Iterable[Outcome], most: int = FAILURES_MAX) -> tuple[Failure, ...]:
    """The first of the requests that failed: reads, of which none may, then by when they began."""
    bad = sorted((one for one in outcomes if one.failed), key=lambda one: (one.op.method.writes, one.began_s))
    return tuple(
        Failure(
            one.op.method.value,
            round(one.began_s, 3),
            round(one.ended_s - one.began_s, 3),
            one.status,
            one.region,
            one.error,
        )
        for one in bad[:most]
    )


def rto_s(outcomes: Iterable[Outcome], broke_s: float) -> float | None:
    """From the fault until all is served again: until no request that begins fails any more, and one that
    began after the fault was answered. None when that never came."""
    after = [one for one in outcomes if one.began_s >= broke_s]
    good = [one for one in after if not one.failed]
    bad = [one.began_s for one in after if one.failed]
    last_bad = max(bad, default=broke_s)
    answered = [one.ended_s for one in good if not bad or one.began_s > last_bad]
    if not answered:
        return None
    first = min((one.ended_s for one in good), default=last_bad)
    return max(0.0, max(last_bad, first) - broke_s) if bad else max(0.0, first - broke_s)


def served_between(outcomes: Iterable[Outcome], region: str, from_s: float, to_s: float) -> int:
    """Requests that began and ended in this time and were answered by that region. One that ended later may
    have waited for it."""
    return sum(
        1
        for one in outcomes
        if one.region == region and from_s < one.began_s and one.ended_s < to_s and not one.failed
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the ordered values lies; 0 when there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
