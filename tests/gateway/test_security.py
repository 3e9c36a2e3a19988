"""What a swagger demands: alternatives of sets of checks; nothing is open by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.errors import BadRequest
from couchgrass.gateway.security import ApiKey, ClientSecret, Token, is_safe_url, read_security

KEY = {"type": "apiKey", "in": "header", "name": "X-Api-Key"}
ID = {"type": "apiKey", "in": "header", "name": "X-Client-ID"}
SECRET = {"type": "apiKey", "in": "header", "name": "X-Client-Secret"}
APP_ID = {
    "type": "oauth2",
    "flow": "application",
    "tokenUrl": "",
    "x-provider": {"name": "app-id", "params": {"tenantId": "f3a1-b2"}},
    "x-tokenintrospect": {"url": None},
}
OPENID = {"type": "oauth2", "x-provider": {"name": "own", "params": {"issuer": "https://issuer.example"}}}


def demands(definitions: Any = None, security: Any = None, operation: Any = None, **more: Any) -> Any:
    """What is demanded of an operation; None: the member is not there."""
    swagger = {**more}
    if definitions is not None:
        swagger["securityDefinitions"] = definitions
    if security is not None:
        swagger["security"] = security
    return read_security(swagger, {} if operation is None else {"security": operation})


def test_an_api_without_definitions_is_open() -> None:
    assert demands() == demands({}) == ()


def test_definitions_alone_are_all_demanded() -> None:
    assert demands({"key": KEY}) == ((ApiKey("x-api-key"),),)
    assert demands({"app-id": APP_ID}) == ((Token(tenant="f3a1-b2"),),)
    assert demands({"client_id": ID, "client_secret": SECRET}) == (
        (ClientSecret(ApiKey("x-client-id"), ApiKey("x-client-secret")),),
    )


def test_the_form_that_the_app_id_step_of_the_sample_writes() -> None:
    security = [{"$$label": "client_id", "app-id": []}]
    assert demands({"app-id": APP_ID}, security) == ((Token(tenant="f3a1-b2"),),)


def test_alternatives_and_sets() -> None:
    definitions = {"key": KEY, "own": OPENID, "client_id": ID, "client_secret": SECRET}
    token = Token(issuer="https://issuer.example")
    pair = ClientSecret(ApiKey("x-client-id"), ApiKey("x-client-secret"))
    assert demands(definitions, [{"key": []}, {"own": []}]) == ((ApiKey("x-api-key"),), (token,))
    assert demands(definitions, [{"key": [], "own": []}]) == ((token, ApiKey("x-api-key")),)
    assert demands(definitions, [{"client_id": [], "client_secret": [], "own": []}]) == ((token, pair),)
    assert demands(definitions, [{"client_id": []}]) == ((ApiKey("x-client-id"),),)


def test_an_operation_has_its_own_say() -> None:
    assert demands({"key": KEY}, [{"key": []}], []) == ()
    assert demands({"key": KEY}, [], [{"key": []}]) == ((ApiKey("x-api-key"),),)
    assert demands({"key": KEY}, [{"key": []}, {}]) == ()


def test_a_label_alone_opens_nothing() -> None:
    assert demands({"key": KEY}, [{"$$label": "none"}]) == ((ApiKey("x-api-key"),),)


def test_enforced_false_opens_all() -> None:
    assert demands({"key": KEY}, **{"x-ibm-configuration": {"enforced": False}}) == ()
    assert demands({"key": KEY}, **{"x-ibm-configuration": {"enforced": True}}) != ()


@pytest.mark.parametrize(
    ("definition", "token"),
    [
        (
            {
                "type": "openIdConnect",
                "openIdConnectUrl": "https://i.example/.well-known/openid-configuration",
            },
            Token(issuer="https://i.example"),
        ),
        ({"type": "oauth2", "x-provider": {"name": "google"}}, Token(issuer="https://accounts.google.com")),
        (
            {
                "type": "oauth2",
                "x-google-issuer": "https://i.example",
                "x-google-jwks_uri": "https://i.example/keys",
                "x-google-audiences": "a, b",
            },
            Token(issuer="https://i.example", jwks_url="https://i.example/keys", audiences=("a", "b")),
        ),
        (
            {
                "type": "http",
                "scheme": "bearer",
                "x-provider": {
                    "name": "x",
                    "params": {"jwks_uri": "http://127.0.0.1:9/k", "audience": ["me"]},
                },
            },
            Token(jwks_url="http://127.0.0.1:9/k", audiences=("me",)),
        ),
    ],
)
def test_issuers_are_named_in_several_ways(definition: dict[str, Any], token: Token) -> None:
    assert demands({"own": definition}) == ((token,),)


@pytest.mark.parametrize(
    ("definitions", "security"),
    [
        ({"key": KEY}, [{"other": []}]),
        ({"key": KEY}, {"key": []}),
        ({"key": KEY}, ["key"]),
        ([KEY], None),
        ({"key": "apiKey"}, None),
        ({"basic": {"type": "basic"}}, None),
        ({"github": {"type": "oauth2"}}, None),
        ({"own": {"type": "oauth2", "x-provider": {"params": {"issuer": "http://issuer.example"}}}}, None),
        (
            {
                "app-id": {
                    "type": "oauth2",
                    "x-provider": {"name": "app-id", "params": {"tenantId": "a/../b"}},
                }
            },
            None,
        ),
        ({"client_secret": SECRET}, None),
        ({"key": {"type": "apiKey", "in": "cookie", "name": "x"}}, None),
    ],
)
def test_what_can_not_be_checked_is_refused(definitions: Any, security: Any) -> None:
    with pytest.raises(BadRequest):
        demands(definitions, security)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example/x", True),
        ("http://localhost:8080", True),
        ("http://[::1]/", True),
        ("http://a.example", False),
        ("http://localhost.a.example", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_keys_come_over_tls_or_from_this_machine(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe
