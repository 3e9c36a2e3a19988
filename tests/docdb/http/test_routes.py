"""Which endpoint a path means: slashes, escapes and reserved names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from couchgrass.testing.asgi import refusal
from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess

Ask = Callable[..., Reply]

DOCUMENT = "COPY,DELETE,GET,HEAD,POST,PUT"


@pytest.mark.parametrize(
    ("path", "doc_id"),
    [
        ("/a%2Fb", "a/b"),
        ("/a%2fb", "a/b"),
        ("/%61", "a"),
        ("/a/", "a"),
        ("/a//", "a"),
        ("//a", "a"),
        ("///a", "a"),
        ("//_design/d", "_design/d"),
        ("/%E6%97%A5", "日"),
        ("/docid%0A", "docid\n"),
        ("/%00", "\x00"),
        ("/a.b~c!$&'()*,;=:@", "a.b~c!$&'()*,;=:@"),
        ("/100%25", "100%"),
        ("/_design/d", "_design/d"),
        ("/_design%2Fd", "_design/d"),
        ("/_design/a%2Fb", "_design/a/b"),
        ("/%5Fdesign/d", "_design/d"),
        ("/_local/l", "_local/l"),
        ("/_local%2Fl", "_local/l"),
        ("/_local/a%2Fb", "_local/a/b"),
    ],
)
def test_a_path_names_one_document(ask: Ask, path: str, doc_id: str) -> None:
    assert ask("PUT", path, {"v": 1}).json()["id"] == doc_id
    assert ask("GET", path).json()["_id"] == doc_id
    assert refusal(ask("PUT", path, {"_rev": "x"})) == (400, "bad_request", "Invalid rev format")


@pytest.mark.parametrize("path", ["", "/"])
def test_a_trailing_slash_of_a_database_means_nothing(ask: Ask, db_name: str, path: str) -> None:
    assert ask("GET", path).json()["db_name"] == db_name
    assert ask("POST", path, {"_id": "doc"}).status == 201


def test_leading_slashes_mean_nothing(ask: Ask, couch_server: ServerProcess, db_name: str) -> None:
    assert call(couch_server.auth_url, "GET", f"//{db_name}").json()["db_name"] == db_name
    assert call(couch_server.auth_url, "GET", "//").json()["couchdb"] == "Welcome"


def test_a_doubled_slash_does_not_turn_the_deletion_of_a_document_into_one_of_its_database(
    ask: Ask, db_name: str
) -> None:
    rev = ask("PUT", "/doc", {}).json()["rev"]
    assert ask("DELETE", "//doc").status == 409
    assert ask("DELETE", f"//doc?rev={rev}").json()["id"] == "doc"
    assert ask("GET", "").json()["db_name"] == db_name


def test_the_name_of_a_database_may_hold_an_escaped_slash(couch_server: ServerProcess, db_name: str) -> None:
    path = f"/{db_name}%2Fb%2Bc"
    made = call(couch_server.auth_url, "PUT", path)
    assert made.headers["location"] == f"{couch_server.url}{path}"
    place = call(couch_server.auth_url, "PUT", path + "/d", {}).headers["location"]
    assert place == f"{couch_server.url}{path}/d"
    assert call(couch_server.auth_url, "GET", path).json()["db_name"] == f"{db_name}/b+c"
    assert call(couch_server.auth_url, "DELETE", path).json() == {"ok": True}


@pytest.mark.parametrize("path", ["/_local", "/_local/", "/_local%2F"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_local_document_must_have_a_name(ask: Ask, method: str, path: str) -> None:
    assert refusal(ask(method, path, {})) == (400, "bad_request", "Invalid _local document id.")


@pytest.mark.parametrize("path", ["/_local/foo/bar", "/_local%2Ffoo/bar"])
def test_a_local_document_has_no_attachments(ask: Ask, path: str) -> None:
    reason = "_local documents do not accept attachments."
    assert refusal(ask("PUT", path, {})) == (400, "bad_request", reason)


@pytest.mark.parametrize("path", ["/_other", "/_tmp_view", "/_design", "/_design/", "/_"])
def test_a_reserved_name_that_nobody_knows_is_no_document(ask: Ask, path: str) -> None:
    reason = "Only reserved document ids may start with underscore."
    assert refusal(ask("PUT", path, {})) == (400, "illegal_docid", reason)
    assert refusal(ask("GET", path)) == (404, "not_found", "missing")


@pytest.mark.parametrize("path", ["", "/doc", "/doc/att", "/_all_docs", "/_local/x", "/_design/d"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_database_that_is_not_there_has_nothing(
    couch_server: ServerProcess, db_name: str, method: str, path: str
) -> None:
    reply = call(couch_server.auth_url, method, f"/{db_name}{path}")
    if method == "HEAD":
        assert (reply.status, reply.body) == (404, b"")
    else:
        assert refusal(reply) == (404, "not_found", "Database does not exist.")


@pytest.mark.parametrize("path", ["/Upper", "/_nothing", "/1st", "/a%20b", "/a+b", "/%C3%A9"])
def test_what_is_no_name_of_a_database_is_refused(couch_server: ServerProcess, path: str) -> None:
    for method in ("GET", "PUT"):
        reply = call(couch_server.auth_url, method, path)
        assert (reply.status, reply.json()["error"]) == (400, "illegal_database_name")


@pytest.mark.parametrize("path", ["/_all_dbs/_all_docs", "/_dbs_info/_all_docs"])
def test_a_server_endpoint_is_no_database(couch_server: ServerProcess, path: str) -> None:
    reply = call(couch_server.auth_url, "GET", path)
    assert (reply.status, reply.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/doc", DOCUMENT),
        ("OPTIONS", "/doc", DOCUMENT),
        ("PROPFIND", "/_design/d", DOCUMENT),
        ("POST", "/_local/x", "COPY,DELETE,GET,HEAD,PUT"),
        ("POST", "/doc/att", "DELETE,GET,HEAD,PUT"),
        ("COPY", "", "DELETE,GET,HEAD,POST,PUT"),
        ("PUT", "/_all_docs", "GET,HEAD,POST"),
        ("GET", "/_bulk_docs", "POST"),
        ("HEAD", "/_bulk_get", "POST"),
        ("GET", "/_revs_diff", "POST"),
        ("DELETE", "/_changes", "GET,HEAD,POST"),
        ("POST", "/_security", "GET,HEAD,PUT"),
        ("GET", "/_purge", "POST"),
        ("GET", "/_compact", "POST"),
        ("GET", "/_ensure_full_commit", "POST"),
        ("DELETE", "/_revs_limit", "GET,HEAD,PUT"),
    ],
)
def test_a_method_that_a_path_does_not_know_is_told_those_it_does(
    ask: Ask, method: str, path: str, allowed: str
) -> None:
    reply = ask(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert reply.json() == {"error": "method_not_allowed", "reason": f"Only {allowed} allowed"}
