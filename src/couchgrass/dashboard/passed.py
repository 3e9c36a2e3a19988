"""Which headers go on to the region's servers, and which of their answers' go back to the browser.

Pure. Cookies and `Authorization` never go on by themselves: who passes a request on says what is sent of
them. Nothing that comes back may speak for our origin: no cookies, no policies, no permission for other
sites. It is marked as something that is neither run nor shown as a page of ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from couchgrass.dashboard.gate import HEADER
from couchgrass.functions.names import NAMESPACE_HEADER
from couchgrass.gateway.forward import FORWARDED, HOP_BY_HOP

Header = tuple[bytes, bytes]

POLICY: Final[tuple[Header, ...]] = (
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of all answers that are not our pages: whoever follows a link to an attachment that is a page sees text and
nothing runs in our name."""

_NOT_SENT: Final = (
    HOP_BY_HOP
    | FORWARDED
    | {b"authorization", b"cookie", b"expect", b"host", b"origin", b"referer", HEADER, NAMESPACE_HEADER}
)
_NOT_SENT_PREFIXES: Final = (b"sec-", b"x-auth-couchdb-", b"access-control-")

_NOT_GIVEN: Final = HOP_BY_HOP | {
    *(name for name, _ in POLICY),
    b"alt-svc",
    b"clear-site-data",
    b"content-security-policy-report-only",
    b"date",
    b"location",
    b"nel",
    b"permissions-policy",
    b"refresh",
    b"report-to",
    b"reporting-endpoints",
    b"service-worker-allowed",
    b"set-cookie",
    b"sourcemap",
    b"strict-transport-security",
    b"timing-allow-origin",
    b"www-authenticate",
    b"x-frame-options",
}
"""`WWW-Authenticate` among them: a browser would ask for a password, and send it with each request then."""
_NOT_GIVEN_PREFIXES: Final = (b"access-control-", b"cross-origin-")


CLIENT: Final = "x-forwarded-for"
"""The header that tells a server who asks: CouchDB counts wrong passwords for each address and name."""

LOCAL: Final = "_dashboard"
"""Whoever asks from this machine; such a name is no address (RFC 7239 6.3). As 127.0.0.1 their wrong
passwords would count with those of the region's own processes, which somebody could then lock out."""

_ADDRESS: Final = re.compile(r"[!-+\--~]{1,64}")


def client_of(peer: str, forwarded: str | None) -> str:
    """Who asks, for CLIENT: the peer, or whom a proxy on this machine saw. `forwarded` is its CLIENT."""
    if not _is_loopback(peer):
        return peer
    seen = (forwarded or "").rpartition(",")[2].strip()
    return seen if _ADDRESS.fullmatch(seen) and not _is_loopback(seen) else LOCAL


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def sent_headers(headers: Iterable[Header]) -> list[Header]:
    """A request's headers, names in lower case, that go on with it."""
    all_of = list(headers)
    dropped = _NOT_SENT | _named(all_of)
    if any(name == b"transfer-encoding" for name, _ in all_of):
        dropped = dropped | {b"content-length"}
    return [
        (name, value)
        for name, value in all_of
        if name not in dropped and not name.startswith(_NOT_SENT_PREFIXES)
    ]


def given_headers(headers: Iterable[Header], *, base: str, prefix: str) -> list[Header]:
    """An answer's headers that go back. `base` is the URL of the server that answered, `prefix` where it is
    found here: `Location` is turned from the one to the other."""
    all_of = [(name.lower(), value) for name, value in headers]
    dropped = _NOT_GIVEN | _named(all_of)
    found = [
        (name, value)
        for name, value in all_of
        if name not in dropped and not name.startswith(_NOT_GIVEN_PREFIXES)
    ]
    for name, value in all_of:
        if name == b"location":
            found.append((name, found_at(value.decode("latin-1"), base, prefix).encode("latin-1")))
    return [*found, *POLICY]


def found_at(location: str, base: str, prefix: str) -> str:
    """Where a server's `Location` is found here. What is on another host stays what it is."""
    try:
        there, here = urlsplit(location), urlsplit(base)
    except ValueError:
        return location
    if there.netloc and there.netloc.rpartition("@")[2] != here.netloc:
        return location
    if not there.netloc and not location.startswith("/"):
        return location
    path = there.path.removeprefix(here.path.rstrip("/"))
    rest = f"?{there.query}" if there.query else ""
    return f"{prefix}{path if path.startswith('/') else f'/{path}'}{rest}"


def _named(headers: Iterable[Header]) -> frozenset[bytes]:
    """The headers that `Connection` names as its own."""
    return frozenset(
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    )
