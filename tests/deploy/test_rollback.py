"""Ways back of single steps; whole ones are walked in test_diff and on a real host in apply/test_apply."""

from __future__ import annotations

from couchgrass.deploy.rollback import inverse, way_back
from couchgrass.deploy.steps import Change, Kind, Step


def test_what_was_made_is_deleted_and_the_last_step_goes_back_first() -> None:
    back = way_back(
        [Step(Kind.PACKAGE, Change.CREATE, "p"), Step(Kind.ACTION, Change.CREATE, "p/a", body={"exec": {}})]
    )
    assert [(step.change, step.kind, step.name) for step in back] == [
        (Change.DELETE, Kind.ACTION, "p/a"),
        (Change.DELETE, Kind.PACKAGE, "p"),
    ]


def test_an_action_gets_its_version_and_loses_what_the_update_added() -> None:
    before = {
        "version": "0.0.4",
        "annotations": [{"key": "a", "value": 1}],
        "parameters": [{"key": "s", "value": "x", "init": True}],
        "exec": {"kind": "python:3", "code": "x = 1"},
        "limits": {"memory": 128},
    }
    after = {"annotations": [{"key": "a", "value": 2}, {"key": "b", "value": 1}], "exec": {}}
    body = inverse(Step(Kind.ACTION, Change.UPDATE, "a", (), after, before)).body
    assert body["version"] == "0.0.4"
    assert body["delAnnotations"] == ["b"]
    assert body["parameters"] == before["parameters"] and body["exec"] == before["exec"]


def test_a_feed_is_told_what_read_said_and_secrets_that_it_keeps_to_itself() -> None:
    read = {
        "config": {"name": "t", "namespace": "n", "dbname": "d", "filter": None, "payload": {"a": 1}},
        "status": {"active": False},
    }
    new = {"feed": "/f", "inputs": {"password": "pw", "dbname": "other"}}
    back = inverse(Step(Kind.FEED, Change.UPDATE, "t", (), new, {"feed": "/f", "read": read}))
    assert back.body == {
        "feed": "/f",
        "inputs": {"password": "pw", "dbname": "d", "trigger_payload": {"a": 1}},
        "paused": True,
    }
    other = inverse(
        Step(Kind.FEED, Change.UPDATE, "t", (), {**new, "feed": "/g"}, {"feed": "/f", "read": read})
    )
    assert "password" not in other.body["inputs"]
