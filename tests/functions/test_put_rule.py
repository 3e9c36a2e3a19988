"""PUT of rules, POST of their status."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions import put_rule
from couchgrass.functions.entity import Action, Exec, Rule, Trigger
from couchgrass.functions.names import FullName


def trigger_at(namespace: str, name: str) -> Trigger:
    if name.startswith("no"):
        raise NotFound("no such")
    return Trigger(namespace, name)


def action_at(name: FullName) -> Action:
    if name.name.startswith("no"):
        raise NotFound("no such")
    return Action(name.namespace, name.package, name.name, Exec("python:3"))


def created(body: Any) -> Rule:
    put = put_rule.read(body, namespace="ns")
    return put_rule.created(put, "ns", "r", (trigger_at, action_at), now_ms=7)


def updated(rule: Rule, body: Any) -> Rule:
    put = put_rule.read(body, namespace="ns")
    return put_rule.updated(put, rule, (trigger_at, action_at), now_ms=8)


ENDS = {"trigger": "/_/t", "action": "/_/p/a"}


def test_a_new_rule_is_active() -> None:
    assert created(ENDS) == Rule("ns", "r", ("ns", "t"), ("ns", "p", "a"), active=True, updated=7)


def test_both_forms_of_names_are_taken() -> None:
    body = {"trigger": {"path": "_", "name": "t"}, "action": {"path": "ns/p", "name": "a"}}
    assert created(body) == created(ENDS)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"trigger": "/_/t"}, "rule requires a valid trigger and a valid action"),
        ({**ENDS, "trigger": "/_/none"}, "trigger /ns/none does not exist"),
        ({**ENDS, "trigger": "/_/p/t"}, "trigger /ns/p/t does not exist"),
        ({**ENDS, "action": "/other/p/none"}, "action /other/p/none does not exist"),
        ({**ENDS, "action": "a"}, "The request content was malformed"),
        ({**ENDS, "action": 1}, "The request content was malformed"),
    ],
)
def test_a_rule_needs_both_its_ends(body: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        created(body)


def test_an_update_leaves_a_rule_as_active_as_it_was() -> None:
    was = Rule("ns", "r", ("ns", "t"), ("ns", "", "a"), active=False, annotations={"x": 1}, rev="1-a")
    now = updated(was, {"action": "/_/b"})
    assert now == Rule(
        "ns",
        "r",
        ("ns", "t"),
        ("ns", "", "b"),
        active=False,
        version="0.0.2",
        annotations={"x": 1},
        updated=8,
        rev="1-a",
    )


def test_an_update_looks_at_the_ends_that_stay_as_well() -> None:
    with pytest.raises(BadRequest, match="trigger /ns/none does not exist"):
        updated(Rule("ns", "r", ("ns", "none"), ("ns", "", "a")), {})


def test_a_status_is_active_or_inactive() -> None:
    assert put_rule.read_status({"status": "active"}) is True
    assert put_rule.read_status({"status": "inactive"}) is False
    wrong: list[Any] = [{}, [], {"status": True}, {"status": []}, {"status": "on"}]
    for body in wrong:
        with pytest.raises(BadRequest, match="The request content was malformed"):
            put_rule.read_status(body)
