"""The query options: what they mean, and the words in which wrong ones are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.functions.http.query import Query


def test_without_options_there_are_the_defaults() -> None:
    query = Query(b"")
    assert (query.limit("actions"), query.skip("actions")) == (30, 0)
    assert (query.boolean("blocking"), query.boolean("code", default=True)) == (False, True)
    assert (query.instant("since"), query.text("name"), query.wait_ms()) == (None, None, 60_000)


def test_a_limit_of_0_means_as_many_as_there_may_be() -> None:
    assert Query(b"limit=0").limit("actions") == 200


def test_a_page_skips_then_limits() -> None:
    assert Query(b"skip=2&limit=3").page(range(10), "actions") == range(2, 5)
    assert Query(b"skip=20").page([1, 2], "actions") == []


@pytest.mark.parametrize("word", ["true", "TRUE", "yes", "on", "1"])
def test_words_that_are_true(word: str) -> None:
    assert Query(f"blocking={word}".encode()).boolean("blocking")


def test_the_first_of_two_counts() -> None:
    assert Query(b"limit=1&limit=2").limit("actions") == 1


def test_options_are_percent_decoded() -> None:
    assert Query(b"name=pkg%2Fh%C3%BC+1").text("name") == "pkg/hü 1"


WRONG: tuple[tuple[bytes, Callable[[Query], object], str], ...] = (
    (b"limit=201", lambda q: q.limit("rules"), "The value '201' is not in the range of 0 to 200 for rules."),
    (b"limit=-1", lambda q: q.limit("rules"), "The value '-1' is not in the range of 0 to 200 for rules."),
    (b"limit=x", lambda q: q.limit("rules"), "The value 'x' is not an integer for rules."),
    (b"limit=", lambda q: q.limit("rules"), "The value '' is not an integer for rules."),
    (b"skip=-1", lambda q: q.skip("rules"), "The value '-1' is not greater than or equal to 0 for rules."),
    (b"skip=1_0", lambda q: q.skip("rules"), "The value '1_0' is not an integer for rules."),
    (b"since=now", lambda q: q.instant("since"), "Parameter is not a valid value for epoch seconds: now"),
    (b"timeout=0", lambda q: q.wait_ms(), "Timeout must be number of milliseconds up to 60000."),
    (b"timeout=60001", lambda q: q.wait_ms(), "Timeout must be number of milliseconds up to 60000."),
    (b"blocking=maybe", lambda q: q.boolean("blocking"), "'maybe' is not a valid Boolean value"),
)


@pytest.mark.parametrize(("query", "read", "why"), WRONG)
def test_wrong_options_are_refused_by_name(query: bytes, read: Callable[[Query], object], why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(Query(query))
    name = query.partition(b"=")[0].decode()
    assert refused.value.reason == f"The query parameter '{name}' was malformed:\n{why}"


@given(st.binary(max_size=200))
def test_any_query_string_is_read_or_refused(query_string: bytes) -> None:
    try:
        query = Query(query_string)
        query.limit("actions")
        query.instant("since")
    except BadRequest:
        pass


def test_more_options_than_any_call_has_are_refused() -> None:
    with pytest.raises(BadRequest):
        Query(b"&".join(b"a=1" for _ in range(101)))
