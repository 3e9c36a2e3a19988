"""An activation as OpenWhisk's clients read it: the whole record, a list's row, its logs, its result.

Source: OpenWhisk's WhiskActivation (`toExtendedJson`, `summaryAsJson`) and ActivationResponse. A running
activation has neither `end` nor `duration`, and its response's status is "running", which OpenWhisk has not:
there it can't be seen at all. The values may hold `msgspec.Raw`; they are made for the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from couchgrass.functions.activation import STATUS_TEXTS, Activation, Status

RUNNING: Final = "running"


def record(activation: Activation, *, logs: bool = True) -> dict[str, Any]:
    """The whole record. `logs` False: its log is empty, as in the answer to a blocking invocation."""
    return {
        **_head(activation),
        "subject": activation.subject,
        "logs": activation.logs if logs else (),
        "response": response(activation),
    }


def row(activation: Activation) -> dict[str, Any]:
    """A row of a list: without subject, logs and response, but with the response's `statusCode`."""
    if activation.end is None or activation.status is None:
        return _head(activation)
    return {**_head(activation), "statusCode": int(activation.status)}


def logs(activation: Activation) -> dict[str, Any]:
    """The answer to `/logs`."""
    return {"logs": activation.logs}


def response(activation: Activation) -> dict[str, Any]:
    """The answer to `/result`: {result, size, status, success}; `size` is that of the result in bytes."""
    status = activation.status
    return {
        "result": activation.result,
        "size": len(bytes(activation.result)),
        "status": RUNNING if status is None else STATUS_TEXTS[status],
        "success": status is Status.SUCCESS,
    }


def annotation_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Annotations as they are on the wire: a list of {key, value}."""
    return [{"key": key, "value": value} for key, value in found.items()]


def _head(activation: Activation) -> dict[str, Any]:
    """What the record and the row have in common."""
    head: dict[str, Any] = {
        "namespace": activation.namespace,
        "name": activation.name,
        "version": activation.version,
        "publish": activation.publish,
        "annotations": annotation_rows(activation.annotations),
        "activationId": activation.activation_id,
        "start": activation.start,
    }
    if activation.end is not None:
        head["end"] = activation.end
        head["duration"] = activation.duration
    if activation.cause is not None:
        head["cause"] = activation.cause
    return head
