"""Tokens that one region signs are believed in all, and nothing else is."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from couchgrass.identity.keyset import KeySet, Signer, new_private
from couchgrass.identity.oauth import OAuthError

LONDON = Signer(new_private())
DALLAS = Signer(new_private())
BOTH = KeySet({LONDON.kid: LONDON.public, DALLAS.kid: DALLAS.public})


def test_a_token_of_either_region_is_believed() -> None:
    for region in (LONDON, DALLAS):
        assert BOTH.claims(region.sign({"sub": "x"})) == {"sub": "x"}


def test_a_token_of_a_stranger_is_not() -> None:
    with pytest.raises(OAuthError):
        KeySet({DALLAS.kid: DALLAS.public}).claims(LONDON.sign({"sub": "x"}))
    forged = LONDON.sign({"sub": "x"}).split(".")
    forged[1] = base64.urlsafe_b64encode(b'{"sub":"y"}').rstrip(b"=").decode()
    with pytest.raises(OAuthError):
        BOTH.claims(".".join(forged))


def test_a_public_key_is_no_shared_secret_and_none_is_no_signature() -> None:
    secret = OctKey.import_key(json.dumps(LONDON.public).encode())
    token = jwt.encode({"alg": "HS256", "kid": LONDON.kid}, {"sub": "x"}, secret)
    bare = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "kid": LONDON.kid}, {"sub": "x"})
    )
    for forged in (token, bare + "."):
        with pytest.raises(OAuthError):
            BOTH.claims(forged)


@given(st.text(max_size=100))
def test_anything_else_is_no_token(text: str) -> None:
    with pytest.raises(OAuthError):
        BOTH.claims(text)


def test_a_token_without_end_is_not_looked_at() -> None:
    with pytest.raises(OAuthError, match="too long"):
        BOTH.claims("a" * 10_000)


def test_what_is_published_holds_nothing_private() -> None:
    for key in BOTH.jwks()["keys"]:
        assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
    assert {key["kid"] for key in BOTH.jwks()["keys"]} == {LONDON.kid, DALLAS.kid}


def test_a_broken_key_is_left_out() -> None:
    assert KeySet({"a": {"n": 3, "e": "AQAB"}, "b": {}, LONDON.kid: LONDON.public}).jwks()["keys"] == [
        LONDON.public
    ]
