from __future__ import annotations

from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.collation import compare, compare_raw, raw_sort_key, sort_key

NUMBERS = (
    st.integers()
    | st.integers(-(2**80), 2**80)
    | st.integers(2**53 - 3, 2**53 + 3)
    | st.integers(2**1024 - 5, 2**1030)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 1, 1.0, 2**53, 2.0**53, 2**63, 2.0**63, -(2**53) - 1, 10**400, -(10**400)])
)
STRINGS = st.text(st.characters(codec="utf-8"), max_size=6) | st.text("aAbB1 -_\0é\u0301", max_size=4)
SCALARS = st.none() | st.booleans() | NUMBERS | STRINGS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=8,
)

VIEW_ORDER: list[Any] = [
    None,
    False,
    True,
    -(10**400),
    -1.5,
    -1,
    0,
    1e-300,
    1,
    2.0,
    2**53,
    2**53 + 1,
    2.0**53 + 2,
    1.7976931348623157e308,
    10**400,
    10**400 + 1,
    10**4000,
    "",
    "_",
    "-",
    "1",
    "a",
    "A",
    "aa",
    "AA",
    "b",
    "B",
    "é",
    "f",
    [],
    [None],
    ["a"],
    ["b"],
    ["b", "c"],
    ["b", "c", "a"],
    ["b", "d"],
    [[]],
    [{}],
    {},
    {"a": None},
    {"a": 1},
    {"a": 1, "b": 0},
    {"a": 2},
    {"b": 1},
    {"b": 2},
    {"b": 2, "a": 1},
    {"b": 2, "c": 2},
]
RAW_ORDER: list[Any] = [
    -1,
    1,
    2.5,
    False,
    None,
    True,
    {},
    {"a": "a"},
    {"b": 0},
    [],
    ["a"],
    ["a", "b"],
    "",
    "\0",
    "\0\0",
    "\x01",
    "A",
    "A\0",
    "AA",
    "B",
    "_design/x",
    "a",
    "é",
    "\uffff",
    "\U0001f600",
]


def test_view_collation_orders_by_type_and_then_by_content() -> None:
    for lower, upper in combinations(VIEW_ORDER, 2):
        assert (compare(lower, upper), compare(upper, lower)) == (-1, 1), (lower, upper)
        assert sort_key(lower) < sort_key(upper), (lower, upper)


def test_raw_collation_is_erlangs_term_order() -> None:
    for lower, upper in combinations(RAW_ORDER, 2):
        assert (compare_raw(lower, upper), compare_raw(upper, lower)) == (-1, 1), (lower, upper)
        assert raw_sort_key(lower) < raw_sort_key(upper), (lower, upper)


def test_numbers_are_equal_by_value_and_booleans_are_no_numbers() -> None:
    assert compare(1, 1.0) == compare(0, -0.0) == compare(2**53, 2.0**53) == 0
    assert sort_key(1) == sort_key(1.0)
    assert sort_key(0) == sort_key(-0.0)
    assert compare(True, 1) == -1
    assert compare(False, 0) == -1
    assert sort_key(True) != sort_key(1)


def test_strings_that_collate_alike_are_equal_in_view_order_alone() -> None:
    assert compare("a", "a\0") == 0
    assert sort_key("a") == sort_key("a\0")
    assert compare_raw("a", "a\0") == -1


def test_the_order_of_an_objects_members_counts() -> None:
    assert compare({"a": 1, "b": 2}, {"b": 2, "a": 1}) == -1


def test_depth_has_no_bound() -> None:
    def nested(innermost: Any) -> Any:
        for _ in range(5_000):
            innermost = [innermost]
        return innermost

    assert compare(nested(1), nested(2)) == -1
    assert sort_key(nested(1)) < sort_key(nested(2))


@given(VALUES, VALUES)
def test_sort_keys_order_as_compare_does(a: Any, b: Any) -> None:
    key_a, key_b = sort_key(a), sort_key(b)
    assert compare(a, b) == (key_a > key_b) - (key_a < key_b)


@given(VALUES, VALUES)
def test_raw_sort_keys_order_as_compare_raw_does(a: Any, b: Any) -> None:
    key_a, key_b = raw_sort_key(a), raw_sort_key(b)
    assert compare_raw(a, b) == (key_a > key_b) - (key_a < key_b)


@given(NUMBERS, NUMBERS)
def test_number_keys_order_by_exact_value(a: float, b: float) -> None:
    assert (sort_key(a) < sort_key(b)) == (a < b)
    assert (sort_key(a) == sort_key(b)) == (a == b)


@given(VALUES, VALUES, VALUES)
def test_compare_is_a_total_order(a: Any, b: Any, c: Any) -> None:
    assert compare(a, a) == 0
    assert compare(a, b) == -compare(b, a)
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@given(st.lists(VALUES, max_size=4), VALUES)
def test_an_array_is_below_the_same_array_with_more(items: list[Any], more: Any) -> None:
    assert compare(items, [*items, more]) == -1
    assert sort_key(items) < sort_key([*items, more])


@given(VALUES, VALUES)
def test_no_key_is_a_prefix_of_another(a: Any, b: Any) -> None:
    key_a, key_b = sort_key(a), sort_key(b)
    assert key_a == key_b or not key_b.startswith(key_a)


@given(STRINGS, STRINGS)
def test_raw_strings_order_by_their_utf_8(a: str, b: str) -> None:
    assert (compare_raw(a, b) < 0) == (a.encode() < b.encode())


PRINTABLE_ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)


@given(PRINTABLE_ASCII, PRINTABLE_ASCII)
def test_different_strings_of_printable_ascii_are_never_equal(a: str, b: str) -> None:
    assert (compare(a, b) == 0) == (a == b)
