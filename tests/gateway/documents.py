"""API documents that the gateway's tests share."""

from __future__ import annotations

from typing import Any

from couchgrass.gateway.apidoc import Endpoint
from couchgrass.gateway.swagger import add_endpoint, base_swagger

API_URL = "https://functions.example"


def endpoint(path: str = "/todo", verb: str = "get", **more: Any) -> Endpoint:
    """An endpoint of the API /v1 that leads to guest/shop/list."""
    given: dict[str, Any] = {
        "base_path": "/v1",
        "path": path,
        "verb": verb,
        "title": "todos",
        "namespace": "guest",
        "package": "shop",
        "action": "list",
    }
    return Endpoint(**{**given, **more})


def swagger(*endpoints: Endpoint, kind: str = "http", base_path: str = "/v1", **more: Any) -> dict[str, Any]:
    """An API with these endpoints, made as createApi makes it, and with further members."""
    made = base_swagger(base_path, "todos")
    for each in endpoints or (endpoint(),):
        made = add_endpoint(made, each, kind, API_URL)
    return {**made, **more}


def apidoc(path: str = "/todo", verb: str = "GET", **more: Any) -> dict[str, Any]:
    """What wsk sends to add an endpoint."""
    return {
        "apidoc": {
            "namespace": "_",
            "gatewayBasePath": "/v1",
            "gatewayPath": path,
            "gatewayMethod": verb,
            "id": "API:_:/v1",
            "action": {
                "name": "shop/list",
                "namespace": "_",
                "backendMethod": "GET",
                "backendUrl": "https://http://localhost:3233/api/v1/web/_/shop/list.http",
                "authkey": "u:k",
            },
            **more,
        }
    }
