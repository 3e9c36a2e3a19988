"""What an invocation is answered with. Source: OpenWhisk's ``Actions.doInvoke``.

A result that is an array is answered bare, whether or not the bare result was asked for: OpenWhisk's way.
"""

from __future__ import annotations

from typing import Final

from couchgrass.functions import activation_form
from couchgrass.functions.activation import Status
from couchgrass.functions.entity import SEQUENCE
from couchgrass.functions.http.call import ACTIVATION_ID_HEADER, answered, answered_text
from couchgrass.functions.run.controller import Invoked
from couchgrass.serving.asgi import Answer, Header

ACCEPTED: Final = 202
STATUSES: Final = {
    Status.SUCCESS: 200,
    Status.APPLICATION_ERROR: 502,
    Status.DEVELOPER_ERROR: 502,
    Status.INTERNAL_ERROR: 500,
}


def invoked_answer(invoked: Invoked, *, only_result: bool) -> Answer:
    """202 and the id for what has not ended, else the record or the result.

    The record is without an action's logs, which OpenWhisk collects later; those of a sequence or a conductor
    are the ids of what it ran.
    """
    activation = invoked.activation
    headers: list[Header] = [(ACTIVATION_ID_HEADER, invoked.activation_id.encode())]
    if activation is None or activation.status is None:
        return accepted(invoked.activation_id)
    status = STATUSES[activation.status]
    result = bytes(activation.result)
    if only_result or result.lstrip()[:1] == b"[":
        return answered_text(result, status, headers)
    return answered(
        activation_form.record(activation, logs=activation.annotations.get("kind") == SEQUENCE),
        status,
        headers,
    )


def accepted(activation_id: str) -> Answer:
    """202: it goes on, and will be found under this id."""
    headers: list[Header] = [(ACTIVATION_ID_HEADER, activation_id.encode())]
    return answered({"activationId": activation_id}, ACCEPTED, headers)
