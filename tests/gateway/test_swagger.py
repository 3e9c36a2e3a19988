"""Endpoints are put into a document and taken out again, and nothing else of it changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest, NotFound
from couchgrass.gateway.apidoc import Endpoint
from couchgrass.gateway.swagger import (
    add_endpoint,
    base_swagger,
    check_parameters,
    operation_id,
    remove_endpoint,
)
from tests.gateway.documents import API_URL, endpoint, swagger


def cases(document: dict[str, Any]) -> list[Any]:
    found: list[Any] = document["x-ibm-configuration"]["assembly"]["execute"][0]["operation-switch"]["case"]
    return found


def test_the_form_that_clients_know() -> None:
    assert swagger(endpoint("/todo", secure_key="s3")) == {
        "swagger": "2.0",
        "info": {"title": "todos", "version": "1.0.0"},
        "basePath": "/v1",
        "paths": {
            "/todo": {
                "get": {
                    "operationId": "getTodo",
                    "x-openwhisk": {
                        "url": f"{API_URL}/api/v1/web/guest/shop/list.http",
                        "namespace": "guest",
                        "package": "shop",
                        "action": "list",
                    },
                    "responses": {"default": {"description": "Default response"}},
                }
            }
        },
        "x-ibm-configuration": {
            "assembly": {
                "execute": [
                    {
                        "operation-switch": {
                            "case": [
                                {
                                    "operations": ["getTodo"],
                                    "execute": [
                                        {
                                            "invoke": {
                                                "target-url": f"{API_URL}/api/v1/web/guest/shop/list.http"
                                                "$(request.path)",
                                                "verb": "keep",
                                            }
                                        },
                                        {
                                            "set-variable": {
                                                "actions": [
                                                    {
                                                        "set": "message.headers.X-Require-Whisk-Auth",
                                                        "value": "s3",
                                                    }
                                                ]
                                            }
                                        },
                                    ],
                                }
                            ]
                        }
                    }
                ]
            },
            "cors": {"enabled": True},
        },
    }


def test_other_response_types_get_no_path_and_an_action_without_package_is_in_default() -> None:
    document = swagger(endpoint(package=""), kind="json")
    url = f"{API_URL}/api/v1/web/guest/default/list.json"
    assert cases(document)[0]["execute"][0]["invoke"]["target-url"] == url
    assert document["paths"]["/todo"]["get"]["x-openwhisk"]["package"] == ""


@pytest.mark.parametrize(
    ("verb", "path", "wanted"),
    [
        ("GET", "/todo", "getTodo"),
        ("post", "/a/b_C-d", "postAB_c-d"),
        ("get", "/", "get"),
        ("get", "/books/{isbn}", "getBooksIsbn"),
        ("get", "/a.b/~c", "getABC"),
    ],
)
def test_operation_ids(verb: str, path: str, wanted: str) -> None:
    assert operation_id(verb, path) == wanted


def test_two_endpoints_never_share_an_id() -> None:
    document = swagger(endpoint("/a/b", action="one"), endpoint("/a.b", action="two"))
    assert len({case["operations"][0] for case in cases(document)}) == 2
    left = remove_endpoint(document, "/a.b", "")
    assert left is not None and [case["operations"] for case in cases(left)] == [["getAB"]]


def test_an_endpoint_that_is_there_is_replaced_and_the_title_stays() -> None:
    document = add_endpoint(swagger(), endpoint(action="other", title="new"), "http", API_URL)
    assert document["info"]["title"] == "todos"
    assert (
        len(cases(document)) == 1 and "other.http" in cases(document)[0]["execute"][0]["invoke"]["target-url"]
    )


def test_an_imported_document_can_be_added_to() -> None:
    imported: dict[str, Any] = {
        "swagger": "2.0",
        "basePath": "/v1",
        "x-own": 1,
        "paths": {"/x": {"get": {"operationId": "x"}}},
    }
    document = add_endpoint(imported, endpoint(), "http", API_URL)
    assert list(document["paths"]) == ["/x", "/todo"] and len(cases(document)) == 1
    broken: dict[str, Any]
    for broken in (
        {"paths": {"/todo": 5}},
        {"x-ibm-configuration": 5},
        {"x-ibm-configuration": {"assembly": []}},
    ):
        with pytest.raises(BadRequest):
            add_endpoint({**imported, **broken}, endpoint(), "http", API_URL)


@pytest.mark.parametrize(
    ("path", "verb", "reason"),
    [
        ("/nope", "", "path '/nope' does not exist in the API"),
        ("/todo", "put", "path '/todo' with operation 'put' does not exist in the API"),
        ("/todo", "PARAMETERS", "path '/todo' with operation 'parameters' does not exist in the API"),
    ],
)
def test_what_is_not_there_can_not_be_removed(path: str, verb: str, reason: str) -> None:
    with pytest.raises(NotFound) as refused:
        remove_endpoint(swagger(), path, verb)
    assert refused.value.reason == reason


def test_an_empty_path_goes_with_its_last_verb_and_the_api_with_its_last_path() -> None:
    document = swagger(endpoint(), endpoint(verb="post"), endpoint("/x"))
    document["paths"]["/todo"]["parameters"] = []
    document = remove_endpoint(document, "/todo", "GET") or {}
    assert list(document["paths"]["/todo"]) == ["post", "parameters"]
    document = remove_endpoint(document, "/todo", "post") or {}
    assert list(document["paths"]) == ["/x"] and len(cases(document)) == 1
    assert remove_endpoint(document, "/x", "") is None


ENDPOINTS = st.builds(
    Endpoint,
    base_path=st.just("/v1"),
    path=st.sampled_from(["/a", "/a/b", "/a.b", "/{x}", "/a-b", "/"]),
    verb=st.sampled_from(["get", "POST", "Delete"]),
    title=st.just("t"),
    namespace=st.just("guest"),
    package=st.sampled_from(["", "p"]),
    action=st.sampled_from(["one", "two"]),
)


@given(st.lists(ENDPOINTS, max_size=8), ENDPOINTS)
def test_adding_and_removing_leaves_what_was(others: list[Endpoint], one: Endpoint) -> None:
    document = base_swagger("/v1", "t")
    for other in others:
        if (other.path, other.verb.lower()) != (one.path, one.verb.lower()):
            document = add_endpoint(document, other, "json", API_URL)
    before = copy.deepcopy(document)
    added = add_endpoint(document, one, "json", API_URL)
    assert document == before
    left = remove_endpoint(added, one.path, one.verb)
    if not before["paths"]:
        assert left is None
    else:
        assert json.encode(left) == json.encode(before)


def test_path_parameters_need_http_and_definitions() -> None:
    name = {"name": "id", "in": "path", "required": True, "type": "string"}
    check_parameters(swagger(endpoint("/b/{id}", parameters=[name])))
    for document, reason in (
        (swagger(endpoint("/b/{id}", parameters=[name]), kind="json"), "The action must use a response type"),
        (swagger(endpoint("/b/{id}")), "The parameter 'id' defined in path '/b/{id}' does not match"),
        (swagger(endpoint(), base_path="/{x}/v1"), "The base path (/{x}/v1) cannot have parameters."),
    ):
        with pytest.raises(BadRequest) as refused:
            check_parameters(document)
        assert refused.value.reason.startswith(reason)
    document = swagger(endpoint("/b/{id}", parameters=[name]))
    cases(document)[0]["execute"][0]["invoke"]["target-url"] = f"{API_URL}/api/v1/web/guest/shop/list.http"
    with pytest.raises(BadRequest, match="must end in"):
        check_parameters(document)
    odd = swagger(endpoint("/b/{id}", parameters=[{"name": []}, {"name": {}}]))
    odd["paths"]["/b/{id}"]["get"]["operationId"] = [[]]
    with pytest.raises(BadRequest, match="The parameter 'id' defined"):
        check_parameters(odd)
    shared = swagger(endpoint("/b/{id}"))
    shared["paths"]["/b/{id}"]["parameters"] = [name]
    check_parameters(shared)
