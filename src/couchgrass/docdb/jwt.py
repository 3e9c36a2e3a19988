"""JSON Web Tokens in ``Authorization: Bearer``: who is the user, and which roles do they have.

Pure: the time, the keys and the settings are arguments. A token is checked only with a key of the family that
its ``alg`` names (HS, RS, ES), so a public key can never be taken for a shared secret, and ``none`` is no
algorithm. ``[jwt_keys]`` holds ``hmac:KID`` (base64), ``rsa:KID`` and ``ec:KID`` (public keys in PEM, line
ends written as ``\\n``); a token without ``kid`` is checked with the key ``_default``. The claims that
``required_claims`` lists are checked, others are not. Header first, then claims, then the signature.
Specification: CouchDB 3.5 ``jwtf``, ``jwtf_keystore``, ``couch_httpd_auth``; RFC 7515, 7518 and 7519.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey

from couchgrass import json
from couchgrass.docdb.access import UserCtx, split_roles
from couchgrass.docdb.settings import JwtAuth
from couchgrass.errors import BadRequest, NotFound, Unauthorized

ALGORITHMS: Final = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
DEFAULT_KID: Final = "_default"
KEYS_MAX: Final = 256
"""How many keys stay parsed; parsing one costs more than a verification."""

_FAMILIES: Final = {"HS": "hmac", "RS": "rsa", "ES": "ec"}
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_DOT: Final = re.compile(r"(?<!\\)\.")
_MALFORMED: Final = "Malformed authentication token"


def parse_bearer(header: str) -> str | None:
    """The token of a Bearer ``Authorization`` header; None for any other scheme."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def authenticate(token: str, *, now: float, keys: Mapping[str, str], auth: JwtAuth) -> UserCtx:
    """The user whom the token proves. `keys` is the section ``[jwt_keys]``, `now` seconds since the epoch.

    Raises BadRequest (400) for a token that is malformed, lacks a claim, or whose key or signature is wrong,
    Unauthorized (401) for one that is not valid now or names no user.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise BadRequest(_MALFORMED)
    header, claims = _object(parts[0]), _object(parts[1])
    algorithm = _algorithm(header)
    _check_claims(claims, now, auth)
    if ("kid", None) in auth.required_claims and header.get("kid") is None:
        raise BadRequest("Missing kid claim")
    _verify(token, algorithm, _key(algorithm, header.get("kid", DEFAULT_KID), keys))
    roles = _roles(claims, auth)
    if "sub" not in claims:
        raise Unauthorized("Token missing sub claim.")
    if not isinstance(claims["sub"], str):
        raise BadRequest("Malformed token")
    return UserCtx(claims["sub"], roles, "jwt")


def _object(part: str) -> dict[str, Any]:
    try:
        if not _BASE64URL.fullmatch(part):
            raise ValueError(part)
        text = part.rstrip("=")
        value = json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, BadRequest) as bad:
        raise BadRequest(_MALFORMED) from bad
    if not isinstance(value, dict):
        raise BadRequest("Not an object")
    return value


def _algorithm(header: dict[str, Any]) -> str:
    algorithm = header.get("alg")
    if algorithm is None:
        raise BadRequest("Missing alg header parameter")
    if algorithm not in ALGORITHMS:
        raise BadRequest("Invalid alg header parameter")
    assert isinstance(algorithm, str)
    return algorithm


def _check_claims(claims: dict[str, Any], now: float, auth: JwtAuth) -> None:
    """`kid`, `alg` and `typ` may stand in the list too, but they are no claims."""
    for name, expected in auth.required_claims:
        if name not in ("exp", "nbf", "iat", "iss"):
            continue
        value = claims.get(name)
        if value is None:
            raise BadRequest(f"Missing {name} claim")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        match name:
            case "exp" if not (number and value > int(now)):
                raise Unauthorized("exp not in future")
            case "nbf" if not (number and value < int(now)):
                raise Unauthorized("nbf not in past")
            case "iat" if not (number and isinstance(value, int)):
                raise BadRequest("Invalid iat claim")
            case "iss" if expected is not None and value != expected:
                raise BadRequest("Invalid iss claim")


def _key(algorithm: str, kid: Any, keys: Mapping[str, str]) -> OctKey | RSAKey | ECKey:
    family = _FAMILIES[algorithm[:2]]
    text = keys.get(f"{family}:{kid}") if isinstance(kid, str) else None
    if text is None:
        raise BadRequest("Unknown kid")
    return _import(family, text)


@lru_cache(maxsize=KEYS_MAX)
def _import(family: str, text: str) -> OctKey | RSAKey | ECKey:
    if family == "hmac":
        return _import_secret(text)
    pem = text.replace("\\n", "\n")
    if "-----BEGIN " not in pem:
        raise BadRequest("Not a valid key")
    kind, name = (RSAKey, "RSA") if family == "rsa" else (ECKey, "EC")
    try:
        key = kind.import_key(pem)
    except (ValueError, TypeError, JoseError) as bad:
        raise BadRequest(f"not an {name} public key") from bad
    if key.is_private:
        raise BadRequest(f"not an {name} public key")
    return key


def _import_secret(text: str) -> OctKey:
    try:
        secret = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as bad:
        raise BadRequest("Not a valid key") from bad
    if not secret:
        raise BadRequest("Not a valid key")
    # Not `import_key`, which warns of short secrets: how long it is, is the operator's choice.
    return OctKey(secret, secret)


def _verify(token: str, algorithm: str, key: OctKey | RSAKey | ECKey) -> None:
    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm], registry=_REGISTRY)
    except (JoseError, ValueError) as bad:
        what = "HMAC" if algorithm.startswith("HS") else "signature"
        raise BadRequest(f"Bad {what} in authentication token") from bad


def _roles(claims: dict[str, Any], auth: JwtAuth) -> tuple[str, ...]:
    if auth.roles_claim_path:
        found = _at_path(claims, auth.roles_claim_path)
    else:
        found = claims.get(auth.roles_claim_name, [])
    if isinstance(found, str):
        return split_roles(found)
    if not isinstance(found, list) or not all(isinstance(role, str) for role in found):
        raise BadRequest("Malformed token")
    return tuple(found)


def _at_path(claims: Any, path: str) -> Any:
    """``a.b\\.c`` leads to the member "b.c" of the member "a"."""
    for step in _DOT.split(path):
        key = step.replace("\\.", ".")
        if not isinstance(claims, dict):
            raise NotFound("json_mismatch")
        if claims.get(key) is None:
            raise NotFound(f"missing json key: {key}")
        claims = claims[key]
    return claims
