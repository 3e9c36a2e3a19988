"""Built-in reduces: what rows come to, and what they say of values that they can't take."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.docdb.collation import sort_key
from couchgrass.docdb.reduce import (
    OVERFLOW_BYTES,
    SUM_REFUSED,
    Emitted,
    InvalidValue,
    built_in,
    overflow,
)  # fmt: skip


def row(value: Any, key: Any = None, doc_id: str = "a", number: int = 0) -> Emitted:
    return Emitted(sort_key(key), doc_id, number, json.encode(key), json.encode(value))


def reduced(name: str, *values: Any) -> Any:
    return reduced_rows(name, [row(value) for value in values])


def reduced_rows(name: str, rows: list[Emitted]) -> Any:
    reduction = built_in(name)()
    for one in rows:
        reduction.add(one)
    return reduction.result()


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ((), 0),
        ((1, 2, 3), 6),
        ((1, 2.5), 3.5),
        ((2**70, 1), 2**70 + 1),
        (([1, 2], [3, 4, 5]), [4, 6, 5]),
        ((1, [2, 3], 4), [7, 3]),
        (({"a": 1}, {"b": 2, "a": 3}), {"a": 4, "b": 2}),
        (({"a": {"b": [1]}}, {"a": {"b": [2, 3]}}), {"a": {"b": [3, 3]}}),
    ],
)
def test_sum_adds_numbers_arrays_and_objects(values: Any, total: Any) -> None:
    assert reduced("_sum", *values) == total


@pytest.mark.parametrize(
    ("values", "culprit"),
    [((1, "x"), "x"), ((None,), None), ((1, {"a": 1}), {"a": 1}), (([1], ["x"]), "x"), ((1, True, 2), True)],
)
def test_sum_says_what_it_can_not_add(values: Any, culprit: Any) -> None:
    assert reduced("_sum", *values) == {
        "error": "builtin_reduce_error", "reason": SUM_REFUSED, "caused_by": culprit
    }  # fmt: skip


def test_sum_complains_about_objects_that_only_grow() -> None:
    values = [{f"name-{number}": 1} for number in range(1000)]
    found = reduced("_sum", *values)
    assert found["error"] == "builtin_reduce_error"
    assert found["reason"].startswith("Reduce output must shrink more rapidly")


def test_a_reduction_may_be_large_when_it_is_a_small_part_of_its_input() -> None:
    assert overflow(1, OVERFLOW_BYTES) is None
    assert overflow(2 * OVERFLOW_BYTES + 2, OVERFLOW_BYTES + 1) is None
    assert overflow(2 * OVERFLOW_BYTES, OVERFLOW_BYTES + 1) is not None


def test_count_counts_whatever_the_values_are() -> None:
    assert reduced("_count", 1, "x", None, {}) == 4
    assert reduced("_count") == 0


@given(st.lists(st.integers(-1000, 1000), min_size=1))
def test_stats_are_those_of_the_numbers(values: list[int]) -> None:
    assert reduced("_stats", *values) == {
        "sum": sum(values),
        "count": len(values),
        "min": min(values),
        "max": max(values),
        "sumsqr": sum(value * value for value in values),
    }


def test_stats_of_arrays_are_by_place_and_stats_of_stats_are_stats() -> None:
    pair = reduced("_stats", [1, 10], [3, 30])
    assert [one["sum"] for one in pair] == [4, 40]
    assert [one["max"] for one in pair] == [3, 30]
    assert reduced("_stats", reduced("_stats", 1, 2), 3) == reduced("_stats", 1, 2, 3)


@pytest.mark.parametrize(
    "values", [("x",), (1, "x"), ([1], [1, 2]), (1, [1]), ([1], 1), ({},), ({"sum": "x"},), (None,), (True,)]
)
def test_stats_fail_over_what_is_no_number(values: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        reduced("_stats", *values)
    assert (refused.value.status, refused.value.error) == (500, "invalid_value")


@given(st.lists(st.integers(0, 20)))
def test_distinct_keys_are_counted_once(keys: list[int]) -> None:
    rows = [row(None, key) for key in keys]
    assert reduced_rows("_approx_count_distinct", rows) == len(set(keys))


@given(st.lists(st.integers(0, 30)), st.integers(1, 5))
def test_top_and_bottom_are_the_outermost_different_values(values: list[int], rank: int) -> None:
    assert reduced(f"_top_{rank}", *values) == sorted(set(values), reverse=True)[:rank]
    assert reduced(f"_bottom_{rank}", *values) == sorted(set(values))[:rank]


@given(st.permutations(range(5)))
def test_first_and_last_are_by_key_in_whatever_order_the_rows_come(order: list[int]) -> None:
    rows = [row(f"value {key}", key) for key in order]
    assert reduced_rows("_first", rows) == "value 0"
    assert reduced_rows("_last", rows) == "value 4"
    assert reduced_rows("_first", []) is None


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue):
        built_in("_other")


def test_sums_of_floats_stay_finite_numbers() -> None:
    assert math.isclose(reduced("_sum", *[0.1] * 10), 1.0)
