"""A sequence's components."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, Forbidden, NotFound
from couchgrass.functions.components import check_components
from couchgrass.functions.entity import Action, Exec
from couchgrass.functions.names import FullName

SEQUENCE = FullName("ns", "", "seq")


def check(components: list[str], there: dict[str, list[str] | None], most: int = 50) -> None:
    """`there`: each action's components, None for one that is no sequence."""

    def lookup(name: FullName) -> Action:
        if name.namespace == "private":
            raise Forbidden("not yours")
        if str(name) not in there:
            raise NotFound("no such")
        inner = there[str(name)]
        exec = Exec("python:3") if inner is None else Exec("sequence", components=tuple(inner))
        return Action(name.namespace, name.package, name.name, exec)

    check_components(SEQUENCE, components, lookup, most=most)


def test_components_that_are_there_are_taken() -> None:
    check(
        ["/ns/a", "/ns/p/b", "/ns/inner"], {"/ns/a": None, "/ns/p/b": None, "/ns/inner": ["/ns/a", "/ns/a"]}
    )


@pytest.mark.parametrize(
    ("components", "there", "why"),
    [
        ([], {}, "No component specified for the sequence."),
        (["/ns/a"] * 51, {"/ns/a": None}, "Too many actions in the sequence."),
        (["/ns/i", "/ns/i"], {"/ns/i": ["/ns/a"] * 26, "/ns/a": None}, "Too many actions in the sequence."),
        (["/ns/a"], {}, "Sequence component does not exist."),
        (["/ns/seq"], {}, "Sequence may not refer to itself."),
        (["/ns/i"], {"/ns/i": ["/ns/seq"]}, "Sequence may not refer to itself."),
        (["/ns/i"], {"/ns/i": ["/ns/j"], "/ns/j": ["/ns/i"]}, "Sequence may not refer to itself."),
    ],
)
def test_what_can_not_be_a_sequence_is_refused(
    components: list[str], there: dict[str, list[str] | None], why: str
) -> None:
    with pytest.raises(BadRequest, match=re.escape(why)):
        check(components, there)


def test_somebody_elses_private_action_is_forbidden() -> None:
    with pytest.raises(Forbidden):
        check(["/private/p/a"], {})


def test_sequences_that_double_at_each_step_are_counted_at_once() -> None:
    there: dict[str, list[str] | None] = {f"/ns/s{n}": [f"/ns/s{n + 1}"] * 2 for n in range(40)}
    with pytest.raises(BadRequest, match="Too many actions"):
        check(["/ns/s0"], {**there, "/ns/s40": None})


@given(st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 5), min_size=1, max_size=3)))
def test_what_is_taken_has_an_end_and_at_most_so_many_actions(graph: dict[int, list[int]]) -> None:
    """Node 0 is the sequence; a node without edges is an action."""
    there = {
        f"/ns/{'seq' if node == 0 else node}": [f"/ns/{'seq' if to == 0 else to}" for to in graph[node]]
        if node in graph
        else None
        for node in range(6)
    }
    components = there.pop("/ns/seq") or []

    def atoms(node: int, depth: int = 0) -> float:
        if depth > 6:
            return float("inf")
        return sum(atoms(to, depth + 1) for to in graph[node]) if node in graph else 1

    try:
        check(components, there, most=8)
    except BadRequest:
        assert not components or atoms(0) > 8
    else:
        assert atoms(0) <= 8
