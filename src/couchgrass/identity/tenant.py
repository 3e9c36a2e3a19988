"""A tenant: one app's users, the clients that may ask for their tokens, and how long tokens live.

Source: IBM App ID's tenants and applications; OAuth 2.0 (RFC 6749) clients, sections 2.1 and 3.1.2.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from couchgrass.errors import BadRequest

DATABASE: Final = "couchgrass_identity"
"""Where tenants are, each in the document tenant:ID."""

TENANT_ID: Final = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z_-]{0,63}")
ACCESS_S: Final = 3600
REFRESH_S: Final = 30 * 24 * 3600
CODE_S: Final = 60
"""How long an authorization code is good for; RFC 6749 4.1.2 allows ten minutes at the most."""

REDIRECTS_MAX: Final = 50
CLIENTS_MAX: Final = 200
NAME_CHARS_MAX: Final = 200
URI: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]{1,1024}")
"""What a redirect URI is made of: RFC 3986's characters without the fragment's, so that it may stand in a
header as it is. Its length is bounded, since codes carry it."""

HOST: Final = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Client(msgspec.Struct, frozen=True):
    """A program that asks for tokens. Without a secret it is a public one (RFC 6749 2.1) and must use PKCE.
    Only the secret's SHA-256 is kept, in hex: the secret is random, so nothing slower is needed."""

    client_id: str
    name: str = ""
    secret_sha256: str = ""
    redirect_uris: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        return not self.secret_sha256

    def is_secret(self, secret: str) -> bool:
        """Is this its secret? In constant time."""
        found = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
        return bool(self.secret_sha256) and hmac.compare_digest(found, self.secret_sha256)


class Tenant(msgspec.Struct, frozen=True):
    """`may_sign_up`: the sign-in page lets people make an account themselves."""

    id: str
    name: str = ""
    clients: tuple[Client, ...] = ()
    access_s: int = ACCESS_S
    refresh_s: int = REFRESH_S
    may_sign_up: bool = False

    def client(self, client_id: str) -> Client | None:
        """The client of this id."""
        return next((client for client in self.clients if client.client_id == client_id), None)


def check(tenant: Tenant) -> Tenant:
    """The tenant, when it is in its bounds. Raises BadRequest."""
    tenant_id(tenant.id)
    if not 0 < len(tenant.name) <= NAME_CHARS_MAX:
        raise BadRequest(f"A tenant's name has 1 to {NAME_CHARS_MAX} characters")
    if len(tenant.clients) > CLIENTS_MAX:
        raise BadRequest(f"A tenant has {CLIENTS_MAX} clients at the most")
    for client in tenant.clients:
        if len(client.redirect_uris) > REDIRECTS_MAX:
            raise BadRequest(f"A client has {REDIRECTS_MAX} redirect URIs at the most")
        if client.is_public and not client.redirect_uris:
            raise BadRequest("A client without a secret gets its tokens at a redirect URI: it must have one")
        for uri in client.redirect_uris:
            redirect_uri(uri)
    return tenant


def tenant_id(text: str) -> str:
    """A tenant's id as it may stand in a path. Raises BadRequest."""
    if not TENANT_ID.fullmatch(text):
        raise BadRequest(
            "A tenant's id has letters, digits, - and _, 64 at the most, a letter or digit first"
        )
    return text


def redirect_uri(text: str) -> str:
    """A URI that codes may be sent to (RFC 6749 3.1.2, RFC 8252 7.3 and 8.3). Raises BadRequest."""
    if not URI.fullmatch(text):
        raise BadRequest(
            f"{text[:200]!r} is no redirect URI: it is ASCII without fragment and spaces, 1024 at the most"
        )
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as bad:
        raise BadRequest(f"{text[:200]!r} is no URI") from bad
    if parts.scheme in ("http", "https") and (parts.username is not None or not HOST.fullmatch(host)):
        raise BadRequest("A redirect URI has a host, and no name or password before it")
    if parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK):
        return text
    if parts.scheme and "." in parts.scheme:  # an app's own, named after its domain
        return text
    raise BadRequest(
        "A redirect URI is https, or http on loopback, or an app's own scheme such as com.example.app:/"
    )


def may_redirect(client: Client, wanted: str) -> bool:
    """True when a code of this client may be sent there: equal to one of its URIs, the port of a loopback
    address aside, which a native app picks when it starts (RFC 8252 7.3).

    What is no URI by its characters is refused first: taking a URI apart drops line ends, and the fragment
    would not be compared."""
    return URI.fullmatch(wanted) is not None and any(
        wanted == uri or _without_port(wanted) == _without_port(uri) != "" for uri in client.redirect_uris
    )


def _without_port(uri: str) -> str:
    """A loopback URI without its port; "" for any other."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme != "http" or host not in LOOPBACK or parts.username is not None:
        return ""
    return f"http://{host}{parts.path}?{parts.query}"


def to_doc(tenant: Tenant) -> dict[str, Any]:
    """The tenant's document, without its id and revision."""
    found: dict[str, Any] = msgspec.to_builtins(tenant)
    del found["id"]
    return {"type": "tenant", **found}


def from_doc(tenant: str, doc: dict[str, Any]) -> Tenant | None:
    """The tenant of a document; None when it is not of this form."""
    try:
        return msgspec.convert({**doc, "id": tenant}, Tenant)
    except msgspec.ValidationError:
        return None
