"""A conductor, event by event."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions import conductor
from couchgrass.functions.activation import Status
from couchgrass.functions.conductor import (
    COMPONENTS_MAX,
    CONDUCTS_MAX,
    Call,
    Called,
    Command,
    Complete,
    Conduct,
    Conducted,
    Count,
    NotAllowed,
    NotRun,
    NotThere,
    Run,
    full_name,
)
from tests.functions.test_sequence import ended


def said(run: Run, number: int, result: Any) -> tuple[Run, Command]:
    return conductor.happened(run, Conducted(ended(number, result)))


def test_it_says_what_is_run_and_gets_the_result_with_its_state() -> None:
    run, command = conductor.start("ns", 256, {"value": 3})
    assert command == Conduct({"value": 3})
    run, command = said(run, 0, {"action": "triple", "params": {"value": 3}, "state": {"$step": 1}})
    assert command == Call("/ns/triple", {"value": 3})
    run, command = conductor.happened(run, Called(ended(1, {"value": 9, "$step": 0}, memory=512)))
    assert command == Conduct({"value": 9, "$step": 1})
    run, command = said(run, 2, {"params": {"value": 9}})
    assert isinstance(command, Complete)
    assert command.response.value == {"value": 9}
    assert run.children == tuple(f"{n:032x}" for n in range(3))
    assert run.memory_mb == 512
    assert run.count == Count(1, 2)


def test_what_is_no_object_is_put_into_one() -> None:
    run, _ = conductor.start("ns", 256, None)
    run, command = said(run, 0, {"action": "a", "params": 7, "state": "s"})
    assert command == Call("/ns/a", {"value": 7})
    run, command = conductor.happened(run, Called(ended(1, {})))
    assert command == Conduct({"state": "s"})


def test_without_params_the_result_is_the_result() -> None:
    run, _ = conductor.start("ns", 256, {})
    _, command = said(run, 0, {"any": 1})
    assert isinstance(command, Complete)
    assert command.response.value == {"any": 1}


def test_an_error_of_the_conductor_ends_it_even_with_an_action() -> None:
    run, _ = conductor.start("ns", 256, {})
    _, command = said(run, 0, {"error": "no", "action": "a"})
    assert isinstance(command, Complete)
    assert command.response.status is Status.APPLICATION_ERROR
    assert command.response.value == {"error": "no", "action": "a"}


def test_a_component_that_fails_is_told_to_the_conductor() -> None:
    run, _ = conductor.start("ns", 256, {})
    run, command = said(run, 0, {"action": "/other/pkg/a", "state": {"n": 1}})
    assert isinstance(command, Call)
    for event, text in (
        (NotThere("other/pkg/a"), "Failed to resolve action with name 'other/pkg/a' during composition."),
        (
            NotAllowed("other/pkg/a"),
            "Failed entitlement check for action with name 'other/pkg/a' during composition.",
        ),
    ):
        _, told = conductor.happened(run, event)
        assert told == Conduct({"error": text, "n": 1})
    _, told = conductor.happened(run, Called(ended(1, {"error": "mine"})))
    assert told == Conduct({"error": "mine", "n": 1})


def test_what_can_not_be_run_ends_it_as_an_error_of_ours() -> None:
    run, _ = conductor.start("ns", 256, {})
    _, command = conductor.happened(run, NotRun())
    assert isinstance(command, Complete)
    assert command.response.status is Status.INTERNAL_ERROR
    assert command.response.value == {"error": "Activation failure during composition."}


def test_what_is_no_name_is_told_as_json() -> None:
    run, _ = conductor.start("ns", 256, {})
    _, command = said(run, 0, {"action": {"a": 1}})
    text = 'Failed to parse action name from json value {"a":1} during composition.'
    assert command == Conduct({"error": text})


@given(st.integers(0, COMPONENTS_MAX + 10), st.integers(0, CONDUCTS_MAX))
def test_a_conductor_that_never_ends_is_ended_within_the_bounds(components: int, conducts: int) -> None:
    run, command = conductor.start("ns", 256, {}, Count(components, conducts))
    number = 0
    while not isinstance(command, Complete):
        number += 1
        assert number <= 2 * CONDUCTS_MAX
        if isinstance(command, Conduct):
            run, command = said(run, number, {"action": "again"})
        else:
            run, command = conductor.happened(run, Called(ended(number, {})))
    assert run.count.conducts == CONDUCTS_MAX
    assert run.count.components <= max(COMPONENTS_MAX, components)
    assert command.response.value == {"error": "Too many actions in the composition."}


def test_an_inner_conductor_s_count_is_taken_over() -> None:
    run, _ = conductor.start("ns", 256, {})
    run, _ = said(run, 0, {"action": "inner"})
    run, _ = conductor.happened(run, Called(ended(1, {}), Count(7, 9)))
    assert run.count == Count(7, 10)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("a", "/ns/a"),
        ("pkg/a", "/ns/pkg/a"),
        ("other/pkg/a", "/other/pkg/a"),
        ("/other/a", "/other/a"),
        ("/_/a", "/ns/a"),
        ("/other/pkg/a", "/other/pkg/a"),
        ("/a", None),
        ("", None),
        ("a//b", None),
        ("a/b/c/d", None),
        (5, None),
        (None, None),
    ],
)
def test_a_name_is_completed_with_the_namespace(value: Any, name: str | None) -> None:
    assert full_name(value, "ns") == name
