"""A server that complains is asked more slowly, and one that says when is not asked before."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

import pytest

from couchgrass.couch.pace import PAUSE_S_MAX, RETRY_AFTER_S_MAX, STEP_S, Pace
from couchgrass.testing.asgi import MovedClock


def test_nobody_waits_while_nobody_complains() -> None:
    pace = Pace(MovedClock())
    pace.heard(200)
    assert pace.wait_s() == 0
    asyncio.run(pace.turn())


def test_each_complaint_slows_down_up_to_a_bound() -> None:
    pace = Pace(MovedClock())
    waits = []
    for _ in range(40):
        pace.heard(429)
        waits.append(pace.wait_s())
    assert waits[0] == STEP_S
    assert waits == sorted(waits)
    assert waits[-1] == PAUSE_S_MAX


def test_good_answers_make_it_fast_again() -> None:
    pace = Pace(MovedClock())
    for _ in range(40):
        pace.heard(429)
    answers = 0
    while pace.wait_s():
        before = pace.wait_s()
        pace.heard(201)
        assert pace.wait_s() < before
        answers += 1
    assert answers < 100


def test_a_server_that_is_not_there_says_nothing_about_its_pace() -> None:
    pace = Pace(MovedClock())
    pace.heard(429)
    pace.heard(503)
    assert pace.wait_s() == STEP_S


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_to(status: int) -> None:
    clock = MovedClock()
    pace = Pace(clock)
    pace.heard(status, " 7 ")
    assert pace.wait_s() == 7
    clock.time_s += 5
    assert pace.wait_s() == 2
    clock.time_s += 2
    assert pace.wait_s() == pace.pause_s


def test_retry_after_may_be_a_date() -> None:
    clock = MovedClock()
    pace = Pace(clock)
    pace.heard(503, formatdate(clock.time_s + 9, usegmt=True))
    assert pace.wait_s() == 9


@pytest.mark.parametrize("asked", ["86400", formatdate(4_000_000_000, usegmt=True), "9" * 400])
def test_nobody_waits_for_ever(asked: str) -> None:
    pace = Pace(MovedClock())
    pace.heard(503, asked)
    assert pace.wait_s() == RETRY_AFTER_S_MAX


@pytest.mark.parametrize("odd", ["", "soon", "-5", "1.5", "٣", formatdate(1_000, usegmt=True)])
def test_what_is_no_time_to_come_is_no_time(odd: str) -> None:
    pace = Pace(MovedClock())
    pace.heard(503, odd)
    assert pace.wait_s() == 0


def test_the_latest_of_two_times_counts_and_other_answers_have_none() -> None:
    pace = Pace(MovedClock())
    pace.heard(503, "9")
    pace.heard(503, "2")
    pace.heard(200, "20")
    assert pace.wait_s() == 9
