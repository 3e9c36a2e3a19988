"""JSON as the wire protocols need it: big integers stay, 1.0 and 1 differ, key order is kept.

msgspec does the work. It refuses invalid UTF-8, lone surrogates, NaN and trailing bytes, and bounds
the nesting depth, so what decodes here can always be written again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from couchgrass.errors import BadRequest

encode = msgspec.json.Encoder().encode
"""Any JSON value to compact UTF-8 bytes, keys in their own order."""

_decode = msgspec.json.Decoder().decode


def decode(text: bytes | str) -> Any:
    """JSON text to Python values.

    Raises BadRequest ("invalid UTF-8 JSON", CouchDB's words) for anything that is not one JSON value.
    """
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise BadRequest("invalid UTF-8 JSON") from bad
