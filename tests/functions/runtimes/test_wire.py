"""Frames come out whole however they were cut, and what is none is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.runtimes.wire import (
    FRAME_BYTES_MAX,
    RUN,
    Answer,
    Frame,
    Garbled,
    Hello,
    Line,
    Memory,
    Reader,
    request,
)


def sent(frame: Frame) -> bytes:
    """A frame as a cell sends it."""
    match frame:
        case Hello():
            kind, number, rest = b"H", 0, b""
        case Memory(number):
            kind, rest = b"M", b""
        case Line(number, stream, at_ns, text):
            kind, rest = b"L", (b"1" if stream == "stdout" else b"2") + struct.pack(">Q", at_ns) + text
        case Answer(number, status, size, body):
            kind, rest = b"A", struct.pack(">HQ", status, size) + body
    return struct.pack(">IcI", len(rest) + 5, kind, number) + rest


NUMBERS = st.integers(0, 2**32 - 1)
LONG = st.integers(0, 2**64 - 1)
FRAMES = st.one_of(
    st.just(Hello()),
    st.builds(Memory, NUMBERS),
    st.builds(Line, NUMBERS, st.sampled_from(["stdout", "stderr"]), LONG, st.binary(max_size=40)),
    st.builds(Answer, NUMBERS, st.integers(0, 65535), LONG, st.binary(max_size=40)),
)


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(1, 60)))
def test_frames_come_out_as_they_were_sent_however_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    left = b"".join(map(sent, frames))
    reader, got = Reader(), []
    for cut in [*cuts, len(left)]:
        got += list(reader.frames(left[:cut]))
        left = left[cut:]
    got += list(reader.frames(left))
    assert got == frames


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_garbled(received: bytes) -> None:
    try:
        list(Reader().frames(received))
    except Garbled:
        pass


@pytest.mark.parametrize(
    "received",
    [
        b"GET / HTTP/1.1\r\n",
        struct.pack(">IcI", 5, b"?", 1),
        struct.pack(">IcI", 4, b"H", 0),
        struct.pack(">IcI", FRAME_BYTES_MAX + 1, b"A", 1),
        struct.pack(">IcI", 7, b"A", 1) + b"xx",
        struct.pack(">IcI", 14, b"L", 1) + b"3" + b"\0" * 8,
    ],
)
def test_what_is_no_frame_is_refused_before_it_is_held(received: bytes) -> None:
    with pytest.raises(Garbled):
        list(Reader().frames(received))


def test_a_request_says_its_length_kind_and_number() -> None:
    assert request(RUN, 7, b"{}") == b"\0\0\0\x07R\0\0\0\x07{}"


def test_a_call_in_the_middle_goes_on_behind_what_was_given() -> None:
    reader = Reader()
    first = reader.frames(sent(Memory(1)) + sent(Memory(2)))
    assert next(first) == Memory(1)
    assert list(reader.frames(sent(Memory(3)))) == [Memory(2), Memory(3)]
    assert list(first) == []
