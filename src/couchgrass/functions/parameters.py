"""What an action is run with: bound parameters, the caller's payload, what its process is started with.

Source: OpenWhisk's ``Parameters`` and ``Actions.activate``. Later layers win: package < binding < action <
payload; of a key that is there twice in one layer, the last. One thing differs: a payload's value for a key
whose bound parameter is flagged `init` stays in the payload. OpenWhisk moves it into the environment, where
the next caller's run in the same process would find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.functions.entity import Parameter

FINAL: Final = "final"
PROVIDE_API_KEY: Final = "provide-api-key"
NOT_ALLOWED: Final = "Request defines parameters that are not allowed (e.g., reserved properties)."


def is_truthy(annotations: Mapping[str, Any], key: str, *, absent: bool = False) -> bool:
    """Is the annotation set? 0, "", null and false are not; `absent` is the answer when it is not there."""
    if key not in annotations:
        return absent
    value = annotations[key]
    if value is None or isinstance(value, bool | int | float | str):
        return bool(value)
    return True


def merged(*layers: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """One layer of these, later ones over earlier ones. Each key is there once."""
    by_key: dict[str, Parameter] = {}
    for layer in layers:
        by_key.update((parameter.key, parameter) for parameter in layer)
    return tuple(by_key.values())


def fixed_keys(parameters: Iterable[Parameter], annotations: Mapping[str, Any]) -> frozenset[str]:
    """The keys that a caller of a `final` action must not give: those with a value that is not null."""
    if not is_truthy(annotations, FINAL):
        return frozenset()
    return frozenset(parameter.key for parameter in parameters if parameter.value is not None)


def refuse_fixed(fixed: frozenset[str], payload: Any) -> None:
    """Raises BadRequest when the payload gives one of the fixed keys."""
    if isinstance(payload, dict) and not fixed.isdisjoint(payload):
        raise BadRequest(NOT_ALLOWED)


def bound_values(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """The parameters that are handed to each run. Those flagged `init` are in the environment instead."""
    return {each.key: each.value for each in parameters if not each.init}


def arguments(bound: dict[str, Any], payload: Any) -> Any:
    """What the action is called with: the parameters under an object's members, or an array as it is."""
    if isinstance(payload, list) or (not bound and isinstance(payload, dict)):
        return payload
    return bound | payload if isinstance(payload, dict) else bound


def init_env(parameters: Iterable[Parameter]) -> dict[str, str]:
    """The parameters flagged `init` as variables of the process: strings as they are, the rest as JSON."""
    return {
        each.key: each.value if isinstance(each.value, str) else json.encode(each.value).decode()
        for each in parameters
        if each.init and is_variable(each.key)
    }


def is_variable(name: str) -> bool:
    """Can an environment hold it?"""
    return bool(name) and "=" not in name and "\0" not in name
