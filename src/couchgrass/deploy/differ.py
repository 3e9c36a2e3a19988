"""What differs between an entity that is wanted and the one that is there, in words without values.

Pure. A value may be a password, so only kinds, limits, versions, names and switches are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from couchgrass.deploy.bodies import (
    API_KEY,
    BINDING,
    EXEC,
    FEED,
    SEQUENCE,
    action_annotations,
    end_name,
    exec_body,
    full_name,
    limits_of,
    trigger_annotations,
    version_of,
)
from couchgrass.deploy.mark import MARK, annotations_of, code_digest, mapping, mark_of
from couchgrass.deploy.steps import Entity
from couchgrass.deploy.wanted import Action, Package, Rule, Trigger

NEW: Final = "is not there"
_HOSTS: Final = frozenset({EXEC, BINDING, MARK})
"""Annotations that are not the manifest's."""


def owner_words(app: str, there: Entity) -> Iterator[str]:
    """Whose it was, when it was not the app's."""
    owner = mark_of(there).app
    if owner != app:
        yield f"is taken over from the app {owner}" if owner else "was not deployed by couchgrass"


def value_words(what: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    """Names whose values differ, are new or go."""
    for name, value in wanted.items():
        if name not in there:
            yield f"{what} {name} is new"
        elif not equal(value, there[name]):
            yield f"{what} {name} changes"
    for name in there:
        if name not in wanted:
            yield f"{what} {name} goes"


def equal(a: Any, b: Any) -> bool:
    """As JSON: true is not 1; 1 and 1.0 are the same number."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def package_words(wanted: Package, there: Entity, namespace: str) -> Iterator[str]:
    """Of a package or a binding."""
    if wanted.binding:
        bound = there.get(BINDING) or {}
        target = f"/{bound.get('namespace')}/{bound.get('name')}"
        if full_name(wanted.binding, namespace) != target:
            yield f"is bound to {wanted.binding} instead of {target}"
    yield from value_words("parameter", wanted.parameters, mapping(there.get("parameters", ())))
    yield from value_words("annotation", wanted.annotations, _annotations(there))
    if wanted.publish != bool(there.get("publish")):
        yield "is shared" if wanted.publish else "is not shared any longer"
    yield from _version_words(wanted.version, there)


def action_words(wanted: Action, there: Entity, namespace: str) -> Iterator[str]:
    """Of an action or a sequence, but for its code."""
    annotations = {API_KEY: False, **_annotations(there)}
    yield from value_words("annotation", action_annotations(wanted), annotations)
    if wanted.exec.kind != SEQUENCE:
        yield from value_words("parameter", wanted.parameters, mapping(there.get("parameters", ())))
    limits = there.get("limits", {})
    for name, value in limits_of(wanted).items():
        if limits.get(name) != value:
            yield f"{name} {limits.get(name, 'unset')} → {value}"
    yield from _version_words(wanted.version, there)


def gone_annotations(wanted: Action, there: Entity) -> list[str]:
    """Those of an action that are not wanted: hosts merge, so they are to be named."""
    return [name for name in _annotations(there) if name not in action_annotations(wanted)]


def exec_words(wanted: Action, there: Entity, namespace: str) -> Iterator[str]:
    """Of what an action runs."""
    exec = there.get("exec", {})
    kind = str(exec.get("kind", annotations_of(there).get(EXEC, "")))
    if wanted.exec.kind != kind:
        yield f"kind {kind} → {wanted.exec.kind}"
    elif kind == SEQUENCE:
        if exec_body(wanted, namespace)["components"] != list(map(_component, exec.get("components", ()))):
            yield "components change"
    elif exec_digest(wanted, namespace) != (code_digest(exec) if "code" in exec else mark_of(there).digest):
        yield "code changes"


def exec_digest(wanted: Action, namespace: str) -> str:
    """Of the code that is wanted; "" of a sequence, which is compared as it is."""
    if wanted.exec.kind == SEQUENCE:
        return ""
    return wanted.exec.digest or code_digest(exec_body(wanted, namespace))


def _component(told: Any) -> str:
    """Hosts tell "/namespace/package/action"; some leave the slash out."""
    return "/" + str(told).strip("/")


def trigger_words(wanted: Trigger, there: Entity, namespace: str) -> Iterator[str]:
    """Of a trigger, without its feed."""
    yield from value_words("parameter", wanted.parameters, mapping(there.get("parameters", ())))
    yield from value_words("annotation", trigger_annotations(wanted, namespace), _annotations(there))


def feed_of(there: Entity) -> str:
    """The feed of a trigger, "" without one."""
    return str(annotations_of(there).get(FEED, "") or "")


def rule_words(wanted: Rule, there: Entity, namespace: str) -> Iterator[str]:
    """Of a rule."""
    for end in ("trigger", "action"):
        name = full_name(getattr(wanted, end), namespace)
        if name != end_name(there.get(end)):
            yield f"{end} {end_name(there.get(end))} → {name}"
    yield from value_words("annotation", wanted.annotations, _annotations(there))
    if there.get("status") == "inactive":
        yield "is switched off"


def _annotations(there: Entity) -> dict[str, Any]:
    return {name: value for name, value in annotations_of(there).items() if name not in _HOSTS}


def _version_words(wanted: str, there: Entity) -> Iterator[str]:
    if wanted and version_of(wanted) != there.get("version"):
        yield f"version {there.get('version')} → {version_of(wanted)}"
