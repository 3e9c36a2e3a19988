"""Range headers and the multipart/byteranges framing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.byterange import Multiple, Plan, Single, Span, Whole, byteranges, plan
from couchgrass.docdb.multipart import End, Parser, PartBegin, PartData
from couchgrass.errors import RangeNotSatisfiable

LENGTH = 29


def planned(header: str | None, length: int = LENGTH) -> Plan:
    return plan(header, length=length, encoding="identity")


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-28", 0, 28),
        ("bytes=0-300", 0, 28),
        ("bytes=2-", 2, 28),
        ("bytes=2", 2, 28),
        ("bytes=0-3", 0, 3),
        ("bytes= 10-15 ,", 10, 15),
        ("bytes=28-28", 28, 28),
        ("bytes=-3", 26, 28),
        ("bytes=-29", 0, 28),
        ("bytes=-300", 0, 28),
    ],
)
def test_one_range_is_one_span(header: str, first: int, last: int) -> None:
    assert planned(header) == Single(Span(first, last, LENGTH))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=,",
        "bytes=0-",
        "bytes=0-,0-,0-",
        "bytes=3-4,0-",
        "bytes:0-3",
        "Bytes=0-3",
        "chapters=1-2",
        "bytes=a-b",
        "bytes=-",
        "bytes=1-2-3",
        "bytes=-20-30",
        "bytes=1 - 2",
        "bytes=٣-٤",
        "bytes=1_0-2_0",
        "bytes=" + "9" * 5000,
        "bytes=5-3,x",
    ],
)
def test_no_range_a_malformed_one_and_from_zero_on_are_the_whole(header: str | None) -> None:
    assert planned(header) == Whole()


@pytest.mark.parametrize(
    "header",
    ["bytes=5-3", "bytes=300-310", "bytes=29-", "bytes=-0", "bytes=--5", "bytes=0-1,40-41", "bytes=5-3,0-"],
)
def test_a_range_outside_or_backward_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable, match="Requested range not satisfiable"):
        planned(header)


@pytest.mark.parametrize("header", ["bytes=0-0", "bytes=1-", "bytes=-1"])
def test_nothing_of_an_empty_attachment_is_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        planned(header, length=0)


def test_two_to_nine_ranges_keep_their_order_and_ten_are_ignored() -> None:
    assert planned("bytes=4-5, 0-1") == Multiple((Span(4, 5, LENGTH), Span(0, 1, LENGTH)))
    assert planned("bytes=" + ",".join(["0-1"] * 9)) == Multiple((Span(0, 1, LENGTH),) * 9)
    assert planned("bytes=" + ",".join(["0-1"] * 10)) == Whole()


def test_a_compressed_attachment_is_never_served_in_part() -> None:
    assert plan("bytes=0-3", length=LENGTH, encoding="gzip") == Whole()
    with pytest.raises(RangeNotSatisfiable):
        plan("bytes=40-", length=LENGTH, encoding="gzip")


def test_a_span_says_its_headers() -> None:
    span = Span(26, 28, LENGTH)
    assert (span.content_range, span.length) == ("bytes 26-28/29", 3)


@given(st.text(alphabet="0123456789-,+ x", max_size=30), st.integers(0, 40))
def test_whatever_is_asked_every_span_lies_inside(ranges: str, length: int) -> None:
    try:
        answer = planned("bytes=" + ranges, length)
    except RangeNotSatisfiable:
        return
    match answer:
        case Whole():
            spans: tuple[Span, ...] = ()
        case Single(span):
            spans = (span,)
        case Multiple(spans):
            assert 2 <= len(spans) <= 9
    assert all(0 <= span.first <= span.last < length for span in spans)


def test_byteranges_is_what_couchdb_sends_with_the_length_it_announces() -> None:
    text = b"This is a base64 encoded text"
    spans = (Span(0, 3, LENGTH), Span(26, 28, LENGTH))
    framed = byteranges(b"B", "text/x\r\nEvil: 1", spans)
    contents = [text[span.first : span.last + 1] for span in spans]
    body = b"".join(frame + content for frame, content in zip(framed.frames, (*contents, b""), strict=True))
    assert body == (
        b"--B\r\nContent-Type: text/x%0D%0AEvil: 1\r\nContent-Range: bytes 0-3/29\r\n\r\nThis\r\n--B"
        b"\r\nContent-Type: text/x%0D%0AEvil: 1\r\nContent-Range: bytes 26-28/29\r\n\r\next\r\n--B--"
    )
    assert framed.content_length == len(body)
    assert framed.content_type == 'multipart/byteranges; boundary="B"'
    events = Parser(b"B").feed(body)
    assert [bytes(event.data) for event in events if isinstance(event, PartData)] == contents
    assert sum(isinstance(event, PartBegin) for event in events) == 2
    assert isinstance(events[-1], End)
