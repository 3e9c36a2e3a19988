"""Requests to the authorization server: what is refused, and with which code of RFC 6749."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.identity import oauth
from couchgrass.identity.oauth import Asked, OAuthError
from couchgrass.identity.tenant import Client, Tenant

SECRET = Client(
    "web", secret_sha256=hashlib.sha256(b"s").hexdigest(), redirect_uris=("https://a.example/cb",)
)
PUBLIC = Client("app", redirect_uris=("https://a.example/app",))
TENANT = Tenant("t", clients=(SECRET, PUBLIC))
BASIC = "Basic " + base64.b64encode(b"web:s").decode()
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def query(**fields: str) -> bytes:
    return urlencode(fields).encode()


def test_a_client_signs_in_by_header_or_form() -> None:
    by_header = oauth.token_request(TENANT, BASIC, query(grant_type="password", username="a"))
    assert (by_header.client, by_header.kind, by_header.fields["username"]) == (SECRET, "password", "a")
    by_form = oauth.token_request(
        TENANT, None, query(grant_type="client_credentials", client_id="web", client_secret="s")
    )
    assert by_form.client is SECRET


@pytest.mark.parametrize(
    ("authorization", "body", "error", "status"),
    [
        (None, query(grant_type="password"), "invalid_client", 401),
        ("Basic " + base64.b64encode(b"web:x").decode(), query(grant_type="password"), "invalid_client", 401),
        ("Basic ???", query(grant_type="password"), "invalid_client", 401),
        ("Basic ü", query(grant_type="password"), "invalid_client", 401),
        (BASIC, query(grant_type="password", client_id="app"), "invalid_request", 400),
        ("Bearer x", query(grant_type="password"), "invalid_client", 401),
        (BASIC, query(grant_type="magic"), "unsupported_grant_type", 400),
        (BASIC, b"", "unsupported_grant_type", 400),
        (None, query(grant_type="password", client_id="app"), "unauthorized_client", 400),
        (BASIC, b"a=1&a=2", "invalid_request", 400),
        (BASIC, b"a=%ff", "invalid_request", 400),
        (BASIC, b"\xff", "invalid_request", 400),
        (BASIC, b"a=" + b"x" * 9000, "invalid_request", 400),
        (BASIC, b"&".join(b"a%d=1" % n for n in range(100)), "invalid_request", 400),
    ],
)
def test_a_token_request_is_refused_by_name(authorization: str, body: bytes, error: str, status: int) -> None:
    with pytest.raises(OAuthError) as refused:
        oauth.token_request(TENANT, authorization, body)
    assert (refused.value.error, refused.value.status) == (error, status)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(OAuthError, match="username is missing"):
        oauth.needed({"username": ""}, "username")


def test_nothing_is_sent_to_a_uri_that_is_not_the_clients() -> None:
    for fields in ({"client_id": "x"}, {"client_id": "web", "redirect_uri": "https://evil.example/"}):
        with pytest.raises(BadRequest):
            oauth.authorization_request(TENANT, query(**fields))


@pytest.mark.parametrize(
    ("client", "more", "error"),
    [
        ("web", {"response_type": "token"}, "unsupported_response_type"),
        ("app", {"response_type": "code"}, "invalid_request"),
        ("web", {"response_type": "code", "code_challenge": CHALLENGE}, "invalid_request"),
        (
            "web",
            {"response_type": "code", "code_challenge": "x", "code_challenge_method": "S256"},
            "invalid_request",
        ),
        ("web", {"response_type": "code", "code_challenge_method": "S256"}, "invalid_request"),
        ("web", {"response_type": "code", "prompt": "none"}, "login_required"),
        ("web", {"response_type": "code", "response_mode": "fragment"}, "invalid_request"),
        ("web", {"response_type": "code", "request": "a.b.c"}, "request_not_supported"),
        ("web", {"response_type": "code", "request_uri": "https://a/"}, "request_uri_not_supported"),
        ("web", {"response_type": "code", "nonce": "n" * 256}, "invalid_request"),
        ("web", {"response_type": "code", "prompt": "login", "response_mode": "query"}, None),
        ("web", {"response_type": "code"}, None),
        (
            "app",
            {"response_type": "code", "code_challenge": CHALLENGE, "code_challenge_method": "S256"},
            None,
        ),
    ],
)
def test_what_is_wrong_with_an_authorization_request(
    client: str, more: dict[str, str], error: str | None
) -> None:
    found = oauth.complaint(TENANT, query(client_id=client, **more))
    assert (None if found is None else found.error) == error


def test_a_state_without_end_is_not_sent_back() -> None:
    asked = {"client_id": "web", "redirect_uri": "https://a.example/cb"}
    for state in ("s" * 3001, "ü" * 501):
        with pytest.raises(BadRequest, match="state"):
            oauth.authorization_request(TENANT, query(**asked, state=state))


def test_pkce_is_proved_by_its_verifier_alone() -> None:
    assert oauth.is_proved(CHALLENGE, VERIFIER)
    assert not oauth.is_proved(CHALLENGE, "w" * 43)
    assert not oauth.is_proved(CHALLENGE, "v")
    assert not oauth.is_proved(CHALLENGE, "")
    assert oauth.is_proved("", "") and not oauth.is_proved("", VERIFIER)


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_answer_arrives_as_it_was_sent(state: str, code: str) -> None:
    asked = Asked("web", "https://a.example/cb?keep=1", state=state)
    try:
        uri = oauth.redirected(asked, code=code)
    except UnicodeEncodeError:
        return
    found = parse_qs(urlsplit(uri).query, keep_blank_values=True)
    assert found["keep"] == ["1"] and found["code"] == [code]
    assert found.get("state", [""]) == [state]


@given(st.binary(max_size=200), st.none() | st.text(max_size=60))
def test_whatever_comes_is_refused_in_the_family(body: bytes, authorization: str | None) -> None:
    for ask in (
        lambda: oauth.token_request(TENANT, authorization, body),
        lambda: oauth.authorization_request(TENANT, body),
    ):
        with pytest.raises(CouchgrassError):
            ask()
