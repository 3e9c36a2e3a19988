"""The options, the start and the bytes of a changes feed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.changes import (
    NO_LIMIT,
    ChangesQuery,
    DesignDocs,
    Designed,
    DocIds,
    Feed,
    Frame,
    Selected,
    extract,
    parse_changes_query,
    parse_filter,
    parse_updates_query,
    row_head,
    start_seq,
)
from couchgrass.errors import BadRequest

SUFFIX = "-0123456789ab"


def refusal(call: Any, *args: Any) -> str:
    with pytest.raises(BadRequest) as refused:
        call(*args)
    return refused.value.reason


def test_without_options_a_feed_is_normal_from_the_start_and_unlimited() -> None:
    assert parse_changes_query({}) == ChangesQuery()
    assert ChangesQuery().limit == NO_LIMIT


def test_live_is_another_word_for_continuous_and_names_are_told_in_any_case() -> None:
    assert parse_changes_query({"FEED": "live"}).feed is Feed.CONTINUOUS


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"feed": "quick"}, "Supported `feed` types: normal, continuous, live, longpoll, eventsource"),
        ({"limit": "-1"}, "The limit value should be a non-negative integer"),
        ({"limit": "x"}, "The limit parameter should be a non-negative integer"),
        ({"timeout": "-1"}, "The timeout value should be a non-negative integer"),
        ({"timeout": "infinity"}, "The timeout parameter should be a non-negative integer"),
        ({"heartbeat": "0"}, "The heartbeat value should be a positive integer (in milliseconds)."),
        (
            {"heartbeat": "false"},
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        ),
        ({"seq_interval": "0"}, "invalid_seq_interval"),
        ({"style": "some"}, "The style parameter should be main_only or all_docs"),
    ],
)
def test_a_bad_option_is_refused_in_couchdbs_words(options: dict[str, str], reason: str) -> None:
    assert refusal(parse_changes_query, options) == reason


def test_only_true_turns_a_flag_on() -> None:
    assert not parse_changes_query({"include_docs": "yes", "descending": "TRUE"}).include_docs
    assert parse_changes_query({"include_docs": "true"}).include_docs


def test_last_event_id_beats_since_in_an_eventsource_feed_only() -> None:
    options = {"since": "1", "feed": "eventsource"}
    assert parse_changes_query(options, "7").since == "7"
    assert parse_changes_query({**options, "feed": "continuous"}, "7").since == "1"
    assert parse_changes_query({"since": "1", "last-event-id": "5"}).since == "5"


@pytest.mark.parametrize(
    ("options", "wait_ms"),
    [
        ({"feed": "longpoll"}, 60_000),
        ({"feed": "longpoll", "timeout": "10"}, 10),
        ({"feed": "longpoll", "timeout": "999999999"}, 60_000),
        ({"feed": "continuous", "heartbeat": "true", "timeout": "10"}, 60_000),
        ({"feed": "continuous", "heartbeat": "20"}, 20),
        ({"feed": "continuous", "heartbeat": "999999999"}, 60_000),
        ({"timeout": "10"}, 5000),
    ],
)
def test_silence_is_bounded_by_the_option_and_the_servers_setting(
    options: dict[str, str], wait_ms: int
) -> None:
    assert parse_changes_query(options).wait_ms(60_000) == wait_ms


@given(number=st.integers(0, 10**9), now=st.integers(0, 10**9))
def test_own_sequences_count_unless_they_lie_in_the_future(number: int, now: int) -> None:
    expected = number if number <= now else 0
    assert start_seq(f"{number}{SUFFIX}", suffix=SUFFIX, now=now) == expected
    assert start_seq(f'"{number}{SUFFIX}"', suffix=SUFFIX, now=now) == expected
    assert start_seq(str(number), suffix=SUFFIX, now=now) == expected


@given(number=st.integers(0, 10**9), suffix=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True))
def test_a_foreign_sequence_counts_as_the_start(number: int, suffix: str) -> None:
    if f"-{suffix}" != SUFFIX:
        assert start_seq(f"{number}-{suffix}", suffix=SUFFIX, now=10**9) == 0


def test_now_is_the_newest_sequence() -> None:
    assert start_seq("now", suffix=SUFFIX, now=12) == 12


@pytest.mark.parametrize("since", ["", "x", "-1", "1-", "1 -a", "٣", "1.5", '"', "5-a b", "9" * 19])
def test_a_malformed_sequence_is_refused(since: str) -> None:
    with pytest.raises(BadRequest, match="Malformed sequence supplied in 'since' parameter."):
        start_seq(since, suffix=SUFFIX, now=10)


def test_filters_are_told_by_their_names() -> None:
    def found(options: dict[str, str], body: Any = None) -> Any:
        return parse_filter(parse_changes_query(options), body)

    assert found({}) is None
    assert found({"filter": "/"}) is None
    assert found({"filter": "_design"}) == DesignDocs()
    assert found({"filter": "_doc_ids", "doc_ids": '["a","b"]'}) == DocIds(frozenset({"a", "b"}))
    assert found({"filter": "_doc_ids"}, {"doc_ids": ["a"]}) == DocIds(frozenset({"a"}))
    assert found({"filter": "app/mine"}) == Designed("_design/app", "filters", "mine")
    assert found({"filter": "_view", "view": "app/by"}) == Designed("_design/app", "views", "by")
    selected = found({"filter": "_selector"}, {"selector": {"a": 1}, "fields": ["a"]})
    assert isinstance(selected, Selected)
    assert selected.fields == ("a",)
    assert selected.accepts({"a": 1})
    assert not selected.accepts({"a": 2})


@pytest.mark.parametrize(
    ("options", "body", "reason"),
    [
        ({"filter": "_doc_ids"}, None, "`doc_ids` filter parameter is not a list of doc ids."),
        ({"filter": "_doc_ids"}, {"doc_ids": [1]}, "`doc_ids` filter parameter is not a list of doc ids."),
        ({"filter": "_doc_ids", "doc_ids": "[oops"}, None, "invalid UTF-8 JSON"),
        ({"filter": "_selector"}, None, "Selector must be specified in POST payload"),
        ({"filter": "_selector"}, {}, "Selector error: expected a JSON object"),
        (
            {"filter": "_selector"},
            {"selector": {}, "fields": 1},
            "Selector error: fields must be JSON array",
        ),
        ({"filter": "_view"}, None, "`view` filter parameter is not provided."),
        ({"filter": "_other"}, None, "unknown builtin filter name"),
        ({"filter": "mine"}, None, "`filter` must be of the form `designname/filtername`"),
    ],
)
def test_a_bad_filter_is_refused_in_couchdbs_words(options: dict[str, str], body: Any, reason: str) -> None:
    assert refusal(parse_filter, parse_changes_query(options), body) == reason


def test_fields_keep_their_nesting_and_missing_ones_are_left_out() -> None:
    doc = {"_id": "x", "a": {"b": 1, "c": 2}, "d": [1]}
    assert extract(doc, ("_id", "a.c", "d.3", "z")) == {"_id": "x", "a": {"c": 2}}
    assert extract(doc, ("d.0",)) == {"d": {"0": 1}}
    assert extract(doc, ("a.b", "a.c")) == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"feed": "live"}, "Supported `feed` types: normal, continuous, longpoll, eventsource"),
        ({"limit": "-1"}, "invalid_integer"),
        ({"timeout": "x"}, "invalid_integer"),
        ({"heartbeat": "x"}, "invalid_integer"),
    ],
)
def test_bad_options_of_db_updates_are_refused_in_couchdbs_words(
    options: dict[str, str], reason: str
) -> None:
    assert refusal(parse_updates_query, options) == reason


def test_options_of_db_updates() -> None:
    options = {"feed": "longpoll", "since": "now", "limit": "2", "heartbeat": "true", "timeout": "5"}
    query = ChangesQuery(feed=Feed.LONGPOLL, since="now", limit=2, heartbeat_ms=0, timeout_ms=5)
    assert parse_updates_query({**options, "include_docs": "true"}) == query
    assert parse_updates_query({"heartbeat": "false"}).heartbeat_ms is None


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
