"""Rates out of counters that grow, begin anew, or are not told."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.agent.metrics import Gathering
from couchgrass.dashboard.rates import Counted, Reading, counted, flow, rate
from couchgrass.dashboard.seen import Rates
from couchgrass.functions.activation import Status
from couchgrass.functions.metrics import Counts, families
from couchgrass.functions.pool import Pool
from couchgrass.serving.counted import Requests

STEPS = st.lists(st.tuples(st.floats(0.1, 100), st.integers(0, 10_000)), min_size=1, max_size=10)


def agent_text(*, gateway: bool = True, functions: bool = True) -> str:
    """As a region's agent tells it, with one activation and three requests."""
    gathering = Gathering("london")
    requests = Requests()
    for status in (200, 200, 503):
        requests.add("GET", status, 0.01)
    if gateway:
        gathering.add_families("gateway", requests.families("couchgrass_gateway"))
    if functions:
        counts = Counts()
        counts.ran("nodejs:20", Status.SUCCESS, wait_s=0.1, init_ms=20, run_s=0.1)
        counts.ran("nodejs:20", Status.SUCCESS, wait_s=0.1, init_ms=None, run_s=0.1)
        gathering.add_families("functions", families(counts, Pool(512)))
        gathering.add_families("functions", requests.families("couchgrass_functions"))
    return gathering.text()


def test_a_regions_own_text_is_understood() -> None:
    assert counted(agent_text()) == Counted(requests=3, errors=1, activations=2, cold=1)


def test_a_part_that_did_not_say_counts_nothing_instead_of_0() -> None:
    assert counted(agent_text(gateway=False)) == Counted(activations=2, cold=1)
    assert counted(agent_text(functions=False)) == Counted(requests=3, errors=1)
    assert counted("") == counted('couchgrass_gateway_http_requests_total{code="200"} .e.') == Counted()


def test_what_was_never_asked_for_counts_0() -> None:
    gathering = Gathering("london")
    gathering.add_families("gateway", Requests().families("couchgrass_gateway"))
    gathering.add_families("functions", families(Counts(), Pool(512)))
    assert counted(gathering.text()) == Counted(0, 0, 0, 0)


@given(STEPS, st.floats(0, 1e6), st.integers(0, 10**9))
def test_a_rate_is_what_was_added_over_the_time_that_it_took(
    steps: list[tuple[float, int]], at: float, start: int
) -> None:
    times = list(accumulate((passed for passed, _ in steps), initial=at))
    totals = list(accumulate((grown for _, grown in steps), initial=start))
    found = rate(list(zip(times, totals, strict=True)))
    assert found == pytest.approx((totals[-1] - start) / (times[-1] - at), rel=1e-3, abs=1e-6)


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**9)), max_size=8))
def test_a_rate_is_never_below_0_whatever_is_restarted_or_missing(totals: list[int | None]) -> None:
    found = rate([(float(at), total) for at, total in enumerate(totals)])
    assert found is None or found >= 0
    if not totals or totals[-1] is None:
        assert found is None


def test_a_counter_that_began_anew_counts_from_0() -> None:
    assert rate([(0, 1000), (2, 10), (4, 30)]) == (10 + 20) / 4


def test_time_without_a_reading_is_left_out() -> None:
    assert rate([(0, 10), (2, None), (4, 100), (6, 120)]) == 10
    assert rate([(0, 10), (0, 20)]) is rate([(0, 10)]) is rate([]) is None


def test_only_what_the_newest_reading_tells_has_a_rate() -> None:
    link = ("todos", "london", "dallas")
    one = Reading(10.0, {"london": Counted(5, 0, 1, 0), "dallas": Counted(1)}, {"london": 4}, {link: 7})
    two = Reading(12.0, {"london": Counted(9, 2, 1)}, {"london": 4, "dallas": 1}, {link: 17})
    found = flow([one, two])
    assert found.regions == {"london": Rates(2.0, 1.0, 0.0, None)}
    assert found.balancer == {"london": 0.0}
    assert found.written == {link: 5.0}
    assert flow([]).regions == {}
