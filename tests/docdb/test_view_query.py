"""The options of views: which go together, and the ranges of rows that they mean."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.docdb.collation import sort_key
from couchgrass.docdb.view_query import KeyRange, ViewQuery, of_queries, of_request, ranges
from couchgrass.errors import BadRequest, CouchgrassError, QueryParseError


def query(
    options: dict[str, str], *, has_reduce: bool = False, body: dict[str, Any] | None = None
) -> ViewQuery:
    return of_request(options, body, has_reduce=has_reduce)


def ranges_of(**options: str) -> list[KeyRange]:
    return list(ranges(query(options).options, sort_key))


@pytest.mark.parametrize(
    ("options", "is_reduced", "level"),
    [
        ({}, True, 0),
        ({"reduce": "false"}, False, 0),
        ({"group": "true"}, True, None),
        ({"group_level": "2"}, True, 2),
        ({"group": "true", "group_level": "1"}, True, 1),
        ({"group": "false"}, True, 0),
    ],
)
def test_a_view_with_a_reduce_is_reduced_unless_told(
    options: dict[str, str], is_reduced: bool, level: int | None
) -> None:
    found = query(options, has_reduce=True)
    assert (found.is_reduced, found.group_level) == (is_reduced, level)


@pytest.mark.parametrize(
    ("has_reduce", "options", "reason"),
    [
        (False, {"reduce": "true"}, "Reduce is invalid for map-only views."),
        (False, {"group": "true"}, "Invalid use of grouping on a map view."),
        (False, {"group_level": "1"}, "Invalid use of grouping on a map view."),
        (True, {"keys": "[1,2]"}, "Multi-key fetches for reduce views must use `group=true`"),
        (True, {"include_docs": "true"}, "`include_docs` is invalid for reduce"),
        (True, {"conflicts": "true"}, "`conflicts` is invalid for reduce views."),
        (True, {"group": "false", "group_level": "1"},
         "Can't specify group=false and group_level>0 at the same time"),
        (False, {"keys": "[1,2]", "key": "1"}, "`keys` is incompatible with `key`"),
        (False, {"stale": "maybe"}, "Invalid value for `stale`."),
        (False, {"descending": "x"}, 'Invalid boolean parameter: "x"'),
        (False, {"limit": "-1"}, "Invalid value for positive integer"),
        (False, {"partition": "p"}, "`partition` parameter is not supported in this design doc"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    has_reduce: bool, options: dict[str, str], reason: str
) -> None:
    with pytest.raises(QueryParseError) as refused:
        query(options, has_reduce=has_reduce)
    assert refused.value.reason.startswith(reason[:40])


def test_one_key_in_a_list_is_the_same_as_key() -> None:
    one = KeyRange(sort_key("a"), None, False, sort_key("a"), None, False)
    assert ranges_of(keys='["a"]') == ranges_of(key='"a"') == [one]
    assert list(ranges(query({}, body={"keys": ["a"]}).options, sort_key)) == [one]
    assert query({"keys": '["a"]'}, has_reduce=True).is_reduced


def test_keys_are_ranges_in_their_order() -> None:
    keys = [found.low for found in ranges_of(keys="[2,1]")]
    assert keys == [sort_key(2), sort_key(1)]
    keys = [found.low for found in ranges_of(keys="[2,1]", descending="true")]
    assert keys == [sort_key(1), sort_key(2)]


def test_a_range_is_turned_round_when_it_descends() -> None:
    low, high = sort_key(1), sort_key(5)
    assert ranges_of(startkey="1", endkey="5") == [KeyRange(low, None, False, high, None, False)]
    assert ranges_of(startkey="5", endkey="1", descending="true") == [
        KeyRange(low, None, False, high, None, False, True)
    ]
    assert ranges_of(startkey="1", endkey="5", inclusive_end="false")[0].high_open
    assert ranges_of(startkey="5", endkey="1", descending="true", inclusive_end="false")[0].low_open
    assert ranges_of(start_key="1", startkey_docid="a", end_key="5", end_key_doc_id="b") == [
        KeyRange(low, "a", False, high, "b", False)
    ]
    assert ranges_of(startkey_docid="a", endkey_docid="b") == [KeyRange()]


@pytest.mark.parametrize(
    ("start", "end", "descending", "advice"),
    [("5", "1", "false", "true"), ("1", "5", "true", "false"), ('"b"', '"a"', "false", "true")],
)
def test_a_range_of_nothing_is_an_error_that_says_how_to_turn_it(
    start: str, end: str, descending: str, advice: str
) -> None:
    with pytest.raises(QueryParseError) as refused:
        ranges_of(startkey=start, endkey=end, descending=descending)
    assert refused.value.reason.endswith(f"set descending={advice}")


def test_queries_start_from_the_query_string_but_each_has_its_own_grouping() -> None:
    body = {"queries": [{"key": 1}, {"group": True, "limit": 3}]}
    first, second = of_queries({"descending": "true", "limit": "5"}, body, has_reduce=True)
    assert (first.options.limit, first.options.descending, first.group_level) == (5, True, 0)
    assert (second.options.limit, second.group_level) == (3, None)


@pytest.mark.parametrize("body", [{}, {"queries": 1}, {"queries": [1]}])
def test_queries_must_be_a_list_of_objects(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        of_queries({}, body, has_reduce=False)


def test_queries_belong_to_their_own_endpoint() -> None:
    with pytest.raises(CouchgrassError):
        query({}, body={"queries": []})


@pytest.mark.parametrize(
    ("options", "update"),
    [({}, "true"), ({"stale": "ok"}, "false"), ({"stale": "update_after"}, "lazy"),
     ({"update": "lazy"}, "lazy"), ({"update": "false"}, "false"),
     ({"update": "true", "stable": "true"}, "true")],
)  # fmt: skip
def test_how_fresh_the_rows_are_to_be(options: dict[str, str], update: str) -> None:
    assert query(options).options.update == update
