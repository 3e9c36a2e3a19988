"""`apis` of a package as routes, and the web actions that they make of the actions behind them.

Pure. Leading slashes may be left out; a base path has one segment; a path with `{param}` answers as `http`.
Source: wskdeploy's ComposeApiRecords.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy import wanted
from couchgrass.deploy.actions import WEB_EXPORT, web
from couchgrass.deploy.manifest import Endpoint, Text
from couchgrass.deploy.refused import meant
from couchgrass.deploy.scope import Scope

VERBS: Final = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS")
RESPONSES: Final = ("http", "json", "text", "html", "svg")
DEFAULT_RESPONSE: Final = "json"

_PARAMETER: Final = re.compile(r"\{([^{}/]*)\}")
_WEB_ON: Final = (True, "true", "yes", "raw")


def routes(
    endpoints: Iterable[Endpoint], actions: Mapping[str, str], scope: Scope
) -> tuple[tuple[Endpoint, wanted.Route], ...]:
    """The routes of a package. `actions`: its actions and sequences as they are written, to their full names.

    Raises ManifestRefused.
    """
    return tuple((one, _route(one, actions, scope)) for one in endpoints)


def _route(one: Endpoint, actions: Mapping[str, str], scope: Scope) -> wanted.Route:
    if one.action not in actions:
        there = meant(one.action, actions) if actions else ""
        raise scope.refusal(one.line, f"{one.api}: {one.action} is no action of this package{there}")
    verb = one.method.text.upper()
    if verb not in VERBS:
        line, given = one.method.line or one.line, one.method.text or "nothing"
        raise scope.refusal(line, f"{one.action}: method must be {', '.join(VERBS).lower()}, not {given}")
    path = _slashed(one.path)
    return wanted.Route(
        api=one.api,
        base=_base(one, scope),
        path=path,
        verb=verb,
        action=actions[one.action],
        response=_response(one, path, scope),
    )


def _slashed(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _base(one: Endpoint, scope: Scope) -> str:
    base = _slashed(one.base)
    if not one.base or "/" in base[1:] or "{" in base:
        raise scope.refusal(one.line, f"{one.api}: the base path must be one segment: /v1")
    return base


def _response(one: Endpoint, path: str, scope: Scope) -> str:
    given = one.response.text.lower()
    if given and given not in RESPONSES:
        listed = ", ".join(RESPONSES)
        raise scope.refusal(one.response.line, f"{one.action}: response must be one of {listed}")
    parameters = _PARAMETER.findall(path)
    if "{" in _PARAMETER.sub("", path) or "" in parameters:
        raise scope.refusal(one.line, f"{path}: parameters must be {{name}}")
    if parameters and given not in ("", "http"):
        scope.warn(one.response.line, f"{one.action}: a path with parameters answers as http, not as {given}")
    return "http" if parameters else given or DEFAULT_RESPONSE


def check_unique(found: Iterable[tuple[Endpoint, wanted.Route]], scope: Scope) -> None:
    """Raises ManifestRefused when one verb of one path leads to two actions."""
    taken: dict[tuple[str, str, str], wanted.Route] = {}
    names: dict[str, str] = {}
    for one, route in found:
        other = taken.setdefault((route.base, route.path, route.verb), route)
        if other is not route:
            raise scope.refusal(
                one.line, f"{route.verb} {route.base}{route.path} leads to {other.action} already"
            )
        if names.setdefault(route.base, route.api) != route.api:
            scope.warn(one.line, f"the base path {route.base} is of the API {names[route.base]} already")


def exported(action: wanted.Action, api: str, line: int, scope: Scope) -> wanted.Action:
    """The action as a web action: it is made one, with a doubt, when nothing says whether it is.

    Raises ManifestRefused when it must not be one.
    """
    annotations: Mapping[str, Any] = action.annotations
    if WEB_EXPORT in annotations:
        if annotations[WEB_EXPORT] not in _WEB_ON:
            raise scope.refusal(line, f"the API {api} needs {action.name} as a web action: its web is false")
        return action
    scope.doubt(line, f"{action.name} is made a web action for the API {api}: say web: true")
    return msgspec.structs.replace(
        action, annotations={**annotations, **web(Text("true", line), action.name, scope)}
    )
