"""Where a server is: its URL, taken apart from the name and password in it.

The base URL is normalised (lower-case scheme and host, no default port, no slash at its end), since the ids
of a link's documents are made of it. What is shown to people or put into an error has no password in it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from couchgrass.errors import BadRequest

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """A server: `base` is its URL without credentials and without a slash at the end."""

    base: str
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.base!r}, {self.user!r})"


def parse_address(text: str) -> Address:
    """Raises BadRequest, with the URL as `hide` shows it."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError as bad:
        raise BadRequest(
            f"{hide(text)} is no URL; in a password write @ as %40, / as %2F and : as %3A"
        ) from bad
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise BadRequest(f"{hide(text)} is no server's URL: it must look like https://host:port")
    if parts.query or parts.fragment:
        raise BadRequest(f"{hide(text)} is no server's URL: it has a ? or # in it, in a password %3F and %23")
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        shown += f":{port}"
    user = None if parts.username is None else unquote(parts.username)
    if user is not None and ":" in user:
        raise BadRequest(f"{hide(text)}: a name with a colon can't sign in")
    password = None if parts.password is None else unquote(parts.password)
    return Address(f"{parts.scheme}://{shown}{parts.path.rstrip('/')}", user or None, password or None)


def hide(text: str) -> str:
    """The URL without its name and password, also when it is not well formed."""
    before, at, after = text.rpartition("@")
    if not at:
        return text
    scheme, slashes, _ = before.partition("//")
    return f"{scheme}{slashes}***@{after}" if slashes else f"***@{after}"


def database_url(base: str, db: str) -> str:
    """The database's own URL; its name is one segment of the path."""
    return f"{base}/{quote(db, safe='')}"
