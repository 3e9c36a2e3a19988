"""What an outcome of a cell means: the status and the result of the activation, with OpenWhisk's texts.

Sources: its ActivationResult.scala and Messages. An object with the key `error` is an application error, and
that key is all that is left of it; a status other than 200, or a body that is neither object nor array, is
the developer's error.
"""

from __future__ import annotations

from typing import Final

import msgspec

from couchgrass.functions.activation import RESULT_BYTES_MAX, Status
from couchgrass.functions.response import Response, failed
from couchgrass.functions.runtimes.cell import End, Outcome

NOT_INITIALIZED: Final = "The action did not initialize and exited unexpectedly."
NO_RESPONSE: Final = "The action did not produce a valid response and exited unexpectedly."
OUT_OF_MEMORY: Final = "The action exhausted its memory and was aborted."
NO_RESOURCES: Final = "Failed to provision resources to run the action."
OVERLOADED: Final = "System is overloaded, try again later."
REMOVED: Final = "Action could not be found or may have been deleted."
NOT_FETCHED: Final = "Action could not be fetched."
LOGS_MISSING: Final = "The action did not initialize or run as expected. Log data might be missing."
STOPPED: Final = "The action was ended because the server stops."
CANCELLED: Final = "The action was ended because nobody waits for it any more."

NESTING_SPARE: Final = 200
"""How much deeper than a result the stack may be where the result is read whole, as in sequences."""

SHOWN_BYTES_MAX: Final = 64 * 1024
"""How much of a bad answer goes into the error."""


class _WithError(msgspec.Struct):
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_object_of = msgspec.json.Decoder(_WithError).decode
_array_of = msgspec.json.Decoder(list[msgspec.Raw]).decode


def of_init(outcome: Outcome, timeout_ms: int) -> Response | None:
    """None when the action is ready to run."""
    match outcome.end:
        case End.DONE if outcome.status == 200:
            return None
        case End.DONE:
            error = _error_in(outcome.body)
            return (
                failed(
                    Status.DEVELOPER_ERROR, _shown("The action failed during initialization", outcome.body)
                )
                if error is None
                else _with_error(Status.DEVELOPER_ERROR, error)
            )
        case End.TIMED_OUT:
            said = f"The action exceeded its time limits of {timeout_ms} milliseconds during initialization."
            return failed(Status.DEVELOPER_ERROR, said)
        case End.TOO_LARGE:
            return failed(Status.DEVELOPER_ERROR, _truncated(outcome))
        case End.OUT_OF_MEMORY:
            return failed(Status.DEVELOPER_ERROR, OUT_OF_MEMORY)
        case End.DIED:
            return failed(Status.DEVELOPER_ERROR, NOT_INITIALIZED)


def of_run(outcome: Outcome, timeout_ms: int) -> Response:
    """How the run ended."""
    match outcome.end:
        case End.DONE:
            return _of_answer(outcome)
        case End.TIMED_OUT:
            said = f"The action exceeded its time limits of {timeout_ms} milliseconds."
            return failed(Status.DEVELOPER_ERROR, said)
        case End.TOO_LARGE:
            return failed(Status.APPLICATION_ERROR, _truncated(outcome))
        case End.OUT_OF_MEMORY:
            return failed(Status.DEVELOPER_ERROR, OUT_OF_MEMORY)
        case End.DIED:
            return failed(Status.DEVELOPER_ERROR, NO_RESPONSE)


def _of_answer(outcome: Outcome) -> Response:
    body = outcome.body
    try:
        error = _object_of(body).error if body[:1] == b"{" else _other_of(body)
        if not body.isascii():
            body.decode()
        if body.count(b"[") + body.count(b"{") > NESTING_SPARE:
            _array_of(b"[" * NESTING_SPARE + body + b"]" * NESTING_SPARE)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return failed(Status.DEVELOPER_ERROR, _invalid(body))
    if outcome.status != 200:
        if isinstance(error, msgspec.UnsetType):
            return failed(Status.DEVELOPER_ERROR, _invalid(body))
        return _with_error(Status.DEVELOPER_ERROR, error)
    if isinstance(error, msgspec.UnsetType):
        return Response(Status.SUCCESS, msgspec.Raw(body))
    return _with_error(Status.APPLICATION_ERROR, error)


def _other_of(body: bytes) -> msgspec.Raw | msgspec.UnsetType:
    """The error in what does not begin with a brace: an array has none, an object may come after spaces.
    Raises DecodeError for what is neither."""
    if body.lstrip()[:1] == b"[":
        _array_of(body)
        return msgspec.UNSET
    return _object_of(body).error


def _error_in(body: bytes) -> msgspec.Raw | None:
    try:
        body.decode()
        error = _object_of(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if isinstance(error, msgspec.UnsetType) else error


def _with_error(status: Status, error: msgspec.Raw) -> Response:
    return Response(status, msgspec.Raw(b'{"error":' + bytes(error) + b"}"))


def _invalid(body: bytes) -> str:
    return _shown("The action did not produce a valid JSON or JSON Array response", body)


def _shown(said: str, body: bytes) -> str:
    return f"{said}: {_text(body)}" if body else f"{said}."


def _truncated(outcome: Outcome) -> str:
    return (
        "The action produced a response that exceeded the allowed length: "
        f"{outcome.size} > {RESULT_BYTES_MAX} bytes. The truncated response was: {_text(outcome.body)}"
    )


def _text(body: bytes) -> str:
    return body[:SHOWN_BYTES_MAX].decode("utf-8", "replace")
