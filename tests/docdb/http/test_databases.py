"""Endpoints of whole databases over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from couchgrass.testing.server import ServerProcess


class Database:
    """A database of the test's own. `send` gives (status, JSON)."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.name = name
        self.url = f"{server.auth_url}/{name}"
        self.session = requests.Session()

    def send(self, method: str, path: str = "", body: Any = None, **named: Any) -> tuple[int, Any]:
        answer = self.session.request(method, self.url + path, json=body, **named)
        return answer.status_code, answer.json()

    def put(self, doc_id: str, **members: Any) -> str:
        status, answer = self.send("PUT", f"/{doc_id}", members)
        assert status == 201, answer
        return str(answer["rev"])


@pytest.fixture
def db(couch_server: ServerProcess, db_name: str) -> Database:
    made = Database(couch_server, db_name)
    assert made.send("PUT") == (201, {"ok": True})
    return made


def test_a_database_is_made_once_and_its_place_is_named(couch_server: ServerProcess, db_name: str) -> None:
    url = f"{couch_server.auth_url}/{db_name}%2Fx"
    made = requests.put(url)
    assert (made.status_code, made.text) == (201, '{"ok":true}\n')
    assert made.headers["location"] == f"{couch_server.url}/{db_name}%2Fx"
    again = requests.put(url)
    assert (again.status_code, again.json()["error"]) == (412, "file_exists")
    assert requests.head(url).status_code == 200
    assert requests.delete(url).json() == {"ok": True}
    assert requests.delete(url).status_code == 404


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("q=0", "The `q` value should be a positive integer."),
        ("q=", "The `q` value should be a positive integer."),
        ("n=x", "The `n` value should be a positive integer."),
        ("placement=moon", "The `placement` value should be in a format `zone:n`."),
        ("placement=", "The `placement` value should be in a format `zone:n`."),
        ("engine=other", "invalid_engine_extension"),
        ("partitioned=true", "Partitioned feature is not enabled."),
        ("partitioned=x", "Invalid `partitioned` parameter"),
    ],
)
def test_options_that_can_not_be_are_refused(
    couch_server: ServerProcess, db_name: str, options: str, reason: str
) -> None:
    answer = requests.put(f"{couch_server.auth_url}/{db_name}?{options}")
    assert (answer.status_code, answer.json()) == (400, {"error": "bad_request", "reason": reason})
    assert requests.head(f"{couch_server.auth_url}/{db_name}").status_code == 404


def test_options_for_a_cluster_are_taken(couch_server: ServerProcess, db_name: str) -> None:
    options = "q=8&n=3&placement=a:1,b:2&engine=couch&partitioned=false"
    assert requests.put(f"{couch_server.auth_url}/{db_name}?{options}").status_code == 201


def test_only_an_admin_makes_and_deletes_databases(couch_server: ServerProcess, db: Database) -> None:
    assert requests.put(f"{couch_server.url}/{db.name}x").status_code == 401
    assert requests.delete(f"{couch_server.url}/{db.name}").status_code == 401


def test_a_delete_meant_for_a_document_spares_the_database(db: Database) -> None:
    status, answer = db.send("DELETE", "?rev=1-a")
    assert status == 400
    assert answer["reason"] == (
        "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?"
    )
    assert db.send("GET")[0] == 200


def test_info_has_all_of_couchdbs_fields(db: Database) -> None:
    rev = db.put("a", text="x" * 1000)
    db.put("b")
    db.send("DELETE", f"/a?rev={rev}")
    _, info = db.send("GET")
    assert list(info) == [
        "instance_start_time", "db_name", "purge_seq", "update_seq", "sizes", "props", "doc_del_count",
        "doc_count", "disk_format_version", "compact_running", "cluster",
    ]  # fmt: skip
    assert (info["db_name"], info["doc_count"], info["doc_del_count"]) == (db.name, 1, 1)
    assert info["update_seq"].startswith("3-") and info["purge_seq"].startswith("0-")
    assert info["instance_start_time"].isdigit()
    assert info["sizes"]["file"] >= info["sizes"]["active"] > 0
    assert info["compact_running"] is False
    assert info["cluster"] == {"q": 1, "n": 1, "w": 1, "r": 1}


def test_a_posted_document_keeps_its_id_or_gets_one(couch_server: ServerProcess, db: Database) -> None:
    made = db.session.post(db.url, json={"_id": "a b", "v": 1})
    assert made.status_code == 201
    assert made.headers["location"] == f"{couch_server.url}/{db.name}/a%20b"
    assert made.json()["id"] == "a b" and made.json()["rev"].startswith("1-")
    assert db.send("POST", "", {"_id": "a b"}) == (
        409,
        {"error": "conflict", "reason": "Document update conflict."},
    )
    first, second = (db.send("POST", "", {"v": 2})[1] for _ in range(2))
    assert first["id"] != second["id"] and len(first["id"]) == 32
    assert db.send("GET", f"/{first['id']}")[1] == {"_id": first["id"], "_rev": first["rev"], "v": 2}


def test_a_posted_batch_document_arrives(db: Database) -> None:
    assert db.send("POST", "?batch=ok", {"_id": "a"}) == (202, {"ok": True, "id": "a"})
    # The next write's transaction comes after the batch's.
    db.put("b")
    assert db.send("GET", "/a")[0] == 200


@pytest.mark.parametrize("body", [[], "x", None, {"_id": 1}, {"_id": ""}, {"_unknown": 1}])
def test_a_posted_document_has_to_be_one(db: Database, body: Any) -> None:
    answer = db.session.post(db.url, json=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path", ["", "/_revs_diff", "/_missing_revs", "/_purge", "/_ensure_full_commit", "/_compact"]
)
def test_a_body_has_to_say_that_it_is_json(db: Database, path: str) -> None:
    answer = db.session.post(db.url + path, data="{}")
    assert answer.status_code == 415
    assert answer.json() == {"error": "bad_content_type", "reason": "Content-Type must be application/json"}


@pytest.mark.parametrize("name", ["revs_limit", "purged_infos_limit"])
def test_limits_are_positive_integers(db: Database, name: str) -> None:
    assert db.send("GET", f"/_{name}") == (200, 1000)
    assert db.send("PUT", f"/_{name}", 7) == (200, {"ok": True})
    assert db.send("GET", f"/_{name}") == (200, 7)
    refused: list[Any] = [0, -1, 1.5, "7", True, None, []]
    for value in refused:
        status, answer = db.send("PUT", f"/_{name}", value)
        assert (status, answer["error"]) == (400, "bad_request")
    assert db.send("PUT", f"/_{name}", 10**30) == (200, {"ok": True})
    assert db.send("GET", f"/_{name}")[1] > 10**9


def test_revs_limit_bounds_a_documents_history(db: Database) -> None:
    db.send("PUT", "/_revs_limit", 2)
    rev = db.put("a")
    for _ in range(4):
        rev = db.put("a", _rev=rev)
    _, doc = db.send("GET", "/a?revs=true")
    assert len(doc["_revisions"]["ids"]) == 2


def test_full_commit_tells_when_the_database_was_made(db: Database) -> None:
    status, answer = db.send("POST", "/_ensure_full_commit", {})
    assert status == 201
    assert answer == {"ok": True, "instance_start_time": db.send("GET")[1]["instance_start_time"]}


def test_revs_diff_names_what_is_missing_and_what_it_may_come_from(db: Database) -> None:
    first = db.put("a", v=1)
    second = db.put("a", _rev=first, v=2)
    asked = {"a": [first, second, "3-x", "2-y"], "new": ["1-z"], "known": []}
    assert db.send("POST", "/_revs_diff", asked) == (
        200,
        {"a": {"missing": ["2-y", "3-x"], "possible_ancestors": [second]}, "new": {"missing": ["1-z"]}},
    )
    assert db.send("POST", "/_missing_revs", asked) == (
        200,
        {"missing_revs": {"a": ["2-y", "3-x"], "new": ["1-z"]}},
    )
    assert db.send("POST", "/_revs_diff", {"a": [second]}) == (200, {})


@pytest.mark.parametrize("path", ["/_revs_diff", "/_missing_revs", "/_purge"])
@pytest.mark.parametrize("body", [[], {"a": "1-x"}, {"a": None}, {"a": ["x"]}, {"a": [1]}, {"a": {}}])
def test_revisions_have_to_be_lists_of_revisions(db: Database, path: str, body: Any) -> None:
    status, answer = db.send("POST", path, body)
    assert (status, answer["error"]) == (400, "bad_request")


def test_purge_takes_leaves_away_as_if_they_had_never_been(db: Database) -> None:
    first = db.put("a")
    rev = db.put("a", _rev=first)
    before = db.send("GET")[1]
    asked = {"a": [rev, first, "9-x"], "none": ["1-x"]}
    assert db.send("POST", "/_purge", asked) == (
        201,
        {"purge_seq": None, "purged": {"a": [rev], "none": []}},
    )
    assert db.send("GET", "/a")[0] == 404
    assert db.send("GET", f"/a?rev={rev}")[0] == 404
    after = db.send("GET")[1]
    assert (before["doc_count"], after["doc_count"], after["doc_del_count"]) == (1, 0, 0)
    assert after["purge_seq"].startswith("1-") and after["update_seq"] != before["update_seq"]
    assert db.send("GET", "/_purged_infos") == (200, {"purged_infos": [{"id": "a", "revs": [rev]}]})


def test_many_documents_are_purged_by_one_request(db: Database) -> None:
    rows = db.send("POST", "/_bulk_docs", {"docs": [{"_id": f"d{n}"} for n in range(450)]})[1]
    asked = {row["id"]: [row["rev"]] for row in rows}
    assert db.send("POST", "/_purge", asked)[1]["purged"] == asked
    assert db.send("GET")[1]["doc_count"] == 0


def test_only_an_admin_purges(couch_server: ServerProcess, db: Database) -> None:
    answer = requests.post(f"{couch_server.url}/{db.name}/_purge", json={})
    assert answer.status_code == 401


def test_there_are_no_views_to_clean_up(db: Database) -> None:
    assert db.send("POST", "/_view_cleanup", {}) == (202, {"ok": True})
