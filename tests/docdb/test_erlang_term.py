from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.erlang_term import erlang_term


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-1, "-1"),
        ("ab", "<<97,98>>"),
        ("é", "<<195,169>>"),
        ("", "<<>>"),
        ([], "[]"),
        ({}, "{[]}"),
        ([1, "a", None], "[1,<<97>>,null]"),
        ({"a": 1, "b": [True, {}]}, "{[{<<97>>,1},{<<98>>,[true,{[]}]}]}"),
    ],
)
def test_a_value_is_printed_as_erlang_prints_the_term(value: Any, text: str) -> None:
    assert erlang_term(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.001, "0.001"),
        (1e-4, "0.0001"),
        (1e-5, "1.0e-5"),
        (1.25e-4, "1.25e-4"),
        (1.25e-3, "0.00125"),
        (1e22, "1.0e22"),
        (1000.0, "1.0e3"),
        (100.0, "100.0"),
        (123456.0, "123456.0"),
        (1234.5678, "1234.5678"),
        (9007199254740994.0, "9.007199254740994e15"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (5e-324, "5.0e-324"),
    ],
)
def test_a_float_takes_the_shorter_of_plain_and_scientific_form(number: float, text: str) -> None:
    assert erlang_term(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_float_reads_back_as_itself(number: float) -> None:
    assert float(erlang_term(number)) == number


def test_depth_has_no_bound() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    assert erlang_term(deep) == "[" * 5_001 + "]" * 5_001
