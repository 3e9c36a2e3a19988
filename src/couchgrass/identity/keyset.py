"""Signing and believing tokens: the private keys of this region, the public keys of all regions.

Pure: joserfc does the work, keys are arguments. Access and identity tokens are RS256, which every OpenID
client takes. Codes and refresh tokens have a key of their own, which is not among the published ones: a code
from a URL, or a refresh token, must not pass for an access token where only signature and issuer are looked
at. A token is verified with the key that its `kid` names, so that a key can be followed by another while
tokens of both are about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from couchgrass.identity.oauth import OAuthError

ALGORITHM: Final = "RS256"
BITS: Final = 2048
INNER_ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
TOKEN_CHARS_MAX: Final = 8192


class Signer:
    """This region's private keys, as `new_private` made them."""

    def __init__(self, private: Mapping[str, Any]) -> None:
        self._key = RSAKey.import_key(dict(private["jwk"]))
        self._inner = ECKey.import_key(dict(private["inner"]))
        self.kid = self._key.thumbprint()

    @property
    def public(self) -> dict[str, Any]:
        """The public JWK that the region publishes."""
        found = self._key.as_dict(private=False)
        return {"kty": found["kty"], "n": found["n"], "e": found["e"], **_marks(self.kid)}

    @property
    def inner_public(self) -> dict[str, Any]:
        """The public JWK that regions alone know of: of codes and refresh tokens."""
        found = self._inner.as_dict(private=False)
        return {name: found[name] for name in ("kty", "crv", "x", "y")}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWS that anybody can check."""
        return jwt.encode(
            {"alg": ALGORITHM, "kid": self.kid}, dict(claims), self._key, algorithms=[ALGORITHM]
        )

    def sign_inner(self, claims: Mapping[str, Any]) -> str:
        """The claims as a compact JWS that only this service can check, in any region."""
        return jwt.encode(
            {"alg": INNER_ALGORITHM, "kid": self.kid},
            dict(claims),
            self._inner,
            algorithms=[INNER_ALGORITHM],
        )


def _marks(kid: str) -> dict[str, str]:
    return {"use": "sig", "alg": ALGORITHM, "kid": kid}


def new_private() -> dict[str, Any]:
    """New private keys as JWKs: `jwk` of tokens for others, `inner` of those for ourselves. The one function
    here that draws random numbers, inside of the library."""
    outer = RSAKey.generate_key(BITS, private=True)
    inner = ECKey.generate_key(CURVE, private=True)
    return {"jwk": dict(outer.as_dict(private=True)), "inner": dict(inner.as_dict(private=True))}


class KeySet:
    """The public keys by `kid`; `inner` are those of codes and refresh tokens. Ones of another form are left
    out."""

    def __init__(
        self, keys: Mapping[str, Mapping[str, Any]], inner: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._keys: dict[str, RSAKey | ECKey] = {}
        self._inner: dict[str, RSAKey | ECKey] = {}
        self._shown: list[dict[str, Any]] = []
        for kid, jwk in sorted(keys.items()):
            try:
                self._keys[kid] = RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
            except (JoseError, ValueError, KeyError, TypeError):
                continue
            self._shown.append({"kty": "RSA", "n": jwk["n"], "e": jwk["e"], **_marks(kid)})
        for kid, jwk in (inner or {}).items():
            try:
                public = {"kty": "EC", "crv": CURVE, "x": jwk["x"], "y": jwk["y"]}
                self._inner[kid] = ECKey.import_key(public)
            except (JoseError, ValueError, KeyError, TypeError):
                continue

    def jwks(self) -> dict[str, Any]:
        """The JWK set as it is published (RFC 7517)."""
        return {"keys": self._shown}

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of an access or identity token that one of these keys signed, whatever its times.

        Raises OAuthError.
        """
        return _claims(token, self._keys, ALGORITHM)

    def inner_claims(self, token: str) -> dict[str, Any]:
        """The claims of a code or refresh token, likewise."""
        return _claims(token, self._inner, INNER_ALGORITHM)


def _claims(token: str, keys: Mapping[str, RSAKey | ECKey], algorithm: str) -> dict[str, Any]:
    if len(token) > TOKEN_CHARS_MAX:
        raise OAuthError("invalid_grant", "The token is too long")
    try:
        found = jwt.decode(token, lambda read: keys[read.headers()["kid"]], algorithms=[algorithm])
    except (JoseError, ValueError, KeyError, TypeError) as bad:  # TypeError: headers of a wrong type
        raise OAuthError("invalid_grant", "That is no token of this server") from bad
    return dict(found.claims)
