"""How long a silence may be: by the answers that came, and without one's own stalls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.silence import LATE_S, SLOW_TIMES, Heard, answered

TIMES = st.floats(0, 100)


def test_a_silence_counts_from_the_last_answer() -> None:
    heard = answered(answered(None, 10.0, 0.0), 12.0, 0.0)
    assert heard.silent_s(12.5) == 0.5


def test_where_answers_are_quick_the_limit_is_the_base() -> None:
    assert answered(None, 1.0, 0.01).limit_s(0.75, 3.0) == 0.75


@pytest.mark.parametrize(("took_s", "limit_s"), [(0.4, 0.4 * SLOW_TIMES), (5.0, 3.0)])
def test_where_they_are_slow_it_is_longer_up_to_a_bound(took_s: float, limit_s: float) -> None:
    assert answered(None, 1.0, took_s).limit_s(0.75, 3.0) == limit_s


def test_slow_answers_are_forgotten_within_some_quick_ones() -> None:
    heard = answered(None, 0.0, 1.0)
    for number in range(8):
        assert heard.limit_s(0.75, 3.0) > 0.75
        heard = answered(heard, float(number), 0.01)
    assert heard.limit_s(0.75, 3.0) == 0.75


def test_own_stalls_are_left_out_and_the_grain_of_timers_is_none() -> None:
    heard = Heard(10.0)
    assert heard.stalled(2.0, 13.0).silent_s(13.0) == 1.0
    assert heard.stalled(LATE_S / 2, 13.0) == heard


@given(TIMES, TIMES, TIMES, TIMES)
def test_no_stall_makes_a_silence_longer_or_puts_an_answer_into_the_future(
    at: float, slow_s: float, late_s: float, after_s: float
) -> None:
    heard, now = Heard(at, slow_s), at + after_s
    stalled = heard.stalled(late_s, now)
    assert 0 <= stalled.silent_s(now) <= heard.silent_s(now)
    assert 0.75 <= stalled.limit_s(0.75, 3.0) <= 3.0
