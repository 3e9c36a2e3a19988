"""One document over real HTTP: made, read, changed, deleted, made again, copied; and ``_local`` documents."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from couchgrass.testing.call import Reply

Ask = Callable[..., Reply]

CONFLICT = {"error": "conflict", "reason": "Document update conflict."}
MISSING = {"error": "not_found", "reason": "missing"}
DELETED = {"error": "not_found", "reason": "deleted"}


def put(ask: Ask, path: str, body: object = None, **headers: str) -> str:
    """Writes a document; its revision."""
    reply = ask("PUT", path, {} if body is None else body, **headers)
    assert reply.status in (200, 201), reply
    return str(reply.json()["rev"])


def outcome(reply: Reply) -> tuple[int, object]:
    return reply.status, reply.json()


def test_a_write_answers_id_revision_etag_and_location(ask: Ask) -> None:
    reply = ask("PUT", "/doc", {"a": 1})
    rev = reply.json()["rev"]
    assert outcome(reply) == (201, {"ok": True, "id": "doc", "rev": rev})
    assert rev.startswith("1-") and len(rev) == 34
    assert reply.headers["etag"] == f'"{rev}"'
    assert reply.headers["location"].endswith("/doc")
    assert reply.headers["content-type"] == "application/json"


def test_the_same_edit_of_the_same_parent_is_the_same_revision(ask: Ask) -> None:
    first, second = put(ask, "/one", {"a": 1}), put(ask, "/two", {"a": 1})
    assert first == second
    assert put(ask, "/one", {"_rev": first, "a": 2}) == put(ask, "/two", {"_rev": first, "a": 2})
    assert put(ask, "/three", {"a": 2}) != first


@pytest.mark.parametrize("rev", [None, "1-0", "2-0"])
def test_a_document_that_is_there_takes_no_other_parent_than_its_leaf(ask: Ask, rev: str | None) -> None:
    kept = put(ask, "/doc", {"a": 1})
    body = {"a": 2} if rev is None else {"a": 2, "_rev": rev}
    assert outcome(ask("PUT", "/doc", body)) == (409, CONFLICT)
    assert ask("GET", "/doc").json() == {"_id": "doc", "_rev": kept, "a": 1}


def test_a_replaced_revision_is_no_parent_any_more(ask: Ask) -> None:
    first = put(ask, "/doc", {"a": 1})
    put(ask, "/doc", {"a": 2, "_rev": first})
    assert outcome(ask("PUT", "/doc", {"a": 3, "_rev": first})) == (409, CONFLICT)
    assert outcome(ask("DELETE", f"/doc?rev={first}")) == (409, CONFLICT)


def test_a_document_that_is_not_there_has_no_parent(ask: Ask) -> None:
    assert outcome(ask("PUT", "/doc", {"_rev": "1-a"})) == (409, CONFLICT)
    assert outcome(ask("GET", "/doc")) == (404, MISSING)
    assert outcome(ask("DELETE", "/doc?rev=1-a")) == (404, MISSING)


def test_the_id_of_the_path_counts_and_that_of_the_body_is_only_checked(ask: Ask) -> None:
    assert ask("PUT", "/doc", {"_id": "other", "a": 1}).json()["id"] == "doc"
    assert ask("GET", "/other").status == 404
    refused = ask("PUT", "/new", {"_id": "_other"})
    assert (refused.status, refused.json()["error"]) == (400, "illegal_docid")


def test_a_deletion_leaves_a_tombstone_that_only_its_revision_shows(ask: Ask) -> None:
    first = put(ask, "/doc", {"a": 1})
    reply = ask("DELETE", f"/doc?rev={first}")
    rev = reply.json()["rev"]
    assert outcome(reply) == (200, {"ok": True, "id": "doc", "rev": rev})
    assert rev.startswith("2-") and reply.headers["etag"] == f'"{rev}"'
    assert "location" not in reply.headers
    assert outcome(ask("GET", "/doc")) == (404, DELETED)
    assert outcome(ask("DELETE", f"/doc?rev={rev}")) == (404, DELETED)
    assert ask("GET", f"/doc?rev={rev}").json() == {"_id": "doc", "_rev": rev, "_deleted": True}
    assert ask("GET", "/doc?deleted=true").json() == {"_id": "doc", "_rev": rev, "_deleted": True}


def test_a_deletion_without_a_revision_is_a_conflict(ask: Ask) -> None:
    put(ask, "/doc")
    assert outcome(ask("DELETE", "/doc")) == (409, CONFLICT)
    assert outcome(ask("DELETE", "/none")) == (404, MISSING)


def test_a_deletion_by_put_keeps_its_body_and_answers_200(ask: Ask) -> None:
    first = put(ask, "/doc", {"a": 1})
    reply = ask("PUT", "/doc", {"_rev": first, "_deleted": True, "why": "old"})
    assert reply.status == 200
    rev = reply.json()["rev"]
    shown = {"_id": "doc", "_rev": rev, "_deleted": True, "why": "old"}
    assert ask("GET", f"/doc?rev={rev}").json() == shown
    assert ask("GET", "/doc").status == 404


def test_a_document_can_be_made_deleted(ask: Ask) -> None:
    reply = ask("PUT", "/doc", {"_deleted": True})
    assert (reply.status, reply.json()["rev"][:2]) == (200, "1-")
    assert outcome(ask("GET", "/doc")) == (404, DELETED)
    assert ask("GET").json()["doc_del_count"] == 1


def test_a_deleted_document_is_made_again_on_top_of_its_tombstone(ask: Ask) -> None:
    history = []
    for generation in range(1, 20, 2):
        rev = put(ask, "/doc", {"n": generation})
        gone = ask("DELETE", f"/doc?rev={rev}").json()["rev"]
        assert [int(one.split("-")[0]) for one in (rev, gone)] == [generation, generation + 1]
        history += [rev, gone]
    found = ask("GET", f"/doc?rev={history[-1]}&revs=true").json()["_revisions"]
    assert found == {"start": 20, "ids": [rev.split("-")[1] for rev in reversed(history)]}


@pytest.mark.parametrize("named", ["first", "tombstone", "1-asfafasdf"])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_deleted_document_takes_no_edit_that_names_a_revision(ask: Ask, named: str, deleted: bool) -> None:
    first = put(ask, "/doc", {"a": 1})
    gone = ask("DELETE", f"/doc?rev={first}").json()["rev"]
    rev = {"first": first, "tombstone": gone}.get(named, named)
    data = base64.b64encode(b"text").decode()
    for more in ({}, {"_attachments": {"x": {"content_type": "text/plain", "data": data}}}):
        body = {"_rev": rev, "_deleted": deleted, **more}
        assert outcome(ask("PUT", "/doc", body)) == (409, CONFLICT)
    assert outcome(ask("PUT", "/doc", {"_deleted": True})) == (409, CONFLICT)


def test_a_conflict_is_resolved_by_deleting_a_leaf(ask: Ask) -> None:
    for rev in ("1-a", "1-b"):
        put(ask, "/doc?new_edits=false", {"_rev": rev, "from": rev})
    assert ask("GET", "/doc?conflicts=true").json()["_conflicts"] == ["1-a"]
    gone = ask("DELETE", "/doc?rev=1-b").json()["rev"]
    found = ask("GET", "/doc?conflicts=true&deleted_conflicts=true").json()
    assert found == {"_id": "doc", "_rev": "1-a", "from": "1-a", "_deleted_conflicts": [gone]}
    again = put(ask, "/doc", {"_rev": gone, "from": "the dead"})
    assert ask("GET", "/doc?conflicts=true").json()["_conflicts"] == ["1-a"]
    assert ask("GET", "/doc").json()["_rev"] == again


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_batch_ok_answers_202_at_once_and_writes_all_the_same(ask: Ask, method: str) -> None:
    rev = put(ask, "/doc", {"n": 0})
    target = "" if method == "POST" else "/doc"
    body = None if method == "DELETE" else {"_id": "doc", "_rev": rev, "n": 1}
    query = f"?batch=ok&rev={rev}" if method == "DELETE" else "?batch=ok"
    assert outcome(ask(method, target + query, body)) == (202, {"ok": True, "id": "doc"})
    put(ask, "/next")  # its commit comes after the batch's, or is the same one
    found = ask("GET", "/doc")
    assert found.json() == DELETED if method == "DELETE" else found.json()["n"] == 1


def test_post_takes_the_id_from_the_body_or_makes_one(ask: Ask) -> None:
    named = ask("POST", "", {"_id": "a/b", "v": 1})
    assert (named.status, named.json()["id"]) == (201, "a/b")
    assert named.headers["location"].endswith("/a%2Fb")
    made = ask("POST", "", {"v": 2})
    assert made.status == 201 and len(made.json()["id"]) == 32
    assert made.headers["location"].endswith("/" + made.json()["id"])
    assert ask("GET", f"/{made.json()['id']}").json()["v"] == 2
    assert outcome(ask("POST", "", {"_id": "a/b"})) == (409, CONFLICT)


def test_post_forgets_a_revision_when_it_makes_the_id(ask: Ask) -> None:
    assert ask("POST", "", {"_rev": "3-x", "v": 1}).json()["rev"].startswith("1-")


def test_post_wants_json_to_be_declared(ask: Ask) -> None:
    reply = ask("POST", "", b"{}", content_type="text/plain")
    reason = "Content-Type must be application/json"
    assert outcome(reply) == (415, {"error": "bad_content_type", "reason": reason})
    assert ask("POST", "", b"{}", content_type="Application/JSON; charset=utf-8").status == 201


def test_put_takes_any_content_type(ask: Ask) -> None:
    assert ask("PUT", "/doc", b'{"a":1}', content_type="text/plain").status == 201


# COPY


def test_a_copy_has_body_and_attachments_and_a_history_of_its_own(ask: Ask) -> None:
    data = {"content_type": "image/png", "data": base64.b64encode(b"picture").decode()}
    source = put(ask, "/one", {"a": 1, "_attachments": {"p": data}})
    reply = ask("COPY", "/one", destination="other%2Fone")
    rev = reply.json()["rev"]
    assert outcome(reply) == (201, {"ok": True, "id": "other/one", "rev": rev})
    assert reply.headers["etag"] == f'"{rev}"'
    assert reply.headers["location"].endswith("/other%2Fone")
    found = ask("GET", "/other%2Fone?revs=true").json()
    assert (found["a"], found["_revisions"]["start"]) == (1, 1)
    assert ask("GET", "/other%2Fone/p").body == b"picture"
    assert ask("GET", "/one").json()["_rev"] == source


def test_a_copy_onto_a_document_names_its_revision(ask: Ask) -> None:
    put(ask, "/one", {"v": 1})
    onto = put(ask, "/two", {"v": 2})
    assert outcome(ask("COPY", "/one", destination="two")) == (409, CONFLICT)
    assert outcome(ask("COPY", "/one", destination="two?rev=1-x")) == (409, CONFLICT)
    assert ask("COPY", "/one", destination=f"two?rev={onto}").json()["rev"].startswith("2-")
    assert ask("GET", "/two").json()["v"] == 1


def test_a_copy_may_be_of_an_older_revision(ask: Ask) -> None:
    first = put(ask, "/one", {"v": 1})
    second = put(ask, "/one", {"v": 2, "_rev": first})
    assert ask("COPY", f"/one?rev={first}", destination="old").status == 201
    assert ask("COPY", "/one", destination="new", if_match=second).status == 201
    assert [ask("GET", path).json()["v"] for path in ("/old", "/new")] == [1, 2]
    assert outcome(ask("COPY", "/one?rev=9-x", destination="none")) == (404, MISSING)


@pytest.mark.parametrize(
    ("destination", "error", "reason"),
    [
        (None, "bad_request", "Destination header is mandatory for COPY."),
        ("http://localhost:5984/db/x", "bad_request", "Destination URL must be relative."),
        ("_x?rev=1-a", "illegal_docid", "Only reserved document ids may start with underscore."),
        ("x?rev=bad", "bad_request", "Invalid rev format"),
        ("x?new=1-a", "bad_request", "Destination header has unknown options."),
        ("", "illegal_docid", "Document id must not be empty"),
    ],
)
def test_a_copy_to_nowhere_is_refused(ask: Ask, destination: str | None, error: str, reason: str) -> None:
    put(ask, "/one")
    headers = {} if destination is None else {"destination": destination}
    assert outcome(ask("COPY", "/one", **headers)) == (400, {"error": error, "reason": reason})


def test_nothing_is_copied_from_what_is_not_there(ask: Ask) -> None:
    assert outcome(ask("COPY", "/none", destination="x")) == (404, MISSING)
    rev = put(ask, "/gone")
    ask("DELETE", f"/gone?rev={rev}")
    assert outcome(ask("COPY", "/gone", destination="x")) == (404, DELETED)
    assert outcome(ask("COPY", "/_local/none", destination="x")) == (404, MISSING)


# _local


def test_a_local_document_counts_its_revisions_and_the_last_writer_wins(ask: Ask) -> None:
    assert put(ask, "/_local/one", {"v": 1}) == "0-1"
    assert put(ask, "/_local/one", {"v": 2, "_rev": "0-1"}) == "0-2"
    assert put(ask, "/_local/one", {"v": 3}) == "0-1"
    assert put(ask, "/_local/one", {"v": 4, "_rev": "0-7"}) == "0-8"
    assert ask("GET", "/_local/one").json() == {"_id": "_local/one", "_rev": "0-8", "v": 4}


def test_a_local_document_is_nowhere_else(ask: Ask) -> None:
    before = ask("GET").json()
    put(ask, "/_local/one", {"v": 1})
    after = ask("GET").json()
    assert (after["doc_count"], after["update_seq"]) == (0, before["update_seq"])
    assert ask("GET", "/_all_docs").json()["rows"] == []
    assert ask("GET", "/_changes").json()["results"] == []


def test_a_local_document_goes_without_a_trace(ask: Ask) -> None:
    assert outcome(ask("DELETE", "/_local/one")) == (404, MISSING)
    put(ask, "/_local/one")
    told = {"ok": True, "id": "_local/one", "rev": "0-0"}
    assert outcome(ask("DELETE", "/_local/one?rev=0-1")) == (200, told)
    assert outcome(ask("GET", "/_local/one")) == (404, MISSING)
    assert outcome(ask("PUT", "/_local/one", {"_deleted": True})) == (200, told)


def test_the_etag_of_a_local_document_tells_its_content(ask: Ask) -> None:
    written = ask("PUT", "/_local/one", {"v": 1}).headers["etag"]
    assert ask("GET", "/_local/one").headers["etag"] == written
    assert ask("HEAD", "/_local/one").headers["etag"] == written
    assert ask("GET", "/_local/one", if_none_match=written).status == 304
    put(ask, "/_local/one", {"v": 2})
    assert ask("GET", "/_local/one", if_none_match=written).json()["v"] == 2


def test_local_documents_are_copied_to_and_fro(ask: Ask) -> None:
    put(ask, "/_local/one", {"v": 1})
    assert ask("COPY", "/_local/one", destination="plain").json()["rev"].startswith("1-")
    assert ask("COPY", "/plain", destination="_local/two").json()["rev"] == "0-1"
    assert ask("COPY", "/_local/one", destination="_local/two?rev=0-1").json()["rev"] == "0-2"
    assert outcome(ask("COPY", "/_local/one?rev=0-9", destination="x")) == (404, MISSING)
    assert ask("GET", "/plain").json()["v"] == ask("GET", "/_local/two").json()["v"] == 1


@pytest.mark.parametrize("rev", ["1-a", "0-x", "0-" + "9" * 20])
def test_a_local_document_has_no_hashed_revisions(ask: Ask, rev: str) -> None:
    refused = outcome(ask("PUT", "/_local/one", {"_rev": rev}))
    assert refused == (400, {"error": "bad_request", "reason": "Invalid rev format"})


@pytest.mark.parametrize("doc_id", ["_local/one", "_design/one"])
def test_reserved_documents_are_made_by_post_too(ask: Ask, doc_id: str) -> None:
    assert ask("POST", "", {"_id": doc_id, "v": 1}).json()["id"] == doc_id
    assert ask("GET", "/" + doc_id).json()["v"] == 1
    assert ask("GET", "/" + doc_id.replace("/", "%2F")).json()["v"] == 1
