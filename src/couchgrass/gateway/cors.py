"""CORS of an API whose `x-ibm-configuration.cors` says what the gateway does about it.

Enabled: the gateway answers OPTIONS itself and its headers replace the action's; disabled: the action's are
taken away. Any origin may ask, as upstream. Beyond upstream, scripts of other origins may read the headers
that are the gateway's own words, besides those that the action lets them read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from couchgrass.gateway.api import METHODS, Cors

Header = tuple[bytes, bytes]

ALLOW_ORIGIN: Final = b"access-control-allow-origin"
ALLOW_METHODS: Final = b"access-control-allow-methods"
ALLOW_HEADERS: Final = b"access-control-allow-headers"
ALLOW_CREDENTIALS: Final = b"access-control-allow-credentials"
EXPOSE_HEADERS: Final = b"access-control-expose-headers"
ALL_METHODS: Final = ", ".join(METHODS).encode()
EXPOSED: Final = b"X-Couchgrass-Region, X-OpenWhisk-Activation-Id, Idempotency-Replayed, Retry-After"

REPLACED: Final = frozenset({ALLOW_ORIGIN, ALLOW_METHODS, ALLOW_CREDENTIALS})
REMOVED: Final = REPLACED | {ALLOW_HEADERS, EXPOSE_HEADERS, b"access-control-max-age"}


def cors_headers(headers: Mapping[bytes, bytes]) -> list[Header]:
    """The headers of every answer of an API with CORS; `headers` are the request's."""
    origin = headers.get(b"origin")
    found = [
        (ALLOW_ORIGIN, origin or b"*"),
        (ALLOW_METHODS, ALL_METHODS),
        (ALLOW_CREDENTIALS, b"true"),
    ]
    if origin:
        # A cache must not give one origin's answer to another.
        found.append((b"vary", b"Origin"))
    return found


def preflight_headers(headers: Mapping[bytes, bytes]) -> list[Header]:
    """The headers of the answer to OPTIONS."""
    asked = headers.get(b"access-control-request-headers")
    return cors_headers(headers) + ([] if asked is None else [(ALLOW_HEADERS, asked)])


def with_cors(cors: Cors, answer: Iterable[Header], headers: Mapping[bytes, bytes]) -> list[Header]:
    """An answer's headers as the client gets them."""
    match cors:
        case Cors.ENABLED:
            kept, exposed = [], [EXPOSED]
            for header in answer:
                if header[0] == EXPOSE_HEADERS:
                    exposed.append(header[1])
                elif header[0] not in REPLACED:
                    kept.append(header)
            return [*kept, *cors_headers(headers), (EXPOSE_HEADERS, b", ".join(exposed))]
        case Cors.DISABLED:
            return [header for header in answer if header[0] not in REMOVED]
        case Cors.UNTOUCHED:
            return list(answer)
