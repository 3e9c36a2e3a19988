"""How long a replication waits before it tries again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.replication.backoff import CRASH_MAX_S, delay_s, probe_delay_s

DICE = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (1, 0.25), (2, 0.5), (3, 1), (7, 16), (8, 30), (9, 30), (1000, 30), (10**9, 30)],
)
def test_crashes_double_the_wait_up_to_half_a_minute(failures: int, seconds: float) -> None:
    assert delay_s(failures, 0.0) == seconds


@given(st.integers(1, 10**6), DICE)
def test_the_dice_shorten_a_wait_by_at_most_half(failures: int, dice: float) -> None:
    longest = delay_s(failures, 0.0)
    assert longest / 2 <= delay_s(failures, dice) <= longest <= CRASH_MAX_S


@given(st.integers(0, 10**6), DICE)
def test_another_crash_never_shortens_the_wait(failures: int, dice: float) -> None:
    assert delay_s(failures, dice) <= delay_s(failures + 1, dice)


def test_an_absent_peer_is_asked_every_two_seconds_however_long_it_is_away() -> None:
    assert [probe_delay_s(probes) for probes in range(6)] == [0.25, 0.5, 1, 2, 2, 2]
    assert probe_delay_s(10**9) == 2
