"""The lines of a changes feed, wherever its chunks are cut, and what is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.couch import feed
from couchgrass.couch.feed import HEARTBEAT, open_feed, request_of, since_text
from couchgrass.couch.transport import HttpTransport
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.wire import ZERO, Change, FeedEnd, FeedEvent, LeafRev
from couchgrass.errors import CouchgrassError, NotFound, PeerLost
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, is_silent
from tests.couch.asking import ENOUGH_S, skip, with_plays

TEXT = (
    '{"seq":"3-g1AAA","id":"änderung \\u0001","changes":[{"rev":"1-a"},{"rev":"2-b"}],"deleted":true}\n'
    "\n"
    '{"id":"b","changes":[{"rev":"1-c"}],"seq":[4,"x y"],"doc":{"odd":1.0}}\r\n'
    '{"seq":null,"id":"c","changes":[]}\n'
    '{"seq":5,"id":"last_seq","changes":[]}\n'
    '{"last_seq":"9-x","pending":0}\n'
).encode()


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


EVENTS: list[FeedEvent] = [
    Change("änderung \u0001", [LeafRev("1-a"), LeafRev("2-b")], raw('"3-g1AAA"'), True),
    HEARTBEAT,
    Change("b", [LeafRev("1-c")], raw('[4,"x y"]')),
    Change("c", [], raw("null")),
    Change("last_seq", [], raw("5")),
    FeedEnd(raw('"9-x"')),
]


def seen(event: FeedEvent) -> tuple[Any, ...]:
    """What can be compared: Raw compares by identity."""
    match event:
        case Change(id, changes, seq, deleted):
            return id, [leaf.rev for leaf in changes], bytes(seq), deleted
        case FeedEnd(last_seq):
            return (bytes(last_seq),)
    return ("heartbeat",)


def read(*chunks: bytes) -> list[tuple[Any, ...]]:
    """The events of a feed that comes in these chunks."""
    found: list[tuple[Any, ...]] = []

    async def run() -> None:
        async def coming() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        found.extend([seen(event) async for event in feed._events(coming(), "peer")])

    asyncio.run(run())
    return found


@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_rows_are_the_same_wherever_they_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    chunks = [TEXT[one:other] for one, other in pairwise(places)]
    assert read(*chunks) == [seen(event) for event in EVENTS]


def test_rows_are_the_same_byte_by_byte() -> None:
    assert read(*(TEXT[at : at + 1] for at in range(len(TEXT)))) == [seen(event) for event in EVENTS]


@pytest.mark.parametrize("size", range(1, 40))
def test_a_row_that_was_cut_off_is_lost_and_never_half_a_change(size: int) -> None:
    row = b'{"seq":1,"id":"a","changes":[{"rev":"1-a"}]}'
    with pytest.raises(PeerLost):
        read(row[:size])
    assert read(row) == [("a", ["1-a"], b"1", False)]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b'{"seq":1,"id":7,"changes":[]}\n', b'{"id":"\xff"}\n', b"[]\n"]
)
def test_a_row_that_can_not_be_read_is_lost(line: bytes) -> None:
    with pytest.raises(PeerLost, match="peer: a row of its changes feed can't be understood"):
        read(line)


def test_a_row_that_tells_an_error_is_lost_with_its_words() -> None:
    with pytest.raises(PeerLost, match="peer: a row of its changes feed says os_process_error: died"):
        read(b'{"error":"os_process_error","reason":"died"}\n')


def test_a_row_over_its_bound_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LINE_BYTES_MAX", 100)
    assert read(b"\n" * 1000, TEXT) == [("heartbeat",)] * 1000 + [seen(event) for event in EVENTS]
    with pytest.raises(PeerLost, match="over 100 bytes"):
        read(*([b'{"id":"' + b"x" * 20] + [b"x" * 20] * 10))


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("0", "0"),
        ('"12-g1AAAA"', "12-g1AAAA"),
        ('[5,"g1 AA"]', '[5,"g1 AA"]'),
        ('"now"', "now"),
        ("null", "null"),
    ],
)
def test_a_sequence_goes_back_as_it_came(since: str, text: str) -> None:
    assert since_text(raw(since)) == text


@pytest.mark.parametrize(
    ("filter", "options", "body"),
    [
        (Filter(), {}, None),
        (Filter(all_leaves=False), {"style": "main_only"}, None),
        (Filter(doc_ids=("a", "b")), {"filter": "_doc_ids"}, b'{"doc_ids":["a","b"]}'),
        (Filter(selector={"a": {"$gt": 1}}), {"filter": "_selector"}, b'{"selector":{"a":{"$gt":1}}}'),
        (
            Filter(name="ddoc/mine", query_params={"a": "text", "n": 7, "o": [True]}),
            {"filter": "ddoc/mine", "a": "text", "n": "7", "o": "[true]"},
            None,
        ),
    ],
)
def test_what_is_asked_for(filter: Filter, options: dict[str, str], body: bytes | None) -> None:
    query, sent = request_of(filter, ZERO)
    assert dict(query) == {"style": "all_docs", "since": "0", **options}
    assert sent == body


def test_a_feed_that_leaves_out_asks_to_be_ended_and_the_other_to_be_kept_alive() -> None:
    async def work(peer: Scripted, transport: HttpTransport) -> None:
        for filter in (Filter(), Filter(doc_ids=("a",))):
            async with open_feed(transport, "/db", ZERO, filter, "peer") as events:
                assert [seen(event) async for event in events] == [seen(event) for event in EVENTS]
        alive, ended = peer.seen
        assert alive.method == "GET" and alive.query["feed"] == "continuous"
        assert "heartbeat" in alive.query and "timeout" not in alive.query
        assert ended.method == "POST" and "timeout" in ended.query and "heartbeat" not in ended.query

    with_plays(work, answers(200, TEXT))


async def breaks_off(exchange: Exchange) -> None:
    await exchange.begin(200, transfer_encoding="chunked")
    await exchange.write(b"%x\r\n%b\r\n" % (len(TEXT), TEXT))
    exchange.cut()


async def stays_open(exchange: Exchange) -> None:
    await exchange.begin(200, transfer_encoding="chunked")
    await exchange.write(b"%x\r\n%b\r\n" % (len(TEXT), TEXT))
    await exchange.silence()


@pytest.mark.parametrize("play", [breaks_off, stays_open])
def test_a_feed_that_breaks_or_is_silent_gives_its_rows_and_is_lost(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "SILENT_S", ENOUGH_S)

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        found = []
        with pytest.raises(PeerLost):
            async with open_feed(transport, "/db", ZERO, Filter(), "peer") as events:
                async for event in events:
                    found.append(seen(event))
                    if play is stays_open and len(found) == len(EVENTS):
                        skip(ENOUGH_S)
        assert found == [seen(event) for event in EVENTS]

    with_plays(work, play)


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (answers(404, {"error": "not_found", "reason": "Database does not exist."}), NotFound.error),
        (answers(302, location="/other"), "redirected"),
        (answers(500, b"<html>"), PeerLost.error),
        (is_silent, PeerLost.error),
    ],
)
def test_a_feed_that_is_refused(play: Play, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if play is is_silent:
        monkeypatch.setattr(feed, "SILENT_S", 0.05)

    async def work(peer: Scripted, transport: HttpTransport) -> None:
        with pytest.raises(CouchgrassError) as refused:
            async with open_feed(transport, "/db", ZERO, Filter(), "peer"):
                pass
        assert refused.value.error == error

    with_plays(work, play)
