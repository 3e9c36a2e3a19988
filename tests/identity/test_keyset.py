"""Tokens that one region signs are believed in all, and nothing else is."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from couchgrass.identity.keyset import KeySet, Signer, new_private
from couchgrass.identity.oauth import OAuthError

LONDON = Signer(new_private())
DALLAS = Signer(new_private())
BOTH = KeySet(
    {LONDON.kid: LONDON.public, DALLAS.kid: DALLAS.public},
    {LONDON.kid: LONDON.inner_public, DALLAS.kid: DALLAS.inner_public},
)


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


def test_codes_and_refresh_tokens_are_believed_here_and_by_nobody_else() -> None:
    token = LONDON.sign_inner({"sub": "x"})
    assert BOTH.inner_claims(token) == {"sub": "x"}
    with pytest.raises(OAuthError):
        BOTH.claims(token)
    with pytest.raises(OAuthError):
        BOTH.inner_claims(LONDON.sign({"sub": "x"}))
    published = jwk.KeySet.import_key_set(BOTH.jwks())  # type: ignore[arg-type]
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(token, published, algorithms=["RS256", "ES256"])


@given(st.text(max_size=100))
def test_anything_else_is_no_token(text: str) -> None:
    for read in (BOTH.claims, BOTH.inner_claims):
        with pytest.raises(OAuthError):
            read(text)


@pytest.mark.parametrize("odd", [{"crit": 3}, {"kid": ["a"]}, {"alg": ["RS256"]}, {"b64": False}])
def test_a_header_of_odd_types_is_no_token(odd: dict[str, object]) -> None:
    header = json.dumps({"alg": "RS256", "kid": LONDON.kid, **odd}).encode()
    token = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.AAAA"
    with pytest.raises(OAuthError):
        BOTH.claims(token)


def test_a_token_without_end_is_not_looked_at() -> None:
    with pytest.raises(OAuthError, match="too long"):
        BOTH.claims("a" * 10_000)


def test_what_is_published_holds_nothing_private() -> None:
    for region in (LONDON, DALLAS):
        assert set(region.inner_public) == {"kty", "crv", "x", "y"}
    for key in BOTH.jwks()["keys"]:
        assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
    assert {key["kid"] for key in BOTH.jwks()["keys"]} == {LONDON.kid, DALLAS.kid}


def test_a_broken_key_is_left_out() -> None:
    assert KeySet({"a": {"n": 3, "e": "AQAB"}, "b": {}, LONDON.kid: LONDON.public}).jwks()["keys"] == [
        LONDON.public
    ]
