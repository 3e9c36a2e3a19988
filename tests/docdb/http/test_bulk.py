"""POST /db/_bulk_docs: each document on its own, in order."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.docdb.http.bulk import APART_BYTES_MIN, THREAD_BYTES_MIN
from couchgrass.testing.call import Reply

Ask = Callable[..., Reply]

CONFLICT = {"error": "conflict", "reason": "Document update conflict."}


def bulk(ask: Ask, *docs: Any, **members: Any) -> list[dict[str, Any]]:
    reply = ask("POST", "/_bulk_docs", {"docs": list(docs), **members})
    assert reply.status == 201, reply
    rows: list[dict[str, Any]] = reply.json()
    return rows


def test_documents_are_made_changed_and_deleted_in_bulk(ask: Ask) -> None:
    ids = [f"doc{number}" for number in range(5)]
    made = bulk(ask, *({"_id": doc_id, "n": 1} for doc_id in ids))
    assert [(row["ok"], row["id"], row["rev"][:2]) for row in made] == [(True, one, "1-") for one in ids]
    changed = bulk(ask, *({"_id": row["id"], "_rev": row["rev"], "n": 2} for row in made))
    assert {row["rev"][:2] for row in changed} == {"2-"}
    assert [ask("GET", f"/{one}").json()["n"] for one in ids] == [2] * 5
    gone = bulk(ask, *({"_id": row["id"], "_rev": row["rev"], "_deleted": True} for row in changed))
    assert {row["rev"][:2] for row in gone} == {"3-"}
    assert {ask("GET", f"/{one}").json()["reason"] for one in ids} == {"deleted"}
    info = ask("GET").json()
    assert (info["doc_count"], info["doc_del_count"]) == (0, 5)


def test_a_row_is_refused_on_its_own_and_in_its_place(ask: Ask) -> None:
    rev = ask("PUT", "/old", {}).json()["rev"]
    lost, old = {"_id": "lost", "_rev": "1-x"}, {"_id": "old", "_rev": rev}
    rows = bulk(ask, {"_id": "new"}, {"_id": "old"}, lost, old)
    assert [row["id"] for row in rows] == ["new", "old", "lost", "old"]
    assert rows[1] == {"id": "old", **CONFLICT}
    assert rows[2] == {"id": "lost", **CONFLICT}
    assert (rows[0]["rev"][:2], rows[3]["rev"][:2]) == ("1-", "2-")


def test_of_one_id_twice_the_first_is_written(ask: Ask) -> None:
    rows = bulk(ask, {"_id": "0"}, {"_id": "1", "a": 1}, {"_id": "1", "a": 2}, {"_id": "3"})
    assert ["error" in row for row in rows] == [False, False, True, False]
    assert rows[2] == {"id": "1", **CONFLICT}
    assert ask("GET", "/1").json()["a"] == 1
    rev = rows[1]["rev"]
    both = bulk(ask, {"_id": "1", "_rev": rev, "a": 3}, {"_id": "1", "_rev": rev, "_deleted": True})
    assert [row.get("error") for row in both] == [None, "conflict"]


def test_documents_without_an_id_get_one_each(ask: Ask) -> None:
    rows = bulk(ask, {"n": 0}, {"n": 1}, {"n": 2})
    assert len({row["id"] for row in rows}) == 3
    assert [ask("GET", f"/{row['id']}").json()["n"] for row in rows] == [0, 1, 2]


def test_bulk_writes_make_the_revisions_that_single_writes_make(ask: Ask) -> None:
    (row,) = bulk(ask, {"_id": "a", "v": 1})
    assert row["rev"] == ask("PUT", "/b", {"v": 1}).json()["rev"]


def test_reserved_documents_are_written_too(ask: Ask) -> None:
    rows = bulk(ask, {"_id": "_design/foo", "v": 1}, {"_id": "_local/bar", "v": 1}, {"_id": "x"})
    assert [row["rev"][:2] for row in rows] == ["1-", "0-", "1-"]
    assert ask("GET", "/_local/bar").json() == {"_id": "_local/bar", "_rev": "0-1", "v": 1}
    (gone,) = bulk(ask, {"_id": "_local/bar", "_deleted": True, "_rev": "0-1"})
    assert gone == {"ok": True, "id": "_local/bar", "rev": "0-0"}
    assert ask("GET", "/_local/bar").status == 404


def test_nothing_to_write_is_fine(ask: Ask) -> None:
    assert bulk(ask) == bulk(ask, new_edits=False) == bulk(ask, all_or_nothing=True) == []


def test_replicated_documents_keep_their_revisions_and_answer_only_what_failed(ask: Ask) -> None:
    docs = [{"_id": "doc", "_rev": rev, "v": rev} for rev in ("1-a", "1-b", "2-c")]
    assert bulk(ask, *docs, new_edits=False) == []
    found = ask("GET", "/doc?conflicts=true").json()
    assert (found["_rev"], found["_conflicts"]) == ("2-c", ["1-b", "1-a"])
    assert bulk(ask, *docs, new_edits=False) == []


def test_replicated_revisions_in_any_order_make_one_history(ask: Ask) -> None:
    ids = ["r3", "r2", "r1"]
    paths = [{"start": 3 - back, "ids": ids[back:]} for back in range(3)]
    docs = [{"_id": "doc", "v": path["start"], "_revisions": path} for path in paths]
    assert bulk(ask, *docs, new_edits=False) == []
    found = ask("GET", "/doc?revs=true&conflicts=true").json()
    assert found == {"_id": "doc", "_rev": "3-r3", "v": 3, "_revisions": {"start": 3, "ids": ids}}


def test_a_replicated_design_document_that_is_refused_is_named_with_its_revision(ask: Ask) -> None:
    bad, good = {"_id": "_design/d", "_rev": "1-a", "views": 1}, {"_id": "x", "_rev": "1-a"}
    (row,) = bulk(ask, bad, good, new_edits=False)
    assert (row["id"], row["rev"], row["error"]) == ("_design/d", "1-a", "invalid_design_doc")
    assert ask("GET", "/x").json()["_rev"] == "1-a"


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ([], "bad_request", "Request body must be a JSON object"),
        ({}, "bad_request", "POST body must include `docs` parameter."),
        ({"doc": []}, "bad_request", "POST body must include `docs` parameter."),
        ({"docs": "foo"}, "bad_request", "`docs` parameter must be an array."),
        ({"docs": None}, "bad_request", "`docs` parameter must be an array."),
        ({"docs": [], "new_edits": 0}, "bad_request", "`new_edits` parameter must be a boolean."),
        ({"docs": [{"_id": "a"}, 1]}, "bad_request", "Document must be a JSON object"),
        ({"docs": [{"_id": "a"}, {"_x": 1}]}, "doc_validation", "Bad special document member: _x"),
        (
            {"docs": [{"_id": "a", "_rev": "1-a"}, {"_id": "b"}], "new_edits": False},
            "bad_request",
            "When `new_edits: false`, the document needs `_rev` or `_revisions` specified",
        ),
    ],
)
def test_a_bad_body_writes_nothing_at_all(ask: Ask, body: Any, error: str, reason: str) -> None:
    reply = ask("POST", "/_bulk_docs", body)
    assert (reply.status, reply.json()) == (400, {"error": error, "reason": reason})
    assert ask("GET").json()["doc_count"] == 0


def test_the_body_must_be_declared_as_json(ask: Ask) -> None:
    reply = ask("POST", "/_bulk_docs", b'{"docs":[]}', content_type="text/plain")
    assert (reply.status, reply.json()["error"]) == (415, "bad_content_type")


def test_only_post_is_allowed(ask: Ask) -> None:
    reply = ask("PUT", "/_bulk_docs", {"docs": []})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.json() == {"error": "method_not_allowed", "reason": "Only POST allowed"}


def test_all_or_nothing_is_refused_row_by_row(ask: Ask) -> None:
    docs = [{"_id": "a"}, {"_id": "b", "_rev": "1-x"}]
    reply = ask("POST", "/_bulk_docs", {"docs": docs, "all_or_nothing": True})
    told = {"error": "not_implemented", "reason": "all_or_nothing is not supported"}
    assert reply.status == 417
    assert reply.json() == [{"id": "a", "rev": "0-", **told}, {"id": "b", "rev": "1-x", **told}]
    assert ask("GET").json()["doc_count"] == 0


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bytes_min", [THREAD_BYTES_MIN, APART_BYTES_MIN])
def test_a_large_body_is_written_whole(ask: Ask, packed: bool, bytes_min: int) -> None:
    docs = [{"_id": f"d{number:05}", "n": number, "text": "x" * 300} for number in range(bytes_min // 300)]
    body = json.dumps({"docs": docs}).encode()
    assert len(body) > bytes_min
    headers = {"content_type": "application/json"}
    if packed:
        body, headers = gzip.compress(body), {**headers, "content_encoding": "gzip"}
    rows = ask("POST", "/_bulk_docs", body, **headers).json()
    assert [row["id"] for row in rows] == [doc["_id"] for doc in docs]
    listed = ask("GET", "/_all_docs?include_docs=true").json()["rows"]
    assert [row["doc"]["n"] for row in listed] == list(range(len(docs)))
    assert [row["value"]["rev"] for row in listed] == [row["rev"] for row in rows]


@pytest.mark.parametrize("bytes_min", [THREAD_BYTES_MIN, APART_BYTES_MIN])
def test_a_large_body_that_is_bad_is_refused_like_a_small_one(ask: Ask, bytes_min: int) -> None:
    docs = [{"_id": str(number), "text": "x" * 1000} for number in range(bytes_min // 1000 + 1)]
    reply = ask("POST", "/_bulk_docs", {"docs": [*docs, {"_bad": 1}]})
    assert (reply.status, reply.json()["error"]) == (400, "doc_validation")
    assert ask("GET").json()["doc_count"] == 0


parents = st.sampled_from(["none", "current", "stale"])
edits = st.lists(st.tuples(st.sampled_from("abc"), parents, st.booleans()), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits, edits)
def test_a_bulk_write_is_what_the_single_writes_in_its_order_are(
    ask: Ask, first: list[tuple[str, str, bool]], second: list[tuple[str, str, bool]]
) -> None:
    """Revisions are hashes of what came before, so that the same ones mean the same history."""
    made = ask("POST", "", {}).json()["id"]
    outcomes: dict[str, list[Any]] = {"bulk": [], "single": []}
    for batch in (first, second):
        revs = {}
        for doc_id in "abc":
            found = ask("GET", f"/bulk-{made}-{doc_id}").json()
            revs[doc_id] = found.get("_rev")
        docs = []
        for number, (doc_id, kind, deleted) in enumerate(batch):
            rev = {"none": None, "current": revs[doc_id], "stale": "1-stale"}[kind]
            docs.append((doc_id, {"n": number, "_deleted": deleted, **({"_rev": rev} if rev else {})}))
        for row in bulk(ask, *({"_id": f"bulk-{made}-{doc_id}", **doc} for doc_id, doc in docs)):
            outcomes["bulk"].append(row.get("rev") or row["error"])
        for doc_id, doc in docs:
            row = ask("PUT", f"/single-{made}-{doc_id}", doc).json()
            outcomes["single"].append(row.get("rev") or row["error"])
    assert outcomes["bulk"] == outcomes["single"]
