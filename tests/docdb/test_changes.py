"""The options, the filter and the start of a changes feed."""

from __future__ import annotations

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
    Selected,
    extract,
    parse_changes_query,
    parse_filter,
    parse_updates_query,
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
    with pytest.raises(BadRequest, match="Malformed sequence supplied in 'since' parameter"):
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
