"""POST /db/_bulk_get: documents and revisions in bulk, as JSON and as multipart."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from couchgrass.testing.call import Reply
from tests.docdb.http.multipart_answers import content, parts_of

Ask = Callable[..., Reply]

NOISE = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(10_000))


def bulk_get(ask: Ask, *entries: Any, options: str = "", **headers: str) -> Reply:
    reply = ask("POST", f"/_bulk_get{options}", {"docs": list(entries)}, **headers)
    assert reply.status == 200, reply
    return reply


def results(ask: Ask, *entries: Any, options: str = "") -> list[Any]:
    found = bulk_get(ask, *entries, options=options).json()
    assert list(found) == ["results"]
    return list(found["results"])


def failure(doc_id: Any, rev: Any, error: str, reason: str) -> dict[str, Any]:
    told = {"id": doc_id, "rev": rev, "error": error, "reason": reason}
    return {"id": doc_id, "docs": [{"error": told}]}


def conflicted(ask: Ask) -> None:
    """Document "doc" with two leaves and a deleted one."""
    for rev, deleted in (("2-b", False), ("2-a", False), ("3-c", True)):
        pos, rev_id = rev.split("-")
        ids = {"start": int(pos), "ids": [rev_id, *(f"x{rev_id}" for _ in range(int(pos) - 1))]}
        doc = {"_revisions": ids, "rev": rev} | ({"_deleted": True} if deleted else {})
        assert ask("PUT", "/doc?new_edits=false", doc).status in (200, 201)


def test_without_a_revision_all_leaves_are_answered_and_with_one_that_one(ask: Ask) -> None:
    conflicted(ask)
    every, one = results(ask, {"id": "doc"}, {"id": "doc", "rev": "2-a"})
    assert every["id"] == "doc"
    assert {found["ok"]["_rev"] for found in every["docs"]} == {"2-b", "2-a", "3-c"}
    assert [found["ok"].get("_deleted") for found in every["docs"]].count(True) == 1
    assert one == {"id": "doc", "docs": [{"ok": {"_id": "doc", "_rev": "2-a", "rev": "2-a"}}]}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"id": "none"}, ("none", "undefined", "not_found", "missing")),
        ({"id": "none", "rev": "1-a"}, ("none", "1-a", "not_found", "missing")),
        ({"id": "doc", "rev": "9-a"}, ("doc", "9-a", "not_found", "missing")),
        ({"id": "doc", "rev": "bad"}, ("doc", "bad", "bad_request", "Invalid rev format")),
        ({"id": "doc", "rev": ""}, ("doc", "", "bad_request", "Invalid rev format")),
        ({"id": "doc", "rev": None}, ("doc", None, "bad_request", "Invalid rev format")),
        ({"id": "doc", "rev": ["1-a"]}, ("doc", ["1-a"], "bad_request", "Invalid rev format")),
        ({"id": "doc", "atts_since": ["1-a", 7]}, ("doc", 7, "bad_request", "Invalid rev format")),
        (
            {"id": "doc", "atts_since": "1-a"},
            ("doc", "1-a", "bad_request", "att_since value must be array of revs."),
        ),
        (
            {"id": "_bad"},
            ("_bad", None, "illegal_docid", "Only reserved document ids may start with underscore."),
        ),
        ({"id": ""}, ("", None, "illegal_docid", "Document id must not be empty")),
        ({"id": 7}, (7, None, "illegal_docid", "Document id must be a string")),
        ({"rev": "1-a"}, (None, None, "bad_request", "document id missed")),
        ({}, (None, None, "bad_request", "document must be a JSON object")),
        ("doc", (None, None, "bad_request", "document must be a JSON object")),
        (None, (None, None, "bad_request", "document must be a JSON object")),
    ],
)
def test_what_is_wrong_with_one_entry_is_told_in_its_place(
    ask: Ask, entry: Any, told: tuple[Any, Any, str, str]
) -> None:
    ask("PUT", "/doc", {})
    before, wrong, after = results(ask, {"id": "doc"}, entry, {"id": "doc"})
    assert wrong == failure(*told)
    assert before == after
    assert "ok" in before["docs"][0]


def test_latest_answers_with_the_leaves_of_a_replaced_revision(ask: Ask) -> None:
    first = ask("PUT", "/doc", {"n": 1}).json()["rev"]
    second = ask("PUT", f"/doc?rev={first}", {"n": 2}).json()["rev"]
    (found,) = results(ask, {"id": "doc", "rev": first}, options="?latest=true")
    assert [one["ok"]["_rev"] for one in found["docs"]] == [second]


def test_the_history_is_told_when_asked_for(ask: Ask) -> None:
    conflicted(ask)
    entries = {"id": "doc", "rev": "2-a"}, {"id": "doc", "rev": "3-c"}
    two, three = results(ask, *entries, options="?revs=true")
    assert two["docs"][0]["ok"]["_revisions"] == {"start": 2, "ids": ["a", "xa"]}
    assert three["docs"][0]["ok"]["_revisions"]["start"] == 3


def test_attachments_come_inline_when_asked_for_and_as_stubs_if_not(ask: Ask) -> None:
    first = ask("PUT", "/doc", {"_attachments": {"a": {"data": "Zm9v"}}}).json()["rev"]
    ask("PUT", f"/doc/b?rev={first}", NOISE)
    ask("PUT", "/plain", {"n": 1})
    plain, all_of_it = {"id": "plain"}, {"id": "doc"}

    stubs = results(ask, all_of_it)[0]["docs"][0]["ok"]["_attachments"]
    assert [one["stub"] for one in stubs.values()] == [True, True]

    around = results(ask, plain, all_of_it, plain, all_of_it, options="?attachments=true")
    assert [one["id"] for one in around] == ["plain", "doc", "plain", "doc"]
    inline = around[3]["docs"][0]["ok"]["_attachments"]
    assert [base64.b64decode(one["data"]) for one in inline.values()] == [b"foo", NOISE]

    some = results(ask, {"id": "doc", "atts_since": [first]})[0]["docs"][0]["ok"]["_attachments"]
    assert some["a"]["stub"] is True
    assert base64.b64decode(some["b"]["data"]) == NOISE

    none = results(ask, {"id": "doc", "atts_since": []})[0]["docs"][0]["ok"]["_attachments"]
    assert none == stubs


def test_the_order_and_the_repetitions_of_many_entries_are_kept(ask: Ask) -> None:
    filler = "x" * 5000
    ask("POST", "/_bulk_docs", {"docs": [{"_id": f"d{n}", "n": n, "filler": filler} for n in range(300)]})
    asked = [f"d{(n * 7) % 310}" for n in range(450)]
    found = results(ask, *({"id": doc_id} for doc_id in asked))
    assert [one["id"] for one in found] == asked
    for one in found:
        assert ("ok" in one["docs"][0]) == (int(one["id"][1:]) < 300)
    assert results(ask) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "Missing JSON list of 'docs'."),
        ({"docs": {}}, "`docs` parameter must be an array."),
        ({"docs": None}, "`docs` parameter must be an array."),
        ([], "Request body must be a JSON object"),
        (b"{", "invalid UTF-8 JSON"),
    ],
)
def test_a_body_of_another_form_is_refused(ask: Ask, body: Any, reason: str) -> None:
    reply = ask("POST", "/_bulk_get", body, content_type="application/json")
    assert (reply.status, reply.json()) == (400, {"error": "bad_request", "reason": reason})


@pytest.mark.parametrize("name", ["open_revs", "new_edits", "w", "rev", "atts_since"])
def test_options_of_single_documents_are_refused(ask: Ask, name: str) -> None:
    reply = ask("POST", f"/_bulk_get?{name}=1", {"docs": []})
    assert (reply.status, reply.json()["reason"]) == (400, f'"{name}" query parameter is not acceptable')


def test_only_a_post_of_json_is_taken(ask: Ask) -> None:
    assert ask("GET", "/_bulk_get").status == 405
    assert ask("POST", "/_bulk_get", b'{"docs":[]}', content_type="text/plain").status == 415


# Multipart.


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("multipart/mixed", "multipart/mixed"),
        ("multipart/related", "multipart/related"),
        ("multipart/*", "multipart/mixed"),
    ],
)
def test_who_takes_no_json_gets_multipart(ask: Ask, accept: str, kind: str) -> None:
    rev = ask("PUT", "/doc", {"n": 1}).json()["rev"]
    ask("PUT", f"/doc/a?rev={rev}", NOISE, content_type="image/png")
    ask("PUT", "/plain", {"n": 2})
    entries = {"id": "doc"}, {"id": "none"}, {"id": "plain"}, {"id": "doc", "rev": "8-a"}
    reply = bulk_get(ask, *entries, accept=accept)
    assert reply.headers["content-type"].startswith(f'{kind}; boundary="--')
    with_bytes, none, plain, missing = parts_of(reply)

    assert with_bytes["x-doc-id"] == "doc"
    document, picture = (part for part in with_bytes.iter_parts() if isinstance(part, EmailMessage))
    told = json.loads(content(document))
    assert with_bytes["x-rev-id"] == told["_rev"]
    assert told["_attachments"]["a"]["follows"] is True
    assert (picture.get_filename(), content(picture)) == ("a", NOISE)

    assert json.loads(content(plain))["n"] == 2
    for part, rev in ((none, "undefined"), (missing, "8-a")):
        assert part.get_param("error") == "true"
        found = json.loads(content(part))
        assert (found["rev"], found["error"], found["reason"]) == (rev, "not_found", "missing")


def test_json_is_preferred_and_an_empty_question_has_an_empty_multipart_answer(ask: Ask) -> None:
    for accept in ("*/*", "application/json, multipart/mixed"):
        assert bulk_get(ask, accept=accept).json() == {"results": []}
    assert bulk_get(ask, accept="multipart/mixed").body == b""


def test_leaves_among_others_are_answered_like_those_with_further_options(ask: Ask) -> None:
    conflicted(ask)
    revs = {"doc": ["2-b", "2-a", "1-xb", "3-c"], "absent": ["1-a"], "": ["1-a"], "plain": ["x"]}
    assert ask("PUT", "/plain", {"n": 1}).status == 201
    revs["plain"] = [ask("GET", "/plain").json()["_rev"], "1-other", "nonsense"]
    entries = [{"id": doc_id, "rev": rev} for doc_id, listed in revs.items() for rev in listed] * 2
    for options in ("?revs=true&latest=true", "?revs=true", ""):
        leaves = results(ask, *entries, options=options)
        assert leaves == results(ask, *({**entry, "atts_since": []} for entry in entries), options=options)
        assert len(leaves) == len(entries)


def test_many_large_leaves_come_in_pieces_and_whole(ask: Ask) -> None:
    text = "x" * 100_000
    written = ask("POST", "/_bulk_docs", {"docs": [{"_id": f"d{n}", "text": text} for n in range(12)]}).json()
    entries = [{"id": one["id"], "rev": one["rev"]} for one in written]
    found = results(ask, *entries, {"id": "absent", "rev": "1-a"}, *entries, options="?revs=true")
    assert [one["id"] for one in found] == [
        *(e["id"] for e in entries),
        "absent",
        *(e["id"] for e in entries),
    ]
    assert all(one["docs"][0]["ok"]["text"] == text for one in found if one["id"] != "absent")
