"""Rate limits of an API (`x-ibm-rate-limit`): a leaky bucket for each API, or for each subscription to it.

The bucket holds `rate` requests and leaks as many in `interval_s`: a burst of `rate` is taken, then they come
at that pace. (Upstream's bucket holds one request, so that two calls at the same time are too many for any
limit.) A bucket is one number, the time at which it will be empty; those used least recently are forgotten.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest, TooManyRequests

UNITS_S: Final[Mapping[str, float]] = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
BUCKETS_MAX: Final = 50_000
"""Some 10 MB. Past it a caller may start with an empty bucket."""

RATE_MAX: Final = 10**9


class RateExceeded(TooManyRequests):
    """The limit is reached; after `wait_s` there is room for one more request."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("Rate limit exceeded")
        self.wait_s = wait_s


class Limit(msgspec.Struct, frozen=True):
    """At most `rate` requests in `interval_s`."""

    rate: float
    interval_s: float


def read_limits(given: Any) -> tuple[Limit, ...]:
    """The limits that a swagger names: one object or a list of {rate, unit, units}. Raises BadRequest."""
    if given is None:
        return ()
    rows = given if isinstance(given, list) else [given]
    return tuple(_read(row) for row in rows)


def _read(row: Any) -> Limit:
    if not isinstance(row, dict):
        raise BadRequest("x-ibm-rate-limit has to be a list of objects with rate, unit and units")
    rate, units = _number(row.get("rate"), "rate"), _number(row.get("units", 1), "units")
    unit = row.get("unit", "minute")
    # An unknown unit is a minute upstream.
    return Limit(rate, units * (UNITS_S.get(unit, 60) if isinstance(unit, str) else 60))


def _number(value: Any, name: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number <= RATE_MAX:
        raise BadRequest(f"x-ibm-rate-limit: {name} has to be a number above 0")
    return number


class Buckets:
    """All buckets of a gateway."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._empty_at: OrderedDict[Hashable, float] = OrderedDict()
        self._buckets_max = buckets_max

    def __len__(self) -> int:
        return len(self._empty_at)

    def take(self, key: Hashable, limits: tuple[Limit, ...], now: float) -> float:
        """Takes one request for `key`; 0.0 when it may go on, else the seconds until one may. A request that
        may not go on fills no bucket."""
        wait_s = 0.0
        filled: list[tuple[Hashable, float]] = []
        for limit in limits:
            pace_s = limit.interval_s / limit.rate
            place: Hashable = (key, limit)
            full_at = max(now, self._empty_at.get(place, now)) + pace_s
            # A rate below one still lets a single request in.
            over_s = full_at - now - max(limit.interval_s, pace_s)
            if over_s > 1e-9 * limit.interval_s:
                wait_s = max(wait_s, over_s)
            filled.append((place, full_at))
        if wait_s:
            return wait_s
        for place, full_at in filled:
            self._empty_at[place] = full_at
            self._empty_at.move_to_end(place)
            if len(self._empty_at) > self._buckets_max:
                self._empty_at.popitem(last=False)
        return 0.0
