"""A Bearer token (JWT) and whether it is good now: its form, its algorithm, its claims, its signature.

Pure: the time and the keys are arguments. Only signatures of public keys are taken, so that no public key can
be passed off as a shared secret, and a token whose `alg` is `none` is none.
Specification: RFC 7519, RFC 7515, RFC 6750 3.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest, Unauthorized

if TYPE_CHECKING:
    # Loaded with the first token: the cryptography that it brings would take a tenth of the gateway's start.
    from joserfc.jwk import ECKey, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry

    PublicKey = RSAKey | ECKey | OKPKey

ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
    "EdDSA": "OKP",
    "Ed25519": "OKP",
}
"""What may sign a token, and with what kind of key."""

TOKEN_BYTES_MAX: Final = 16 * 1024
LEEWAY_S: Final = 30
"""By how much clocks may differ."""

KEYS_MAX: Final = 100
"""Of one issuer."""


class Refused(Unauthorized):
    """The token is not good; `reason` is for the caller."""

    error = "invalid_token"


class Expected(msgspec.Struct, frozen=True):
    """What the claims have to say. Empty: not asked for."""

    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()


class Read(msgspec.Struct, frozen=True):
    """A token taken apart, not checked yet."""

    text: str
    algorithm: str
    kid: str | None
    claims: dict[str, Any]


class KeySet(msgspec.Struct, frozen=True):
    """An issuer's public keys: (kid or None, kind, key)."""

    keys: tuple[tuple[str | None, str, PublicKey], ...] = ()

    def candidates(self, read: Read) -> list[PublicKey]:
        """The keys that the token may be signed with."""
        kind = ALGORITHMS[read.algorithm]
        fitting = [(kid, key) for kid, its, key in self.keys if its == kind]
        if read.kid is None:
            return [key for _, key in fitting]
        named = [key for kid, key in fitting if kid == read.kid]
        return named or [key for kid, key in fitting if kid is None]


def bearer(header: str | None) -> str:
    """The token of an Authorization header. Raises Refused."""
    if not header:
        raise Refused("No Authorization header provided", error="missing_token")
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refused("The Authorization header holds no Bearer token", error="missing_token")
    return token


def read_token(text: str) -> Read:
    """Takes a token apart. Raises Refused."""
    parts = text.split(".")
    if len(text) > TOKEN_BYTES_MAX or len(parts) != 3 or not text.isascii():
        raise Refused("The token is no JWT")
    header, claims = _object(parts[0]), _object(parts[1])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Refused("The token's algorithm is not allowed")
    if "crit" in header or header.get("b64") is False:
        raise Refused("The token demands what is not supported")
    kid = header.get("kid")
    return Read(text, algorithm, kid if isinstance(kid, str) else None, claims)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.decode(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, BadRequest) as bad:
        raise Refused("The token is no JWT") from bad
    if not isinstance(value, dict):
        raise Refused("The token is no JWT")
    return value


def check_claims(claims: Mapping[str, Any], expected: Expected, now: float) -> float:
    """Until when the token is good, in seconds since the epoch. Raises Refused."""
    expires = _time(claims, "exp")
    if expires is None:
        raise Refused("The token has no exp claim")
    if now >= expires + LEEWAY_S:
        raise Refused("The token has expired")
    begins = _time(claims, "nbf")
    if begins is not None and now < begins - LEEWAY_S:
        raise Refused("The token is not valid yet")
    if expected.issuers and claims.get("iss") not in expected.issuers:
        raise Refused("The token is of another issuer")
    if expected.audiences:
        given = claims.get("aud")
        audiences: Sequence[Any] = given if isinstance(given, list) else [given]
        if not any(audience in expected.audiences for audience in audiences):
            raise Refused("The token is for another audience")
    return expires + LEEWAY_S


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise Refused(f"The token's {name} claim is no time")
    return float(value)


@cache
def _registry() -> JWSRegistry:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=list(ALGORITHMS))


@cache
def _kinds() -> Mapping[str, type[PublicKey]]:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    return {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def verify(read: Read, keys: Sequence[PublicKey]) -> bool:
    """One of the keys has signed the token."""
    from joserfc import jws
    from joserfc.errors import JoseError

    for key in keys:
        try:
            jws.deserialize_compact(read.text, key, algorithms=[read.algorithm], registry=_registry())
        except (JoseError, ValueError):
            continue
        return True
    return False


def read_keys(document: Any) -> KeySet:
    """The public keys of a JWK set; those that are for something else, or can't be read, are left out.

    Raises BadRequest when it is no JWK set.
    """
    from joserfc.errors import JoseError

    kinds = _kinds()
    rows = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise BadRequest("No JWK set")
    found: list[tuple[str | None, str, PublicKey]] = []
    for row in rows[:KEYS_MAX]:
        kind = row.get("kty") if isinstance(row, dict) else None
        if not isinstance(kind, str) or kind not in kinds or row.get("use", "sig") != "sig":
            continue
        public = {name: value for name, value in row.items() if name in _PUBLIC}
        try:
            key = kinds[kind].import_key(public)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        kid = row.get("kid")
        found.append((kid if isinstance(kid, str) else None, kind, key))
    return KeySet(tuple(found))


_PUBLIC: Final = frozenset({"kty", "n", "e", "crv", "x", "y", "kid"})
"""The members of a key that are public and say what it is."""


def challenge(refused: Unauthorized) -> bytes:
    """The value of WWW-Authenticate."""
    if refused.error == "missing_token":
        return b'Bearer realm="api"'
    reason = refused.reason.replace("\\", " ").replace('"', "'")
    return f'Bearer realm="api", error="invalid_token", error_description="{reason}"'.encode(
        "ascii", "replace"
    )
