"""The parts that all bodies have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest, CouchgrassError, TooLarge
from couchgrass.functions import bodies
from couchgrass.functions.documents import document
from couchgrass.functions.entity import Parameter, Trigger

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    rows = [{"key": "a", "value": 1}, {"key": "b", "value": None, "init": True}, {"key": "a", "value": [2]}]
    assert bodies.read_parameters(rows) == (Parameter("a", [2]), Parameter("b", None, True))


@pytest.mark.parametrize(
    "rows",
    [
        {},
        "a",
        [1],
        [{"key": "a"}],
        [{"value": 1}],
        [{"key": 1, "value": 1}],
        [{"key": "a", "value": 1, "init": "yes"}],
        [{"key": "a", "value": "x", "encryption": "aes-128"}],
    ],
)
def test_parameters_of_another_form_are_refused(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"parameters malformed!"):
        bodies.read_parameters(rows)


@pytest.mark.parametrize(
    ("given", "version"),
    [("1", "1.0.0"), ("1.0", "1.0.0"), ("0.0.7", "0.0.7"), ("1.2.3.4", "1.2.3"), ("0.1.", "0.1.0")],
)
def test_versions_may_be_short(given: str, version: str) -> None:
    assert bodies.read_version(given) == version


@pytest.mark.parametrize(
    "given", ["", "0.0.0", "-1.0.0", "a", "1.b", "1..2", 1.0, None, "99999999999", "4294967296"]
)
def test_what_is_no_version_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="semantic version malformed"):
        bodies.read_version(given)


@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 999))
def test_the_next_version_has_one_more_at_its_end(major: int, minor: int, patch: int) -> None:
    assert bodies.next_version(f"{major}.{minor}.{patch}") == f"{major}.{minor}.{patch + 1}"


def test_parts_that_are_null_or_absent_are_not_given() -> None:
    body = {"parameters": None, "version": None, "other": 1}
    assert bodies.read_parts(bodies.members(body)) == bodies.Parts()


def test_annotations_and_parameters_have_a_bound_each() -> None:
    large = [{"key": "a", "value": "x" * (1024 * 1024 - 3)}]
    fits = bodies.read_parts({"parameters": large, "annotations": large})
    assert fits.annotations is not None and list(fits.annotations) == ["a"]
    for field in ("parameters", "annotations"):
        with pytest.raises(TooLarge, match=f"{field} larger than allowed: 1048577 > 1048576 bytes."):
            bodies.read_parts({field: [{"key": "ab", "value": large[0]["value"]}]})


@given(json_values)
def test_any_json_is_read_or_refused_with_a_reason(body: Any) -> None:
    try:
        with bodies.reading():
            bodies.read_parts(bodies.members(body))
    except CouchgrassError as refused:
        assert isinstance(refused, BadRequest) and refused.reason.startswith(
            "The request content was malformed:\n"
        )
    else:
        assert isinstance(body, dict)


def test_what_is_taken_can_be_written_and_read_anywhere_and_what_is_nested_deeper_is_refused() -> None:
    refused = 0
    for depth in range(1, 1200, 7):
        try:
            with bodies.reading():
                value = json.decode("[" * depth + "]" * depth)
                parts = bodies.read_parts({"parameters": [{"key": "a", "value": value}]})
        except BadRequest:
            refused += 1
            continue
        assert parts.parameters is not None and not refused
        trigger = Trigger("ns", "t", parameters=parts.parameters)
        text = json.encode({"results": [{"doc": document(trigger)}]})
        assert json.decode(text)["results"][0]["doc"]["parameters"][0]["value"] == value
    assert refused
