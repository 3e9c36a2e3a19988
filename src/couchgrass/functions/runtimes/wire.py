"""The frames between a cell and its controller, over two pipes.

A frame is ``length (4, big endian) kind (1) number (4) rest``; `length` counts from the kind on. `number` is
that of the request: an answer or a log line of another one is not this one's. To the cell: INIT and RUN, the
rest is JSON text. From it:

    HELLO    it is ready, number 0
    LOG      stream (1: "1" or "2"), nanoseconds since the epoch (8), one line without its end
    ANSWER   status (2), size of the whole body (8), the body or its first RESULT_BYTES_MAX bytes
    MEMORY   it ran out of memory and ends

The cell is not trusted: what is not such a frame raises Garbled, and ends it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from couchgrass.functions.activation import RESULT_BYTES_MAX

INIT: Final = b"I"
RUN: Final = b"R"

FRAME_BYTES_MAX: Final = RESULT_BYTES_MAX + 1024
"""The largest frame that a cell may send: a whole result."""

_HEAD: Final = struct.Struct(">IcI")
_ANSWER: Final = struct.Struct(">HQ")
_LOG: Final = struct.Struct(">cQ")
_LENGTH_BYTES: Final = 4
_STREAMS: Final = {b"1": "stdout", b"2": "stderr"}


class Garbled(Exception):
    """What came is no frame."""


class Hello(msgspec.Struct, frozen=True):
    """The cell takes requests."""


class Line(msgspec.Struct, frozen=True):
    """A line of log."""

    number: int
    stream: str
    at_ns: int
    text: bytes


class Answer(msgspec.Struct, frozen=True):
    """`size` is that of the whole body."""

    number: int
    status: int
    size: int
    body: bytes


class Memory(msgspec.Struct, frozen=True):
    """There was no more memory."""

    number: int


Frame = Hello | Line | Answer | Memory


def request(kind: bytes, number: int, text: bytes) -> bytes:
    """The bytes of a request to a cell."""
    return _HEAD.pack(len(text) + _HEAD.size - _LENGTH_BYTES, kind, number) + text


class Reader:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def frames(self, received: bytes) -> Iterator[Frame]:
        """The frames that are whole with these bytes. Raises Garbled. What was given is forgotten: another
        call meanwhile goes on behind it."""
        held = self._held
        if not held and len(received) >= _HEAD.size:
            # The usual case: one frame, whole.
            length, kind, number = _HEAD.unpack_from(received)
            if _LENGTH_BYTES + length == len(received) and length >= _HEAD.size - _LENGTH_BYTES:
                yield _frame(kind, number, received[_HEAD.size :])
                return
        held += received
        while len(held) >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(held)
            if not _HEAD.size - _LENGTH_BYTES <= length <= FRAME_BYTES_MAX:
                raise Garbled(f"a frame of {length} bytes")
            end = _LENGTH_BYTES + length
            if len(held) < end:
                return
            rest = bytes(held[_HEAD.size : end])
            del held[:end]
            yield _frame(kind, number, rest)


def _frame(kind: bytes, number: int, rest: bytes) -> Frame:
    try:
        match kind:
            case b"H":
                return Hello()
            case b"L":
                stream, at_ns = _LOG.unpack_from(rest)
                return Line(number, _STREAMS[stream], at_ns, rest[_LOG.size :])
            case b"A":
                status, size = _ANSWER.unpack_from(rest)
                return Answer(number, status, size, rest[_ANSWER.size :])
            case b"M":
                return Memory(number)
    except (struct.error, KeyError) as error:
        raise Garbled("a frame of the wrong form") from error
    raise Garbled(f"a frame of kind {kind!r}")
