"""Views over HTTP: their lists, what belongs to a row, and how they refuse."""

from __future__ import annotations

import base64
from functools import cmp_to_key
from typing import Any
from urllib.parse import urlencode

import pytest

from couchgrass import json
from couchgrass.docdb.collation import compare
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess

from .conftest import Ask

DDOC: dict[str, Any] = {
    "views": {
        "v": {"map": "function (doc) { emit(doc.k, doc.n); }"},
        "raw": {"map": "function (doc) { emit(doc.k, doc.n); }", "options": {"collation": "raw"}},
        "many": {"map": "function (doc) { [3, 'b', 1, null, 'a'].forEach(function (v) { emit(1, v); }); }"},
        "linked": {"map": "function (doc) { if (doc.to) emit(doc._id, doc.to); }"},
        "conflicts": {"map": "function (doc) { if (doc._conflicts) emit(doc._conflicts.length); }"},
        "stubs": {"map": "function (doc) { for (var name in doc._attachments) emit(name); }"},
        "lib": {"map": "function (doc) { emit(require('views/lib/twice')(doc.n)); }"},
    },
}
DDOC["views"]["lib"] = {"twice": "module.exports = function (n) { return 2 * n; };"}
DDOC["views"]["uses"] = {"map": "function (doc) { emit(require('views/lib/twice')(doc.n)); }"}

KEYS: list[Any] = [None, False, True, -1.5, 0, 7, "", "a", "A", "b", "é", [], ["a"], ["a", 1], {}, {"a": 1}]


@pytest.fixture
def filled(ask: Ask) -> Ask:
    assert ask("PUT", "/_design/d", DDOC).status == 201
    docs = [{"_id": f"{number:02}", "k": key, "n": number} for number, key in enumerate(KEYS)]
    assert ask("POST", "/_bulk_docs", {"docs": docs[::-1]}).status == 201
    return ask


def listed(ask: Ask, view: str = "v", body: Any = None, **options: Any) -> dict[str, Any]:
    named = {
        name: value if name == "stale" or name.endswith("docid") else json.encode(value).decode()
        for name, value in options.items()
    }
    path = f"/_design/d/_view/{view}?{urlencode(named)}"
    answer = ask("GET", path) if body is None else ask("POST", path, body)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def keys(ask: Ask, view: str = "v", body: Any = None, **options: Any) -> list[Any]:
    return [row["key"] for row in listed(ask, view, body, **options)["rows"]]


IN_ORDER = sorted(KEYS, key=cmp_to_key(compare))


def test_rows_are_in_the_order_of_view_collation(filled: Ask) -> None:
    found = listed(filled)
    assert (found["total_rows"], found["offset"]) == (len(KEYS), 0)
    assert [row["key"] for row in found["rows"]] == IN_ORDER
    for row in found["rows"]:
        assert KEYS[row["value"]] == row["key"]
        assert row["id"] == f"{row['value']:02}"
    assert keys(filled, descending=True) == IN_ORDER[::-1]


def test_raw_collation_is_another_order(filled: Ask) -> None:
    found = keys(filled, "raw")
    assert found[:3] == [-1.5, 0, 7]
    assert [key for key in found if type(key) is str] == ["", "A", "a", "b", "é"]


def test_the_text_of_a_list_is_couchdbs(filled: Ask) -> None:
    answer = filled("GET", "/_design/d/_view/v?startkey=0&endkey=7")
    assert answer.body == (
        b'{"total_rows":16,"offset":4,"rows":[\r\n{"id":"04","key":0,"value":4},\r\n'
        b'{"id":"05","key":7,"value":5}\r\n]}\n'
    )
    answer = filled("GET", "/_design/d/_view/v?startkey=%22zz%22&endkey=%22zzz%22")
    assert answer.body == b'{"total_rows":16,"offset":11,"rows":[\r\n\r\n]}\n'


@pytest.mark.parametrize(
    ("options", "expected", "offset"),
    [
        ({"startkey": 0, "endkey": 7}, [0, 7], 4),
        ({"startkey": 0, "endkey": 7, "inclusive_end": False}, [0], 4),
        ({"startkey": 7, "endkey": 0, "descending": True}, [7, 0], 10),
        ({"startkey": 7, "endkey": 0, "descending": True, "inclusive_end": False}, [7], 10),
        ({"key": ["a"]}, [["a"]], 12),
        ({"startkey": [], "endkey": [{}]}, [[], ["a"], ["a", 1]], 11),
        ({"skip": 1, "limit": 2}, [False, True], 1),
        ({"skip": 100}, [], 16),
        ({"keys": ["b", 7, "none", None]}, ["b", 7, None], 9),
        ({"keys": ["b", 7, None], "descending": True}, [None, 7, "b"], 15),
        ({"keys": ["b", 7, None], "skip": 1, "limit": 1}, [7], 10),
        ({"keys": []}, [], 0),
        ({"limit": 0}, [], 0),
    ],
)
def test_options_choose_the_rows(filled: Ask, options: dict[str, Any], expected: Any, offset: int) -> None:
    found = listed(filled, **options)
    assert [row["key"] for row in found["rows"]] == expected
    assert (found["total_rows"], found["offset"]) == (len(KEYS), offset)
    assert keys(filled, body=options) == expected


def test_documents_with_the_same_key_are_in_the_order_of_their_ids(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    ask("POST", "/_bulk_docs", {"docs": [{"_id": name, "k": 1} for name in "cabd"]})

    def ids(**options: Any) -> list[str]:
        return [row["id"] for row in listed(ask, **options)["rows"]]

    assert ids() == ["a", "b", "c", "d"]
    assert ids(descending=True) == ["d", "c", "b", "a"]
    assert ids(startkey=1, startkey_docid="b", endkey=1, endkey_docid="c") == ["b", "c"]
    assert ids(key=1, startkey_docid="c") == ["c", "d"]
    assert ids(startkey=1, startkey_docid="c", descending=True) == ["c", "b", "a"]


def test_rows_of_one_document_with_the_same_key_are_in_the_order_of_their_values(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    ask("PUT", "/a", {})
    assert [row["value"] for row in listed(ask, "many")["rows"]] == [1, 3, None, "a", "b"]


def test_a_view_follows_its_documents(filled: Ask) -> None:
    assert len(keys(filled)) == 16
    rev = filled("GET", "/05").json()["_rev"]
    rev = filled("PUT", "/05", {"_rev": rev, "k": "moved"}).json()["rev"]
    assert keys(filled, key=7) == []
    assert keys(filled, key="moved") == ["moved"]
    filled("DELETE", f"/05?rev={rev}")
    filled("PUT", "/new", {"k": "new"})
    assert listed(filled)["total_rows"] == 16
    assert keys(filled, keys=["moved", "new", "x"]) == ["new"]


def test_views_with_the_same_map_may_have_other_names_in_other_design_documents(ask: Ask) -> None:
    one, other = "function (doc) { emit('one', doc.n); }", "function (doc) { emit('other', doc.n); }"
    ask("PUT", "/_design/a", {"views": {"x": {"map": one}}})
    ask("PUT", "/_design/b", {"views": {"y": {"map": one}, "x": {"map": other}}})
    ask("PUT", "/_design/c", {"views": {"z": {"map": one}}})
    for n, path in enumerate(("a/_view/x", "b/_view/y", "c/_view/z", "a/_view/x")):
        ask("PUT", f"/{n}", {"n": n})
        rows = ask("GET", f"/_design/{path}").json()["rows"]
        assert [(row["key"], row["value"]) for row in rows] == [("one", value) for value in range(n + 1)]


def test_a_purged_document_is_gone_from_the_view(filled: Ask) -> None:
    assert len(keys(filled)) == 16
    rev = filled("GET", "/05").json()["_rev"]
    filled("POST", "/_purge", {"05": [rev]})
    assert keys(filled, key=7) == []
    assert listed(filled)["total_rows"] == 15


def test_after_more_purges_than_are_remembered_the_view_is_made_anew(filled: Ask) -> None:
    assert len(keys(filled)) == 16
    filled("PUT", "/_purged_infos_limit", b"1")
    for name in ("03", "04", "05"):
        filled("POST", "/_purge", {name: [filled("GET", f"/{name}").json()["_rev"]]})
    assert listed(filled)["total_rows"] == 13


def test_design_documents_are_mapped_only_when_asked_for(ask: Ask) -> None:
    source = "function (doc) { emit(doc._id); }"
    ask("PUT", "/_design/d", {"views": {"v": {"map": source}}})
    ask("PUT", "/_design/e", {"views": {"v": {"map": source}}, "options": {"include_design": True}})
    ask("PUT", "/a", {})
    assert keys(ask) == ["a"]
    rows = ask("GET", "/_design/e/_view/v").json()["rows"]
    assert [row["key"] for row in rows] == ["_design/d", "_design/e", "a"]


def test_the_map_may_see_the_sequence(ask: Ask) -> None:
    source = "function (doc) { emit(doc._local_seq); }"
    ask("PUT", "/_design/d", {"views": {"v": {"map": source}}, "options": {"local_seq": True}})
    ask("PUT", "/a", {})
    assert keys(ask) == [2]


def test_the_map_sees_conflicts_stubs_and_the_library(filled: Ask) -> None:
    docs = [{"_id": "c", "_rev": f"1-{name}"} for name in "abc"]
    filled("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    filled("PUT", "/s", {"_attachments": {"x.txt": {"data": "eA=="}}})
    assert keys(filled, "conflicts") == [2]
    assert keys(filled, "stubs") == ["x.txt"]
    assert keys(filled, "uses", limit=3, startkey=0) == [0, 2, 4]


def test_documents_come_with_their_rows(filled: Ask) -> None:
    rows = listed(filled, include_docs=True, key=7)["rows"]
    assert rows[0]["doc"] == filled("GET", "/05").json()
    docs = [row["doc"]["n"] for row in listed(filled, include_docs=True)["rows"]]
    assert docs == [row["value"] for row in listed(filled)["rows"]]


def test_a_value_may_name_the_document_to_come_with_its_row(filled: Ask) -> None:
    target = filled("GET", "/05").json()
    filled("PUT", "/05", {"_rev": target["_rev"], "n": "later"})
    links = {
        "l1": {"_id": "05"}, "l2": {"_id": "none"}, "l3": {"_id": "05", "_rev": target["_rev"]},
        "l4": {"_id": None}, "l5": {"_id": "05", "_rev": "9-x"}, "l6": {"other": 1},
    }  # fmt: skip
    filled("POST", "/_bulk_docs", {"docs": [{"_id": name, "to": to} for name, to in links.items()]})
    found = {row["id"]: row["doc"] for row in listed(filled, "linked", include_docs=True)["rows"]}
    assert found["l1"]["n"] == "later"
    assert found["l3"] == target
    assert found["l6"]["_id"] == "l6"
    assert found["l2"] is found["l4"] is found["l5"] is None


def test_attachments_and_conflicts_come_when_asked_for(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    data = base64.b64encode(b"text").decode()
    ask("PUT", "/a", {"k": 1, "_attachments": {"t": {"data": data}}})
    ask("PUT", "/b?new_edits=false", {"_rev": "1-a", "k": 2})
    ask("PUT", "/b?new_edits=false", {"_rev": "1-b", "k": 2})
    first, second = listed(ask, include_docs=True, attachments=True, conflicts=True)["rows"]
    assert first["doc"]["_attachments"]["t"]["data"] == data
    assert second["doc"]["_conflicts"] == ["1-a"]
    stub = listed(ask, include_docs=True)["rows"][0]["doc"]["_attachments"]["t"]
    assert stub["stub"] is True


def test_a_long_list_is_whole(ask: Ask) -> None:
    ask("PUT", "/_design/d", DDOC)
    docs = [{"_id": f"{number:05}", "k": number, "t": "x" * 100} for number in range(12_000)]
    ask("POST", "/_bulk_docs", {"docs": docs})
    assert keys(ask) == list(range(12_000))
    assert keys(ask, descending=True, skip=10_000) == list(range(1999, -1, -1))
    rows = listed(ask, include_docs=True, limit=5000)["rows"]
    assert [row["doc"]["k"] for row in rows] == list(range(5000))


def test_update_seq_is_told(filled: Ask) -> None:
    found = listed(filled, update_seq=True, limit=1)
    assert found["update_seq"] == filled("GET", "").json()["update_seq"]


def test_stale_rows_will_do_when_there_are_some(filled: Ask) -> None:
    assert len(keys(filled, stale="ok")) == 16
    filled("PUT", "/new", {"k": "new"})
    assert keys(filled, key="new", stale="ok") == []
    assert keys(filled, key="new", update=False) == []
    assert keys(filled, key="new", stale="update_after") in ([], ["new"])
    assert keys(filled, key="new") == ["new"]


def test_several_queries_are_answered_in_one(filled: Ask) -> None:
    body = {"queries": [{"key": 7}, {"limit": 1, "descending": True}, {"keys": []}]}
    answer = filled("POST", "/_design/d/_view/v/queries", body)
    assert answer.status == 200
    lists = answer.json()["results"]
    assert [[row["key"] for row in one["rows"]] for one in lists] == [[7], [{"a": 1}], []]
    assert lists[0]["total_rows"] == 16
    assert filled("POST", "/_design/d/_view/v/queries", {"queries": []}).json() == {"results": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error", "reason"),
    [
        ("GET", "/_design/none/_view/v", None, 404, "not_found", "missing"),
        ("GET", "/_design/d/_view/none", None, 404, "not_found", "missing_named_view"),
        ("GET", "/_design/d/_view/v?key=x", None, 400, "bad_request", "invalid UTF-8 JSON"),
        ("GET", "/_design/d/_view/v?group=true", None, 400, "query_parse_error", None),
        ("GET", "/_design/d/_view/v?startkey=2&endkey=1", None, 400, "query_parse_error", None),
        ("POST", "/_design/d/_view/v", {"keys": 1}, 400, "bad_request", None),
        ("POST", "/_design/d/_view/v", {"queries": []}, 400, "bad_request", None),
        ("POST", "/_design/d/_view/v/queries", {}, 400, "bad_request", None),
        ("GET", "/_design/d/_view/v/queries", None, 405, "method_not_allowed", None),
        ("GET", "/_design/d/_view/v/x/y", None, 405, "method_not_allowed", None),
        ("GET", "/_design/d/_view", None, 405, "method_not_allowed", None),
        ("PUT", "/_design/d/_view/v", {}, 405, "method_not_allowed", None),
    ],
)
def test_what_can_not_be_answered_is_refused(
    filled: Ask, method: str, path: str, body: Any, status: int, error: str, reason: str | None
) -> None:
    answer = filled(method, path, body)
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert reason is None or answer.json()["reason"] == reason


def test_a_view_in_another_language_is_not_run(ask: Ask) -> None:
    ask("PUT", "/_design/d", {"language": "erlang", "views": {"v": {"map": "fun"}}})
    answer = ask("GET", "/_design/d/_view/v")
    assert (answer.status, answer.json()["error"]) == (500, "unknown_query_language")


def test_a_map_that_stops_everything_fails_the_request_and_the_view_goes_on_when_it_is_mended(
    ask: Ask,
) -> None:
    source = "function (doc) { if (doc.bad) throw('fatal_error'); emit(doc._id); }"
    ask("PUT", "/_design/d", {"views": {"v": {"map": source}}})
    rev = ask("PUT", "/a", {"bad": True}).json()["rev"]
    answer = ask("GET", "/_design/d/_view/v")
    assert (answer.status, answer.json()["error"]) == (500, "map_runtime_error")
    ask("PUT", "/a", {"_rev": rev})
    assert keys(ask) == ["a"]


def test_a_right_to_see_design_documents_is_none_to_ask_their_views(
    filled: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    filled("PUT", "/_security", {"cloudant": {"nobody": ["_design"]}})
    path = f"/{db_name}/_design/d"
    assert call(couch_server.url, "GET", path).status == 200
    assert call(couch_server.url, "GET", f"{path}/_view/v").status == 401
    assert call(couch_server.url, "POST", f"{path}/_view/v/queries", {"queries": [{}]}).status == 401
    filled("PUT", "/_security", {"cloudant": {"nobody": ["_reader"]}})
    assert call(couch_server.url, "GET", f"{path}/_view/v").status == 200


@pytest.mark.parametrize("depth", [100, 400, 900])
def test_deep_documents_are_mapped(ask: Ask, depth: int) -> None:
    ask("PUT", "/_design/d", DDOC)
    key = json.decode("[" * depth + "]" * depth)
    assert ask("PUT", "/a", {"k": key}).status == 201
    assert keys(ask) == [key]


@pytest.mark.parametrize("path", ["/_design/_view/_view/_view", "/_design%2F_view/_view/_view"])
def test_names_may_be_those_of_the_path(ask: Ask, path: str) -> None:
    ask("PUT", "/_design/_view", {"views": {"_view": DDOC["views"]["v"]}})
    ask("PUT", "/a", {"k": 1})
    assert ask("GET", path).json()["total_rows"] == 1


def test_options_of_a_view_that_are_none_count_for_nothing(ask: Ask) -> None:
    ask("PUT", "/_design/d", {"views": {"v": {"map": DDOC["views"]["v"]["map"], "options": [1]}}})
    assert keys(ask) == []


def test_info_tells_what_is_known_of_the_views(filled: Ask) -> None:
    before = filled("GET", "/_design/d/_info").json()
    assert (before["name"], before["view_index"]["update_seq"]) == ("d", 0)
    keys(filled)
    info = filled("GET", "/_design/d/_info").json()["view_index"]
    assert (info["update_seq"], info["language"], info["updater_running"]) == (17, "javascript", False)
    assert info["signature"] == before["view_index"]["signature"]
    assert info["sizes"]["active"] > 0
    assert filled("GET", "/_design/none/_info").status == 404
