"""Keys and tokens for tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from couchgrass import json

Key = RSAKey | ECKey | OKPKey | OctKey
KIND_OF = {"R": "RSA", "P": "RSA", "E": "EC", "H": "oct"}


@cache
def key(name: str, algorithm: str = "ES256") -> Any:
    """A private key that is made once a name and algorithm; the name is its kid."""
    match algorithm:
        case "EdDSA" | "Ed25519":
            return OKPKey.generate_key("Ed25519", {"kid": name}, private=True)
        case _ if algorithm.startswith("ES"):
            curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
            return ECKey.generate_key(curve, {"kid": name}, private=True)
        case _ if algorithm.startswith("HS"):
            return OctKey.generate_key(512, {"kid": name}, private=True)
        case _:
            return RSAKey.generate_key(2048, {"kid": name}, private=True)


def key_set(*keys: Key) -> dict[str, Any]:
    """The JWK set of their public halves."""
    return {"keys": [each.as_dict(private=False) for each in keys]}


def token(signed_with: Key, algorithm: str = "ES256", *, kid: str | None = "", **claims: Any) -> str:
    """A token with these claims. `kid` is the key's own unless given; None: none."""
    header: dict[str, Any] = {"alg": algorithm, "typ": "JWT"}
    named = signed_with.kid if kid == "" else kid
    if named is not None:
        header["kid"] = named
    registry = jws.JWSRegistry(algorithms=[algorithm])
    return jws.serialize_compact(header, json.encode(claims), signed_with, registry=registry)
