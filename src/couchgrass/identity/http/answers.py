"""How the sign-in service answers: JSON for programs, pages for people, refusals in RFC 6749 5.2's form."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from couchgrass import json
from couchgrass.errors import CouchgrassError, MethodNotAllowed
from couchgrass.identity.oauth import OAuthError
from couchgrass.serving.asgi import Answer, Header, Request

COOKIE: Final = "couchgrass_form"
FORM_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,64}")

NO_STORE: Final[list[Header]] = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
CACHED: Final[list[Header]] = [(b"cache-control", b"public, max-age=300")]
_JSON: Final[Header] = (b"content-type", b"application/json")
_OPEN: Final[Header] = (b"access-control-allow-origin", b"*")
_PREFLIGHT: Final[list[Header]] = [
    _OPEN,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-max-age", b"600"),
]

_ERRORS: Final = {
    400: "invalid_request",
    404: "not_found",
    405: "invalid_request",
    408: "invalid_request",
    413: "invalid_request",
    503: "temporarily_unavailable",
}


def preflight() -> Answer:
    """Scripts of all origins may ask: nothing here is granted by a cookie."""
    return Answer(204, headers=list(_PREFLIGHT))


def told(status: int, body: Any, headers: list[Header]) -> Answer:
    """JSON."""
    return Answer(status, json.encode(body), [_JSON, _OPEN, *headers])


def shown(status: int, body: bytes, policy: str) -> Answer:
    """A page."""
    return Answer(
        status,
        body,
        [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            *NO_STORE,
        ],
    )


def sent_on(uri: str) -> Answer:
    """To the app. 303, so that no browser sends the password there too (RFC 9700 4.12)."""
    return Answer(303, headers=[(b"location", uri.encode("ascii")), *NO_STORE])


def refusal(refused: CouchgrassError) -> Answer:
    """RFC 6749 5.2's form for all."""
    error = refused.error if isinstance(refused, OAuthError) else _ERRORS.get(refused.status, "server_error")
    answer = told(refused.status, {"error": error, "error_description": refused.reason}, NO_STORE)
    if refused.status == 401:
        answer.headers.append((b"www-authenticate", b'Basic realm="couchgrass"'))
    if isinstance(refused, MethodNotAllowed):
        answer.headers.append((b"allow", ", ".join(refused.allowed).encode()))
    return answer


def bearer_refusal(status: int, error: str, description: str) -> Answer:
    """RFC 6750 3's form. Who brought no token at all is told no `error`."""
    answer = told(status, {"error": error or "invalid_token", "error_description": description}, NO_STORE)
    why = f', error="{error}"' if error else ""
    answer.headers.append((b"www-authenticate", b'Bearer realm="couchgrass"' + why.encode()))
    return answer


def form_token(request: Request) -> str:
    """The token in the form's cookie, "" without one."""
    for pair in (request.header(b"cookie") or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and FORM_TOKEN.fullmatch(value):
            return value
    return ""


def form_cookie(token: str, path: str, *, is_secure: bool) -> Header:
    """The header that sets it."""
    cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path={path}{'; Secure' if is_secure else ''}"
    return b"set-cookie", cookie.encode("latin-1")


def is_ours(request: Request, fields: Mapping[str, str]) -> bool:
    """Did the form come from our own page, in this browser?"""
    token = form_token(request)
    return bool(token) and hmac.compare_digest(token.encode(), fields.get("form_token", "").encode())
