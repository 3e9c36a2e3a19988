"""The last hour: bounded, aligned, and true to what was told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.dashboard.history import EVENTS_MAX, STEP_S, STEPS, Hour
from couchgrass.dashboard.seen import Past, Rates
from tests.dashboard.sites import DALLAS, LINK, LONDON, NOW, balancer, but, overview

START = NOW // STEP_S * STEP_S
QUARTERS = st.integers(0, int(12 * STEP_S * STEPS)).map(lambda number: number / 4)
"""Seconds that a clock of this century can tell exactly."""


def rated(rate: float | None) -> object:
    return but(LONDON, rates=Rates(requests_s=rate))


def told(times: list[float], values: list[float | None]) -> Past:
    hour = Hour()
    for at, value in zip(times, values, strict=True):
        hour.add(overview(at=START + at, regions=(rated(value),), links=()))
    return hour.history(START + max(times)).regions["london"].requests_s


@given(
    st.lists(
        st.tuples(QUARTERS, st.one_of(st.none(), st.floats(0, 1e6))),
        min_size=1,
        max_size=60,
    )
)
def test_each_step_has_the_mean_of_what_was_told_in_it(rows: list[tuple[float, float | None]]) -> None:
    rows.sort(key=lambda row: row[0])
    found = told([at for at, _ in rows], [value for _, value in rows])
    last = int(rows[-1][0] // STEP_S)
    assert len(found) == STEPS
    for number, value in enumerate(found):
        step = last - STEPS + 1 + number
        values = [rate for at, rate in rows if int(at // STEP_S) == step and rate is not None]
        if not values:
            assert value is None
        else:
            assert value is not None
            assert abs(value - sum(values) / len(values)) <= 1e-3 + 1e-9 * max(values)


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=30))
def test_a_clock_that_jumps_breaks_nothing(jumps: list[float]) -> None:
    hour, at = Hour(), NOW
    for jump in jumps:
        at += jump
        hour.add(overview(at=at))
        seen = hour.history(at)
        for row in seen.regions.values():
            assert len(row.up) == len(row.lag_s) == STEPS
        assert seen.end % STEP_S == 0


def test_a_short_outage_is_seen_and_so_is_the_worst_lag() -> None:
    hour = Hour()
    for at, state, lag in ((1, "ready", 0.0), (3, "down", None), (4, "live", 8.5), (6, "ready", 1.0)):
        region = but(LONDON, state=state, lag_s=lag)
        hour.add(overview(at=START + at, regions=(region, DALLAS)))
    row = hour.history(START + 7).regions["london"]
    assert (row.up[-1], row.lag_s[-1]) == (0.0, 8.5)
    assert hour.history(START + 7).regions["dallas"].up[-1] == 1.0


def test_links_are_told_by_pair_and_not_at_all_when_one_is_not_known() -> None:
    hour = Hour()
    one, other = but(LINK, lag_s=1.0, pending=3, rate_s=2.0), but(LINK, database="d", lag_s=4.0, pending=4)
    hour.add(overview(at=START, links=(one, other)))
    row = hour.history(START).links["london>dallas"]
    assert (row.lag_s[-1], row.pending[-1], row.rate_s[-1]) == (4.0, 7.0, 2.0)
    hour.add(overview(at=START + STEP_S, links=(one, but(other, lag_s=None, pending=None, rate_s=None))))
    row = hour.history(START + STEP_S).links["london>dallas"]
    assert (row.lag_s[-1], row.pending[-1], row.rate_s[-1]) == (None, None, None)


def test_the_balancer_tells_who_serves() -> None:
    hour = Hour()
    hour.add(overview(at=START, balancer=balancer(london="serving", dallas="standby", tokyo="out")))
    rows = hour.history(START).balancer
    assert {name: row.up[-1] for name, row in rows.items()} == {"london": 1.0, "dallas": 0.5, "tokyo": 0.0}


def test_what_was_not_told_for_an_hour_is_gone() -> None:
    hour = Hour()
    hour.add(overview(at=START))
    assert list(hour.history(START + STEP_S * (STEPS - 1)).links) == ["london>dallas"]
    late = START + STEP_S * STEPS
    hour.add(overview(at=late, links=()))
    seen = hour.history(late)
    assert seen.links == {}
    assert seen.regions["london"].up == [None] * (STEPS - 1) + [1.0]
    assert hour.history(late + 5 * STEP_S).regions["london"].up[-6:] == [1.0, None, None, None, None, None]


def test_nothing_is_known_before_the_first_look() -> None:
    seen = Hour().history(NOW)
    assert (seen.regions, seen.links, seen.events) == ({}, {}, ())


def test_the_oldest_events_make_room() -> None:
    hour = Hour()
    for number in range(EVENTS_MAX + 20):
        state = "down" if number % 2 else "ready"
        hour.add(overview(at=START + number, regions=(but(LONDON, state=state),)))
    events = hour.history(START + EVENTS_MAX).events
    assert len(events) == EVENTS_MAX
    assert events[-1].at == START + EVENTS_MAX + 19
