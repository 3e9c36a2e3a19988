"""Entities as they are answered."""

from __future__ import annotations

from couchgrass.functions import form
from couchgrass.functions.entity import Action, Exec, Package, Parameter, Rule, Trigger

COMMON = {"name": "x", "version": "0.0.1", "publish": False, "annotations": [], "updated": 7}
ACTION = Action(
    "ns",
    "p",
    "x",
    Exec("python:3", main="run", digest="d", size=4),
    parameters=(Parameter("a", 1), Parameter("b", 2, init=True)),
    updated=7,
)
LIMITS = {"timeout": 60_000, "memory": 256, "logs": 10, "concurrency": 1}


def test_an_action_with_its_code() -> None:
    assert form.action(ACTION, b"code") == {
        **COMMON,
        "namespace": "ns/p",
        "exec": {"kind": "python:3", "binary": False, "code": "code", "main": "run"},
        "parameters": [{"key": "a", "value": 1}, {"key": "b", "value": 2, "init": True}],
        "limits": LIMITS,
    }


def test_an_action_through_a_binding_has_the_parameters_of_all_and_its_own_count() -> None:
    inherited = (Parameter("a", "package"), Parameter("c", "binding"))
    found = form.action(ACTION, None, inherited=inherited, binding="me/b")
    assert [(one["key"], one["value"]) for one in found["parameters"]] == [
        ("a", 1),
        ("c", "binding"),
        ("b", 2),
    ]
    assert found["binding"] == "me/b" and "code" not in found["exec"]


def test_empty_code_is_shown_but_not_that_of_an_image_or_a_sequence() -> None:
    assert form.action(Action("ns", "", "x", Exec("python:3")), b"")["exec"]["code"] == ""
    image = form.action(Action("ns", "", "x", Exec("blackbox", image="me/ruby")), b"")
    assert image["exec"] == {"kind": "blackbox", "binary": False, "image": "me/ruby"}
    sequence = Action("ns", "", "x", Exec("sequence", components=("/ns/a",)))
    assert form.action(sequence, None)["exec"] == {"kind": "sequence", "components": ["/ns/a"]}


def test_rows_of_lists() -> None:
    assert form.row(ACTION) == {**COMMON, "namespace": "ns/p", "limits": LIMITS, "exec": {"binary": False}}
    assert form.row(Package("ns", "x", updated=7)) == {**COMMON, "namespace": "ns", "binding": False}
    bound = form.row(Package("ns", "x", binding=("o", "p"), updated=7))
    assert bound["binding"] == {"namespace": "o", "name": "p"}
    assert form.row(Trigger("ns", "x", updated=7)) == {**COMMON, "namespace": "ns"}
    rule = form.row(Rule("ns", "x", ("ns", "t"), ("ns", "p", "a"), updated=7))
    assert rule["action"] == {"path": "ns/p", "name": "a"} and rule["trigger"] == {"path": "ns", "name": "t"}
    assert "status" not in rule


def test_a_package_lists_feeds_apart() -> None:
    feed = Action("ns", "x", "f", Exec("python:3"), annotations={"feed": True})
    plain = Action("ns", "x", "a", Exec("python:3"))
    found = form.package_with_actions(Package("ns", "x", updated=7), None, [feed, plain])
    assert found == {
        **COMMON,
        "namespace": "ns",
        "binding": {},
        "parameters": [],
        "actions": [{"name": "a", "version": "0.0.1", "annotations": []}],
        "feeds": [{"name": "f", "version": "0.0.1", "annotations": [{"key": "feed", "value": True}]}],
    }


def test_a_binding_shows_the_package_behind_it_with_the_bindings_parameters() -> None:
    provider = Package("o", "p", parameters=(Parameter("a", 1), Parameter("b", 1)))
    binding = Package("ns", "x", binding=("o", "p"), parameters=(Parameter("b", 2),))
    found = form.package_with_actions(binding, provider, [])
    assert (found["namespace"], found["name"]) == ("o", "p")
    assert found["parameters"] == [{"key": "a", "value": 1}, {"key": "b", "value": 2}]


def test_a_trigger_shows_its_rules() -> None:
    trigger = Trigger("ns", "x", parameters=(Parameter("a", 1),), updated=7)
    assert form.trigger(trigger, []) == {
        **COMMON,
        "namespace": "ns",
        "parameters": [{"key": "a", "value": 1}],
        "limits": {},
    }
    rule = Rule("ns", "r", ("ns", "x"), ("ns", "", "a"), active=False)
    assert form.trigger(trigger, [rule])["rules"] == {
        "ns/r": {"action": {"path": "ns", "name": "a"}, "status": "inactive"}
    }


def test_a_rule_has_its_status_and_one_that_is_gone_is_inactive() -> None:
    rule = Rule("ns", "r", ("ns", "x"), ("ns", "", "a"))
    assert form.rule(rule)["status"] == "active"
    assert form.deleted_rule(rule)["status"] == "inactive"
