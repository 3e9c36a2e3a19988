"""What a client sends to make an API: one endpoint, or a whole document, read and checked.

Errors have the words that clients of OpenWhisk know. Source: OpenWhisk `core/routemgmt/createApi`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.gateway.api import METHODS
from couchgrass.gateway.openapi import as_swagger, is_openapi

RESPONSE_TYPES: Final = frozenset({"http", "json", "html", "svg", "text"})
"""What the extension of a web action's URL can be."""

BASE_PATH_CHARS_MAX: Final = 1_000

_ENDPOINT: Final = ("gatewayBasePath", "gatewayPath", "gatewayMethod")
_ACTION: Final = ("backendMethod", "backendUrl", "namespace", "name", "authkey")
_NAME: Final = re.compile(r"/?([^/]*)/?([^/]*)/?([^/]*)")


class Endpoint(msgspec.Struct, frozen=True):
    """One verb of one path, and its action; `package` is "" for an action in none."""

    base_path: str
    path: str
    verb: str
    title: str
    namespace: str
    package: str
    action: str
    parameters: Any = None
    secure_key: Any = None


class Whole(msgspec.Struct, frozen=True):
    """A swagger or OpenAPI 3 document that is all of an API. `base_path` as the document has it."""

    base_path: str
    title: str
    document: dict[str, Any]


def read_apidoc(body: Mapping[str, Any], namespace: str) -> Endpoint | Whole:
    """What the body of createApi asks for; `namespace` is the caller's own, for "_". Raises BadRequest."""
    given = body.get("apidoc")
    if not given:
        raise BadRequest("apidoc is required.")
    doc = _object(given, "apidoc")
    if not doc.get("namespace"):
        raise BadRequest("apidoc is missing the namespace field")
    if doc.get("swagger"):
        if doc.get("gatewayBasePath"):
            raise BadRequest(
                "swagger and gatewayBasePath are mutually exclusive and cannot be specified together."
            )
        return _whole(_object(doc["swagger"], "swagger"))
    for field in _ENDPOINT:
        _text(doc, field, f"apidoc is missing the {field} field")
    action = doc.get("action")
    if not isinstance(action, dict):
        raise BadRequest("apidoc is missing the action field.")
    for field in _ACTION:
        _text(action, field, f"action is missing the {field} field.")
    return _endpoint(doc, action, namespace)


def _object(given: Any, name: str) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.decode(given)
        except BadRequest as bad:
            raise BadRequest(f"{name} field cannot be parsed. Ensure it is valid JSON.") from bad
    if not isinstance(given, dict):
        raise BadRequest(f"{name} field should be a JSON object or a JSON string.")
    return given


def _text(values: Mapping[str, Any], name: str, missing: str) -> str:
    found = values.get(name)
    if not isinstance(found, str) or not found:
        raise BadRequest(missing)
    return found


def _whole(document: dict[str, Any]) -> Whole:
    for field in ("paths", "info") if is_openapi(document) else ("basePath", "paths", "info"):
        if not document.get(field):
            raise BadRequest(f"swagger is missing the {field} field.")
    base_path = as_swagger(document)["basePath"]
    info = document["info"]
    title = info.get("title") if isinstance(info, dict) else None
    if not isinstance(title, str) or not title:
        raise BadRequest("swagger is missing the info.title field.")
    return Whole(_base_path(base_path), title, document)


def _base_path(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise BadRequest("swagger is missing the basePath field.")
    if len(given) > BASE_PATH_CHARS_MAX or any(mark in given for mark in "'?#\\") or not given.isprintable():
        raise BadRequest("basePath contains an illegal character")
    return given


def _endpoint(doc: Mapping[str, Any], action: Mapping[str, Any], namespace: str) -> Endpoint:
    owner, package, name = action_of(action["name"])
    owner = owner or action["namespace"]
    path, title = doc["gatewayPath"], doc.get("apiName")
    if doc["gatewayMethod"].upper() not in METHODS:
        raise BadRequest(f"Resource verb '{doc['gatewayMethod']}' not supported.")
    return Endpoint(
        base_path=_base_path(doc["gatewayBasePath"]),
        path=path if path.startswith("/") else "/" + path,
        verb=doc["gatewayMethod"],
        title=title if isinstance(title, str) else "",
        namespace=namespace if owner == "_" else owner,
        package="" if package == "default" else package,
        action=name,
        parameters=doc.get("pathParameters"),
        secure_key=action.get("secureKey") or None,
    )


def action_of(name: str) -> tuple[str, str, str]:
    """Namespace, package and name of "/ns/pkg/action", "pkg/action" or "action"; "" for what is not there.

    Raises BadRequest.
    """
    found = _NAME.fullmatch(name)
    parts = [part for part in found.groups() if part] if found else []
    if not parts:
        raise BadRequest(f"'{name}' is no name of an action")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    if len(parts) == 2:
        return ("", parts[0], parts[1]) if not name.startswith("/") else (parts[0], "", parts[1])
    return "", "", parts[0]


def read_response_type(given: str | None) -> str:
    """What createApi's `responsetype` says; json when it says nothing. Raises BadRequest."""
    kind = (given or "json").lower()
    if kind not in RESPONSE_TYPES:
        raise BadRequest(f"The response type '{kind}' is not one of {', '.join(sorted(RESPONSE_TYPES))}")
    return kind
