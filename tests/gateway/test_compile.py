"""A document becomes what is served: targets by their path alone, headers, verbs, demands, limits, CORS."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.gateway.api import Api, Cors, Operation, Target
from couchgrass.gateway.compile import compile_api
from couchgrass.gateway.ratelimit import Limit
from couchgrass.gateway.security import ApiKey
from tests.gateway.documents import endpoint, swagger


def compiled(document: dict[str, Any]) -> Api:
    return compile_api("k", "guest", document)


def only(document: dict[str, Any]) -> Operation:
    """The operation GET /todo."""
    return compiled(document).resources["/todo"]["GET"]


def assembled(*steps: dict[str, Any], **operation: Any) -> dict[str, Any]:
    """A document with one operation, and these steps as its assembly."""
    return {
        "basePath": "/v1",
        "paths": {"/todo": {"get": {"operationId": "x", **operation}, "parameters": [], "summary": "s"}},
        "x-ibm-configuration": {"assembly": {"execute": list(steps)}},
    }


def test_what_createapi_makes() -> None:
    api = compiled(swagger(endpoint(secure_key=123), endpoint(verb="post")))
    assert (api.base_path, api.cors, api.limits) == ("/v1", Cors.ENABLED, ())
    target = Target(b"/api/v1/web/guest/shop/list.http", True)
    assert api.resources["/todo"] == {
        "GET": Operation(target, sets=((b"x-require-whisk-auth", b"123"),)),
        "POST": Operation(target),
    }
    assert only(swagger(kind="json")).target == Target(b"/api/v1/web/guest/shop/list.json", False)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://http://localhost:3233/api/v1/web/_/p/a.http", Target(b"/api/v1/web/guest/p/a.http", False)),
        (
            "https://x/api/v1/web/me@a.b_dev/default/a b.json",
            Target(b"/api/v1/web/me@a.b_dev/default/a%20b.json", False),
        ),
        ("https://x/api/v1/web/n/p/a%20b.http$(request.path)", Target(b"/api/v1/web/n/p/a%20b.http", True)),
        ("https://other.example/orders", None),
        ("https://x/api/v1/web/n/a.http", None),
        ("https://x/api/v1/web/n/p/a/b.http", None),
        ("https://x/api/v1/namespaces/n/actions/a", None),
    ],
)
def test_of_a_target_only_the_web_action_counts(url: str, target: Target | None) -> None:
    assert only(assembled({"invoke": {"target-url": url}})).target == target


def test_without_an_assembly_the_extension_tells() -> None:
    own = {"namespace": "_", "package": "p", "action": "a", "url": "https://h/api/v1/web/_/p/a.json"}
    document = assembled(**{"x-openwhisk": own})
    assert only(document).target == Target(b"/api/v1/web/guest/p/a.json", False)
    assert only(assembled(**{"x-openwhisk": {"action": "a"}})).target == Target(
        b"/api/v1/web/guest/default/a.http", True
    )
    assert only(assembled()).target is None


def test_the_verb_can_be_another_one() -> None:
    url = "https://h/api/v1/web/g/p/a.http"
    assert only(assembled({"invoke": {"target-url": url, "verb": "post"}})).verb == b"POST"
    assert only(assembled({"invoke": {"target-url": url, "verb": "keep"}})).verb == b""


def test_headers_are_set_for_all_and_for_one() -> None:
    def sets(name: str, value: Any) -> dict[str, Any]:
        return {"set-variable": {"actions": [{"set": f"message.headers.{name}", "value": value}]}}

    case = {"operations": ["x"], "execute": [sets("X-One", 1)]}
    document = assembled(sets("X-All", " a "), {"operation-switch": {"case": [case, {"operations": [{}]}]}})
    assert only(document).sets == ((b"x-all", b"a"), (b"x-one", b"1"))


def test_demands_and_limits_are_read() -> None:
    more: dict[str, Any] = {
        "securityDefinitions": {"k": {"type": "apiKey", "in": "header", "name": "K"}},
        "x-ibm-rate-limit": [{"rate": 2, "units": 1, "unit": "second"}],
    }
    document = swagger(**more)
    assert only(document).demands == ((ApiKey("k"),),)
    assert compiled(document).limits == (Limit(2, 1),)


@pytest.mark.parametrize(
    ("cors", "what"),
    [
        ({"enabled": True}, Cors.ENABLED),
        ({"enabled": False}, Cors.DISABLED),
        ({}, Cors.UNTOUCHED),
        (5, Cors.UNTOUCHED),
    ],
)
def test_cors(cors: Any, what: Cors) -> None:
    assert compiled({"basePath": "/", "paths": {}, "x-ibm-configuration": {"cors": cors}}).cors is what


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"basePath": "/"},
        {"basePath": 5, "paths": {}},
        {"basePath": "/", "paths": []},
        {"basePath": "/", "paths": {"x": {"get": {}}}},
        {"basePath": "/", "paths": {"/a" * 200: {"get": {}}}},
        {"basePath": "/", "paths": {f"/{n}": {} for n in range(3000)}},
        assembled({"gatewayscript": {"source": "x"}}),
        assembled({"set-variable": {"actions": [{"set": "message.body.x", "value": 1}]}}),
        assembled({"set-variable": {"actions": [{"set": "message.headers.X", "value": "a\r\nb: c"}]}}),
        assembled({"set-variable": {"actions": [{"set": "message.headers.X Y", "value": "a"}]}}),
        assembled({"set-variable": {"actions": [{"set": "message.headers.Host", "value": "a"}]}}),
        assembled({"set-variable": {"actions": [{"set": "message.headers.X", "value": {}}]}}),
        assembled(security=[{"nobody": []}]),
    ],
)
def test_what_can_not_be_served_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        compiled(document)


_NAMES = """
    get operationId x-ibm-configuration assembly execute invoke target-url operation-switch case operations
    set-variable actions set value cors enabled security securityDefinitions type x-provider params /a
    x-openwhisk x-ibm-rate-limit rate basePath paths info parameters
"""
NAMES = _NAMES.split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON, JSON)
def test_any_json_is_compiled_or_refused(item: Any, config: Any, definitions: Any, limits: Any) -> None:
    document = {
        "basePath": "/v1",
        "paths": {"/a": item},
        "x-ibm-configuration": config,
        "securityDefinitions": definitions,
        "x-ibm-rate-limit": limits,
    }
    try:
        compiled(document)
    except BadRequest as refused:
        assert refused.reason
