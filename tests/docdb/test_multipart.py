"""The multipart parser, header parameters and CouchDB's framings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb import multipart
from couchgrass.docdb.attachment import Attachment
from couchgrass.docdb.multipart import (
    BulkGet,
    End,
    Framed,
    OpenRevs,
    Parser,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
    parse_parameters,
    related,
)
from couchgrass.errors import BadRequest

Part = tuple[dict[str, str], bytes]


def parse(boundary: bytes, chunks: Iterable[bytes | memoryview]) -> list[Part]:
    """The parts of a whole body; checks that the events come in the only order that is allowed."""
    parser = Parser(boundary)
    parts: list[Part] = []
    headers: dict[str, str] | None = None
    body: list[bytes] = []
    ended = False
    for chunk in chunks:
        for event in parser.feed(chunk):
            assert not ended
            match event:
                case PartBegin(found):
                    assert headers is None
                    headers, body = found, []
                case PartData(data):
                    assert headers is not None
                    assert len(data) > 0
                    body.append(bytes(data))
                case PartEnd():
                    assert headers is not None
                    parts.append((headers, b"".join(body)))
                    headers = None
                case End():
                    assert headers is None
                    ended = True
    parser.close()
    assert ended
    return parts


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def compose(framed: Framed, contents: Iterable[bytes]) -> bytes:
    pairs = zip(framed.frames, (*contents, b""), strict=True)
    return b"".join(frame + content for frame, content in pairs)


def attachment(name: str, stored: bytes, **changes: object) -> Attachment:
    fields: dict[str, object] = {
        "name": name,
        "content_type": "text/plain",
        "revpos": 1,
        "digest": "",
        "length": len(stored),
        "encoded_length": len(stored),
        "encoding": "identity",
        "blob": 0,
    }
    return Attachment(**(fields | changes))  # type: ignore[arg-type]


TWO_PARTS = (
    b"preamble\n--abc123\r\nContent-Type: application/json\r\nX-A : 1\r\n\r\n{}\r\n--abc123\r\n\r\nhello"
    b"\r\n--abc123--\r\nepilogue \r\n--abc123\r\n"
)


@pytest.mark.parametrize("size", [*range(1, 40), len(TWO_PARTS)])
def test_the_parts_are_the_same_however_the_body_is_cut(size: int) -> None:
    expected = [({"content-type": "application/json", "x-a": "1"}, b"{}"), ({}, b"hello")]
    assert parse(b"abc123", cut(TWO_PARTS, size)) == expected


PIECES = st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"b", b"\r\n--b", b"x", b"\r\n\r\n"])
BODIES = st.lists(PIECES, max_size=12).map(b"".join).filter(lambda body: b"\r\n--bc" not in b"\r\n" + body)


@given(
    st.lists(BODIES, min_size=1, max_size=4),
    st.lists(st.integers(0, 9), min_size=1).filter(any),
    st.booleans(),
)
def test_any_body_without_the_delimiter_comes_out_as_it_went_in(
    bodies: list[bytes], sizes: list[int], views: bool
) -> None:
    text = b"--bc" + b"".join(b"\r\nA: %d\r\n\r\n%b\r\n--bc" % pair for pair in enumerate(bodies)) + b"--"
    chunks: list[bytes | memoryview] = []
    at = step = 0
    while at < len(text):
        size = sizes[step % len(sizes)]
        piece = text[at : at + size]
        chunks.append(memoryview(piece) if views else piece)
        at, step = at + size, step + 1
    assert parse(b"bc", chunks) == [({"a": str(n)}, body) for n, body in enumerate(bodies)]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_input_ends_in_events_or_bad_request(text: bytes, size: int) -> None:
    parser = Parser(b"b")
    try:
        for chunk in cut(b"--b\r\n" + text, size):
            parser.feed(chunk)
        parser.close()
    except BadRequest:
        pass


def test_a_whole_chunk_of_body_is_handed_on_without_a_copy() -> None:
    parser = Parser(b"b")
    parser.feed(b"--b\r\n\r\n")
    chunk = bytes(1000)
    (event,) = parser.feed(chunk)
    assert isinstance(event, PartData)
    assert event.data is chunk


def test_body_bytes_are_not_held_back_when_they_cannot_be_a_delimiter() -> None:
    parser = Parser(b"boundary")
    parser.feed(b"--boundary\r\n\r\n")
    events = parser.feed(b"one\r\n--bou")
    assert events == [PartData(memoryview(b"one"))]
    assert [bytes(event.data) for event in parser.feed(b"x") if isinstance(event, PartData)] == [
        b"\r\n--boux"
    ]


def test_parts_that_are_multipart_themselves_go_through_a_second_parser() -> None:
    inner = b'--in\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--in\r\n\r\nxyz\r\n--in--'
    outer = b"\r\n--out\r\nContent-Type: multipart/related; boundary=in\r\n\r\n%b\r\n--out--\r\n" % inner
    ((headers, body),) = parse(b"out", cut(outer, 7))
    boundary = boundary_of(headers["content-type"])
    assert boundary == b"in"
    assert [part for _, part in parse(boundary, cut(body, 3))] == [b'{"a":1}', b"xyz"]


def test_a_body_of_no_parts_is_complete() -> None:
    assert parse(b"b", [b"--b--"]) == []


def test_folded_headers_are_joined_and_the_last_of_equal_names_counts() -> None:
    ((headers, _),) = parse(b"b", [b"--b \t\r\nA: x;\r\n\t y\r\nB: 1\r\nb: 2\r\n\r\n\r\n--b--"])
    assert headers == {"a": "x; y", "b": "2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "multipart body ends before its first boundary"),
        (b"no boundary here", "multipart body ends before its first boundary"),
        (b"--b\r\nA: 1\r\n", "multipart body ends in the headers of a part"),
        (b"--b-", "multipart body ends in the headers of a part"),
        (b"--b\r\n\r\nbody\r\n--", "multipart body ends in the body of a part"),
        (b"--b\r\n\r\nbody\r\n--b", "multipart body ends in the headers of a part"),
        (b"--b\r\nno colon\r\n\r\n", "bad part header"),
        (b"--bc\r\nA: 1\r\n\r\n", "bad part header"),
        (b"--b\nA: 1\n\nbody\n--b--", "multipart body ends in the headers of a part"),
        (b"--b\r\nA: " + b"x" * multipart.HEADER_BYTES_MAX, "part headers are too large"),
        (
            b"--b\r\nA: " + b"x" * multipart.HEADER_BYTES_MAX + b"\r\n\r\n\r\n--b--",
            "part headers are too large",
        ),
        (b"--b" + b"\r\nA: 1" * (multipart.HEADERS_MAX + 1) + b"\r\n\r\n", "part has too many headers"),
    ],
)
@pytest.mark.parametrize("size", [5, 1_000_000])
def test_malformed_or_cut_off_bodies_are_refused_with_the_reason(text: bytes, reason: str, size: int) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(b"b", cut(text, size))
    assert refused.value.reason == reason


@pytest.mark.parametrize("boundary", [b"", b"a\r\nb", b"x" * (multipart.BOUNDARY_BYTES_MAX + 1)])
def test_an_unusable_boundary_is_refused(boundary: bytes) -> None:
    with pytest.raises(BadRequest, match="bad multipart boundary"):
        Parser(boundary)
    assert boundary_of(f'multipart/mixed; boundary="{boundary.decode()}"') is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Multipart/Related;boundary=abc", b"abc"),
        ('multipart/related; Boundary="a;b=\\"c"; type=x', b'a;b="c'),
        ('multipart/mixed; a="boundary=no;"; boundary= yes ', b"yes"),
        ('multipart/mixed; boundary="open', b"open"),
        ("multipart/mixed; boundary=1; boundary=2", b"1"),
        ("multipart/mixed", None),
        ("multipart/mixed; boundary=", None),
        ("application/json; boundary=b", None),
        ("", None),
    ],
)
def test_the_boundary_is_read_from_multipart_types_only(value: str, expected: bytes | None) -> None:
    assert boundary_of(value) == expected


def test_parameters_keep_quoted_text_and_lose_what_has_no_name_or_no_value() -> None:
    value = 'Attachment; filename="a\\"b;c.txt"; x; =y; SIZE=12'
    assert parse_parameters(value) == ("attachment", {"filename": 'a"b;c.txt', "size": "12"})


@given(st.text(max_size=200))
def test_any_header_value_parses(value: str) -> None:
    parse_parameters(value)
    boundary_of("multipart/x;boundary=" + value)


def test_related_is_byte_for_byte_what_couchdb_sends() -> None:
    stored = b"Hello my important document"
    framed = related(
        b"B", b'{"_id":"d"}', [attachment("test", stored), attachment("z", b"", encoding="gzip")]
    )
    assert compose(framed, [stored, b""]) == (
        b'--B\r\nContent-Type: application/json\r\n\r\n{"_id":"d"}\r\n--B'
        b'\r\nContent-Disposition: attachment; filename="test"\r\nContent-Type: text/plain'
        b"\r\nContent-Length: 27\r\n\r\nHello my important document\r\n--B"
        b'\r\nContent-Disposition: attachment; filename="z"\r\nContent-Type: text/plain'
        b"\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\n\r\n--B--"
    )
    assert framed.content_type == 'multipart/related; boundary="B"'


def test_related_has_the_length_of_couchdbs_own_test_case() -> None:
    document = b'{\n "_id": "our document goes here"\n}\n\n'
    framed = related(b"simple_boundary", document, [attachment("test", b"Hello my important document")])
    assert framed.content_length == 258


def test_related_without_attachments_is_the_plain_document() -> None:
    assert related(b"B", b"{}", []) == Framed("application/json", 2, (b"{}",))


@given(st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=40)), max_size=4), st.integers(1, 60))
def test_what_related_writes_has_the_announced_length_and_parses_back(
    named: list[tuple[str, bytes]], size: int
) -> None:
    boundary = b"0123456789abcdef0123456789abcdef"
    framed = related(boundary, b"{}", [attachment(name, stored) for name, stored in named])
    body = compose(framed, [stored for _, stored in named])
    assert len(body) == framed.content_length
    if not named:
        return
    (head, document), *parts = parse(boundary, cut(body, size))
    assert (head, document) == ({"content-type": "application/json"}, b"{}")
    assert [part for _, part in parts] == [stored for _, stored in named]
    for (name, stored), (headers, _) in zip(named, parts, strict=True):
        assert headers["content-length"] == str(len(stored))
        filename = parse_parameters(headers["content-disposition"])[1].get("filename", "")
        assert filename == name.replace("\r", "%0D").replace("\n", "%0A").replace("\0", "%00")


def test_a_stored_name_or_type_cannot_forge_a_part_header() -> None:
    forged = attachment('a"\r\nX-Evil: 1', b"", content_type="text/x\r\n\r\nbody")
    (_, (headers, body)) = parse(b"B", [compose(related(b"B", b"{}", [forged]), [b""])])
    assert set(headers) == {"content-disposition", "content-type", "content-length"}
    assert body == b""


def test_open_revs_parts_are_what_couchdb_sends() -> None:
    mixed = OpenRevs(b"OUT")
    assert mixed.content_type == 'multipart/mixed; boundary="OUT"'
    framed = related(b"IN", b'{"a":1}', [])
    body = b"".join(
        [
            mixed.start,
            mixed.before(framed.content_type),
            b'{"a":1}',
            mixed.after,
            mixed.missing("1-x"),
            mixed.end,
        ]
    )
    assert body == (
        b'--OUT\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--OUT'
        b'\r\nContent-Type: application/json; error="true"\r\n\r\n{"missing":"1-x"}\r\n--OUT--'
    )
    assert parse(b"OUT", [body])[1] == (
        {"content-type": 'application/json; error="true"'},
        b'{"missing":"1-x"}',
    )


def test_bulk_get_parts_are_what_couchdb_sends() -> None:
    bulk = BulkGet(b"--OUT")
    assert bulk.content_type("multipart/related") == 'multipart/related; boundary="--OUT"'
    framed = related(b"--IN", b"{}", [attachment("a", b"xyz")])
    body = b"".join(
        [
            bulk.plain_document() + b"{}",
            bulk.related_document("d\r\n1", "1-x", b"--IN") + compose(framed, [b"xyz"]),
            bulk.error(b'{"error":"not_found"}') + bulk.end,
        ]
    )
    assert body.startswith(
        b"\r\n----OUT\r\nContent-Type: application/json\r\n\r\n{}\r\n----OUT\r\nX-Doc-Id: "
    )
    assert body.endswith(b'\r\n\r\n{"error":"not_found"}\r\n----OUT--\r\n')
    parts = parse(b"--OUT", cut(body, 11))
    assert [headers for headers, _ in parts] == [
        {"content-type": "application/json"},
        {
            "x-doc-id": "d%0D%0A1",
            "x-rev-id": "1-x",
            "content-type": "multipart/related; boundary=--IN",
        },
        {"content-type": 'application/json; error="true"'},
    ]
    assert [part for _, part in parse(b"--IN", [parts[1][1]])] == [b"{}", b"xyz"]
