"""The session's cookie: the database calls it AuthSession, the browser keeps it under a region's own name.

Pure. A browser sends a host's cookies to all its ports, so dashboards of several regions on one machine
would sign each other's users out, and a database's own pages theirs.
"""

from __future__ import annotations

import re
from typing import Final

from couchgrass.docdb.session import COOKIE
from couchgrass.functions.cookies import SESSIONS

VALUE_LENGTH_MAX: Final = 4096
"""What browsers keep."""

_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*")
_KEPT: Final = {
    "max-age": ("Max-Age", re.compile(r"-?[0-9]{1,12}")),
    "expires": ("Expires", re.compile(r"[A-Za-z0-9 ,:-]{1,40}")),
}
"""Attributes that are passed on, and how they look."""


def cookie_name(region: str) -> str:
    """The browser's name of the cookie. A region's name is one of signs that may stand there."""
    return f"{SESSIONS}{region}"


def session_of(header: str | None, name: str) -> str:
    """The session in a Cookie header, "" without one."""
    for pair in (header or "").split(";"):
        found, equals, value = pair.strip().partition("=")
        if equals and found == name and _is_value(value):
            return value
    return ""


def sent_cookie(session: str) -> str:
    """The Cookie header for the database."""
    return f"{COOKIE}={session}"


def kept_cookie(set_cookie: str, name: str, *, secure: bool) -> str | None:
    """The Set-Cookie header for the browser, of one of the database's; None when it is of another cookie or
    can't be read. No script sees it, and no request that another site's page makes carries it. `secure`: the
    browser's own connection has TLS."""
    pair, *attributes = set_cookie.split(";")
    found, equals, value = pair.strip().partition("=")
    value = value.strip().strip('"')
    if not equals or found.strip() != COOKIE or not _is_value(value):
        return None
    parts = [f"{name}={value}"]
    for attribute in attributes:
        key, _, text = attribute.strip().partition("=")
        wanted, shape = _KEPT.get(key.lower(), ("", None))
        if shape is not None and shape.fullmatch(text.strip()):
            parts.append(f"{wanted}={text.strip()}")
    return "; ".join([*parts, *_fixed(secure)])


def cleared_cookie(name: str, *, secure: bool) -> str:
    """The Set-Cookie header that takes it away."""
    return "; ".join([f"{name}=", "Max-Age=0", *_fixed(secure)])


def _fixed(secure: bool) -> list[str]:
    return ["Path=/", "HttpOnly", "SameSite=Strict", *(["Secure"] if secure else [])]


def _is_value(text: str) -> bool:
    return len(text) <= VALUE_LENGTH_MAX and _VALUE.fullmatch(text) is not None
