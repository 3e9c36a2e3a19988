"""The API described by itself: ``GET /api/v1/api-docs``, a Swagger 2.0 document made from the routes."""

from __future__ import annotations

import re
from typing import Any, Final

from couchgrass import __version__
from couchgrass.functions.http.call import Endpoint, Routes, Shape

_NAMES: Final = {
    (b"actions", 1, True): "/{package}/",
    (b"actions", 2, False): "/{package}/{name}",
    (b"activations", 1, False): "/{id}",
    (b"activations", 2, False): "/{id}/{part}",
}
"""How the names behind a collection are called where it is not "{name}"."""

_PART: Final = re.compile(r"\{(\w+)\}")
_OPTION: Final = re.compile(r"[?&](\w+)=")


def described(routes: Routes) -> dict[str, Any]:
    """The document. What an endpoint takes and does is what its docstring says."""
    paths: dict[str, Any] = {}
    for shape, methods in routes.items():
        if shape.slash and shape not in _NAMES:
            continue  # the same as the form without the slash
        path = _path(shape)
        paths[path] = {method.lower(): _operation(path, endpoint) for method, endpoint in methods.items()}
    return {
        "swagger": "2.0",
        "info": {"title": "OpenWhisk API", "version": __version__},
        "basePath": "/api/v1",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"key": {"type": "basic"}},
        "security": [{"key": []}],
        "paths": paths,
    }


def _path(shape: Shape) -> str:
    names = _NAMES.get(shape, "/{name}" if shape.names else "")
    return f"/namespaces/{{namespace}}/{shape.collection.decode()}{names}"


def _operation(path: str, endpoint: Endpoint) -> dict[str, Any]:
    text = endpoint.__doc__ or ""
    parameters = [
        {"name": name, "in": "path", "required": True, "type": "string"} for name in _PART.findall(path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "type": "string"} for name in _OPTION.findall(text)
    ]
    return {
        "summary": text.splitlines()[0] if text else path,
        "parameters": parameters,
        "responses": {"200": {"description": "done"}, "default": {"description": "{error, code}"}},
    }
