"""OpenAPI 3 is served as Swagger 2 from a copy."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from couchgrass.gateway.openapi import as_swagger, is_openapi

DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "https://{host}/{stage}/v2/", "variables": {"stage": {"default": "prod"}}}],
    "paths": {"/a": {"get": {"operationId": "getA", "responses": {}}}},
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "k"}}},
    "security": [{"key": []}],
    "x-ibm-configuration": {"cors": {"enabled": True}},
}


def test_what_is_served_from_is_carried_over_and_the_document_stays() -> None:
    before = copy.deepcopy(DOCUMENT)
    swagger = as_swagger(DOCUMENT)
    assert swagger["basePath"] == "/prod/v2"
    assert swagger["paths"] == DOCUMENT["paths"]
    assert swagger["securityDefinitions"] == DOCUMENT["components"]["securitySchemes"]
    assert swagger["security"] == [{"key": []}]
    assert swagger["x-ibm-configuration"] == {"cors": {"enabled": True}}
    assert before == DOCUMENT


def test_swagger_2_is_itself() -> None:
    swagger = {"swagger": "2.0", "basePath": "/x", "paths": {}}
    assert as_swagger(swagger) == swagger
    assert not is_openapi(swagger)


@pytest.mark.parametrize(
    ("servers", "base_path"),
    [
        (None, "/"),
        ([], "/"),
        ([{"url": "/v1"}], "/v1"),
        ([{"url": "v1"}], "/v1"),
        ([{"url": "https://a.example"}], "/"),
        ([{"url": 5}], "/"),
        ([{"url": "https://[x"}], "/"),
        ("x", "/"),
    ],
)
def test_the_base_path_is_that_of_the_first_server(servers: Any, base_path: str) -> None:
    assert as_swagger({"openapi": "3.1.0", "servers": servers, "paths": {}})["basePath"] == base_path
