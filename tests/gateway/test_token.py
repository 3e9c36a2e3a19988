"""Tokens: only good ones pass, and each bad one is told why."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.gateway.token import (
    ALGORITHMS,
    Expected,
    Refused,
    bearer,
    challenge,
    check_claims,
    read_keys,
    read_token,
    verify,
)
from tests.gateway.tokens import key, key_set, token

NOW = 1_700_000_000.0


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_each_allowed_algorithm(algorithm: str) -> None:
    mine, other = key("a", algorithm), key("b", algorithm)
    read = read_token(token(mine, algorithm, sub="u"))
    keys = read_keys(key_set(mine, other))
    assert read.claims == {"sub": "u"}
    assert verify(read, keys.candidates(read))
    assert not verify(read, read_keys(key_set(other)).candidates(read))


def test_a_changed_token_is_not_verified() -> None:
    mine = key("a")
    header, _, signature = token(mine, sub="u").split(".")
    other = base64.urlsafe_b64encode(b'{"sub":"admin"}').decode().rstrip("=")
    read = read_token(f"{header}.{other}.{signature}")
    assert not verify(read, read_keys(key_set(mine)).candidates(read))


def raw(header: Any, claims: Any = None) -> str:
    parts = [
        base64.urlsafe_b64encode(json.encode(part)).decode().rstrip("=") for part in (header, claims or {})
    ]
    return ".".join([*parts, "c2ln"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        raw({"alg": "none"}),
        raw({"alg": "HS256"}),
        raw({"alg": None}),
        raw({}),
        raw([]),
        raw({"alg": "RS256"}, [1]),
        raw({"alg": "RS256", "crit": ["x"]}),
        raw({"alg": "RS256", "b64": False}),
        raw({"alg": "RS256"}, {"x": "y" * 20_000}),
    ],
)
def test_what_is_no_token_for_us(text: str) -> None:
    with pytest.raises(Refused):
        read_token(text)


def test_a_public_key_is_no_shared_secret() -> None:
    public = key("a", "RS256").as_pem(private=False)
    signed = raw({"alg": "HS256", "kid": "a"}, {"sub": "u"}).rpartition(".")[0]
    mac = hmac.digest(public, signed.encode(), "sha256")
    with pytest.raises(Refused):
        read_token(f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for each in (text, f"{text}.{text}.{text}", raw({"alg": "RS256", "kid": text}, {"exp": text})):
        try:
            check_claims(read_token(each).claims, Expected(), NOW)
        except Refused as refused:
            assert refused.reason


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "The token has no exp claim"),
        ({"exp": NOW - 31}, "The token has expired"),
        ({"exp": "tomorrow"}, "The token's exp claim is no time"),
        ({"exp": True}, "The token's exp claim is no time"),
        ({"exp": NOW + 60, "nbf": NOW + 31}, "The token is not valid yet"),
        ({"exp": NOW + 60, "iss": "other", "aud": "me"}, "The token is of another issuer"),
        ({"exp": NOW + 60, "iss": "i", "aud": "other"}, "The token is for another audience"),
        ({"exp": NOW + 60, "iss": "i", "aud": ["x", {}]}, "The token is for another audience"),
        ({"exp": NOW + 60, "iss": "i"}, "The token is for another audience"),
    ],
)
def test_claims_that_are_not_good(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        check_claims(claims, Expected(("i",), ("me",)), NOW)
    assert (refused.value.status, refused.value.reason) == (401, reason)


def test_claims_that_are_good_and_until_when() -> None:
    claims = {"exp": NOW - 29, "nbf": NOW + 29, "iss": "i", "aud": ["x", "me"]}
    assert check_claims(claims, Expected(("i",), ("me",)), NOW) == NOW + 1
    assert check_claims({"exp": NOW}, Expected(), NOW) == NOW + 30


def test_which_keys_may_have_signed() -> None:
    one, two, other_kind = key("1"), key("2"), key("3", "RS256")
    keys = read_keys(key_set(one, two, other_kind))
    assert len(keys.candidates(read_token(token(one)))) == 1
    assert len(keys.candidates(read_token(token(one, kid=None)))) == 2
    assert keys.candidates(read_token(token(one, kid="3"))) == []


def test_of_a_key_set_what_can_not_be_used_is_left_out() -> None:
    good = key_set(key("a"))["keys"][0]
    rows = [
        {**good, "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-1", "x": "", "y": ""},
        {"kty": ["EC"]},
        7,
        {**good, "x5c": ["no certificate"], "alg": "ES256"},
    ]
    assert [kid for kid, _, _ in read_keys({"keys": rows}).keys] == ["a"]
    document: Any
    for document in ([], {}, {"keys": {}}, None):
        with pytest.raises(BadRequest):
            read_keys(document)


def test_where_the_token_stands() -> None:
    assert bearer("Bearer abc") == bearer("bearer  abc ") == "abc"
    for header in (None, "", "Basic abc", "Bearer", "Bearer "):
        with pytest.raises(Refused) as refused:
            bearer(header)
        assert challenge(refused.value) == b'Bearer realm="api"'


def test_the_challenge_names_the_reason_and_breaks_no_header() -> None:
    found = challenge(Refused('it\'s "bad"\\'))
    assert found == b'Bearer realm="api", error="invalid_token", error_description="it\'s \'bad\' "'
