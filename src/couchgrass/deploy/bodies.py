"""What is sent to make an entity: of what an app asks for, and of what there was before.

Pure. Source: the bodies of OpenWhisk's PUTs. Annotations and limits of an action are merged there by key, so
an annotation that is to go is named in `delAnnotations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from couchgrass.deploy.mark import MARK, Mark, annotations_of, rows
from couchgrass.deploy.wanted import Action, Package, Rule, Trigger

LIMITS: Final = {"timeout": 60_000, "memory": 256, "logs": 10}
"""What an action has that asks for nothing: ms, MB, MB."""

BINDING: Final = "binding"
FEED: Final = "feed"
EXEC: Final = "exec"
SEQUENCE: Final = "sequence"
API_KEY: Final = "provide-api-key"

Body = dict[str, Any]


def full_name(name: str, namespace: str) -> str:
    """ "/namespace/package/name" of a name in a namespace, of "/_/…", or of one that is whole already."""
    if not name.startswith("/"):
        return f"/{namespace}/{name}"
    owner, _, rest = name[1:].partition("/")
    return f"/{namespace if owner == '_' else owner}/{rest}"


def version_of(text: str) -> str:
    """ "1.0" as OpenWhisk tells it: "1.0.0"."""
    return ".".join([*text.split("."), "0", "0"][:3]) if text else ""


def package_body(package: Package, namespace: str, mark: Mark) -> Body:
    """PUT of a package or a binding."""
    body: Body = {
        "publish": package.publish,
        "parameters": rows(package.parameters),
        "annotations": rows({**package.annotations, MARK: _told(mark)}),
    }
    if package.version:
        body["version"] = version_of(package.version)
    if package.binding:
        owner, _, name = full_name(package.binding, namespace)[1:].partition("/")
        body[BINDING] = {"namespace": owner, "name": name}
    return body


def exec_body(action: Action, namespace: str) -> Body:
    """The `exec` of an action's PUT."""
    wanted = action.exec
    if wanted.kind == SEQUENCE:
        return {"kind": SEQUENCE, "components": [full_name(one, namespace) for one in wanted.components]}
    body: Body = {"kind": wanted.kind, "code": wanted.code}
    if wanted.main:
        body["main"] = wanted.main
    if wanted.image:
        body["image"] = wanted.image
    return body


def action_body(action: Action, mark: Mark, exec: Body | None) -> Body:
    """PUT of an action. `exec` None: it stays."""
    body: Body = {
        "version": mark.version,
        "annotations": rows({**action_annotations(action), MARK: _told(mark)}),
        "limits": limits_of(action),
    }
    if action.exec.kind != SEQUENCE:
        body["parameters"] = rows(action.parameters)
    return body if exec is None else {**body, "exec": exec}


def action_annotations(action: Action) -> dict[str, Any]:
    """Those that an action is to have, but for the mark."""
    return {API_KEY: False, **action.annotations}


def limits_of(action: Action) -> dict[str, int]:
    """All limits that an action is to have."""
    return {**LIMITS, **action.limits}


def trigger_body(trigger: Trigger, namespace: str, mark: Mark) -> Body:
    """PUT of a trigger."""
    return {
        "parameters": rows(trigger.parameters),
        "annotations": rows({**trigger_annotations(trigger, namespace), MARK: _told(mark)}),
    }


def trigger_annotations(trigger: Trigger, namespace: str) -> dict[str, Any]:
    """Those that a trigger is to have, but for the mark."""
    feed = {FEED: full_name(trigger.feed, namespace)} if trigger.feed else {}
    return {**trigger.annotations, **feed}


def rule_body(rule: Rule, namespace: str, mark: Mark) -> Body:
    """PUT of a rule. `active` is not part of it, but what its status is to be."""
    return {
        "trigger": full_name(rule.trigger, namespace),
        "action": full_name(rule.action, namespace),
        "annotations": rows({**rule.annotations, MARK: _told(mark)}),
        "active": True,
    }


def restored_body(before: Mapping[str, Any], after: Mapping[str, Any]) -> Body:
    """What puts an entity back that was `before`, over one that was made with the body `after`."""
    body: Body = {
        key: before[key]
        for key in ("version", "publish", "parameters", "annotations", "limits", "exec")
        if key in before
    }
    if "trigger" in before:  # a rule
        for end in ("trigger", "action"):
            body[end] = end_name(before[end])
        body["active"] = before.get("status") != "inactive"
    if before.get(BINDING):
        body[BINDING] = before[BINDING]
    if before.get("exec", {}).get("kind") == SEQUENCE:
        body.pop("parameters", None)
    if "exec" in before:
        had = annotations_of(before)
        body["delAnnotations"] = [key for key in annotations_of(after) if key not in had]
        if not _has_code(before["exec"]):
            del body["exec"]
    return body


def end_name(end: Any) -> str:
    """One end of a rule, "/namespace/package/name", of the object or the text that hosts tell."""
    return f"/{end['path']}/{end['name']}" if isinstance(end, Mapping) else str(end)


def _has_code(exec: Mapping[str, Any]) -> bool:
    return "code" in exec or "components" in exec


def _told(mark: Mark) -> dict[str, Any]:
    told: dict[str, Any] = {"app": mark.app}
    for key in ("digest", "version", "at"):
        if value := getattr(mark, key):
            told[key] = value
    return {**told, "own": list(mark.own)} if mark.own else told
