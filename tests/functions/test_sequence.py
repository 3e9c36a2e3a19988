"""A sequence, event by event."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.functions import sequence
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.sequence import COMPONENTS_MAX, Complete, Ended, Invoke, NotRun, NotThere

RESULT = st.one_of(
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(), max_size=2),
    st.lists(st.integers(), max_size=2),
    st.just({"error": "no"}),
)


def ended(number: int, result: Any, memory: int = 256) -> Activation:
    is_error = isinstance(result, dict) and "error" in result
    return Activation(
        "ns",
        f"c{number}",
        "me",
        f"{number:032x}",
        number,
        "0.0.1",
        {"limits": {"memory": memory}},
        end=number,
        status=Status.APPLICATION_ERROR if is_error else Status.SUCCESS,
        result=json.Raw(json.encode(result)),
    )


@given(st.lists(RESULT, max_size=COMPONENTS_MAX + 5), st.dictionaries(st.text(), st.integers(), max_size=2))
def test_each_result_is_the_next_payload_until_one_is_an_error_or_there_are_too_many(
    results: list[Any], payload: dict[str, int]
) -> None:
    run, command = sequence.start(len(results), payload)
    before: Any = payload
    ran = 0
    while isinstance(command, Invoke):
        assert command.index == ran
        assert command.payload == before
        before = results[ran]
        run, command = sequence.happened(run, Ended(ended(ran, before)))
        ran += 1
    errors = [n for n, result in enumerate(results) if isinstance(result, dict) and "error" in result]
    assert ran == min(errors[0] + 1 if errors else len(results), COMPONENTS_MAX)
    assert run.children == tuple(f"{n:032x}" for n in range(ran))
    if ran == COMPONENTS_MAX and len(results) > ran and errors[:1] != [ran - 1]:
        assert command.response.value == {"error": "Too many actions in the sequence."}
    else:
        assert command.response.value == before


def test_a_component_that_is_not_there_ends_it_as_an_error_of_the_app() -> None:
    run, _ = sequence.start(2, {})
    _, command = sequence.happened(run, NotThere())
    assert isinstance(command, Complete)
    assert command.response.status is Status.APPLICATION_ERROR
    assert command.response.value == {"error": "Sequence component does not exist."}


def test_a_component_that_can_not_be_run_ends_it_as_an_error_of_ours() -> None:
    run, _ = sequence.start(2, {})
    _, command = sequence.happened(run, NotRun())
    assert isinstance(command, Complete)
    assert command.response.status is Status.INTERNAL_ERROR


def test_what_an_inner_sequence_counted_goes_on_counting() -> None:
    run, command = sequence.start(3, {}, atomic=40)
    assert command == Invoke(0, {}, 40)
    run, command = sequence.happened(run, Ended(ended(0, {}), atomic=50))
    assert isinstance(command, Complete)
    assert command.response.value == {"error": "Too many actions in the sequence."}
    assert run.atomic == 50


def test_the_fiftieth_action_runs() -> None:
    run, command = sequence.start(1, {}, atomic=49)
    assert isinstance(command, Invoke)
    run, command = sequence.happened(run, Ended(ended(0, {"ok": 1})))
    assert isinstance(command, Complete)
    assert command.response.value == {"ok": 1}


def test_the_memory_is_the_largest() -> None:
    run, _ = sequence.start(3, {})
    for number, memory in enumerate((256, 512, 128)):
        run, _ = sequence.happened(run, Ended(ended(number, {}, memory)))
    assert run.memory_mb == 512


def test_a_sequence_of_nothing_gives_back_its_payload() -> None:
    run, command = sequence.start(0, {"a": 1})
    assert isinstance(command, Complete)
    assert command.response.value == {"a": 1}
    assert run.memory_mb is None
