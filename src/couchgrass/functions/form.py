"""Entities as OpenWhisk answers them: whole, and as rows of lists.

Whole is the answer of GET, PUT and DELETE. Source: the serdes of OpenWhisk's entities, and its views for the
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from couchgrass.functions.entity import (
    BLACKBOX,
    SEQUENCE,
    Action,
    Entity,
    Exec,
    Limits,
    Package,
    Parameter,
    Rule,
    Trigger,
)

FEED: Final = "feed"


def action(
    action: Action, code: bytes | None, *, inherited: Sequence[Parameter] = (), binding: str = ""
) -> dict[str, Any]:
    """An action. `code` None: without it. `inherited` are the package's and the binding's parameters, which
    its own go before; `binding` is "ns/name" of the binding through which it is looked at, if it is."""
    found = {
        **_common(action),
        "exec": _exec(action.exec, code),
        "parameters": parameter_rows(merged(inherited, action.parameters)),
        "limits": _limits(action.limits),
    }
    return {**found, "binding": binding} if binding else found


def package(package: Package) -> dict[str, Any]:
    """A package or a binding, as PUT and DELETE answer it."""
    binding = package.binding
    return {
        **_common(package),
        "binding": {} if binding is None else {"namespace": binding[0], "name": binding[1]},
        "parameters": parameter_rows(package.parameters),
    }


def package_with_actions(
    asked: Package, provider: Package | None, actions: Iterable[Action]
) -> dict[str, Any]:
    """A package as GET answers it. For a binding `provider` is the package behind it: the answer is that
    one, with the binding's parameters over its own. `actions` are those of the package itself."""
    shown = asked if provider is None else provider
    listed: dict[str, list[dict[str, Any]]] = {"actions": [], "feeds": []}
    for one in actions:
        listed["feeds" if FEED in one.annotations else "actions"].append(
            {"name": one.name, "version": one.version, "annotations": annotation_rows(one)}
        )
    found = package(shown)
    if provider is not None:
        found["parameters"] = parameter_rows(merged(provider.parameters, asked.parameters))
    return {**found, **listed}


def trigger(trigger: Trigger, rules: Iterable[Rule]) -> dict[str, Any]:
    """A trigger with its rules, by "ns/name"."""
    found = {**_common(trigger), "parameters": parameter_rows(trigger.parameters), "limits": {}}
    linked = {
        f"{rule.namespace}/{rule.name}": {"action": _action_end(rule), "status": status(rule)}
        for rule in rules
    }
    return {**found, "rules": linked} if linked else found


def rule(rule: Rule) -> dict[str, Any]:
    """A rule with its status."""
    return {**rule_row(rule), "status": status(rule)}


def deleted_rule(rule: Rule) -> dict[str, Any]:
    """A rule that is gone: it is inactive, whatever it was."""
    return {**rule_row(rule), "status": "inactive"}


def status(rule: Rule) -> str:
    """ "active" or "inactive"."""
    return "active" if rule.active else "inactive"


def action_row(action: Action) -> dict[str, Any]:
    """An action in a list."""
    return {
        **_common(action),
        "limits": _limits(action.limits),
        "exec": {"binary": action.exec.binary},
    }


def package_row(package: Package) -> dict[str, Any]:
    """A package or a binding in a list."""
    binding = package.binding
    return {
        **_common(package),
        "binding": False if binding is None else {"namespace": binding[0], "name": binding[1]},
    }


def trigger_row(trigger: Trigger) -> dict[str, Any]:
    """A trigger in a list."""
    return _common(trigger)


def rule_row(rule: Rule) -> dict[str, Any]:
    """A rule in a list: without its status, as upstream."""
    namespace, name = rule.trigger
    return {**_common(rule), "trigger": {"path": namespace, "name": name}, "action": _action_end(rule)}


def row(entity: Entity) -> dict[str, Any]:
    """Any entity in a list."""
    match entity:
        case Action():
            return action_row(entity)
        case Package():
            return package_row(entity)
        case Trigger():
            return trigger_row(entity)
        case Rule():
            return rule_row(entity)


def parameter_rows(listed: Iterable[Parameter]) -> list[dict[str, Any]]:
    """A list of {key, value}, with `init` where that is true."""
    return [
        {"key": one.key, "value": one.value, "init": True}
        if one.init
        else {"key": one.key, "value": one.value}
        for one in listed
    ]


def annotation_rows(entity: Entity) -> list[dict[str, Any]]:
    """A list of {key, value}."""
    return [{"key": key, "value": value} for key, value in entity.annotations.items()]


def merged(*layers: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """One list of all; of a key that is in several, the last layer's counts."""
    return tuple({one.key: one for layer in layers for one in layer}.values())


def _common(entity: Entity) -> dict[str, Any]:
    in_package = isinstance(entity, Action) and entity.package
    return {
        "namespace": f"{entity.namespace}/{in_package}" if in_package else entity.namespace,
        "name": entity.name,
        "version": entity.version,
        "publish": entity.publish,
        "annotations": annotation_rows(entity),
        "updated": entity.updated,
    }


def _exec(exec: Exec, code: bytes | None) -> dict[str, Any]:
    if exec.kind == SEQUENCE:
        return {"kind": exec.kind, "components": list(exec.components)}
    found: dict[str, Any] = {"kind": exec.kind, "binary": exec.binary}
    if exec.kind == BLACKBOX:
        found["image"] = exec.image
    if code is not None and (code or exec.kind != BLACKBOX):
        found["code"] = code.decode()
    if exec.main:
        found["main"] = exec.main
    return found


def _limits(limits: Limits) -> dict[str, int]:
    return {
        "timeout": limits.timeout,
        "memory": limits.memory,
        "logs": limits.logs,
        "concurrency": limits.concurrency,
    }


def _action_end(rule: Rule) -> dict[str, str]:
    namespace, package, name = rule.action
    return {"path": f"{namespace}/{package}" if package else namespace, "name": name}
