"""A drill's requests over time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.drill.ops import Method, Op, Outcome
from couchgrass.drill.timeline import (
    SLOT_S,
    Failure,
    by_method,
    failures,
    quantile,
    rto_s,
    served_between,
    slots,
)


def went(
    began_s: float,
    ended_s: float,
    status: int = 200,
    region: str = "london",
    method: Method = Method.GET,
) -> Outcome:
    return Outcome(Op(1, method, "a"), began_s, ended_s, status, region, "a")


def test_service_is_back_when_nothing_that_begins_fails_any_more() -> None:
    outcomes = [went(0, 1), went(2.1, 2.2, 503), went(2.3, 2.4), went(2.5, 2.9, 0), went(3.0, 3.1)]
    assert rto_s(outcomes, 2.0) == 0.5


def test_without_a_failure_it_is_the_first_answer_to_a_request_after_the_fault() -> None:
    found = rto_s([went(1.0, 2.5), went(2.1, 2.3), went(2.2, 2.25)], 2.0)
    assert found is not None
    assert round(found, 3) == 0.25


def test_service_that_never_came_back_has_no_time() -> None:
    assert rto_s([went(0, 1), went(2.1, 2.2, 0)], 2.0) is None
    assert rto_s([], 2.0) is None


def test_what_failed_in_flight_is_told_from_what_failed_later() -> None:
    post = Method.POST
    outcomes = [went(1.9, 2.1, 0, method=post), went(2.2, 2.3, 503, method=post), went(3.0, 3.1, method=post)]
    (strict,) = by_method(outcomes, 2.0, 2.0)
    assert (strict.requests, strict.failed, strict.in_flight_failed) == (3, 2, 1)
    (mild,) = by_method(outcomes, 2.0, 2.5)
    assert mild.in_flight_failed == 2


def test_not_there_yet_and_conflicts_are_no_failures() -> None:
    (one,) = by_method([went(0, 1, 404), went(0, 1, 409)], 2.0, 2.0)
    assert (one.failed, one.stale, one.conflicts) == (0, 1, 1)


def test_the_first_requests_that_failed_are_told_one_by_one() -> None:
    outcomes = [
        went(1.0, 1.1, 503, method=Method.POST),
        went(2.0, 2.5, 0),
        went(0.0, 0.1),
        went(1.5, 3.0, 503),
        went(0.9, 1.0, 500, method=Method.PATCH),
    ]
    assert failures(outcomes, 3) == (
        Failure("GET", 1.5, 1.5, 503, "london", ""),
        Failure("GET", 2.0, 0.5, 0, "london", ""),
        Failure("PATCH", 0.9, 0.1, 500, "london", ""),
    )


def test_traffic_to_a_region_is_counted_where_it_began_and_ended_in_a_time() -> None:
    outcomes = [
        went(1, 2.5),
        went(2.1, 2.2),
        went(2.1, 2.2, region="dallas"),
        went(2.9, 3.1),
        went(3.5, 3.6),
    ]
    assert served_between(outcomes, "london", 2.0, 3.0) == 1


@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.sampled_from([0, 200, 503]), st.sampled_from(["london", "dallas"])),
        max_size=50,
    )
)
def test_each_request_is_in_one_slot(given_: list[tuple[float, int, str]]) -> None:
    outcomes = [went(at, at, status, region) for at, status, region in given_]
    found = slots(outcomes)
    assert sum(sum(slot.served.values()) + slot.failed for slot in found) == len(outcomes)
    assert [slot.at_s for slot in found] == [round(at * SLOT_S, 3) for at in range(len(found))]


def test_quantiles() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([1, 2, 3, 4], 0.5) == 3
    assert quantile([1, 2, 3, 4], 1.0) == 4
