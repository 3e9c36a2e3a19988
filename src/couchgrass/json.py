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


Raw = msgspec.Raw
"""JSON text of one value that is not decoded yet; `decode` takes it."""

_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_elements = msgspec.json.Decoder(list[Raw]).decode


def decode_apart(text: bytes, member: str) -> Any:
    """Like `decode`, but when it is an object in which `member` is an array, that one's elements stay Raw.

    Decoding is one call that lets no other thread run. A large body taken apart like this and decoded
    element by element holds nobody up.
    """
    try:
        members = _decode_members(text)
        elements = _decode_elements(members.pop(member))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return decode(text)  # not of this form: what is wrong with it, if anything, is said there
    return {**{name: decode(raw) for name, raw in members.items()}, member: elements}


def decode(text: bytes | str | msgspec.Raw) -> Any:
    """JSON text to Python values.

    Raises BadRequest ("invalid UTF-8 JSON", CouchDB's words) for anything that is not one JSON value.
    """
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise BadRequest("invalid UTF-8 JSON") from bad
