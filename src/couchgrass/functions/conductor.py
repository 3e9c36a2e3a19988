"""A conductor: an action that says, run by run, which action is run next, on what, and what it will remember.

A pure machine: what happened goes in, what to do next comes out. Source: OpenWhisk's ``PrimitiveActions`` and
its documentation of conductors.

    start ──► Conduct ──no action──► Complete(params, else the result)
                 ▲  └──an error────► Complete(that response)
                 │  └──an action───► Call ──ended──┐
                 ├── its result with the state ◄───┤
                 └── an error with the state ◄─────┘ no such action, no right to it, no name, too many of them
                     Call or Conduct could not be run ──► Complete(internal error)

`Count` is one for a conductor and those that it calls: 50 components, which are actions and sequences, and
101 runs of conductors. It goes into an inner conductor and comes back out of it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.response import Response, failed, has_error, memory_of, response_of

ANNOTATION: Final = "conductor"
COMPONENTS_MAX: Final = 50
CONDUCTS_MAX: Final = 2 * COMPONENTS_MAX + 1
PARTS_MAX: Final = 3
"""namespace/package/action"""

TOO_LONG: Final = "Too many actions in the composition."
COULD_NOT_RUN: Final = "Activation failure during composition."


class Count(msgspec.Struct, frozen=True):
    """What ran so far in the outermost conductor and all inside of it."""

    components: int = 0
    conducts: int = 0


NOTHING: Final = Count()


class Conduct(msgspec.Struct, frozen=True):
    """Run the conductor itself on this."""

    payload: Any


class Call(msgspec.Struct, frozen=True):
    """Run the action called "/namespace/[package/]name" on this."""

    name: str
    payload: Any


class Complete(msgspec.Struct, frozen=True):
    """The composition has ended like this."""

    response: Response


class Conducted(msgspec.Struct, frozen=True):
    """The conductor's own run has ended."""

    activation: Activation


class Called(msgspec.Struct, frozen=True):
    """The component has ended. `count`: what an inner conductor had counted; None for anything else."""

    activation: Activation
    count: Count | None = None


class NotThere(msgspec.Struct, frozen=True):
    """There is no action of this name."""

    name: str


class NotAllowed(msgspec.Struct, frozen=True):
    """There may be no right to run the action of this name."""

    name: str


class NotRun(msgspec.Struct, frozen=True):
    """The action could not be run, for a reason of ours."""


Event = Conducted | Called | NotThere | NotAllowed | NotRun
Command = Conduct | Call | Complete


class Run(msgspec.Struct, frozen=True):
    """A composition under way. `namespace` is where names without one are looked up."""

    namespace: str
    count: Count
    memory_mb: int
    state: dict[str, Any] | None = None
    children: tuple[str, ...] = ()


def start(namespace: str, memory_mb: int, payload: Any, count: Count = NOTHING) -> tuple[Run, Command]:
    """The first command. `count`: that of the conductor which called this one."""
    return _conduct(Run(namespace, count, memory_mb), payload)


def happened(run: Run, event: Event) -> tuple[Run, Command]:
    """What becomes of it."""
    match event:
        case Conducted(activation):
            return _conducted(_with_child(run, activation), response_of(activation))
        case Called(activation, count):
            run = _with_child(run, activation)
            if count is None:
                count = msgspec.structs.replace(run.count, components=run.count.components + 1)
            run = msgspec.structs.replace(run, count=count)
            return _conduct(run, json.decode(activation.result))
        case NotThere(name):
            return _complain(run, f"Failed to resolve action with name '{name}' during composition.")
        case NotAllowed(name):
            return _complain(
                run, f"Failed entitlement check for action with name '{name}' during composition."
            )
        case NotRun():
            return run, Complete(failed(Status.INTERNAL_ERROR, COULD_NOT_RUN))


def _conduct(run: Run, payload: Any) -> tuple[Run, Command]:
    if run.count.conducts >= CONDUCTS_MAX:
        return run, Complete(failed(Status.APPLICATION_ERROR, TOO_LONG))
    count = msgspec.structs.replace(run.count, conducts=run.count.conducts + 1)
    given = payload | (run.state or {}) if isinstance(payload, dict) else {}
    return msgspec.structs.replace(run, count=count), Conduct(given)


def _complain(run: Run, text: str) -> tuple[Run, Command]:
    return _conduct(run, {"error": text})


def _conducted(run: Run, response: Response) -> tuple[Run, Command]:
    result = response.value
    if not isinstance(result, dict) or has_error(result):
        return run, Complete(response)
    params = _boxed(result, "params", "value")
    run = msgspec.structs.replace(run, state=_boxed(result, "state", "state"))
    if "action" not in result:
        ended = response.result if params is None else json.Raw(json.encode(params))
        return run, Complete(Response(response.status, ended))
    name = full_name(result["action"], run.namespace)
    if name is None:
        text = json.encode(result["action"]).decode()
        return _complain(run, f"Failed to parse action name from json value {text} during composition.")
    if run.count.components >= COMPONENTS_MAX:
        return _complain(run, TOO_LONG)
    return run, Call(name, params or {})


def _boxed(result: dict[str, Any], member: str, box: str) -> dict[str, Any] | None:
    """A member that is to be an object; anything else is put into one."""
    if member not in result:
        return None
    value = result[member]
    return value if isinstance(value, dict) else {box: value}


def full_name(value: Any, namespace: str) -> str | None:
    """ "/namespace/[package/]name" for what a conductor calls an action; None when that is no name.

    Without a leading slash, three parts are a full name; fewer are inside of `namespace`, for which "_"
    stands too.
    """
    if not isinstance(value, str) or not value:
        return None
    is_full = value.startswith("/")
    parts = value.removeprefix("/").split("/")
    if not all(part.strip() for part in parts) or len(parts) > PARTS_MAX or (is_full and len(parts) == 1):
        return None
    if not is_full and len(parts) < PARTS_MAX:
        parts.insert(0, namespace)
    if parts[0] == "_":
        parts[0] = namespace
    return "/" + "/".join(parts)


def _with_child(run: Run, activation: Activation) -> Run:
    return msgspec.structs.replace(
        run,
        children=(*run.children, activation.activation_id),
        memory_mb=max(run.memory_mb, memory_of(activation) or 0),
    )
