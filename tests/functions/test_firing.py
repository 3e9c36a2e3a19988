"""A trigger that is fired."""

from __future__ import annotations

import json

from couchgrass.errors import NotFound, PeerLost
from couchgrass.functions.entity import Parameter, Rule, Trigger
from couchgrass.functions.firing import Fired, log_line, trigger_arguments

RULE = Rule("ns", "r", ("ns", "t"), ("whisk.system", "utils", "echo"))


def test_a_payload_goes_over_the_headers_and_they_over_the_trigger_s_parameters() -> None:
    trigger = Trigger("ns", "t", parameters=(Parameter("a", 1), Parameter("b", 1)))
    given = trigger_arguments(trigger, {"b": 2}, {"Host": "h"})
    assert given == {"a": 1, "b": 2, "__ow_headers": {"host": "h"}}
    assert trigger_arguments(trigger, {"__ow_headers": 1}, {"Host": "h"})["__ow_headers"] == 1


def test_the_caller_s_key_is_not_handed_on() -> None:
    secret = {"Authorization": "Basic x", "Cookie": "y", "Proxy-Authorization": "Basic z"}
    given = trigger_arguments(Trigger("ns", "t"), {}, {**secret, "X": "z"})
    assert given == {"__ow_headers": {"x": "z"}}


def test_a_line_tells_what_became_of_a_rule() -> None:
    assert json.loads(log_line(Fired(RULE, activation_id="1" * 32))) == {
        "statusCode": 0,
        "success": True,
        "activationId": "1" * 32,
        "rule": "ns/r",
        "action": "whisk.system/utils/echo",
    }
    assert json.loads(log_line(Fired.inactive(RULE))) == {
        "statusCode": 1,
        "success": False,
        "error": "Rule 'ns/r' is inactive, action 'whisk.system/utils/echo' was not activated.",
        "rule": "ns/r",
        "action": "whisk.system/utils/echo",
    }


def test_an_error_of_ours_and_one_of_the_app_are_told_apart() -> None:
    assert json.loads(log_line(Fired.refused(RULE, NotFound("gone"))))["statusCode"] == 1
    assert json.loads(log_line(Fired.refused(RULE, PeerLost("away"))))["statusCode"] == 3
