"""What goes to a web action for a request to the gateway, and what of its answer goes back.

Method, query, headers and body are passed on as they came. Added is where the caller found us
(`X-Forwarded-*`); taken away is what concerns one connection only (RFC 9110 7.6.1). A caller that is trusted,
such as the balancer in front, has its own `X-Forwarded-*` believed; anybody else's are replaced.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from couchgrass.functions.cookies import without_sessions
from couchgrass.gateway.api import Operation, Target

Header = tuple[bytes, bytes]

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
FORWARDED: Final = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-uri",
        b"x-forwarded-url",
        b"x-real-ip",
    }
)
REGION: Final = b"x-couchgrass-region"
NOT_RUN: Final[Header] = (b"x-couchgrass-not-run", b"1")
"""Nothing of the request went on to anybody, so that it may be sent again elsewhere, whatever it is."""

_OURS: Final = HOP_BY_HOP | {REGION, NOT_RUN[0], b"idempotency-replayed"}
"""What an action may not say: with these it would have its requests run twice."""

_NOT_SENT: Final = HOP_BY_HOP | FORWARDED | {b"host", b"content-length", b"expect"}
_DEFAULT_PORTS: Final = {b"http": b"80", b"https": b"443"}
_NOT_IN_PATHS: Final = re.compile(rb"[^\x21-\x7e]|[#?]")
_NOT_IN_QUERIES: Final = re.compile(rb"[^\x21-\x7e]|#")

TRUSTED: Final = ("127.0.0.0/8", "::1/128")
"""Who is trusted unless told otherwise: what runs on the same machine."""

KNOWN_CLIENTS_MAX: Final = 10_000


class Trust:
    """The networks whose callers are trusted."""

    def __init__(self, networks: Iterable[str] = TRUSTED) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._known: dict[str, bool] = {}

    def __contains__(self, client: str) -> bool:
        found = self._known.get(client)
        if found is None:
            if len(self._known) >= KNOWN_CLIENTS_MAX:
                self._known.clear()
            found = self._known[client] = self._looked_up(client)
        return found

    def _looked_up(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


class Caller(msgspec.Struct):
    """Where a request came from: the peer's address, whether it is trusted, and over what it came."""

    address: str
    is_trusted: bool
    scheme: bytes
    host: bytes


def target_of(target: Target, below: bytes, rest: bytes, query: bytes) -> bytes:
    """The request target for the functions. `below` is the path below the tenant, `rest` what of it follows
    the route."""
    path = target.path + (_safe(below, _NOT_IN_PATHS) if target.takes_path else _safe(rest, _NOT_IN_PATHS))
    return path + b"?" + _safe(query, _NOT_IN_QUERIES) if query else path


def _safe(text: bytes, unsafe: re.Pattern[bytes]) -> bytes:
    """Bytes that can't stand there are percent-encoded."""
    return unsafe.sub(lambda found: b"%%%02X" % found[0][0], text)


def request_head(
    method: bytes,
    target: bytes,
    authority: bytes,
    headers: Sequence[Header],
    more: Sequence[Header],
    operation: Operation,
) -> bytes:
    """The head of the request up to and with the empty line. `more` are the headers that are ours."""
    dropped: frozenset[bytes] = _NOT_SENT
    if operation.sets:
        dropped = dropped | {name for name, _ in operation.sets}
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    parts = [method, b" ", target, b" HTTP/1.1\r\nhost: ", authority, b"\r\n"]
    for name, value in headers:
        if name in dropped:
            continue
        if name == b"cookie" and value and not (value := without_sessions(value)):
            continue
        parts += (name, b": ", value, b"\r\n")
    for name, value in operation.sets:
        parts += (name, b": ", value, b"\r\n")
    for name, value in more:
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


def forwarded(caller: Caller, headers: dict[bytes, bytes], uri: bytes) -> list[Header]:
    """The `X-Forwarded-*` headers. `uri` is the raw request target with its query."""
    address = caller.address.encode("latin-1", "replace")
    scheme, host, prefix = caller.scheme, headers.get(b"host") or caller.host, b""
    found: list[Header] = []
    if caller.is_trusted:
        before = headers.get(b"x-forwarded-for")
        address = before + b", " + address if before else address
        # Of a list the first is what the first proxy saw.
        scheme = _first(headers.get(b"x-forwarded-proto")) or scheme
        host = _host(headers, scheme) or host
        prefix = headers.get(b"x-forwarded-prefix", b"").rstrip(b"/")
        uri = headers.get(b"x-forwarded-uri") or uri
        if prefix:
            found.append((b"x-forwarded-prefix", prefix))
    found += (
        (b"x-forwarded-for", address),
        (b"x-forwarded-proto", scheme),
        (b"x-forwarded-host", host),
        (b"x-forwarded-url", b"%b://%b%b%b" % (scheme, host, prefix, uri)),
    )
    return found


def _host(headers: dict[bytes, bytes], scheme: bytes) -> bytes:
    host = _first(headers.get(b"x-forwarded-host"))
    port = _first(headers.get(b"x-forwarded-port"))
    if host and port.isdigit() and port != _DEFAULT_PORTS.get(scheme) and not _has_port(host):
        return host + b":" + port
    return host


def _has_port(host: bytes) -> bool:
    return b":" in (host.rpartition(b"]")[2] if host.startswith(b"[") else host)


def _first(value: bytes | None) -> bytes:
    return value.split(b",", 1)[0].strip() if value else b""


def answer_headers(headers: Sequence[Header]) -> list[Header]:
    """The answer's headers without those of the connection it came on, and those that are the gateway's."""
    dropped: frozenset[bytes] = _OURS
    for name, value in headers:
        if name == b"connection":
            dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    return [header for header in headers if header[0] not in dropped]
