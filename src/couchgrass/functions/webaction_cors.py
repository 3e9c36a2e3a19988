"""The CORS headers that a web action's answers have unless the action brings its own.

Source: OpenWhisk (docs/webactions.md, "Options Requests"). An action with ``web-custom-options`` gets none.
Where the action sets one of these headers itself, its value counts: OpenWhisk sends both, which browsers
refuse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Header = tuple[bytes, bytes]

_ORIGIN: Final = (b"access-control-allow-origin", b"*")
_METHODS: Final = (b"access-control-allow-methods", b"OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH")
_HEADERS: Final = (
    b"access-control-allow-headers",
    b"Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
)
_DEFAULTS: Final = (_ORIGIN, _METHODS, _HEADERS)
_NAMES: Final = frozenset(name for name, _ in _DEFAULTS)

_NAME_LIST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]+")


def cors_headers(requested: bytes | None) -> Sequence[Header]:
    """The three headers. `requested`: the request's Access-Control-Request-Headers, which is echoed."""
    if requested is None or not _NAME_LIST.fullmatch(requested):
        return _DEFAULTS
    return (_ORIGIN, _METHODS, (_HEADERS[0], requested))


def with_cors(cors: Sequence[Header], headers: list[Header]) -> list[Header]:
    """An action's headers after those of `cors` that it does not set itself."""
    own = _NAMES.intersection([name for name, _ in headers])
    if not own:
        return [*cors, *headers]
    return [*(header for header in cors if header[0] not in own), *headers]
