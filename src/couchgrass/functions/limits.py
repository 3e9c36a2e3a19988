"""Limits: what an action may ask for, what a namespace may do, how large things may be.

The ranges are IBM Cloud Functions' (600 s, 2048 MB), wider than Apache's, so that an app from either fits.
`concurrency` is how many runs one process may have at a time. It is a maximum that we keep by running one at
a time, so a larger number is taken and changes nothing. So is OpenWhisk's `instances`, which isn't stored.
Source: OpenWhisk's ActionLimits, its refusals and the `limits` of ``GET /``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest, TooLarge
from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.entity import LOGS_MB, MEMORY_MB, TIMEOUT_MS, Limits

MB: Final = 1024 * 1024

CODE_BYTES_MAX: Final = 48 * MB
"""Of the code as it is put, so base64 counts. OpenWhisk's own."""

PARAMETERS_BYTES_MAX: Final = 1 * MB
"""Of an entity's parameters, and of its annotations."""

PAYLOAD_BYTES_MAX: Final = 1 * MB
"""Of the body of an invocation, and of a trigger's event."""

SEQUENCE_LENGTH_MAX: Final = 50
"""Actions in a sequence, those of its sequences counted."""

BODY_BYTES_MAX: Final = CODE_BYTES_MAX + 4 * MB
"""Of a PUT: the code, with what JSON's escapes may add in ordinary code, parameters and annotations."""

LIST_LENGTH_MAX: Final = 200
LIST_LENGTH: Final = 30


class Range(msgspec.Struct, frozen=True):
    """The least and the most that an action may ask for, and what it has if it does not ask."""

    min: int
    max: int
    std: int


class SystemLimits(msgspec.Struct, frozen=True):
    """What a region allows. The per-minute limits are for each namespace, web actions counted for their
    owner. They guard a region from a loop that calls itself; its capacity is guarded by its queue."""

    timeout: Range = Range(100, 600_000, TIMEOUT_MS)
    memory: Range = Range(128, 2048, MEMORY_MB)
    logs: Range = Range(0, 10, LOGS_MB)
    concurrency: Range = Range(1, 200, 1)
    actions_per_minute: int = 600_000
    triggers_per_minute: int = 60_000
    concurrent_actions: int = 1000
    sequence_length: int = SEQUENCE_LENGTH_MAX


SYSTEM_LIMITS: Final = SystemLimits()

_MALFORMED: Final = {
    "timeout": "time limit",
    "memory": "memory limit",
    "logs": "log limit",
    "concurrency": "concurrency limit",
}
"""How each is called when it is no number."""


def read_limits(value: Any, system: SystemLimits) -> dict[str, int]:
    """The limits that the body of a PUT names, checked.

    Raises ValueError for what is no limit, BadRequest for one that is out of range.
    """
    if not isinstance(value, dict):
        raise ValueError("no valid json object passed")
    given = {name: _whole(value[name], name) for name in _MALFORMED if value.get(name) is not None}
    for name, number in given.items():
        check_limit(name, number, system)
    return given


def merged_limits(limits: Limits, given: Mapping[str, int]) -> Limits:
    """`limits` with those that are given in their place."""
    return msgspec.structs.replace(limits, **given)


def check_limit(name: str, number: int, system: SystemLimits) -> None:
    """Raises BadRequest when an action may not have this limit. `name` is a field of Limits."""
    allowed: Range = getattr(system, name)
    if number < allowed.min:
        raise BadRequest(_refusal(name, number, "below", allowed.min))
    if number > allowed.max:
        raise BadRequest(_refusal(name, number, "exceeds", allowed.max))


def check_bytes(field: str, count: int, most: int) -> None:
    """Raises TooLarge when there are more bytes than allowed. `field` is named in the refusal."""
    if count > most:
        raise TooLarge(f"{field} larger than allowed: {count} > {most} bytes.")


def _whole(value: Any, name: str) -> int:
    called = _MALFORMED[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{called} malformed")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{called} must be whole number")
    return int(value)


def _refusal(name: str, number: int, word: str, bound: int) -> str:
    if name == "timeout":
        return f"duration {number} milliseconds {word} allowed threshold of {bound} milliseconds"
    if name == "concurrency":
        return f"concurrency {number} {word} allowed threshold of {bound}"
    if word == "exceeds":
        return f"{name} size {number} MB exceeds allowed threshold of {bound} MB"
    return f"{name} size {number} MB below allowed threshold of {bound} MB"


def info_limits(system: SystemLimits) -> dict[str, int]:
    """The `limits` of ``GET /``. Times are in ms, sizes in bytes."""
    found = {
        "actions_per_minute": system.actions_per_minute,
        "triggers_per_minute": system.triggers_per_minute,
        "concurrent_actions": system.concurrent_actions,
        "sequence_length": system.sequence_length,
    }
    for lead in ("default_", ""):
        found[f"{lead}min_action_duration"] = system.timeout.min
        found[f"{lead}max_action_duration"] = system.timeout.max
        found[f"{lead}min_action_memory"] = system.memory.min * MB
        found[f"{lead}max_action_memory"] = system.memory.max * MB
        found[f"{lead}min_action_logs"] = system.logs.min * MB
        found[f"{lead}max_action_logs"] = system.logs.max * MB
    return found


def namespace_limits(system: SystemLimits) -> dict[str, Any]:
    """The answer of ``GET /namespaces/_/limits``. Times are in ms, sizes in MB but those with a unit."""
    return {
        "invocationsPerMinute": system.actions_per_minute,
        "concurrentInvocations": system.concurrent_actions,
        "firesPerMinute": system.triggers_per_minute,
        "minActionMemory": system.memory.min,
        "maxActionMemory": system.memory.max,
        "minActionLogs": system.logs.min,
        "maxActionLogs": system.logs.max,
        "minActionTimeout": system.timeout.min,
        "maxActionTimeout": system.timeout.max,
        "minActionConcurrency": system.concurrency.min,
        "maxActionConcurrency": system.concurrency.max,
        "maxParameterSize": f"{PARAMETERS_BYTES_MAX} B",
        "maxPayloadSize": f"{PAYLOAD_BYTES_MAX} B",
        "truncationSize": f"{RESULT_BYTES_MAX} B",
        "maxActionInstances": system.concurrent_actions,
    }
