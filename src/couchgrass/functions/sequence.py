"""A sequence: its components run one after the other, each on the result of the one before.

A pure machine: what happened goes in, what to do next comes out. Source: OpenWhisk's ``SequenceActions``.

    start ──► Invoke(0) ──ended──► Invoke(1) ──ended──► … ──► Complete(last response)
                  │ result has the key `error`      ─────────► Complete(that response)
                  │ component is not there          ─────────► Complete(application error)
                  │ it could not be run             ─────────► Complete(internal error)
                  └ the 51st action of all would run ────────► Complete(application error)

The bound is on actions, counted through sequences in sequences: `atomic` goes into an inner sequence and
comes back out of it. The record's logs are the ids of the activations, and its memory is the largest of them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.response import Response, failed, has_error, memory_of, response_of

COMPONENTS_MAX: Final = 50
TOO_LONG: Final = "Too many actions in the sequence."
NO_COMPONENT: Final = "Sequence component does not exist."
COULD_NOT_RUN: Final = "Sequence failed."


class Invoke(msgspec.Struct, frozen=True):
    """Run the component of this index. `atomic` is for one that is itself a sequence."""

    index: int
    payload: Any
    atomic: int


class Complete(msgspec.Struct, frozen=True):
    """The sequence has ended like this."""

    response: Response


class Ended(msgspec.Struct, frozen=True):
    """The component has ended. `atomic`: what an inner sequence had counted; None for an action."""

    activation: Activation
    atomic: int | None = None


class NotThere(msgspec.Struct, frozen=True):
    """There is no such component."""


class NotRun(msgspec.Struct, frozen=True):
    """The component could not be run, for a reason of ours."""


Event = Ended | NotThere | NotRun
Command = Invoke | Complete


class Run(msgspec.Struct, frozen=True):
    """A sequence under way; `index` is the component that runs."""

    components: int
    atomic: int
    index: int = 0
    children: tuple[str, ...] = ()
    memory_mb: int | None = None


def start(components: int, payload: Any, atomic: int = 0) -> tuple[Run, Command]:
    """The first command. `atomic`: how many actions ran before, where this sequence is inside of another."""
    run = Run(components, atomic)
    if components == 0:
        return run, Complete(Response(Status.SUCCESS, json.Raw(json.encode(_payload(payload)))))
    return run, _next(run, payload)


def happened(run: Run, event: Event) -> tuple[Run, Command]:
    """What becomes of it."""
    match event:
        case NotThere():
            return run, Complete(failed(Status.APPLICATION_ERROR, NO_COMPONENT))
        case NotRun():
            return run, Complete(failed(Status.INTERNAL_ERROR, COULD_NOT_RUN))
        case Ended(activation, atomic):
            run = _counted(run, activation, run.atomic + 1 if atomic is None else atomic)
            response = response_of(activation)
            if run.atomic > COMPONENTS_MAX:
                return run, Complete(failed(Status.APPLICATION_ERROR, TOO_LONG))
            result = response.value
            if has_error(result) or run.index == run.components:
                return run, Complete(response)
            return run, _next(run, result)


def _next(run: Run, payload: Any) -> Command:
    if run.atomic >= COMPONENTS_MAX:
        return Complete(failed(Status.APPLICATION_ERROR, TOO_LONG))
    return Invoke(run.index, _payload(payload), run.atomic)


def _payload(value: Any) -> Any:
    """Results that are no object and no array are not handed on."""
    return value if isinstance(value, dict | list) else {}


def _counted(run: Run, activation: Activation, atomic: int) -> Run:
    memory = max(filter(None, (run.memory_mb, memory_of(activation))), default=None)
    return msgspec.structs.replace(
        run,
        atomic=atomic,
        index=run.index + 1,
        children=(*run.children, activation.activation_id),
        memory_mb=memory,
    )
