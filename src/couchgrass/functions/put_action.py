"""PUT of an action: its body, and the action that becomes of it.

On update annotations and limits are merged by key, parameters are replaced as a whole, and code may be left
out. The annotation `exec` always says the kind; a new action has `provide-api-key` false unless it says
otherwise. A sequence has its components as its one parameter `_actions`, and keeps no others.
Source: OpenWhisk's Exec and Actions.scala.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.functions.bodies import Parts, members, next_version, read_parts, reading
from couchgrass.functions.code import code_text
from couchgrass.functions.entity import BLACKBOX, FIRST_VERSION, SEQUENCE, Action, Exec, Limits, Parameter
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import CODE_BYTES_MAX, SystemLimits, check_bytes, merged_limits, read_limits
from couchgrass.functions.names import FullName, parse_full_name

EXEC: Final = "exec"
PROVIDE_API_KEY: Final = "provide-api-key"


class ActionPut(msgspec.Struct, frozen=True):
    """A body, read. `exec` None: not given. `code` None: there is none, a sequence has none."""

    parts: Parts
    exec: Exec | None = None
    code: bytes | None = None
    limits: Mapping[str, int] = {}
    del_annotations: tuple[str, ...] = ()


def read(body: Any, *, namespace: str, kinds: Kinds, system: SystemLimits) -> ActionPut:
    """`namespace` is the caller's. A body with large code takes some 0.1 s. Raises BadRequest, TooLarge."""
    with reading():
        given = members(body)
        exec, code = _exec(given["exec"], namespace, kinds) if "exec" in given else (None, None)
        if exec is not None:
            check_bytes("exec", exec.size + len(exec.main.encode()), CODE_BYTES_MAX)
        parts = read_parts(given)
        limits = read_limits(given["limits"], system) if "limits" in given else {}
        gone = given.get("delAnnotations", [])
        if not isinstance(gone, list) or not all(isinstance(key, str) for key in gone):
            raise ValueError("'delAnnotations' must be an array of strings")
        return ActionPut(parts, exec, code, limits, tuple(gone))


def created(put: ActionPut, name: FullName, *, now_ms: int) -> Action:
    """A new action. Raises BadRequest when the body has no exec."""
    if put.exec is None:
        raise BadRequest("exec undefined")
    parts = put.parts
    return Action(
        namespace=name.namespace,
        package=name.package,
        name=name.name,
        exec=put.exec,
        version=parts.version or FIRST_VERSION,
        publish=bool(parts.publish),
        parameters=_sequence_parameters(put.exec) or parts.parameters or (),
        limits=merged_limits(Limits(), put.limits),
        annotations={PROVIDE_API_KEY: False, **(parts.annotations or {}), EXEC: put.exec.kind},
        updated=now_ms,
    )


def updated(put: ActionPut, action: Action, *, now_ms: int) -> Action:
    """The action after the update; its `rev` is the one that it takes the place of."""
    parts, exec = put.parts, put.exec or action.exec
    kept = {key: value for key, value in action.annotations.items() if key not in put.del_annotations}
    return msgspec.structs.replace(
        action,
        exec=exec,
        version=parts.version or next_version(action.version),
        publish=action.publish if parts.publish is None else parts.publish,
        parameters=_updated_parameters(put, action),
        limits=merged_limits(action.limits, put.limits),
        annotations={**kept, **(parts.annotations or {}), EXEC: exec.kind},
        updated=now_ms,
    )


def _updated_parameters(put: ActionPut, action: Action) -> tuple[Parameter, ...]:
    """What a sequence has as parameters never becomes another action's."""
    was_sequence = action.exec.kind == SEQUENCE
    if put.exec is not None and put.exec.kind == SEQUENCE:
        return _sequence_parameters(put.exec)
    if put.exec is None and was_sequence:
        return action.parameters
    if put.parts.parameters is not None:
        return put.parts.parameters
    return () if was_sequence else action.parameters


def _sequence_parameters(exec: Exec) -> tuple[Parameter, ...]:
    return (Parameter("_actions", list(exec.components)),) if exec.kind == SEQUENCE else ()


def _exec(value: Any, namespace: str, kinds: Kinds) -> tuple[Exec, bytes | None]:
    if not isinstance(value, dict):
        raise ValueError("Object expected")
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise ValueError("'kind' must be a string defined in 'exec'")
    kind = kind.strip().lower()
    if kind == SEQUENCE:
        components = _components(value, namespace)
        size = sum(len(component.encode()) for component in components)
        return Exec(kind, components=components, size=size), None
    main = value.get("main")
    if main is not None and not isinstance(main, str):
        raise ValueError(f"if defined, 'main' be a string in 'exec' for '{kind}' actions")
    code = value.get("code")
    image = ""
    if kind == BLACKBOX:
        image, code = _image(value, kinds), "" if code is None else code
    else:
        try:
            kind = kinds.resolve(kind).kind
        except BadRequest as unknown:
            raise ValueError(unknown.reason) from unknown
    if not isinstance(code, str):
        raise ValueError(f"'code' must be a string defined in 'exec' for '{kind}' actions")
    check_bytes("exec", len(code), CODE_BYTES_MAX)
    text = code_text(code)
    exec = Exec(
        kind, main=main or "", binary=text.binary, digest=text.digest, size=len(text.text), image=image
    )
    return exec, text.text


def _image(value: Mapping[str, Any], kinds: Kinds) -> str:
    image = value.get("image")
    if not isinstance(image, str):
        raise ValueError(f"'image' must be a string defined in 'exec' for '{BLACKBOX}' actions")
    return kinds.check_image(image)


def _components(value: Mapping[str, Any], namespace: str) -> tuple[str, ...]:
    components = value.get("components")
    if components is None:
        raise ValueError("'components' must be defined for sequence kind")
    if not isinstance(components, list):
        raise ValueError("'components' must be an array")
    return tuple(str(read_full_name(component, namespace)) for component in components)


def read_full_name(value: Any, namespace: str) -> FullName:
    """An entity named in a body: "/ns/pkg/name", or {path: "ns/pkg", name: "name"}. Raises ValueError."""
    if isinstance(value, dict) and isinstance(value.get("path"), str) and isinstance(value.get("name"), str):
        value = f"/{value['path']}/{value['name']}"
    if not isinstance(value, str):
        raise ValueError("fully qualified name malformed")
    return parse_full_name(value, namespace)
