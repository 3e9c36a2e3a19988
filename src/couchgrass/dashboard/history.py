"""The last hour, in steps of ten seconds: what overviews told, kept in rings.

Pure. Within a step the worst counts where something is well or not (`up`, lag, pending), so that a short
outage is seen, and the mean where something flows. A step of which nothing was told has no value. Bounded: as
many series as there are regions, pairs of regions, and regions of the balancer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from couchgrass.dashboard.events import changes
from couchgrass.dashboard.seen import (
    AdmittedPast,
    Event,
    History,
    LinkNow,
    LinkPast,
    Overview,
    Past,
    RegionPast,
)

STEP_S: Final = 10.0
STEPS: Final = 360
EVENTS_MAX: Final = 200

_UP: Final[Mapping[str, float]] = {"ready": 1.0, "live": 0.5, "down": 0.0}
_ADMITTED_UP: Final[Mapping[str, float]] = {"serving": 1.0, "standby": 0.5}


Join = Callable[[list[float]], float]
"""Makes one value of a step's."""


class _Ring:
    """One series."""

    __slots__ = ("_join", "_step", "_values")

    def __init__(self, join: Join) -> None:
        self._join = join
        self._step: list[float] = []
        self._values: deque[float | None] = deque(maxlen=STEPS - 1)

    def add(self, value: float | None) -> None:
        if value is not None:
            self._step.append(value)

    def turn(self, steps: int) -> None:
        """So many steps are over."""
        self._values.append(self._now())
        self._step = []
        self._values.extend([None] * min(steps - 1, STEPS))

    @property
    def past(self) -> Past:
        known = [*self._values, self._now()]
        return [None] * (STEPS - len(known)) + known

    @property
    def is_empty(self) -> bool:
        return self._now() is None and all(value is None for value in self._values)

    def _now(self) -> float | None:
        return round(self._join(self._step), 3) if self._step else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


_REGION: Final[Mapping[str, Join]] = {
    "up": min,
    "requests_s": _mean,
    "errors_s": _mean,
    "activations_s": _mean,
    "cold_s": _mean,
    "lag_s": max,
}
_LINK: Final[Mapping[str, Join]] = {"lag_s": max, "pending": max, "rate_s": _mean}
_BALANCER: Final[Mapping[str, Join]] = {"requests_s": _mean, "up": min}

Rows = dict[str, dict[str, _Ring]]


class Hour:
    """Told each overview by `add`, it has the last hour's `history`."""

    def __init__(self) -> None:
        self._regions: Rows = {}
        self._links: Rows = {}
        self._balancer: Rows = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._last: Overview | None = None
        self._step = 0

    def add(self, now: Overview) -> None:
        """Overviews come in their order; a clock that is set back does not turn steps back."""
        self._turn(int(now.at // STEP_S))
        if self._last is not None:
            self._events.extend(changes(self._last, now))
        self._last = now
        for region in now.regions:
            rates = region.rates
            _put(
                _row(self._regions, region.name, _REGION),
                up=_UP[region.state],
                requests_s=rates.requests_s,
                errors_s=rates.errors_s,
                activations_s=rates.activations_s,
                cold_s=rates.cold_s,
                lag_s=region.lag_s,
            )
        for pair, links in _pairs(now.links).items():
            _put(
                _row(self._links, pair, _LINK),
                lag_s=_if_all((one.lag_s for one in links), max),
                pending=_if_all((one.pending for one in links), sum),
                rate_s=_if_all((one.rate_s for one in links), sum),
            )
        balancer = now.balancer
        for name, admitted in balancer.regions.items() if balancer is not None else ():
            _put(
                _row(self._balancer, name, _BALANCER),
                requests_s=admitted.requests_s,
                up=_ADMITTED_UP.get(admitted.state, 0.0),
            )

    def history(self, at: float) -> History:
        """As it is at this moment: also when nothing was told for a while."""
        self._turn(int(at // STEP_S))
        return History(
            step_s=STEP_S,
            end=(self._step + 1) * STEP_S,
            regions={name: RegionPast(**_past(row)) for name, row in self._regions.items()},
            links={name: LinkPast(**_past(row)) for name, row in self._links.items()},
            balancer={name: AdmittedPast(**_past(row)) for name, row in self._balancer.items()},
            events=tuple(self._events),
        )

    def _turn(self, step: int) -> None:
        passed = step - self._step if self._last is not None else 0
        if self._last is None:
            self._step = step
        if passed <= 0:
            return
        self._step = step
        for rows in (self._regions, self._links, self._balancer):
            for name, row in list(rows.items()):
                for ring in row.values():
                    ring.turn(passed)
                if all(ring.is_empty for ring in row.values()):
                    del rows[name]


def _row(rows: Rows, name: str, kinds: Mapping[str, Join]) -> dict[str, _Ring]:
    if name not in rows:
        rows[name] = {kind: _Ring(join) for kind, join in kinds.items()}
    return rows[name]


def _put(row: Mapping[str, _Ring], **values: float | None) -> None:
    for name, value in values.items():
        row[name].add(value)


def _past(row: Mapping[str, _Ring]) -> dict[str, Past]:
    return {name: ring.past for name, ring in row.items()}


def _pairs(links: Iterable[LinkNow]) -> dict[str, list[LinkNow]]:
    found: dict[str, list[LinkNow]] = {}
    for one in links:
        found.setdefault(f"{one.source}>{one.target}", []).append(one)
    return found


def _if_all(values: Iterable[float | None], join: Callable[[Iterable[float]], float]) -> float | None:
    """None when one is not known: a sum without it, or the largest of the others, would be wrong."""
    known: list[float] = []
    for value in values:
        if value is None:
            return None
        known.append(value)
    return join(known)
