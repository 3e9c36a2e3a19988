"""What clients send to make an API is read as they mean it, or refused in upstream's words."""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import pytest

from couchgrass.errors import BadRequest
from couchgrass.gateway.apidoc import Endpoint, Whole, action_of, read_apidoc, read_response_type
from tests.gateway.documents import apidoc, swagger


def test_what_wsk_sends() -> None:
    assert read_apidoc(apidoc(apiName="todos"), "guest") == Endpoint(
        base_path="/v1",
        path="/todo",
        verb="GET",
        title="todos",
        namespace="guest",
        package="shop",
        action="list",
    )


def test_a_foreign_action_stays_foreign_and_the_name_knows_best() -> None:
    body = apidoc()
    body["apidoc"]["action"] |= {"name": "/their/kit/go", "namespace": "x", "secureKey": 7}
    found = read_apidoc(body, "guest")
    assert isinstance(found, Endpoint)
    assert (found.namespace, found.package, found.action, found.secure_key) == ("their", "kit", "go", 7)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a", ("", "", "a")),
        ("/a", ("", "", "a")),
        ("p/a", ("", "p", "a")),
        ("/n/a", ("n", "", "a")),
        ("/n/p/a", ("n", "p", "a")),
        ("n/p/a", ("n", "p", "a")),
    ],
)
def test_names_of_actions(name: str, parts: tuple[str, str, str]) -> None:
    assert action_of(name) == parts


@pytest.mark.parametrize("name", ["", "/", "a/b/c/d"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadRequest):
        action_of(name)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_whole_document_as_object_or_text(as_text: bool) -> None:
    document = swagger()
    given = stdlib_json.dumps(document) if as_text else document
    found = read_apidoc({"apidoc": {"namespace": "_", "swagger": given}}, "guest")
    assert found == Whole("/v1", "todos", document)
    whole = stdlib_json.dumps({"namespace": "_", "swagger": given})
    assert read_apidoc({"apidoc": whole}, "guest") == found


def test_openapi_3_has_its_base_path_in_its_server() -> None:
    document = {"openapi": "3.0.0", "info": {"title": "t"}, "servers": [{"url": "/v9"}], "paths": {"/a": {}}}
    found = read_apidoc({"apidoc": {"namespace": "_", "swagger": document}}, "guest")
    assert found == Whole("/v9", "t", document)


def without(*names: str) -> dict[str, Any]:
    """wsk's body without a member."""
    body = apidoc()
    place = body["apidoc"]
    for name in names[:-1]:
        place = place[name]
    del place[names[-1]]
    return body


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "apidoc is required."),
        ({"apidoc": "{"}, "apidoc field cannot be parsed. Ensure it is valid JSON."),
        ({"apidoc": 5}, "apidoc field should be a JSON object or a JSON string."),
        (without("namespace"), "apidoc is missing the namespace field"),
        (without("gatewayBasePath"), "apidoc is missing the gatewayBasePath field"),
        (without("gatewayPath"), "apidoc is missing the gatewayPath field"),
        (without("gatewayMethod"), "apidoc is missing the gatewayMethod field"),
        (without("action"), "apidoc is missing the action field."),
        (without("action", "backendUrl"), "action is missing the backendUrl field."),
        (without("action", "name"), "action is missing the name field."),
        (without("action", "authkey"), "action is missing the authkey field."),
        (apidoc(gatewayMethod="TRACE"), "Resource verb 'TRACE' not supported."),
        (apidoc(gatewayBasePath="/v'1"), "basePath contains an illegal character"),
        (
            apidoc(swagger=swagger()),
            "swagger and gatewayBasePath are mutually exclusive and cannot be specified together.",
        ),
        (
            {"apidoc": {"namespace": "_", "swagger": "{"}},
            "swagger field cannot be parsed. Ensure it is valid JSON.",
        ),
        ({"apidoc": {"namespace": "_", "swagger": {"x": 1}}}, "swagger is missing the basePath field."),
        (
            {
                "apidoc": {
                    "namespace": "_",
                    "swagger": {"basePath": "/", "paths": {"/": {}}, "info": {"x": 1}},
                }
            },
            "swagger is missing the info.title field.",
        ),
    ],
)
def test_what_is_missing_is_named(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_apidoc(body, "guest")
    assert refused.value.reason == reason


def test_the_response_type_is_json_unless_told() -> None:
    assert read_response_type(None) == read_response_type("") == "json"
    assert read_response_type("HTTP") == "http"
    with pytest.raises(BadRequest):
        read_response_type("exe")
