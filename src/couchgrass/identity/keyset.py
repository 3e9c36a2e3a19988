"""Signing and believing tokens: one private key of this region, the public keys of all regions.

Pure: joserfc does the work, keys are arguments. RS256, which every OpenID client takes. A token is verified
with the key that its `kid` names, so that a key can be followed by another while tokens of both are about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from couchgrass.identity.oauth import OAuthError

ALGORITHM: Final = "RS256"
BITS: Final = 2048
TOKEN_CHARS_MAX: Final = 8192


class Signer:
    """This region's private key, as a JWK."""

    def __init__(self, private: Mapping[str, Any]) -> None:
        self._key = RSAKey.import_key(dict(private))
        self.kid = self._key.thumbprint()

    @property
    def public(self) -> dict[str, Any]:
        """The public JWK that the region publishes."""
        found = self._key.as_dict(private=False)
        return {"kty": found["kty"], "n": found["n"], "e": found["e"], **_marks(self.kid)}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWS."""
        return jwt.encode(
            {"alg": ALGORITHM, "kid": self.kid}, dict(claims), self._key, algorithms=[ALGORITHM]
        )


def _marks(kid: str) -> dict[str, str]:
    return {"use": "sig", "alg": ALGORITHM, "kid": kid}


def new_private() -> dict[str, Any]:
    """A new private key as a JWK. The one function here that draws random numbers, inside of the library."""
    key = RSAKey.generate_key(BITS, private=True)
    return dict(key.as_dict(private=True))


class KeySet:
    """The public keys by `kid`. Ones of another form are left out."""

    def __init__(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self._keys: dict[str, RSAKey] = {}
        self._shown: list[dict[str, Any]] = []
        for kid, jwk in sorted(keys.items()):
            try:
                self._keys[kid] = RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
            except (JoseError, ValueError, KeyError, TypeError):
                continue
            self._shown.append({"kty": "RSA", "n": jwk["n"], "e": jwk["e"], **_marks(kid)})

    def jwks(self) -> dict[str, Any]:
        """The JWK set as it is published (RFC 7517)."""
        return {"keys": self._shown}

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that one of these keys signed, whatever its times. Raises OAuthError."""
        if len(token) > TOKEN_CHARS_MAX:
            raise OAuthError("invalid_grant", "The token is too long")
        try:
            found = jwt.decode(token, self._named, algorithms=[ALGORITHM])
        except (JoseError, ValueError, KeyError) as bad:
            raise OAuthError("invalid_grant", "That is no token of this server") from bad
        return dict(found.claims)

    def _named(self, found: Any) -> RSAKey:
        return self._keys[found.headers()["kid"]]
