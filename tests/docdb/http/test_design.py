"""Validation functions and the form of design documents over HTTP: what is refused, and with which words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess

from .conftest import Ask

NO_BAD = "function (doc, old, user, sec) { if (doc.bad) throw({forbidden: 'bad ' + doc.bad}); }"
TELL = "function (doc, old, user, sec) { if (doc.tell) throw({forbidden: toJSON([doc, old, user, sec])}); }"


def put_validation(ask: Ask, source: Any = NO_BAD, name: str = "v", **members: Any) -> str:
    answer = ask("PUT", f"/_design/{name}", {"validate_doc_update": source, **members})
    assert answer.status == 201, answer.body
    rev: str = answer.json()["rev"]
    return rev


def told(reply: Any) -> Any:
    """What the function `TELL` was shown."""
    assert reply.status == 403, reply.body
    return json.loads(reply.json()["reason"])


def test_a_refused_document_is_not_stored(ask: Ask) -> None:
    put_validation(ask)
    answer = ask("PUT", "/a", {"bad": 1})
    assert (answer.status, answer.json()) == (403, {"error": "forbidden", "reason": "bad 1"})
    assert ask("GET", "/a").status == 404
    assert ask("PUT", "/a", {"good": 1}).status == 201


@pytest.mark.parametrize(
    ("body", "status", "error", "reason"),
    [
        ("throw({unauthorized: 'who?'});", 401, "unauthorized", "who?"),
        ("throw({forbidden: {n: 1}});", 403, "forbidden", {"n": 1}),
        ("throw 'text';", 500, "unknown_error", "text"),
        ("doc.a.b.c;", 500, "TypeError", None),
        ("throw new Error('x');", 500, "Error", "x"),
        ("syntax error", 500, "compilation_error", None),
    ],
)
def test_what_a_validation_throws_is_the_answer(
    ask: Ask, body: str, status: int, error: str, reason: Any
) -> None:
    put_validation(ask, f"function (doc) {{ {body} }}")
    answer = ask("PUT", "/a", {})
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert reason is None or answer.json()["reason"] == reason


def test_bulk_writes_are_refused_each_on_its_own(ask: Ask) -> None:
    put_validation(ask)
    docs = [{"_id": str(number), **({"bad": number} if number % 3 == 1 else {})} for number in range(30)]
    rows = ask("POST", "/_bulk_docs", {"docs": docs}).json()
    assert [row["id"] for row in rows] == [str(number) for number in range(30)]
    assert rows[1] == {"id": "1", "error": "forbidden", "reason": "bad 1"}
    assert [row.get("error") for row in rows] == [None, "forbidden", None] * 10
    assert ask("GET", "/_all_docs").json()["total_rows"] == 21


def test_replicated_documents_are_validated_unless_they_are_here_already(ask: Ask) -> None:
    known = {"_id": "known", "_rev": "1-a", "bad": 1}
    assert ask("POST", "/_bulk_docs", {"docs": [known], "new_edits": False}).json() == []
    put_validation(ask)
    bad = {"_id": "new", "_rev": "2-b", "bad": 2}
    rows = ask("POST", "/_bulk_docs", {"docs": [bad, known], "new_edits": False}).json()
    assert rows == [{"id": "new", "rev": "2-b", "error": "forbidden", "reason": "bad 2"}]
    assert ask("PUT", "/new?new_edits=false", bad).status == 403
    assert ask("GET", "/new").status == 404


def test_a_deletion_is_validated_too(ask: Ask) -> None:
    put_validation(ask, "function (doc, old) { if (doc._deleted && old.kept) throw({forbidden: 'kept'}); }")
    rev = ask("PUT", "/a", {"kept": True}).json()["rev"]
    assert ask("DELETE", f"/a?rev={rev}").status == 403
    rev = ask("PUT", "/b", {}).json()["rev"]
    assert ask("DELETE", f"/b?rev={rev}").status == 200


def test_local_and_design_documents_are_not_shown_to_validations(ask: Ask) -> None:
    rev = put_validation(ask, "function () { throw({forbidden: 'nothing'}); }")
    assert ask("PUT", "/a", {}).status == 403
    assert ask("PUT", "/_local/a", {}).status == 201
    assert ask("PUT", "/_design/other", {}).status == 201
    assert ask("DELETE", f"/_design/v?rev={rev}").status == 200
    assert ask("PUT", "/a", {}).status == 201


def test_a_new_revision_of_the_function_counts_at_once(ask: Ask) -> None:
    rev = put_validation(ask)
    assert ask("PUT", "/a", {"bad": 1}).status == 403
    put_validation(ask, NO_BAD.replace("doc.bad", "doc.worse"), _rev=rev)
    assert ask("PUT", "/a", {"bad": 1}).status == 201
    assert ask("PUT", "/b", {"worse": 1}).status == 403


def test_all_design_documents_have_a_say(ask: Ask) -> None:
    put_validation(ask)
    put_validation(ask, NO_BAD.replace("bad", "ugly"), "w")
    docs = [{"_id": "a", "bad": 1}, {"_id": "b", "ugly": 1}, {"_id": "c"}]
    rows = ask("POST", "/_bulk_docs", {"docs": docs}).json()
    assert [row.get("reason") for row in rows] == ["bad 1", "ugly 1", None]


def test_a_function_sees_what_the_document_replaces_the_user_and_the_security_object(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    security = {"members": {"roles": []}, "admins": {"names": ["boss"]}}
    ask("PUT", "/_security", security)
    put_validation(ask, TELL)
    new, old, user, sec = told(ask("PUT", "/a", {"tell": 1}))
    assert (new, old) == ({"_id": "a", "tell": 1}, None)
    assert user == {"db": db_name, "name": couch_server.user, "roles": ["_admin"]}
    assert sec == security
    rev = ask("PUT", "/a", {"n": 1}).json()["rev"]
    start, rev_id = rev.split("-")
    new, old, *_ = told(ask("PUT", "/a", {"_rev": rev, "tell": 1}))
    revisions = {"start": int(start), "ids": [rev_id]}
    assert new == {"_id": "a", "_rev": rev, "tell": 1, "_revisions": revisions}
    assert old == {"_id": "a", "_rev": rev, "n": 1, "_revisions": revisions}


def test_a_tombstone_is_no_old_document_for_the_one_made_upon_it(ask: Ask) -> None:
    rev = ask("PUT", "/a", {"n": 1}).json()["rev"]
    ask("DELETE", f"/a?rev={rev}")
    put_validation(ask, TELL)
    assert told(ask("PUT", "/a", {"tell": 1}))[1] is None


def test_a_replicated_document_is_compared_with_its_newest_ancestor_here(ask: Ask) -> None:
    docs = [{"_id": "a", "_rev": "2-y", "_revisions": {"start": 2, "ids": ["y", "x"]}, "n": 1}]
    ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    put_validation(ask, TELL)
    ids = ["q", "z", "y", "x"]
    doc = {"_id": "a", "_revisions": {"start": 4, "ids": ids}, "tell": 1}
    new, old, *_ = told(ask("PUT", "/a?new_edits=false", doc))
    assert (new["_rev"], new["_revisions"]) == ("4-q", {"start": 4, "ids": ids})
    assert (old["_rev"], old["n"]) == ("2-y", 1)
    other = {"_id": "a", "_rev": "3-other", "tell": 1}
    assert told(ask("PUT", "/a?new_edits=false", other))[1] is None


def test_attachments_are_shown_as_stubs(ask: Ask) -> None:
    inline = {"data": base64.b64encode(b"text").decode(), "content_type": "text/plain"}
    rev = ask("PUT", "/a", {"_attachments": {"old": inline}, "tell": 0, "kept": 5}).json()["rev"]
    put_validation(ask, TELL.replace("doc.tell", "doc._attachments.fresh"))
    held = {"old": {"stub": True}, "fresh": inline}
    new, old, *_ = told(ask("PUT", "/a", {"_rev": rev, "_attachments": held}))
    assert sorted(new["_attachments"]) == ["fresh", "old"]
    assert new["_attachments"]["old"] == old["_attachments"]["old"]
    assert new["_attachments"]["fresh"]["stub"] is True
    answer = ask("PUT", f"/a/fresh?rev={rev}", b"more", content_type="text/plain")
    new, *_ = told(answer)
    assert (sorted(new["_attachments"]), new["kept"]) == (["fresh", "old"], 5)
    assert ask("PUT", f"/a/other?rev={rev}", b"more", content_type="text/plain").status == 201


@pytest.mark.parametrize("method", ["PUT", "bulk", "attachment"])
def test_what_conflicts_is_a_conflict_and_is_not_validated(ask: Ask, method: str) -> None:
    ask("PUT", "/a", {})
    put_validation(ask, "function () { throw({forbidden: 'nothing'}); }")
    stale = {"_id": "a", "_rev": "1-0123456789abcdef0123456789abcdef"}
    if method == "bulk":
        rows = ask("POST", "/_bulk_docs", {"docs": [stale, {"_id": "a"}, {**stale, "_id": "new"}]}).json()
        assert [row["error"] for row in rows] == ["conflict"] * 3
    elif method == "PUT":
        assert ask("PUT", "/a", stale).status == 409
    else:
        answer = ask("PUT", f"/a/x?rev={stale['_rev']}", b"x", content_type="text/plain")
        assert (answer.status, answer.json()["error"]) == (409, "not_found")


def test_an_edit_of_what_the_same_request_creates_is_a_conflict_when_there_are_validations(ask: Ask) -> None:
    rev = ask("PUT", "/a", {"n": 1}).json()["rev"]
    put_validation(ask)
    docs = [{"_id": "b", "n": 1}, {"_id": "b", "_rev": rev, "bad": 1}]
    rows = ask("POST", "/_bulk_docs", {"docs": docs}).json()
    assert [row.get("error") for row in rows] == [None, "conflict"]


def test_a_selector_may_validate(ask: Ask) -> None:
    put_validation(ask, {"newDoc": {"n": {"$type": "number"}}}, language="query")
    answer = ask("PUT", "/a", {"n": "1"})
    assert (answer.status, answer.json()["reason"]) == (403, "document is not valid")
    assert ask("PUT", "/a", {"n": 1}).status == 201


def test_nothing_can_be_written_past_a_validation_in_a_language_that_nobody_speaks(ask: Ask) -> None:
    put_validation(ask, "fun", language="erlang")
    answer = ask("PUT", "/a", {})
    assert (answer.status, answer.json()["error"]) == (500, "unknown_query_language")


def test_databases_do_not_share_what_their_functions_keep(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    counting = "function () { n = typeof n == 'number' ? n + 1 : 1; if (n > 1) throw({forbidden: 'again'}); }"
    put_validation(ask, counting)
    other = f"/{db_name}-other"
    call(couch_server.auth_url, "PUT", other)
    call(couch_server.auth_url, "PUT", f"{other}/_design/v", {"validate_doc_update": counting})
    for _ in range(8):
        ask("PUT", "/a", {})
    assert call(couch_server.auth_url, "PUT", f"{other}/a", {}).status == 201


def test_what_a_function_does_while_it_is_compiled_is_nothing_to_other_design_documents(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    answer = json.dumps('{"error":["compilation_error","mine"]')
    spoiling = f"(Array.prototype[Symbol.iterator] = function* () {{ yield {answer}; }}, function () {{}})"
    other = f"/{db_name}-other"
    call(couch_server.auth_url, "PUT", other)
    for n in range(8):
        assert ask("PUT", "/_design/bad", {"views": {"v": {"map": spoiling}}}).status == 400
        good = {"views": {"v": {"map": "function () {}"}}}
        assert ask("PUT", f"/_design/good{n}", good).status == 201
        assert call(couch_server.auth_url, "PUT", f"{other}/_design/good{n}", good).status == 201


@pytest.mark.parametrize(
    ("ddoc", "error", "reason"),
    [
        ({"views": {"v": {}}}, "invalid_design_doc", "View `v` must contain map function"),
        ({"views": {"v": {"map": "function ("}}}, "compilation_error",
         "Compilation of the map function in the 'v' view failed: SyntaxError"),
        ({"views": {"v": {"map": "function () {}", "reduce": "1"}}}, "compilation_error",
         "Compilation of the reduce function in the 'v' view failed: Expression does not eval to a"),
    ],
)  # fmt: skip
def test_a_design_document_that_can_not_work_is_refused(ask: Ask, ddoc: Any, error: str, reason: str) -> None:
    answer = ask("PUT", "/_design/x", ddoc)
    assert (answer.status, answer.json()["error"]) == (400, error)
    assert answer.json()["reason"].startswith(reason)
    docs = [{"_id": "_design/x", **ddoc}, {"_id": "a"}]
    rows = ask("POST", "/_bulk_docs", {"docs": docs}).json()
    assert rows[0]["id"] == "_design/x"
    assert rows[0]["error"] == error
    assert rows[1]["ok"] is True
    replicated = {"_id": "_design/x", "_rev": "1-a", **ddoc}
    assert ask("POST", "/_bulk_docs", {"docs": [replicated], "new_edits": False}).json()[0]["error"] == error


def test_other_functions_and_other_languages_are_stored_unread(ask: Ask) -> None:
    assert ask("PUT", "/_design/a", {"filters": {"f": "function ("}}).status == 201
    assert ask("PUT", "/_design/b", {"language": "erlang", "views": {"v": {"map": "fun("}}}).status == 201
