"""Rows of a view in groups, and each group reduced, over HTTP and piece by piece."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from couchgrass import json
from couchgrass.docdb.collation import sort_key
from couchgrass.docdb.http.view_reduce import segments_of
from couchgrass.docdb.reduce import Emitted

from .conftest import Ask

MAP = "function (doc) { emit([doc.a, doc.b], doc.n); }"
SUM = "function (keys, values, again) { return sum(values); }"
DDOC = {
    "views": {
        "sum": {"map": MAP, "reduce": "_sum"},
        "count": {"map": MAP, "reduce": "_count"},
        "stats": {"map": MAP, "reduce": "_stats"},
        "distinct": {"map": "function (doc) { emit(doc.a); }", "reduce": "_approx_count_distinct"},
        "script": {"map": MAP, "reduce": SUM},
        "again": {"map": MAP, "reduce": "function (k, v, again) { return again ? 'again' : k.length; }"},
        "fails": {"map": MAP, "reduce": "function () { throw 1; }"},
        "grows": {"map": MAP, "reduce": "function (k, v) { return 'x'.repeat(9999); }"},
        "text": {"map": "function (doc) { emit(null, doc.a); }", "reduce": "_stats"},
    }
}


@pytest.fixture
def filled(ask: Ask) -> Ask:
    assert ask("PUT", "/_design/d", DDOC).status == 201
    docs = [{"_id": f"{a}{b}", "a": a, "b": b, "n": 10 * b + 1} for a in "xyz" for b in range(3)]
    assert ask("POST", "/_bulk_docs", {"docs": docs}).status == 201
    return ask


def rows(ask: Ask, view: str, **options: Any) -> list[tuple[Any, Any]]:
    query = urlencode({name: json.encode(value).decode() for name, value in options.items()})
    answer = ask("GET", f"/_design/d/_view/{view}?{query}")
    assert answer.status == 200, answer.body
    assert list(answer.json()) == ["rows"]
    return [(row["key"], row["value"]) for row in answer.json()["rows"]]


@pytest.mark.parametrize("view", ["sum", "script"])
def test_rows_are_put_together_by_group_level(filled: Ask, view: str) -> None:
    assert rows(filled, view) == [(None, 99)]
    assert rows(filled, view, group_level=1) == [(["x"], 33), (["y"], 33), (["z"], 33)]
    exact = rows(filled, view, group=True)
    assert exact == rows(filled, view, group_level=2)
    assert exact[:2] == [(["x", 0], 1), (["x", 1], 11)]
    assert len(exact) == 9


@pytest.mark.parametrize("view", ["sum", "script"])
def test_ranges_limits_and_directions_count_for_groups(filled: Ask, view: str) -> None:
    assert rows(filled, view, startkey=["x", 1], endkey=["y", 0]) == [(None, 33)]
    assert rows(filled, view, group_level=1, descending=True, limit=2) == [(["z"], 33), (["y"], 33)]
    assert rows(filled, view, group_level=1, skip=1, limit=1) == [(["y"], 33)]
    keys = [["z", 1], ["none"], ["x", 2]]
    assert rows(filled, view, group=True, keys=keys) == [(["z", 1], 11), (["x", 2], 21)]
    assert rows(filled, view, key=["x", 2]) == [(None, 21)]
    assert rows(filled, view, startkey=["zz"]) == []
    assert rows(filled, view, limit=0) == []


def test_the_other_built_in_functions(filled: Ask) -> None:
    assert rows(filled, "count") == [(None, 9)]
    assert rows(filled, "distinct") == [(None, 3)]
    [(_, stats)] = rows(filled, "stats", group_level=1, limit=1)
    assert stats == {"sum": 33, "count": 3, "min": 1, "max": 21, "sumsqr": 563}


def test_a_function_that_throws_makes_null_and_one_that_grows_is_told_so(filled: Ask) -> None:
    assert rows(filled, "fails") == [(None, None)]
    [(_, value)] = rows(filled, "grows")
    assert value["reduce_overflow_error"].startswith("Reduce output must shrink more rapidly")


def test_stats_of_text_fail_the_request(filled: Ask) -> None:
    answer = filled("GET", "/_design/d/_view/text")
    assert (answer.status, answer.json()["error"]) == (500, "invalid_value")


def test_a_group_over_many_pages_is_reduced_again(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    docs = [{"a": "x", "b": number, "n": 1} for number in range(12_000)]
    ask("POST", "/_bulk_docs", {"docs": docs})
    assert rows(ask, "again") == [(None, "again")]
    assert rows(ask, "script", group_level=1) == [(["x"], 12_000)]
    assert rows(ask, "sum") == [(None, 12_000)]
    assert rows(ask, "again", group=True, limit=2) == [(["x", 0], 1), (["x", 1], 1)]


def test_groups_are_told_apart_by_collation() -> None:
    def emitted(key: Any) -> Emitted:
        return Emitted(sort_key(key), "a", 0, json.encode(key), b"1")

    page = [emitted(key) for key in (1, [1], [1, 2], [1, 3], [2], "a")]

    def keys(level: int | None) -> list[tuple[Any, int]]:
        return [(json.decode(one.key), len(one.rows)) for one in segments_of(page, level, sort_key)]

    assert keys(0) == [(None, 6)]
    assert keys(1) == [(1, 1), ([1], 3), ([2], 1), ("a", 1)]
    assert keys(None) == [(1, 1), ([1], 1), ([1, 2], 1), ([1, 3], 1), ([2], 1), ("a", 1)]
