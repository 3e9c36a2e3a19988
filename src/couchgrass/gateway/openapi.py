"""OpenAPI 3 as the Swagger 2.0 that the gateway serves from. A copy: what was imported stays as it is.

Only what is served from is carried over: the base path (that of the first server), paths with their operation
ids, what security is demanded, and every `x-` member.
Specification: OpenAPI 3.0 and 3.1, Server Object and Security Scheme Object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")


def is_openapi(document: Mapping[str, Any]) -> bool:
    """It is OpenAPI 3, not Swagger 2."""
    return isinstance(document.get("openapi"), str) and document["openapi"].startswith("3.")


def as_swagger(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document itself when it is Swagger 2, else one made from it."""
    if not is_openapi(document):
        return dict(document)
    swagger: dict[str, Any] = {
        "swagger": "2.0",
        "info": document.get("info"),
        "basePath": _base_path(document),
    }
    swagger["paths"] = document.get("paths")
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    if schemes is not None:
        swagger["securityDefinitions"] = schemes
    if "security" in document:
        swagger["security"] = document["security"]
    return swagger | {name: value for name, value in document.items() if name.startswith("x-")}


def _base_path(document: Mapping[str, Any]) -> str:
    """The path of the first server, its variables at their defaults; "/" when no server is named."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, dict) or not isinstance(first.get("url"), str):
        return "/"
    variables = first.get("variables")
    variables = variables if isinstance(variables, dict) else {}

    def value(found: re.Match[str]) -> str:
        variable = variables.get(found[1])
        return str(variable.get("default", "")) if isinstance(variable, dict) else ""

    try:
        path = urlsplit(_VARIABLE.sub(value, first["url"])).path
    except ValueError:
        return "/"
    return "/" + path.strip("/")
