"""Documents of APIs: the app's routes beside those of others, sign-in turned on and off."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from couchgrass.deploy.api import OURS, Hosted, api_steps, operations
from couchgrass.deploy.steps import Change, PlanRefused, Present, Step
from couchgrass.deploy.wanted import Action, App, Exec, Route
from couchgrass.gateway.compile import compile_api

HOSTED = Hosted("todo", "guest", "http://functions.example")
SIGNED_IN = Hosted("todo", "guest", "http://functions.example", tenant="t-1")
PRUNED = Hosted("todo", "guest", "http://functions.example", prune=True)


def route(verb: str, path: str = "/todo", base: str = "/v1") -> Route:
    return Route("todos", base, path, verb, "p/get", "http")


def steps(wanted: App, hosted: Hosted, **apis: dict[str, Any]) -> list[Step]:
    there = {api["basePath"]: api for api in apis.values()}
    return list(api_steps(wanted, Present("guest", apis=there), hosted))


def made(*routes: Route, hosted: Hosted = HOSTED) -> dict[str, Any]:
    (step,) = steps(App(routes=routes), hosted)
    assert step.change is Change.CREATE
    return dict(step.body)


def test_a_route_leads_to_its_action_and_the_gateway_can_serve_it() -> None:
    document = made(route("GET"), route("PUT", "/todo/{id}"))
    api = compile_api("x", "guest", document)
    target = api.resources["/todo"]["GET"].target
    assert target is not None and target.path == b"/api/v1/web/guest/p/get.http"
    (parameter,) = document["paths"]["/todo/{id}"]["put"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("id", "path")
    assert document["info"]["title"] == "todos"


def test_an_action_with_a_secret_gets_it_from_the_gateway() -> None:
    secured = Action("p/get", Exec("python:3", "x = 1"), annotations={"require-whisk-auth": "s3"})
    (step,) = steps(App(actions=(secured,), routes=(route("GET"),)), HOSTED)
    operation = compile_api("x", "guest", dict(step.body)).resources["/todo"]["GET"]
    assert operation.sets == ((b"x-require-whisk-auth", b"s3"),)


def test_others_operations_stay_and_ours_go_only_when_told() -> None:
    document = made(route("GET"), route("POST"))
    del document["paths"]["/todo"]["post"][OURS]
    document["x-other"] = {"a": 1}
    kept, said = steps(App(), HOSTED, api=document)[0], steps(App(), PRUNED, api=document)[0]
    assert kept.change is Change.LEFT and kept.why == ("GET /todo left the manifest",)
    assert said.change is Change.UPDATE and said.why == ("GET /todo goes",)
    assert operations(said.body) == {("/todo", "post")}
    assert said.body["x-other"] == {"a": 1}


def test_an_unchanged_document_is_no_change_and_one_route_more_is_named() -> None:
    document = made(route("GET"))
    (same,) = steps(App(routes=(route("GET"),)), HOSTED, api=document)
    assert same.change is Change.UNCHANGED
    (more,) = steps(App(routes=(route("GET"), route("PUT"))), HOSTED, api=document)
    assert more.why == ("PUT /todo is new",)


def test_sign_in_is_turned_on_and_off_again_but_not_what_others_turned_on() -> None:
    open_one = made(route("GET"))
    (on,) = steps(App(routes=(route("GET"),)), SIGNED_IN, api=open_one)
    assert on.why[0] == "sign-in is turned on"
    provider = on.body["securityDefinitions"]["app-id"]["x-provider"]
    assert provider == {"name": "app-id", "params": {"tenantId": "t-1"}}
    assert compile_api("x", "guest", dict(on.body)).resources["/todo"]["GET"].demands
    (off,) = steps(App(routes=(route("GET"),)), HOSTED, api=dict(on.body))
    assert off.body == open_one
    theirs = copy.deepcopy(dict(on.body))
    del theirs[OURS]
    (same,) = steps(App(routes=(route("GET"),)), HOSTED, api=theirs)
    assert same.change is Change.UNCHANGED


def test_a_whole_document_is_the_apps_and_is_taken_back() -> None:
    document = {"swagger": "2.0", "info": {"title": "a"}, "basePath": "/v2", "paths": {"/x": {"get": {}}}}
    (step,) = steps(App(swaggers=(document,)), HOSTED)
    assert step.name == "/v2" and step.body["paths"] == document["paths"]
    (gone,) = steps(App(), PRUNED, api=dict(step.body))
    assert gone.change is Change.DELETE


def test_a_base_path_can_not_have_both() -> None:
    document = {"basePath": "/v1", "paths": {"/x": {}}}
    with pytest.raises(PlanRefused, match="/v1"):
        steps(App(routes=(route("GET"),), swaggers=(document,)), HOSTED)
