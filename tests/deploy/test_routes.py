"""APIs as routes, and the web actions behind them."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.deploy import wanted
from couchgrass.deploy.wanted import Route
from tests.deploy.reading import app_of, refused

WEB = {"web-export": True, "raw-http": False, "final": True}


def text(apis: str, *, web: str = "web: true", package: str = "shop") -> str:
    indented = "".join(f"      {line}\n" for line in apis.split("\n"))
    return (
        f"packages:\n  {package}:\n    actions:\n      get: {{function: get.js, {web}}}\n"
        f"      put: {{function: put.js, {web}}}\n"
        f"    sequences:\n      both: {{actions: 'get, put', {web}}}\n"
        f"    apis:\n{indented}"
    )


def routes(apis: str, **more: Any) -> tuple[Route, ...]:
    return app_of(text(apis, **more)).routes


def test_each_leaf_is_a_route_in_the_files_order() -> None:
    found = routes(
        "shop:\n  /v1:\n    /b:\n      put: {method: put, response: http}\n      get: {method: Get}\n"
        "    /a:\n      both: {method: PATCH, response: JSON}"
    )
    assert found == (
        Route("shop", "/v1", "/b", "PUT", "shop/put", "http"),
        Route("shop", "/v1", "/b", "GET", "shop/get", "json"),
        Route("shop", "/v1", "/a", "PATCH", "shop/both", "json"),
    )


def test_leading_slashes_may_be_left_out() -> None:
    assert routes("s: {v1: {a/b: {get: {method: get}}}}") == (Route("s", "/v1", "/a/b", "GET", "shop/get"),)


def test_actions_of_the_default_package_have_no_package() -> None:
    assert routes("s: {v1: {a: {get: {method: get}}}}", package="default")[0].action == "get"


def test_a_path_with_parameters_answers_as_http() -> None:
    app = app_of(text("s: {v1: {'/a/{id}/{x}': {get: {method: get, response: json}, put: {method: put}}}}"))
    assert [one.response for one in app.routes] == ["http", "http"]
    assert app.warnings == ("manifest.yaml:9: get: a path with parameters answers as http, not as json",)


@pytest.mark.parametrize(
    ("apis", "told"),
    [
        ("s: {v1: {a: {gte: {method: get}}}}", "s: gte is no action of this package; did you mean get?"),
        (
            "s: {v1: {a: {get: {method: fetch}}}}",
            "get: method must be get, put, post, delete, patch, head, options, not fetch",
        ),
        (
            "s: {v1: {a: {get: }}}",
            "get: method must be get, put, post, delete, patch, head, options, not nothing",
        ),
        (
            "s: {v1: {a: {get: {method: get, response: xml}}}}",
            "get: response must be one of http, json, text, html, svg",
        ),
        ("s: {/v1/x: {a: {get: {method: get}}}}", "s: the base path must be one segment: /v1"),
        ("s: {'': {a: {get: {method: get}}}}", "s: the base path must be one segment: /v1"),
        ("s: {'{v}': {a: {get: {method: get}}}}", "s: the base path must be one segment: /v1"),
        ("s: {v1: {'a/{': {get: {method: get}}}}", "/a/{: parameters must be {name}"),
        ("s: {v1: {'a/{}': {get: {method: get}}}}", "/a/{}: parameters must be {name}"),
        (
            "s: {v1: {a: {get: {method: get}, put: {method: get}}}}",
            "GET /v1/a leads to shop/get already",
        ),
    ],
)
def test_what_can_not_be_routed_is_refused(apis: str, told: str) -> None:
    assert refused(text(apis)) == f"manifest.yaml:9: {told}"


def test_two_apis_with_one_base_path_are_told() -> None:
    app = app_of(text("s: {v1: {a: {get: {method: get}}}}\nt: {v1: {b: {put: {method: put}}}}"))
    assert app.warnings == ("manifest.yaml:10: the base path /v1 is of the API s already",)


@pytest.mark.parametrize("action", ["get", "both"])
def test_an_action_behind_an_api_is_made_a_web_action_and_with_strictness_refused(action: str) -> None:
    given = text(f"s: {{v1: {{a: {{{action}: {{method: get}}}}}}}}", web="annotations: {x: 1}")
    app = app_of(given)
    made = next(one for one in app.actions if one.name == f"shop/{action}")
    assert made.annotations == {"x": 1, **WEB}
    told = f"manifest.yaml:9: shop/{action} is made a web action for the API s: say web: true"
    assert app.warnings == (told,)
    assert refused(given, strict=True) == told


def test_an_action_that_must_not_be_a_web_action_is_refused() -> None:
    told = refused(text("s: {v1: {a: {get: {method: get}}}}", web="web: false"))
    assert told == "manifest.yaml:9: the API s needs shop/get as a web action: its web is false"


def test_actions_that_no_api_names_stay_as_they_are() -> None:
    actions: dict[str, wanted.Action] = {
        one.name: one
        for one in app_of(text("s: {v1: {a: {get: {method: get}}}}", web="annotations: {}")).actions
    }
    assert actions["shop/put"].annotations == {}
