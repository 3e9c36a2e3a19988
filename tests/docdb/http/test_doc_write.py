"""What may be written, and that it comes back exactly as it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.testing.asgi import refusal
from couchgrass.testing.call import Reply

Ask = Callable[..., Reply]

JSON_TYPE = {"content_type": "application/json"}


def body_text(ask: Ask, path: str = "/doc") -> bytes:
    """The members of a stored document behind _id and _rev, as text."""
    text = ask("GET", path).body
    return text[text.index(b'",', text.index(b'"_rev"')) + 2 : -2]


@pytest.mark.parametrize(
    "text",
    [
        b'"z":1,"a":2,"m":{"y":1,"b":2}',
        b'"n":123456789012345678901234567890',
        b'"n":-9223372036854775809',
        b'"n":[1,1.0,0,-0.0,0.1,1.5e300,-2.5]',
        b'"":0," ":1,"$ref":2,"a.b":3',
        b'"t":"\\u0000\\u001f\\"\\\\/"',
        '"t":"é日本\U0001f600\u2028"'.encode(),
        b'"v":[null,true,false,{},[],[[]],""]',
    ],
)
def test_numbers_key_order_and_text_come_back_exactly(ask: Ask, text: bytes) -> None:
    assert ask("PUT", "/doc", b"{" + text + b"}").status == 201
    assert body_text(ask) == text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b' "a" : [ 1 , 2 ] ', b'"a":[1,2]'),
        (b'"a":1e3', b'"a":1000.0'),
        (b'"a":"\\u00e9\\/"', '"a":"é/"'.encode()),
        (b'"a":"\\ud83d\\ude00"', '"a":"\U0001f600"'.encode()),
        (b'"a":1,"b":2,"a":3', b'"a":3,"b":2'),
    ],
)
def test_other_spellings_of_the_same_are_kept_as_one(ask: Ask, sent: bytes, kept: bytes) -> None:
    assert ask("PUT", "/doc", b"{" + sent + b"}").status == 201
    assert body_text(ask) == kept


numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
names = texts.filter(lambda name: not name.startswith("_"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, values, max_size=5))
def test_any_json_comes_back_the_same(ask: Ask, doc: dict[str, Any]) -> None:
    made = ask("POST", "", doc).json()
    found = json.loads(ask("GET", f"/{made['id']}").body)
    assert (found.pop("_id"), found.pop("_rev")) == (made["id"], made["rev"])
    assert repr(found) == repr(doc)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}{}",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"a":NaN}',
        b'{"a":01}',
        b'{"a":1e999}',
        b'{"a":"\n"}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_json_is_refused(ask: Ask, body: bytes) -> None:
    wanted = (400, "bad_request", "invalid UTF-8 JSON")
    assert refusal(ask("PUT", "/doc", body)) == wanted
    assert refusal(ask("POST", "", body, **JSON_TYPE)) == wanted
    assert ask("GET", "/doc").status == 404


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_what_is_no_object_is_no_document(ask: Ask, body: bytes) -> None:
    wanted = (400, "bad_request", "Document must be a JSON object")
    assert refusal(ask("PUT", "/doc", body)) == wanted
    assert refusal(ask("POST", "", body, **JSON_TYPE)) == wanted


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ({"_zing": 4}, "_zing"),
        ({"zane": "goldfish", "_fan": "something"}, "_fan"),
        ({"_": 1}, "_"),
        ({"_Rev": "1-a"}, "_Rev"),
        ({"_deleted": "true"}, "_deleted"),
        ({"_deleted": None}, "_deleted"),
        ({"_attachments": []}, "_attachments"),
    ],
)
def test_unknown_reserved_members_are_refused(ask: Ask, member: dict[str, Any], name: str) -> None:
    wanted = (400, "doc_validation", f"Bad special document member: {name}")
    assert refusal(ask("PUT", "/doc", member)) == wanted
    assert refusal(ask("POST", "", member)) == wanted
    assert refusal(ask("POST", "/_bulk_docs", {"docs": [{}, member]})) == wanted
    assert ask("GET").json()["doc_count"] == 0


def test_members_that_only_answers_have_are_dropped(ask: Ask) -> None:
    shown = {"_revs_info": [], "_local_seq": 1, "_conflicts": ["1-a"], "_deleted_conflicts": []}
    assert ask("PUT", "/doc", {"v": 1, **shown}).status == 201
    assert body_text(ask) == b'"v":1'


def test_the_replicators_members_are_kept(ask: Ask) -> None:
    kept = {"_replication_id": "x", "_replication_state": "triggered", "_replication_stats": {}}
    assert ask("PUT", "/doc", kept).status == 201
    found = ask("GET", "/doc").json()
    assert {name: found[name] for name in kept} == kept


def test_a_reserved_name_inside_a_member_is_free(ask: Ask) -> None:
    assert ask("PUT", "/doc", {"in": {"_zing": 1, "_id": 2}}).status == 201
    assert ask("GET", "/doc").json()["in"] == {"_zing": 1, "_id": 2}


@pytest.mark.parametrize(
    ("doc_id", "reason"),
    [
        ("", "Document id must not be empty"),
        ("_invalid", "Only reserved document ids may start with underscore."),
        ("_design/", "Illegal document id `_design/`"),
        ("_local/", "Illegal document id `_local/`"),
        (1, "Document id must be a string"),
        (None, "Document id must be a string"),
        (["a"], "Document id must be a string"),
    ],
)
def test_ids_that_cant_be_are_refused(ask: Ask, doc_id: Any, reason: str) -> None:
    wanted = (400, "illegal_docid", reason)
    assert refusal(ask("POST", "", {"_id": doc_id})) == wanted
    assert refusal(ask("PUT", "/doc", {"_id": doc_id})) == wanted
    assert refusal(ask("POST", "/_bulk_docs", {"docs": [{"_id": doc_id}]})) == wanted


@pytest.mark.parametrize("rev", ["", "1", "x-1", "-1-a", "1-" + "z" * 32, 1, None, ["1-a"]])
def test_revisions_that_cant_be_are_refused(ask: Ask, rev: Any) -> None:
    wanted = (400, "bad_request", "Invalid rev format")
    assert refusal(ask("PUT", "/doc", {"_rev": rev})) == wanted
    assert refusal(ask("POST", "/_bulk_docs", {"docs": [{"_rev": rev}]})) == wanted


# new_edits=false


def test_a_replicated_document_keeps_its_revision_and_history(ask: Ask) -> None:
    ids = ["c" * 32, "b" * 32, "a" * 32]
    body = {"_revisions": {"start": 3, "ids": ids}, "v": 1}
    reply = ask("PUT", "/doc?new_edits=false", body)
    assert (reply.status, reply.json()["rev"]) == (201, f"3-{ids[0]}")
    assert reply.headers["etag"] == f'"3-{ids[0]}"'
    assert ask("GET", "/doc?revs=true").json()["_revisions"] == {"start": 3, "ids": ids}


def test_a_replicated_document_may_name_its_revision_anywhere(ask: Ask) -> None:
    assert ask("PUT", "/a?new_edits=false&rev=2-x", {}).json()["rev"] == "2-x"
    assert ask("PUT", "/b?new_edits=false", {}, if_match="2-x").json()["rev"] == "2-x"
    reason = "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
    assert refusal(ask("PUT", "/c?new_edits=false", {})) == (400, "bad_request", reason)


def test_the_same_revision_twice_changes_nothing(ask: Ask) -> None:
    ask("PUT", "/doc?new_edits=false", {"_rev": "1-a", "v": 1})
    before = ask("GET").json()["update_seq"]
    assert ask("PUT", "/doc?new_edits=false", {"_rev": "1-a", "v": 2}).status == 201
    assert ask("GET", "/doc").json()["v"] == 1
    assert ask("GET").json()["update_seq"] == before


def test_an_ancestor_that_comes_late_changes_nothing(ask: Ask) -> None:
    body = {"_revisions": {"start": 3, "ids": ["c", "b", "a"]}, "v": 3}
    ask("PUT", "/doc?new_edits=false", body)
    assert ask("PUT", "/doc?new_edits=false", {"_rev": "2-b", "v": 2}).json()["rev"] == "2-b"
    found = ask("GET", "/doc?conflicts=true&revs=true").json()
    assert (found["_rev"], found["v"], "_conflicts" in found) == ("3-c", 3, False)


def test_revisions_of_revs_limit_are_kept_and_older_ones_forgotten(ask: Ask) -> None:
    assert ask("PUT", "/_revs_limit", 5).status == 200
    rev = None
    for number in range(8):
        rev = ask("PUT", "/doc", {"n": number, **({"_rev": rev} if rev else {})}).json()["rev"]
    found = ask("GET", "/doc?revs=true").json()["_revisions"]
    assert (found["start"], len(found["ids"])) == (8, 5)
    ids = [f"x{number}" for number in range(9, 0, -1)]
    ask("PUT", "/other?new_edits=false", {"_revisions": {"start": 9, "ids": ids}})
    assert ask("GET", "/other?revs=true").json()["_revisions"] == {"start": 9, "ids": ids[:5]}


def test_a_history_that_was_cut_too_short_to_meet_makes_a_conflict(ask: Ask) -> None:
    assert ask("PUT", "/_revs_limit", 2).status == 200
    old = [f"x{number}" for number in range(3, 0, -1)]
    new = [f"x{number}" for number in range(9, 0, -1)]
    ask("PUT", "/doc?new_edits=false", {"_revisions": {"start": 3, "ids": old}})
    ask("PUT", "/doc?new_edits=false", {"_revisions": {"start": 9, "ids": new[:2]}})
    assert ask("GET", "/doc?conflicts=true").json()["_conflicts"] == ["3-x3"]


# Design documents


@pytest.mark.parametrize(
    ("ddoc", "error", "reason"),
    [
        ({"views": 1}, "invalid_design_doc", "`views` field must have object type"),
        ({"views": {"v": {}}}, "invalid_design_doc", "View `v` must contain map function"),
        ({"language": 1}, "invalid_design_doc", "`language` field must have string type"),
        ({"filters": []}, "invalid_design_doc", "`filters` field must have object type"),
        ({"updates": {"u": 1}}, "invalid_design_doc", "`updates.u` field must have string or object type"),
        ({"options": {"local_seq": 1}}, "invalid_design_doc", None),
        ({"validate_doc_update": 1}, "invalid_design_doc", None),
        ({"rewrites": {}}, "invalid_design_doc", "`rewrites` field must have array or string type"),
        ({"views": {"v": {"map": "function("}}}, "compilation_error", None),
    ],
)  # fmt: skip
def test_design_documents_of_a_wrong_form_are_refused(
    ask: Ask, ddoc: dict[str, Any], error: str, reason: str | None
) -> None:
    reply = ask("PUT", "/_design/d", ddoc)
    assert (reply.status, reply.json()["error"]) == (400, error)
    if reason is not None:
        assert reply.json()["reason"] == reason
    (row,) = ask("POST", "/_bulk_docs", {"docs": [{"_id": "_design/d", **ddoc}]}).json()
    assert (row["id"], row["error"]) == ("_design/d", error)
    assert ask("GET", "/_design/d").status == 404
    assert ask("PUT", "/plain", ddoc).status == 201


def test_design_documents_with_members_that_nobody_knows_are_stored(ask: Ask) -> None:
    ddoc = {"language": "erlang", "views": {"v": {"map": "fun(Doc) -> ok end."}}, "mine": {"a": 1}}
    assert ask("PUT", "/_design/d", ddoc).status == 201
    found = ask("GET", "/_design/d").json()
    assert {name: found[name] for name in ddoc} == ddoc
