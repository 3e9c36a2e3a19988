"""The order of JSON values: CouchDB's view collation, and its raw collation.

View collation (CouchDB's "Views Collation" and ``couch_ejson_compare``)::

    null < false < true < numbers < strings < arrays < objects

Numbers compare by exact value, so 1 equals 1.0 and 2**53 + 1 is above 2.0**53. Strings compare by ICU's
root collation, so different strings can be equal ("a" and "a\\u0000"). Arrays compare element by element,
objects key, value, key, value in their own key order; the longer one is above its prefix.

Raw collation is Erlang's term order, ``"options": {"collation": "raw"}`` in a design document::

    numbers < false < null < true < objects < arrays < strings

with strings by their UTF-8 bytes, which is code point order. ``_all_docs`` uses it: every document id is
a string, so any other key is below all of them.

A sort key is bytes that order as the values do, for an index that compares only bytes:

* one tag byte for the type, then the content, so that no key is a prefix of another;
* a number is a sign tag, its magnitude cut to a double (8 bytes, big-endian) and what the cut lost as a
  counted big-endian integer; below zero all of it is complemented;
* a string is ICU's sort key, which holds no zero byte but the one that ends it; in raw order it is its
  UTF-8 with 00 written as 00 FF, ended by 00 00;
* an array or object is its members' keys, ended by 00.

ICU's keys change with its version: keep `collation_version` beside stored keys and build them again when
it differs.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from sys import float_info
from typing import Any, Final

import msgspec


@cache
def collation_version() -> str:
    """What view sort keys depend on."""
    import icu

    return f"icu-{icu.ICU_VERSION}/unicode-{icu.UNICODE_VERSION}/keys-1"


@cache
def _collator() -> Any:
    """ICU's root collator, loaded when first needed: it takes 12 MB, and many a server sorts nothing."""
    import icu

    return icu.Collator.createInstance(icu.Locale(""))


def compare_strings(one: str, other: str) -> int:
    """-1, 0 or 1 as the first string is below, equal to or above the second in ICU's root collation."""
    order: int = _collator().compare(one, other)
    return order


def _collation_key(text: str) -> bytes:
    key: bytes = _collator().getSortKey(text)
    return key


_pack_double: Callable[[float], bytes] = struct.Struct(">d").pack
_COMPLEMENT: Final = bytes(255 - byte for byte in range(256))
_EXACT_INT_MAX: Final = 2**53
_END: Final = b"\0"


class _Collation(msgspec.Struct, frozen=True):
    """The two orders differ in these alone. `ranks` doubles as the table of tag bytes."""

    ranks: dict[type, int]
    atoms: dict[bool | None, int]
    compare_strings: Callable[[str, str], int]
    string_key: Callable[[str], bytes]


def _compare_raw_strings(a: str, b: str) -> int:
    return (a > b) - (a < b)


def _raw_string_key(text: str) -> bytes:
    return text.encode().replace(b"\0", b"\0\xff") + b"\0\0"


_VIEW = _Collation(
    ranks={type(None): 0x10, bool: 0x10, int: 0x20, float: 0x20, str: 0x30, list: 0x40, dict: 0x50},
    atoms={None: 0, False: 1, True: 2},
    compare_strings=compare_strings,
    string_key=_collation_key,
)
_RAW = _Collation(
    ranks={int: 0x20, float: 0x20, type(None): 0x30, bool: 0x30, dict: 0x40, list: 0x50, str: 0x60},
    atoms={False: 0, None: 1, True: 2},
    compare_strings=_compare_raw_strings,
    string_key=_raw_string_key,
)

VIEW_RANKS: Final = _VIEW.ranks
"""Type of a JSON value to its place in view collation; null and the booleans share one."""


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1 as JSON value `a` is below, equal to or above `b` in view collation."""
    return _compare(a, b, _VIEW)


def compare_raw(a: Any, b: Any) -> int:
    """-1, 0 or 1 as JSON value `a` is below, equal to or above `b` in Erlang's term order."""
    return _compare(a, b, _RAW)


def sort_key(value: Any) -> bytes:
    """Bytes that order as `compare` does: equal keys for equal values."""
    return _sort_key(value, _VIEW)


def raw_sort_key(value: Any) -> bytes:
    """Bytes that order as `compare_raw` does."""
    return _sort_key(value, _RAW)


def _compare(a: Any, b: Any, collation: _Collation) -> int:
    # An explicit stack: a document may be nested as deep as the interpreter's recursion limit.
    ranks = collation.ranks
    pairs: Iterator[tuple[Any, Any]] = iter(((a, b),))
    waiting: list[Iterator[tuple[Any, Any]]] = []
    while True:
        for x, y in pairs:
            kind = type(x)
            rank, other = ranks[kind], ranks[type(y)]
            if rank != other:
                return -1 if rank < other else 1
            if kind is list or kind is dict:
                waiting.append(pairs)
                pairs = _members(x, y)
                break
            order = _compare_scalars(x, y, kind, collation)
            if order:
                return order
        else:
            if not waiting:
                return 0
            pairs = waiting.pop()


def _compare_scalars(x: Any, y: Any, kind: type, collation: _Collation) -> int:
    """`x`, of type `kind`, and `y` have the same rank and are no containers."""
    if kind is str:
        return collation.compare_strings(x, y)
    if kind is int or kind is float:
        return int(x > y) - int(x < y)
    place, other = collation.atoms[x], collation.atoms[y]
    return int(place > other) - int(place < other)


def _members(x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    """What decides the order of two arrays or two objects: their members in turn, at last their lengths."""
    lengths = ((len(x), len(y)),)
    if type(x) is list:
        return chain(zip(x, y, strict=False), lengths)
    flat = chain.from_iterable
    return chain(zip(flat(x.items()), flat(y.items()), strict=False), lengths)


def _sort_key(value: Any, collation: _Collation) -> bytes:
    ranks = collation.ranks
    parts: list[bytes] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is bytes:  # the end of a container
            parts.append(item)
            continue
        tag = ranks[kind]
        if kind is str:
            parts.append(tag.to_bytes())
            parts.append(collation.string_key(item))
        elif kind is int or kind is float:
            parts.append(_number_key(item, tag))
        elif kind is list or kind is dict:
            parts.append(tag.to_bytes())
            waiting.append(_END)
            waiting.extend(reversed(item if kind is list else [*chain.from_iterable(item.items())]))
        else:
            parts.append((tag + collation.atoms[item]).to_bytes())
    return b"".join(parts)


def _number_key(number: int | float, tag: int) -> bytes:
    """`tag` marks a number below zero, `tag` + 1 any other."""
    if number < 0:
        return tag.to_bytes() + _magnitude_key(-number).translate(_COMPLEMENT)
    return (tag + 1).to_bytes() + _magnitude_key(number)


def _magnitude_key(number: int | float) -> bytes:
    """The key of a number that is not below zero."""
    if type(number) is float or number <= _EXACT_INT_MAX:
        return _pack_double(abs(number)) + b"\0"  # abs: -0.0 is zero
    assert type(number) is int
    try:
        double = float(number)
    except OverflowError:
        double = float_info.max
    if double > number:
        double = math.nextafter(double, 0.0)
    lost = number - int(double)
    lost_bytes = (lost.bit_length() + 7) // 8
    lost_text = lost.to_bytes(lost_bytes, "big")
    if lost_bytes < 0xFF:
        return _pack_double(double) + lost_bytes.to_bytes() + lost_text
    return _pack_double(double) + b"\xff" + lost_bytes.to_bytes(4, "big") + lost_text
