"""What is sent to make an entity, and to put one back."""

from __future__ import annotations

import pytest

from couchgrass.deploy.bodies import (
    action_body,
    exec_body,
    full_name,
    package_body,
    restored_body,
    rule_body,
    trigger_body,
    version_of,
)
from couchgrass.deploy.mark import MARK, Mark, annotations_of
from couchgrass.deploy.wanted import Action, Exec, Package, Rule, Trigger


@pytest.mark.parametrize(
    ("name", "full"),
    [("a", "/ns/a"), ("p/a", "/ns/p/a"), ("/_/p/a", "/ns/p/a"), ("/whisk.system/p/a", "/whisk.system/p/a")],
)
def test_names_are_whole(name: str, full: str) -> None:
    assert full_name(name, "ns") == full


@pytest.mark.parametrize(("text", "whole"), [("", ""), ("1", "1.0.0"), ("1.2", "1.2.0"), ("1.2.3", "1.2.3")])
def test_versions_have_three_parts(text: str, whole: str) -> None:
    assert version_of(text) == whole


def test_an_action_says_all_its_limits_and_that_it_wants_no_key() -> None:
    action = Action(
        "a", Exec("python:3", "x = 1", main="go"), {"p": 1}, {"web-export": True}, {"memory": 512}
    )
    body = action_body(action, Mark("todo", "d", "0.0.2", 7, ("p",)), exec_body(action, "ns"))
    assert body["limits"] == {"timeout": 60_000, "memory": 512, "logs": 10}
    assert body["exec"] == {"kind": "python:3", "code": "x = 1", "main": "go"}
    assert annotations_of(body) == {
        "provide-api-key": False,
        "web-export": True,
        MARK: {"app": "todo", "digest": "d", "version": "0.0.2", "at": 7, "own": ["p"]},
    }
    assert "exec" not in action_body(action, Mark("todo"), None)


def test_a_sequence_has_whole_components_and_no_parameters() -> None:
    action = Action("s", Exec("sequence", components=("/_/p/a", "/x/b")), {"p": 1})
    assert exec_body(action, "ns") == {"kind": "sequence", "components": ["/ns/p/a", "/x/b"]}
    assert "parameters" not in action_body(action, Mark("todo"), None)


def test_a_binding_a_trigger_with_a_feed_and_a_rule() -> None:
    binding = package_body(Package("b", binding="/_/p"), "ns", Mark("todo"))
    assert binding["binding"] == {"namespace": "ns", "name": "p"}
    trigger = trigger_body(Trigger("t", feed="/whisk.system/alarms/once"), "ns", Mark("todo"))
    assert annotations_of(trigger)["feed"] == "/whisk.system/alarms/once"
    rule = rule_body(Rule("r", "t", "p/a"), "ns", Mark("todo"))
    assert (rule["trigger"], rule["action"], rule["active"]) == ("/ns/t", "/ns/p/a", True)


def test_a_rule_is_put_back_with_its_status_and_a_binding_with_its_target() -> None:
    before = {
        "trigger": {"path": "ns", "name": "t"},
        "action": {"path": "ns/p", "name": "a"},
        "status": "inactive",
        "annotations": [],
    }
    body = restored_body(before, {})
    assert (body["trigger"], body["action"], body["active"]) == ("/ns/t", "/ns/p/a", False)
    bound = {"binding": {"namespace": "ns", "name": "p"}, "parameters": []}
    assert restored_body(bound, {})["binding"] == bound["binding"]


def test_code_that_was_not_fetched_is_left_alone() -> None:
    before = {"exec": {"kind": "blackbox", "image": "me/it"}, "annotations": [], "version": "0.0.1"}
    assert "exec" not in restored_body(before, {})
    assert restored_body({**before, "exec": {**before["exec"], "code": ""}}, {})["exec"]["code"] == ""  # type: ignore[dict-item]
