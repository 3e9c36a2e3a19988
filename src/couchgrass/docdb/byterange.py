"""Byte ranges of an attachment: the Range header in, what to send out.

Follows CouchDB's ``chttpd_db`` (and the header syntax of its HTTP library): one range is a 206 with
Content-Range, two to nine are a 206 ``multipart/byteranges``, more are ignored, a header that does
not parse is ignored, ``0-`` is the whole attachment with 200, a range outside is 416. Only what is
stored as identity is served in part; for other encodings a range that lies inside is ignored.

On purpose unlike CouchDB: a suffix longer than the attachment means all of it (RFC 9110 section
14.1.2; CouchDB loses the first byte), and ``bytes=`` without a range is ignored.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

from couchgrass.docdb.attachment_bytes import Encoding
from couchgrass.docdb.multipart import Framed, header_text
from couchgrass.errors import RangeNotSatisfiable

RANGES_MAX = 9
"""CouchDB answers up to nine ranges; with more it sends the whole attachment."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """Bytes `first` to `last`, both included, of `total`."""

    first: int
    last: int
    total: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.first}-{self.last}/{self.total}"


class Whole(msgspec.Struct, frozen=True, gc=False):
    """200 with everything."""


class Single(msgspec.Struct, frozen=True, gc=False):
    """206 with one span, its Content-Range and its Content-Length."""

    span: Span


class Multiple(msgspec.Struct, frozen=True, gc=False):
    """206 with two to nine spans in the order they were asked for; see `byteranges`."""

    spans: tuple[Span, ...]


Plan: TypeAlias = Whole | Single | Multiple

_WHOLE = Whole()
_RANGE = re.compile(r"(\+?[0-9]+)(?:-+(\+?[0-9]+))?-*")
_SUFFIX = re.compile(r"-([+-]?[0-9]+)")


def plan(header: str | None, *, length: int, encoding: Encoding) -> Plan:
    """What to send for the Range `header` (None: there is none) of `length` bytes as they are served.

    Raises RangeNotSatisfiable (416).
    """
    if header is None:
        return _WHOLE
    ranges = _parse(header)
    if not ranges:
        return _WHOLE
    spans: list[Span] = []
    for first, last in ranges:
        if first == 0 and last is None:
            return _WHOLE
        spans.append(_span(first, last, length))
    if encoding != "identity" or len(spans) > RANGES_MAX:
        return _WHOLE
    return Single(spans[0]) if len(spans) == 1 else Multiple(tuple(spans))


def _span(first: int | None, last: int | None, total: int) -> Span:
    if first is None:
        assert last is not None
        first, last = max(0, total - last), total - 1
    elif last is None or last >= total > first:
        last = total - 1
    if not 0 <= first <= last < total:
        raise RangeNotSatisfiable("Requested range not satisfiable")
    return Span(first, last, total)


def _parse(header: str) -> list[tuple[int | None, int | None]] | None:
    """(first, None) for ``5-``, (None, n) for the suffix ``-n``; None if anything is malformed."""
    if not header.startswith("bytes="):
        return None
    ranges: list[tuple[int | None, int | None]] = []
    for token in header[len("bytes=") :].split(","):
        text = token.strip(" ")
        if not text:
            continue
        suffix = text.startswith("-")
        found = (_SUFFIX if suffix else _RANGE).fullmatch(text)
        if found is None:
            return None
        try:
            numbers = [None if digits is None else int(digits) for digits in found.groups()]
        except ValueError:  # more digits than int() takes
            return None
        ranges.append((None, numbers[0]) if suffix else (numbers[0], numbers[1]))
    return ranges


def byteranges(boundary: bytes, content_type: str, spans: tuple[Span, ...]) -> Framed:
    """The ``multipart/byteranges`` body around `spans`; `content_type` is the attachment's own."""
    delimiter = b"\r\n--" + boundary
    kind = header_text(content_type)
    heads = [
        b"\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n" % (kind, span.content_range.encode())
        for span in spans
    ]
    frames = (delimiter[2:] + heads[0], *(delimiter + head for head in heads[1:]), delimiter + b"--")
    return Framed(
        f'multipart/byteranges; boundary="{boundary.decode("ascii")}"',
        sum(map(len, frames)) + sum(span.length for span in spans),
        frames,
    )
