"""PUT of a rule, and POST of its status: the bodies, and the rule that becomes of them.

Both ends of a rule have to be there when it is put; they may go later. A new rule is active; an update leaves
that as it is.
Source: OpenWhisk's Rules.scala.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from couchgrass.errors import BadRequest, Conflict, NotFound
from couchgrass.functions.bodies import Parts, members, next_version, read_parts, reading
from couchgrass.functions.entity import FIRST_VERSION, Action, Rule, Trigger
from couchgrass.functions.names import FullName
from couchgrass.functions.put_action import read_full_name

TriggerLookup = Callable[[str, str], Trigger]
"""(namespace, name) to the trigger. Raises NotFound."""

ActionLookup = Callable[[FullName], Action]
"""The action behind a name, through a binding. Raises NotFound, Forbidden."""


class RulePut(msgspec.Struct, frozen=True):
    """A body, read."""

    parts: Parts
    trigger: FullName | None = None
    action: FullName | None = None


def read(body: Any, *, namespace: str) -> RulePut:
    """`namespace` is the rule's own. Raises BadRequest, TooLarge."""
    with reading():
        given = members(body)
        trigger = read_full_name(given["trigger"], namespace) if "trigger" in given else None
        action = read_full_name(given["action"], namespace) if "action" in given else None
        return RulePut(read_parts(given), trigger, action)


def read_status(body: Any) -> bool:
    """Is the rule to be active? Raises BadRequest."""
    with reading():
        status = members(body).get("status")
        if status not in ("active", "inactive"):
            raise ValueError(
                f"'{status}' is not a recognized rule state, must be one of ['active', 'inactive']"
            )
        return bool(status == "active")


def created(
    put: RulePut, namespace: str, name: str, ends: tuple[TriggerLookup, ActionLookup], *, now_ms: int
) -> Rule:
    """A new rule. Raises BadRequest when one of its ends is not there."""
    if put.trigger is None or put.action is None:
        raise BadRequest("rule requires a valid trigger and a valid action")
    _check_ends(put.trigger, put.action, ends)
    return Rule(
        namespace=namespace,
        name=name,
        trigger=(put.trigger.namespace, put.trigger.name),
        action=(put.action.namespace, put.action.package, put.action.name),
        version=put.parts.version or FIRST_VERSION,
        publish=bool(put.parts.publish),
        annotations=put.parts.annotations or {},
        updated=now_ms,
    )


def updated(put: RulePut, rule: Rule, ends: tuple[TriggerLookup, ActionLookup], *, now_ms: int) -> Rule:
    """The rule after the update. Raises BadRequest when one of its ends is not there."""
    parts = put.parts
    trigger = put.trigger or FullName(rule.trigger[0], "", rule.trigger[1])
    action = put.action or FullName(*rule.action)
    _check_ends(trigger, action, ends)
    return msgspec.structs.replace(
        rule,
        trigger=(trigger.namespace, trigger.name),
        action=(action.namespace, action.package, action.name),
        version=parts.version or next_version(rule.version),
        publish=rule.publish if parts.publish is None else parts.publish,
        annotations=rule.annotations if parts.annotations is None else parts.annotations,
        updated=now_ms,
    )


def _check_ends(trigger: FullName, action: FullName, ends: tuple[TriggerLookup, ActionLookup]) -> None:
    trigger_at, action_at = ends
    try:
        if trigger.package:
            raise NotFound("no trigger is in a package")
        trigger_at(trigger.namespace, trigger.name)
    except (NotFound, Conflict) as missing:
        raise BadRequest(f"trigger {trigger} does not exist") from missing
    try:
        action_at(action)
    except (NotFound, Conflict) as missing:
        raise BadRequest(f"action {action} does not exist") from missing
