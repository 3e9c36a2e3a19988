"""What differs, in words; what is equal as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.deploy.differ import action_words, equal, exec_words, owner_words, rule_words, value_words
from couchgrass.deploy.mark import MARK, rows
from couchgrass.deploy.wanted import Action, Exec, Rule


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ([1, {"a": True}], (1, {"a": True}), True),
        ({"a": 1}, {"a": True}, False),
        ([1], [1, 2], False),
        (None, "", False),
    ],
)
def test_values_are_compared_as_json(a: Any, b: Any, same: bool) -> None:
    assert equal(a, b) is same
    assert equal(b, a) is same


def test_names_are_told_and_values_are_not() -> None:
    words = list(value_words("parameter", {"a": "secret", "b": 1}, {"a": "old", "c": "gone"}))
    assert words == ["parameter a changes", "parameter b is new", "parameter c goes"]


def test_whose_it_was_is_told() -> None:
    assert list(owner_words("todo", {"annotations": rows({MARK: {"app": "todo"}})})) == []
    assert list(owner_words("todo", {"annotations": rows({MARK: {"app": "x"}})})) == [
        "is taken over from the app x"
    ]
    assert list(owner_words("todo", {})) == ["was not deployed by couchgrass"]


def test_annotations_of_the_host_are_not_the_manifests() -> None:
    there = {
        "annotations": rows({"exec": "python:3", "provide-api-key": False, MARK: {}, "z": 1}),
        "limits": {},
    }
    words = list(action_words(Action("a", Exec("python:3")), there, "ns"))
    assert words[0] == "annotation z goes"
    assert words[1:] == ["timeout unset → 60000", "memory unset → 256", "logs unset → 10"]


def test_a_kind_that_changes_and_code_without_a_mark() -> None:
    there = {"exec": {"kind": "python:3"}, "annotations": []}
    assert list(exec_words(Action("a", Exec("nodejs:20", "x")), there, "ns")) == ["kind python:3 → nodejs:20"]
    assert list(exec_words(Action("a", Exec("python:3", "x")), there, "ns")) == ["code changes"]
    fetched = {"exec": {"kind": "python:3", "code": "x", "main": "main"}}
    assert list(exec_words(Action("a", Exec("python:3", "x")), fetched, "ns")) == []


def test_a_rule_that_is_off_or_leads_elsewhere() -> None:
    there = {
        "trigger": {"path": "ns", "name": "t"},
        "action": {"path": "ns/p", "name": "a"},
        "status": "inactive",
    }
    assert list(rule_words(Rule("r", "t", "p/b"), there, "ns")) == [
        "action /ns/p/a → /ns/p/b",
        "is switched off",
    ]
