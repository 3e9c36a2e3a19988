"""What is asked of the authorization server, taken apart and checked; and how it is refused.

Pure. Source: RFC 6749 (sections 4.1, 4.3, 4.4, 5.2, 6), RFC 7636 (PKCE), OpenID Connect Core 1.0 (3.1.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlencode

import msgspec

from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.identity.tenant import Client, Tenant, may_redirect

GRANTS: Final = frozenset({"password", "authorization_code", "refresh_token", "client_credentials"})
VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
FIELDS_MAX: Final = 50
NONCE: Final = re.compile(r"[ -~]{0,255}")
"""The code carries it. Every client makes it of letters and digits."""

STATE_CHARS_MAX: Final = 3000
"""As it stands in a URL. With the longest code and redirect URI the header that sends a person back stays
below 8190 bytes, which is what much software takes."""

TEXT_MAX: Final = 8192
"""Of one field; tokens are longer than anything a person types, and not longer than this."""


class OAuthError(CouchgrassError):
    """A refusal in the form of RFC 6749 5.2: `error` is one of its codes, `reason` the description."""

    status = 400

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description, error=error)
        self.status = status


class Grant(msgspec.Struct, frozen=True):
    """A token request by a client that has proved who it is."""

    client: Client
    kind: str
    fields: Mapping[str, str]


class Asked(msgspec.Struct, frozen=True):
    """An authorization request: what the sign-in page is shown for, and what its answer goes back with."""

    client_id: str
    redirect_uri: str
    state: str = ""
    nonce: str = ""
    scope: str = "openid"
    code_challenge: str = ""


def form(body: bytes) -> dict[str, str]:
    """The fields of a form. A field that comes twice is refused (RFC 6749 3.1). Raises OAuthError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as bad:
        raise OAuthError("invalid_request", "The body is no form") from bad
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError("invalid_request", "A field comes twice")
    if any(len(value) > TEXT_MAX for value in fields.values()):
        raise OAuthError("invalid_request", "A field is too long")
    return fields


def credentials(authorization: str | None, fields: Mapping[str, str]) -> tuple[str, str]:
    """A client's id and secret, from the Basic header or from the form (RFC 6749 2.3.1)."""
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise OAuthError("invalid_client", "A client signs in with Basic or in the form", 401)
        try:
            pair = base64.b64decode(text.strip(), validate=True).decode()
        except ValueError as bad:
            raise OAuthError("invalid_client", "The Basic header is malformed", 401) from bad
        client_id, secret = (unquote_plus(part) for part in pair.partition(":")[::2])
        if fields.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "The header and the form name different clients")
        return client_id, secret
    return fields.get("client_id", ""), fields.get("client_secret", "")


def token_request(tenant: Tenant, authorization: str | None, body: bytes) -> Grant:
    """A token request, its client checked. Raises OAuthError."""
    fields = form(body)
    client_id, secret = credentials(authorization, fields)
    client = tenant.client(client_id)
    if client is None or (not client.is_public and not client.is_secret(secret)):
        raise OAuthError("invalid_client", "No such client, or not its secret", 401)
    kind = fields.get("grant_type", "")
    if kind not in GRANTS:
        raise OAuthError("unsupported_grant_type", f"grant_type is one of {', '.join(sorted(GRANTS))}")
    if client.is_public and kind in ("password", "client_credentials"):
        raise OAuthError("unauthorized_client", f"A client without a secret can't ask for {kind}")
    return Grant(client, kind, fields)


def needed(fields: Mapping[str, str], name: str) -> str:
    """A field that has to be there. Raises OAuthError."""
    found = fields.get(name, "")
    if not found:
        raise OAuthError("invalid_request", f"{name} is missing")
    return found


def authorization_request(tenant: Tenant, query: bytes) -> Asked:
    """An authorization request whose answer may be sent to its redirect URI.

    Raises BadRequest when the client or the URI is unknown: nothing may be sent there then (RFC 6749
    4.1.2.1), the person is told. What else is wrong with it `complaint` says, which goes to the client.
    """
    fields = form(query)
    client = tenant.client(fields.get("client_id", ""))
    if client is None:
        raise BadRequest("This client is not known here")
    uri = fields.get("redirect_uri", "")
    if not may_redirect(client, uri):
        raise BadRequest("This client may not be answered at that redirect_uri")
    if len(quote_plus(fields.get("state", ""))) > STATE_CHARS_MAX:
        raise BadRequest(f"The state has more than {STATE_CHARS_MAX} characters")
    return Asked(
        client_id=client.client_id,
        redirect_uri=uri,
        state=fields.get("state", ""),
        nonce=fields.get("nonce", ""),
        scope=fields.get("scope", "openid"),
        code_challenge=fields.get("code_challenge", ""),
    )


def complaint(tenant: Tenant, query: bytes) -> OAuthError | None:
    """What is wrong with an authorization request whose redirect URI is right; None when nothing is."""
    fields = form(query)
    client = tenant.client(fields.get("client_id", ""))
    if fields.get("response_type") != "code":
        return OAuthError("unsupported_response_type", "response_type must be code")
    for name in ("request", "request_uri"):
        if name in fields:
            return OAuthError(f"{name}_not_supported", f"{name} is not supported")
    if fields.get("response_mode", "query") != "query":
        return OAuthError("invalid_request", "response_mode must be query")
    if not NONCE.fullmatch(fields.get("nonce", "")):
        return OAuthError("invalid_request", "nonce has 255 characters of ASCII at the most")
    unproved = _pkce_complaint(client, fields)
    if unproved is None and "none" in fields.get("prompt", "").split():
        # Nobody stays signed in here: without a page there is nobody (OpenID Connect Core 3.1.2.6).
        return OAuthError("login_required", "Nobody can be signed in without the page")
    return unproved


def _pkce_complaint(client: Client | None, fields: Mapping[str, str]) -> OAuthError | None:
    challenge = fields.get("code_challenge", "")
    if not challenge and "code_challenge_method" in fields:
        return OAuthError("invalid_request", "code_challenge is missing")
    if challenge and fields.get("code_challenge_method", "plain") != "S256":
        return OAuthError("invalid_request", "code_challenge_method must be S256")
    if challenge and not CHALLENGE.fullmatch(challenge):
        return OAuthError("invalid_request", "code_challenge is not one of S256")
    if client is not None and client.is_public and not challenge:
        return OAuthError("invalid_request", "A client without a secret must send a code_challenge")
    return None


def is_proved(challenge: str, verifier: str) -> bool:
    """Does the verifier prove the challenge (RFC 7636 4.6)? Without a challenge there must be none."""
    if not challenge:
        return not verifier
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def redirected(asked: Asked, **answer: str) -> str:
    """The URI that the person is sent back to."""
    if asked.state:
        answer["state"] = asked.state
    joint = "&" if "?" in asked.redirect_uri else "?"
    return asked.redirect_uri + joint + urlencode(answer)
