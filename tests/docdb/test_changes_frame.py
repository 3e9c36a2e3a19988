"""The bytes of each kind of feed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.changes import ChangesQuery, Feed
from couchgrass.docdb.changes_frame import Frame, row_head

SUFFIX = "-0123456789ab"


def row(number: int) -> bytes:
    return row_head(f"{number}{SUFFIX}", f'"{number}', ["1-a"], False) + b"}"


@given(sizes=st.lists(st.integers(0, 4)), feed=st.sampled_from([Feed.NORMAL, Feed.LONGPOLL]))
def test_a_normal_feed_is_one_json_object_however_its_rows_came(sizes: list[int], feed: Feed) -> None:
    frame = Frame(ChangesQuery(feed=feed))
    numbers = iter(range(sum(sizes)))
    text = frame.opening() + b"".join(frame.rows([row(next(numbers)) for _ in range(size)]) for size in sizes)
    answer = json.loads(text + frame.ending("9-x", 3))
    assert [found["seq"] for found in answer["results"]] == [f"{at}{SUFFIX}" for at in range(sum(sizes))]
    assert answer["last_seq"] == "9-x"
    assert answer["pending"] == 3


def test_the_bytes_of_each_feed_are_couchdbs() -> None:
    rows = [row(1), row(2)]
    continuous = Frame(ChangesQuery(feed=Feed.CONTINUOUS))
    assert continuous.rows(rows) == rows[0] + b"\n" + rows[1] + b"\n"
    assert continuous.ending("2-x", 0) == b'{"last_seq":"2-x","pending":0}\n'
    events = Frame(ChangesQuery(feed=Feed.EVENTSOURCE))
    assert events.rows(rows[:1]) == b"data: " + rows[0] + b'\nid: "1' + SUFFIX.encode() + b'"\n\n'
    assert events.heartbeat() == b"event: heartbeat\ndata: \n\n"
    assert events.ending("2-x", 0) == b""
    normal = Frame(ChangesQuery())
    assert normal.opening() + normal.rows(rows) == b'{"results":[\n' + rows[0] + b",\r\n" + rows[1]
    assert normal.ending("2-x", 5) == b'\n],\n"last_seq":"2-x","pending":5}\n'
    assert normal.ending("2-x", None) == b'\n],\n"last_seq":"2-x"}\n'


@pytest.mark.parametrize("feed", list(Feed))
def test_a_row_that_is_streamed_has_the_same_frame(feed: Feed) -> None:
    query = ChangesQuery(feed=feed)
    streamed, whole = Frame(query), Frame(query)
    for number in range(3):
        head, end = streamed.begin_row(row(number)[:-1])
        assert head + b"}" + end == whole.rows([row(number)])
        assert streamed.left == whole.left


@given(limit=st.integers(1, 50), interval=st.integers(1, 7), split=st.integers(0, 50))
def test_seq_interval_leaves_every_nth_sequence_counted_from_the_end(
    limit: int, interval: int, split: int
) -> None:
    frame = Frame(ChangesQuery(feed=Feed.CONTINUOUS, limit=limit, seq_interval=interval))
    rows = [row(number) for number in range(limit)]
    text = frame.rows(rows[:split]) + frame.rows(rows[split:])
    seqs = [json.loads(line)["seq"] for line in text.splitlines()]
    assert [seq is not None for seq in seqs] == [(limit - at) % interval == 0 for at in range(limit)]
    assert frame.left == 0


def test_an_events_sequence_is_found_at_its_end() -> None:
    frame = Frame(ChangesQuery(feed=Feed.EVENTSOURCE))
    text = frame.rows([b'{"db_name":"a","type":"updated","seq":"3-x"}'])
    assert text.endswith(b'\nid: "3-x"\n\n')
