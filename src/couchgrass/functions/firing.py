"""A trigger that is fired: what its rules' actions get, and what its record tells of each of them. Pure.

Source: OpenWhisk's ``Triggers``. One thing differs: the request's ``Authorization``, ``Cookie`` and
``Proxy-Authorization`` are not among the ``__ow_headers`` that actions get. They are the caller's secrets,
and an action may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import CouchgrassError
from couchgrass.functions.activation import Status
from couchgrass.functions.entity import Rule, Trigger
from couchgrass.functions.parameters import arguments, bound_values

HEADERS: Final = "__ow_headers"
SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
SERVER_ERROR: Final = 500


class Fired(msgspec.Struct, frozen=True):
    """What became of one rule: an activation, or an error."""

    rule: Rule
    status: Status = Status.SUCCESS
    activation_id: str = ""
    error: str = ""

    @staticmethod
    def inactive(rule: Rule) -> Fired:
        """The rule is switched off."""
        text = f"Rule '{_rule(rule)}' is inactive, action '{_action(rule)}' was not activated."
        return Fired(rule, Status.APPLICATION_ERROR, error=text)

    @staticmethod
    def refused(rule: Rule, error: CouchgrassError) -> Fired:
        """Its action was not invoked."""
        ours = error.status >= SERVER_ERROR
        return Fired(rule, Status.INTERNAL_ERROR if ours else Status.APPLICATION_ERROR, error=error.reason)


def trigger_arguments(
    trigger: Trigger, payload: Mapping[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    """The trigger's parameters, over them the request's headers, over them what it was fired with."""
    told = {name.lower(): value for name, value in headers.items() if name.lower() not in SECRET_HEADERS}
    given: dict[str, Any] = arguments(bound_values(trigger.parameters), {HEADERS: told, **payload})
    return given


def log_line(fired: Fired) -> str:
    """The line of the trigger's record for one rule: JSON."""
    told = {"activationId": fired.activation_id} if fired.activation_id else {"error": fired.error}
    line = {
        "statusCode": int(fired.status),
        "success": fired.status is Status.SUCCESS,
        **told,
        "rule": _rule(fired.rule),
        "action": _action(fired.rule),
    }
    return json.encode(line).decode()


def _rule(rule: Rule) -> str:
    return f"{rule.namespace}/{rule.name}"


def _action(rule: Rule) -> str:
    return "/".join(part for part in rule.action if part)
