"""A bucket takes a burst of its rate, then its pace; never more; each caller has its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.gateway.ratelimit import Buckets, Limit, RateExceeded, read_limits


@pytest.mark.parametrize(
    ("given_", "limits"),
    [
        (None, ()),
        ([], ()),
        ([{"rate": 3, "units": 1, "unit": "second"}], (Limit(3, 1),)),
        ([{"rate": "50", "units": 2, "unit": "hour"}], (Limit(50, 7200),)),
        ({"rate": 1, "units": 1, "unit": "day"}, (Limit(1, 86400),)),
        ([{"rate": 5}], (Limit(5, 60),)),
        ([{"rate": 5, "unit": "fortnight"}], (Limit(5, 60),)),
        ([{"rate": 5, "unit": "minute"}, {"rate": 100, "unit": "day"}], (Limit(5, 60), Limit(100, 86400))),
    ],
)
def test_limits_are_read(given_: Any, limits: tuple[Limit, ...]) -> None:
    assert read_limits(given_) == limits


@pytest.mark.parametrize(
    "given_", [5, [5], [{}], [{"rate": 0}], [{"rate": -1}], [{"rate": "x"}], [{"rate": True}]]
)
def test_what_is_no_limit_is_refused(given_: Any) -> None:
    with pytest.raises(BadRequest):
        read_limits(given_)


def test_a_burst_is_taken_then_the_pace_is_kept() -> None:
    buckets, limits = Buckets(), (Limit(3, 6),)
    assert [buckets.take("a", limits, 100.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", limits, 100.0) == pytest.approx(2)
    assert buckets.take("b", limits, 100.0) == 0
    assert buckets.take("a", limits, 101.9) == pytest.approx(0.1)
    assert buckets.take("a", limits, 102.0) == 0
    assert buckets.take("a", limits, 102.0) > 0


def test_a_request_that_one_limit_refuses_counts_for_none() -> None:
    buckets, limits = Buckets(), (Limit(10, 1), Limit(1, 100))
    assert buckets.take("a", limits, 0.0) == 0
    for _ in range(20):
        assert buckets.take("a", limits, 0.0) == pytest.approx(100)
    assert buckets.take("a", limits[:1], 0.0) == 0


@given(st.integers(1, 5), st.integers(1, 10), st.lists(st.floats(0, 5), max_size=60))
def test_no_interval_has_more_than_twice_the_rate(rate: int, interval_s: int, gaps: list[float]) -> None:
    buckets, limits, now = Buckets(), (Limit(rate, interval_s),), 0.0
    let_in: list[float] = []
    for gap in gaps:
        now += gap
        wait_s = buckets.take("a", limits, now)
        if wait_s:
            assert wait_s <= max(interval_s, interval_s / rate) + 1e-6
        else:
            let_in.append(now)
    for at in let_in:
        assert sum(at <= each < at + interval_s - 1e-6 for each in let_in) <= 2 * rate


@given(st.integers(1, 5), st.floats(0.1, 10), st.integers(0, 20))
def test_who_waits_as_told_is_let_in(rate: int, interval_s: float, taken: int) -> None:
    buckets, limits = Buckets(), (Limit(rate, interval_s),)
    for _ in range(taken):
        buckets.take("a", limits, 50.0)
    wait_s = buckets.take("a", limits, 50.0)
    assert not wait_s or buckets.take("a", limits, 50.0 + wait_s) == 0


def test_buckets_are_bounded() -> None:
    buckets = Buckets(buckets_max=10)
    for caller in range(100):
        buckets.take(caller, (Limit(1, 60),), 0.0)
    assert len(buckets) == 10
    assert buckets.take(99, (Limit(1, 60),), 0.0) > 0


def test_the_refusal_says_when_there_is_room() -> None:
    assert (RateExceeded(2.5).status, RateExceeded(2.5).wait_s) == (429, 2.5)
