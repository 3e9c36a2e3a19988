"""What tokens say: access, identity and refresh tokens, and the code of the authorization code flow.

Pure. Source: OpenID Connect Core 1.0, section 2; RFC 9068; App ID's token format (`tenant`, `amr`, `scope`,
`identities`). All of them are signed by one region and believed in all, so nothing about them is kept but
which single-use ones were used up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.identity.oauth import Asked, OAuthError
from couchgrass.identity.tenant import CODE_S, Client, Tenant

SCOPE: Final = "openid appid_default appid_readprofile appid_readuserattr"
MACHINE_SCOPE: Final = "appid_default"
CODE: Final = "code"
REFRESH: Final = "refresh"
ACCESS: Final = "access"


class User(msgspec.Struct, frozen=True):
    """Who signs in. `sub` is a UUID in lower case, so that `todos_<sub>` may name a database."""

    sub: str
    email: str
    name: str = ""
    generation: int = 0
    """Counts password changes: refresh tokens of an older one are worth nothing."""


class SignedIn(msgspec.Struct, frozen=True):
    """A user who has signed in. `at`: when they typed their password, in seconds since the epoch; `session`:
    what all refresh tokens of this sign-in have in common; `nonce`: the client's, "" when it goes on."""

    user: User
    at: int
    session: str
    nonce: str = ""


def _common(issuer: str, tenant: Tenant, client: Client, sub: str, now: int, lives_s: int) -> dict[str, Any]:
    return {
        "iss": issuer,
        "exp": now + lives_s,
        "aud": [client.client_id],
        "sub": sub,
        "tenant": tenant.id,
        "iat": now,
    }


def access(issuer: str, tenant: Tenant, client: Client, user: User, *, now: int, jti: str) -> dict[str, Any]:
    """An access token's claims. `now` in seconds since the epoch."""
    return {
        **_common(issuer, tenant, client, user.sub, now, tenant.access_s),
        "amr": ["cloud_directory"],
        "scope": SCOPE,
        "email": user.email,
        "name": user.name or user.email,
        "jti": jti,
        "token_use": ACCESS,
    }


def machine(issuer: str, tenant: Tenant, client: Client, *, now: int, jti: str) -> dict[str, Any]:
    """The access token of a client that acts for itself (RFC 6749 4.4)."""
    return {
        **_common(issuer, tenant, client, client.client_id, now, tenant.access_s),
        "amr": ["appid_client_credentials"],
        "scope": MACHINE_SCOPE,
        "jti": jti,
        "token_use": ACCESS,
    }


def identity(issuer: str, tenant: Tenant, client: Client, who: SignedIn, *, now: int) -> dict[str, Any]:
    """An identity token's claims."""
    user = who.user
    found = {
        **_common(issuer, tenant, client, user.sub, now, tenant.access_s),
        "amr": ["cloud_directory"],
        "auth_time": who.at,
        "email": user.email,
        "name": user.name or user.email,
        "preferred_username": user.email,
        "identities": [{"provider": "cloud_directory", "id": user.sub}],
    }
    return {**found, "nonce": who.nonce} if who.nonce else found


def refresh(
    issuer: str, tenant: Tenant, client: Client, who: SignedIn, *, now: int, jti: str
) -> dict[str, Any]:
    """A refresh token's claims: for this server's eyes."""
    return {
        **_common(issuer, tenant, client, who.user.sub, now, tenant.refresh_s),
        "aud": [issuer],
        "client": client.client_id,
        "email": who.user.email,
        "generation": who.user.generation,
        "auth_time": who.at,
        "session": who.session,
        "jti": jti,
        "token_use": REFRESH,
    }


def code(
    issuer: str, tenant: Tenant, client: Client, user: User, asked: Asked, *, now: int, jti: str
) -> dict[str, Any]:
    """An authorization code's claims: for this server's eyes."""
    return {
        **_common(issuer, tenant, client, user.sub, now, CODE_S),
        "aud": [issuer],
        "client": client.client_id,
        "email": user.email,
        "jti": jti,
        "token_use": CODE,
        "redirect_uri_sha256": digest(asked.redirect_uri),
        "nonce": asked.nonce,
        "code_challenge": asked.code_challenge,
    }


def digest(redirect_uri: str) -> str:
    """What a code carries of its redirect URI: the whole would make it long."""
    return hashlib.sha256(redirect_uri.encode("utf-8", "replace")).hexdigest()


def own(
    claims: Mapping[str, Any], use: str, issuer: str, tenant: Tenant, client: Client, now: float
) -> Mapping[str, Any]:
    """The claims of a code or refresh token that this client may redeem now. Raises OAuthError."""
    fits = (
        claims.get("token_use") == use
        and claims.get("iss") == issuer
        and claims.get("aud") == [issuer]
        and claims.get("tenant") == tenant.id
        and claims.get("client") == client.client_id
    )
    if not fits:
        raise OAuthError("invalid_grant", "That was not issued to this client")
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= now:
        raise OAuthError("invalid_grant", "That has expired")
    return claims


def answer(
    tenant: Tenant, access_token: str, id_token: str = "", refresh_token: str = "", *, scope: str = SCOPE
) -> dict[str, Any]:
    """The body of a token answer (RFC 6749 5.1)."""
    body = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": tenant.access_s,
        "scope": scope,
    }
    if id_token:
        body["id_token"] = id_token
    if refresh_token:
        body["refresh_token"] = refresh_token
    return body


def discovery(base: str) -> dict[str, Any]:
    """The OpenID provider's metadata (OpenID Connect Discovery 1.0, 3). `base` is the issuer's URL."""
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorization",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/publickeys",
        "userinfo_endpoint": f"{base}/userinfo",
        "introspection_endpoint": f"{base}/introspect",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "password", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": [
            "iss",
            "aud",
            "exp",
            "tenant",
            "iat",
            "sub",
            "nonce",
            "auth_time",
            "amr",
            "email",
            "name",
            "scope",
        ],
    }
