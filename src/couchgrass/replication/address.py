"""One end of a replication as a document names it: a local database, or a URL with what logs in there.

Pure. A source or target is a local database's name, a URL, or an object ``{url, headers, auth}``. Credentials
leave the URL at once, so that whoever shows or logs the URL can't show them. Where several are given, the
first of these wins: ``auth.basic``, the URL's, an ``Authorization: Basic`` header.

Specification: CouchDB 3.5 ``couch_replicator_parse:parse_rep_db``,
``couch_replicator_utils:normalize_basic_auth``. Where we differ:
local names are allowed; percent-encoded credentials are decoded; a URL with a query is refused, for no path
could follow it, and so is one without a database; an ``auth.basic`` with a user and no password, or the other
way round, is refused, where CouchDB signs in as the user in the URL, or as nobody, without a word; what can't
be an end is refused without being repeated, for it may hold a password.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from couchgrass.docdb.database_name import is_name
from couchgrass.errors import BadRequest, IllegalDatabaseName

HIDDEN: Final = "*****"

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_USERINFO: Final = re.compile(r"^(\s*(?:[a-z][a-z0-9+.-]*:/+|//)?)(?:[^@/?#]*:.*@|[^/?#]*@)", re.I | re.S)
"""What stands before the host, rather too much than too little: a password may have a ``/`` or ``@`` in it
that nobody encoded."""

_ENDPOINT: Final = ("http", "https")
_PROXY: Final = ("http", "https")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One end: `database` is the name of a local one, or else `url` is set, without a ``/`` at its end.

    `username` and `password` are both there or both None. `headers` are sorted by their names.
    """

    database: str | None = None
    url: str | None = None
    username: str | None = None
    password: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    proxy: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def shown(self) -> str:
        """The end as everyone may see it: a name, or the URL as CouchDB ends it, with a slash."""
        return f"{self.url}/" if self.url is not None else self.database or ""

    @property
    def shown_proxy(self) -> str | None:
        """The proxy's URL with its password replaced."""
        return None if self.proxy is None else hide_password(self.proxy)


def parse_address(value: Any, proxy: str | None = None) -> Address:
    """A ``source`` or ``target``. Raises BadRequest with CouchDB's reasons."""
    if value is None:
        raise BadRequest("Missing replicator database")
    if isinstance(value, str):
        if not _SCHEME.match(value):
            return Address(database=_local_name(value))
        value = {"url": value}
    if not isinstance(value, Mapping):
        raise _invalid("endpoint")
    parts = _split(value.get("url"), "endpoint", _ENDPOINT)
    if parts.query or parts.fragment or "?" in value["url"] or "#" in value["url"]:
        raise _invalid("endpoint")
    if not parts.path.strip("/"):
        raise BadRequest("endpoint url names no database")
    userinfo, at, host = parts.netloc.rpartition("@")
    headers, from_header = _headers(value.get("headers"))
    credentials = _from_auth(value.get("auth")) or (at and _from_userinfo(userinfo)) or from_header
    username, password = credentials or (None, None)
    return Address(
        url=f"{parts.scheme}://{host}{parts.path.rstrip('/')}",
        username=username,
        password=password,
        headers=headers,
        proxy=proxy,
    )


def parse_proxies(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The source's and the target's proxy. Raises BadRequest."""
    both, source, target = (body.get(name, "") for name in ("proxy", "source_proxy", "target_proxy"))
    if both != "":
        for name, other in (("source_proxy", source), ("target_proxy", target)):
            if other != "":
                raise BadRequest(f"`proxy` is mutually exclusive with `{name}`")
        source = target = both
    return _proxy(source), _proxy(target)


def hide_password(url: str) -> str:
    """A URL whose password, if there is one, is shown as ``*****``."""
    found = _USERINFO.match(url)
    if found is None:
        return url
    userinfo = url[found.end(1) : found.end() - 1]
    username, colon, _ = userinfo.partition(":")
    return f"{found[1]}{username}{colon}{HIDDEN if colon else ''}@{url[found.end() :]}"


def _local_name(name: str) -> str:
    if is_name(name):
        return name
    if ":" in name or "@" in name:  # perhaps a URL with a password whose scheme was forgotten
        raise _invalid("endpoint")
    raise BadRequest(IllegalDatabaseName(name).reason, error=IllegalDatabaseName.error)


def _split(url: Any, what: str, schemes: tuple[str, ...]) -> SplitResult:
    if not isinstance(url, str) or _UNPRINTABLE.search(url):
        raise _invalid(what)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        sound = parts.scheme in schemes and b"\\" not in host and bool(host) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise _invalid(what)
    return parts


def _invalid(what: str) -> BadRequest:
    return BadRequest(f"{what} has an invalid url")


def _proxy(url: Any) -> str | None:
    if url == "":
        return None
    if not isinstance(url, str):
        raise BadRequest("Invalid proxy url")
    _split(url, "proxy", _PROXY)
    return url


def _from_userinfo(userinfo: str) -> tuple[str, str] | None:
    """A user without a password does not log in, as in CouchDB."""
    username, colon, password = userinfo.partition(":")
    return (_decoded(username), _decoded(password)) if colon else None


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _from_auth(auth: Any) -> tuple[str, str] | None:
    if auth is None:
        return None
    if not isinstance(auth, Mapping):
        raise BadRequest("`auth` must be a JSON object")
    match auth.get("basic"):
        case {"username": str(username), "password": str(password)}:
            return username, password
        case {"username": _} | {"password": _}:
            raise BadRequest("`auth.basic` must have a `username` and a `password`, both strings")
    return None


def _headers(headers: Any) -> tuple[tuple[tuple[str, str], ...], tuple[str, str] | None]:
    """What is sent with each request, and the credentials of a basic ``Authorization`` among them."""
    if headers is None:
        return (), None
    if not isinstance(headers, Mapping):
        raise BadRequest("`headers` must be a JSON object")
    kept: dict[str, tuple[str, str]] = {}
    credentials = None
    for name, value in headers.items():
        if (
            not isinstance(value, str)
            or not _HEADER_NAME.fullmatch(name)
            or not _HEADER_VALUE.fullmatch(value)
        ):
            raise BadRequest("`headers` must have names and values of HTTP headers")
        scheme, space, encoded = value.partition(" ")
        if name.lower() == "authorization" and scheme.lower() == "basic" and space:
            credentials = credentials or _from_basic(encoded)
        else:
            kept.setdefault(name.lower(), (name, value))
    return tuple(pair for _, pair in sorted(kept.items())), credentials


def _from_basic(encoded: str) -> tuple[str, str] | None:
    """What is no basic authorization logs nobody in, as in CouchDB."""
    try:
        username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (username, password) if colon else None
