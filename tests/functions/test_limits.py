"""Limits: what is taken, what is refused with which words, how they are told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, TooLarge
from couchgrass.functions import limits
from couchgrass.functions.entity import Limits
from couchgrass.functions.limits import SYSTEM_LIMITS


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.integers(100, 600_000),
            "memory": st.integers(128, 2048),
            "logs": st.integers(0, 10),
            "concurrency": st.integers(1, 200),
        },
    )
)
def test_limits_in_range_take_the_place_of_those_there_are(given: dict[str, int]) -> None:
    was = Limits(1000, 300, 5, 2)
    found = limits.merged_limits(was, limits.read_limits(given, SYSTEM_LIMITS))
    for name in ("timeout", "memory", "logs", "concurrency"):
        assert getattr(found, name) == given.get(name, getattr(was, name))


@pytest.mark.parametrize(
    ("name", "number", "why"),
    [
        ("timeout", 99, "duration 99 milliseconds below allowed threshold of 100 milliseconds"),
        ("timeout", 600_001, "duration 600001 milliseconds exceeds allowed threshold of 600000 milliseconds"),
        ("memory", 127, "memory size 127 MB below allowed threshold of 128 MB"),
        ("memory", 2049, "memory size 2049 MB exceeds allowed threshold of 2048 MB"),
        ("logs", -1, "logs size -1 MB below allowed threshold of 0 MB"),
        ("logs", 11, "logs size 11 MB exceeds allowed threshold of 10 MB"),
        ("concurrency", 0, "concurrency 0 below allowed threshold of 1"),
        ("concurrency", 201, "concurrency 201 exceeds allowed threshold of 200"),
    ],
)
def test_a_limit_out_of_range_is_refused(name: str, number: int, why: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(why)):
        limits.read_limits({name: number}, SYSTEM_LIMITS)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "no valid json object passed"),
        ({"timeout": "1"}, "time limit malformed"),
        ({"memory": True}, "memory limit malformed"),
        ({"logs": 1.5}, "log limit must be whole number"),
        ({"concurrency": {}}, "concurrency limit malformed"),
    ],
)
def test_what_is_no_limit_is_an_error_of_form(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        limits.read_limits(value, SYSTEM_LIMITS)


def test_a_limit_that_we_do_not_know_or_that_is_null_is_passed_over() -> None:
    assert limits.read_limits({"instances": 3, "memory": None, "timeout": 200.0}, SYSTEM_LIMITS) == {
        "timeout": 200
    }


def test_what_is_too_large_says_by_how_much() -> None:
    limits.check_bytes("exec", 10, 10)
    with pytest.raises(TooLarge, match=re.escape("exec larger than allowed: 11 > 10 bytes.")):
        limits.check_bytes("exec", 11, 10)


def test_info_tells_ms_and_bytes_and_a_namespace_is_told_megabytes() -> None:
    info = limits.info_limits(SYSTEM_LIMITS)
    assert info["max_action_duration"] == 600_000 and info["min_action_memory"] == 128 * 1024 * 1024
    assert info["default_max_action_memory"] == info["max_action_memory"]
    assert info["sequence_length"] == 50
    own = limits.namespace_limits(SYSTEM_LIMITS)
    assert own["maxActionMemory"] == 2048 and own["maxPayloadSize"] == "1048576 B"
