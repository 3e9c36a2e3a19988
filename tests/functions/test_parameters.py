"""What an action is run with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.functions.entity import Parameter
from couchgrass.functions.parameters import (
    arguments,
    bound_values,
    fixed_keys,
    init_env,
    is_truthy,
    merged,
    refuse_fixed,
)

KEYS = st.sampled_from(["a", "b", "c", "d"])
LAYER = st.lists(st.builds(Parameter, KEYS, st.integers(), st.booleans()), max_size=6)
PAYLOAD = st.dictionaries(KEYS, st.integers(), max_size=4)


@given(st.lists(LAYER, max_size=4))
def test_the_last_layer_that_has_a_key_gives_its_value(layers: list[list[Parameter]]) -> None:
    last = {each.key: each for layer in layers for each in layer}
    assert {each.key: each for each in merged(*layers)} == last


@given(LAYER, PAYLOAD)
def test_a_payload_goes_over_what_is_bound_and_init_parameters_are_left_out(
    layer: list[Parameter], payload: dict[str, int]
) -> None:
    parameters = merged(layer)
    value = arguments(bound_values(parameters), payload)
    for key in "abcd":
        bound = {each.key: each.value for each in parameters if not each.init}
        assert value.get(key) == payload.get(key, bound.get(key))
    assert set(init_env(parameters)) == {each.key for each in parameters if each.init}


def test_an_array_is_the_whole_argument() -> None:
    assert arguments({"a": 1}, [1, 2]) == [1, 2]
    assert arguments({"a": 1}, None) == {"a": 1}


@given(LAYER, PAYLOAD)
def test_a_final_action_refuses_exactly_the_keys_that_have_a_value(
    layer: list[Parameter], payload: dict[str, int]
) -> None:
    parameters = merged(layer)
    fixed = fixed_keys(parameters, {"final": True})
    if {each.key for each in parameters} & set(payload):
        with pytest.raises(BadRequest, match="parameters that are not allowed"):
            refuse_fixed(fixed, payload)
    else:
        refuse_fixed(fixed, payload)


def test_a_parameter_without_a_value_is_not_final() -> None:
    parameters = (Parameter("a"), Parameter("b", 0))
    assert fixed_keys(parameters, {"final": True}) == {"b"}
    assert fixed_keys(parameters, {"final": False}) == frozenset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (1, True),
        ("no", True),
        ({}, True),
        (False, False),
        (0, False),
        ("", False),
        (None, False),
    ],
)
def test_an_annotation_is_set_as_openwhisk_says(value: Any, expected: bool) -> None:
    assert is_truthy({"a": value}, "a") is expected
    assert is_truthy({"a": value}, "a", absent=True) is expected


def test_init_parameters_become_text_and_names_that_no_environment_holds_are_left_out() -> None:
    told = [
        Parameter("text", "x", True),
        Parameter("more", {"a": [1]}, True),
        Parameter("a=b", 1, True),
        Parameter("", 1, True),
    ]
    assert init_env(told) == {"text": "x", "more": '{"a":[1]}'}
