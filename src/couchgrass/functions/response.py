"""How an activation ended: its status and its result, what sequences and conductors reckon with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Limits

ERROR_FIELD: Final = "error"
"""A result that is an object with this key is an application error."""


class Response(msgspec.Struct, frozen=True):
    """`result` is JSON text."""

    status: Status
    result: msgspec.Raw

    @property
    def value(self) -> Any:
        """The result, decoded."""
        return json.decode(self.result)


def failed(status: Status, text: str) -> Response:
    """The response whose result is ``{"error": text}``."""
    return Response(status, json.Raw(json.encode({ERROR_FIELD: text})))


def response_of(activation: Activation) -> Response:
    """How an activation that has ended did end."""
    status = Status.INTERNAL_ERROR if activation.status is None else activation.status
    return Response(status, activation.result)


def has_error(value: Any) -> bool:
    """Is this result an object with the key `error`?"""
    return isinstance(value, dict) and ERROR_FIELD in value


def limits_annotation(limits: Limits) -> dict[str, int]:
    """The value of an activation's annotation `limits`."""
    return {
        "timeout": limits.timeout,
        "memory": limits.memory,
        "logs": limits.logs,
        "concurrency": limits.concurrency,
    }


def memory_of(activation: Activation) -> int | None:
    """The memory in MB that an activation's annotation `limits` tells, if it does."""
    limits = activation.annotations.get("limits")
    memory = limits.get("memory") if isinstance(limits, dict) else None
    return memory if isinstance(memory, int) else None
