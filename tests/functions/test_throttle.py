"""Throttles refuse with OpenWhisk's texts, and say when to try again."""

from __future__ import annotations

import pytest

from couchgrass.functions.limits import SYSTEM_LIMITS
from couchgrass.functions.throttle import Allowed, Throttle, Throttled

SMALL = Allowed(invocations_per_minute=2, fires_per_minute=1, concurrent=2)


def test_the_defaults_are_what_the_region_tells_its_clients() -> None:
    told = SYSTEM_LIMITS
    assert Allowed() == Allowed(told.actions_per_minute, told.triggers_per_minute, told.concurrent_actions)


def test_a_minute_is_one_of_the_clock_and_refused_requests_count_too() -> None:
    throttle = Throttle(Allowed(invocations_per_minute=2))
    throttle.enter("ns", 60.0)
    throttle.enter("ns", 90.5)
    for count in (3, 4):
        with pytest.raises(Throttled) as refused:
            throttle.enter("ns", 90.5)
        said = f"Too many requests in the last minute (count: {count}, allowed: 2)."
        assert (refused.value.status, refused.value.reason) == (429, said)
        assert refused.value.retry_after_s == 30
    throttle.enter("ns", 120.0)
    assert throttle.in_flight("ns") == 3


def test_the_time_to_try_again_is_at_least_a_second() -> None:
    throttle = Throttle(Allowed(fires_per_minute=0))
    with pytest.raises(Throttled) as refused:
        throttle.fire("ns", 59.9999)
    assert refused.value.retry_after_s == 1


def test_what_is_in_flight_is_bounded_and_room_comes_back() -> None:
    throttle = Throttle(Allowed(concurrent=2))
    throttle.enter("ns", 0)
    throttle.enter("ns", 0)
    with pytest.raises(Throttled) as refused:
        throttle.enter("ns", 0)
    assert refused.value.reason == "Too many concurrent requests in flight (count: 2, allowed: 2)."
    assert refused.value.retry_after_s == 1
    throttle.leave("ns")
    throttle.enter("ns", 0)
    throttle.leave("ns")
    throttle.leave("ns")
    assert throttle.in_flight("ns") == 0


def test_namespaces_and_triggers_are_counted_apart() -> None:
    throttle = Throttle(SMALL, {"large": Allowed()})
    throttle.fire("ns", 0)
    throttle.enter("ns", 0)
    throttle.enter("other", 0)
    with pytest.raises(Throttled):
        throttle.fire("ns", 0)
    for _ in range(1_000):
        throttle.fire("large", 0)
    assert throttle.allowed("large") == Allowed()
    assert throttle.allowed("ns") == SMALL
