"""``_changes`` over HTTP: what its options ask for, and how it refuses."""

from __future__ import annotations

import itertools
import threading
import uuid
from typing import Any

import pytest
import requests

from couchgrass.testing.server import ServerProcess


class Db:
    """A fresh database of the running server."""

    def __init__(self, server: ServerProcess) -> None:
        self.session = requests.Session()
        self.session.auth = (server.user, server.password)
        self.url = f"{server.url}/changes{uuid.uuid4().hex}"
        assert self.session.put(self.url).status_code == 201

    def write(self, *docs: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
        answer = self.session.post(f"{self.url}/_bulk_docs", json={"docs": docs, **options})
        assert answer.status_code == 201, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def changes(self, body: Any = None, **options: Any) -> dict[str, Any]:
        answer = self.ask(body, **options)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ids(self, body: Any = None, **options: Any) -> list[str]:
        return [row["id"] for row in self.changes(body, **options)["results"]]

    def ask(
        self, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> requests.Response:
        method = "GET" if body is None else "POST"
        return self.session.request(
            method, f"{self.url}/_changes", params=options, json=body, headers=headers, timeout=60
        )

    def number(self, seq: str) -> int:
        return int(seq.split("-")[0])


@pytest.fixture
def db(couch_server: ServerProcess) -> Db:
    return Db(couch_server)


def test_a_feed_lists_each_document_once_in_the_order_of_its_last_change(db: Db) -> None:
    first = db.write({"_id": "a"}, {"_id": "b"}, {"_id": "c"})
    db.write(
        {"_id": "a", "_rev": first[0]["rev"], "n": 2}, {"_id": "b", "_rev": first[1]["rev"], "_deleted": True}
    )
    found = db.changes()
    assert [row["id"] for row in found["results"]] == ["c", "a", "b"]
    assert [row.get("deleted") for row in found["results"]] == [None, None, True]
    assert found["results"][0]["changes"] == [{"rev": first[2]["rev"]}]
    assert found["last_seq"] == found["results"][-1]["seq"]
    assert found["pending"] == 0


def test_since_goes_on_where_an_answer_ended(db: Db) -> None:
    db.write(*({"_id": f"doc{number}"} for number in range(5)))
    head = db.changes(limit=2)
    assert [row["id"] for row in head["results"]] == ["doc0", "doc1"]
    assert head["pending"] == 3
    assert db.ids(since=head["last_seq"]) == ["doc2", "doc3", "doc4"]
    assert db.ids(since=2) == ["doc2", "doc3", "doc4"]
    assert db.ids(since="now") == []
    assert db.changes(since="now")["last_seq"] == db.changes()["last_seq"]


@pytest.mark.parametrize("how", ["all", "listed", "selected", "whole documents"])
def test_a_document_that_moves_while_a_feed_is_read_is_not_missed(db: Db, how: str) -> None:
    ids = [f"doc{number:03}" for number in range(300)]
    revs = [row["rev"] for row in db.write(*({"_id": doc_id} for doc_id in ids))]
    body, options = {
        "all": (None, {}),
        "listed": ({"doc_ids": ids}, {"filter": "_doc_ids"}),
        "selected": ({"selector": {"_id": {"$gt": "a"}}}, {"filter": "_selector"}),
        "whole documents": (None, {"include_docs": "true", "conflicts": "true"}),
    }[how]
    stop = threading.Event()

    def write() -> None:
        with requests.Session() as session:
            session.auth = db.session.auth
            for number in itertools.cycle(range(len(ids))):
                if stop.is_set():
                    return
                doc = {"_id": ids[number], "_rev": revs[number]}
                answer = session.put(f"{db.url}/{ids[number]}", json=doc, timeout=60)
                revs[number] = answer.json()["rev"]

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(30):
            found = db.changes(body, **options)
            assert {row["id"] for row in found["results"]} == set(ids)
            assert db.number(found["last_seq"]) >= db.number(found["results"][-1]["seq"])
    finally:
        stop.set()
        writer.join()


def test_the_sequence_of_a_database_that_was_deleted_and_made_anew_counts_as_the_start(db: Db) -> None:
    db.write({"_id": "a"}, {"_id": "b"})
    old = db.changes()["last_seq"]
    db.session.delete(db.url)
    db.session.put(db.url)
    db.write({"_id": "c"}, {"_id": "d"}, {"_id": "e"})
    assert db.ids(since=old) == ["c", "d", "e"]


def test_limit_zero_tells_what_is_pending(db: Db) -> None:
    db.write({"_id": "a"}, {"_id": "b"})
    found = db.changes(limit=0)
    assert found["results"] == []
    assert found["pending"] == 2
    assert db.number(found["last_seq"]) == 0


def test_descending_starts_at_the_end_whatever_since_says(db: Db) -> None:
    db.write({"_id": "a"}, {"_id": "b"}, {"_id": "c"})
    found = db.changes(descending="true", limit=2, since="malformed!")
    assert [row["id"] for row in found["results"]] == ["c", "b"]
    assert found["last_seq"] == found["results"][-1]["seq"]
    assert found["pending"] == 1
    assert db.ids(descending="true", feed="longpoll") == ["c", "b", "a"]
    assert db.changes(descending="true")["pending"] == 0


def test_a_long_feed_is_complete_and_without_repetitions(db: Db) -> None:
    for part in range(4):
        db.write(*({"_id": f"doc{part:02}-{number:04}", "text": "x" * 100} for number in range(2500)))
    for options in ({}, {"include_docs": "true"}, {"include_docs": "true", "conflicts": "true"}):
        found = db.changes(**options)
        assert [db.number(row["seq"]) for row in found["results"]] == list(range(1, 10_001))
    assert db.number(db.changes(descending="true")["results"][-1]["seq"]) == 1
    assert db.changes(since=1000, limit=5)["pending"] == 8995


def test_style_all_docs_lists_all_leaves_and_conflicts_are_named(db: Db) -> None:
    db.write({"_id": "a", "_rev": "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, new_edits=False)
    db.write({"_id": "a", "_rev": "1-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}, new_edits=False)
    winner, other = "1-" + "b" * 32, "1-" + "a" * 32
    assert db.changes()["results"][0]["changes"] == [{"rev": winner}]
    assert db.changes(style="all_docs")["results"][0]["changes"] == [{"rev": winner}, {"rev": other}]
    row = db.changes(include_docs="true", conflicts="true")["results"][0]
    assert row["doc"] == {"_id": "a", "_rev": winner, "_conflicts": [other]}


def test_documents_come_with_stubs_or_with_their_attachments(db: Db) -> None:
    db.write(
        {"_id": "a", "_attachments": {"x.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}},
        {"_id": "b", "n": 1},
    )
    stub = db.changes(include_docs="true")["results"][0]["doc"]["_attachments"]["x.txt"]
    assert stub["stub"] is True
    assert stub["length"] == 5
    found = db.changes(include_docs="true", attachments="true")
    assert found["results"][0]["doc"]["_attachments"]["x.txt"]["data"] == "aGVsbG8="
    assert found["results"][1]["doc"]["n"] == 1
    assert db.number(found["last_seq"]) == 2
    limited = db.changes(include_docs="true", attachments="true", limit=1)
    assert [row["id"] for row in limited["results"]] == ["a"]
    assert limited["pending"] == 1
    told = db.changes(include_docs="true", att_encoding_info="true")["results"][0]["doc"]["_attachments"]
    assert told["x.txt"]["encoding"] == "gzip"


def test_the_filter_doc_ids_lists_these_documents_only(db: Db) -> None:
    db.write(*({"_id": f"doc{number:03}"} for number in range(300)))
    wanted = ["doc299", "doc000", "absent"]
    assert db.ids({"doc_ids": wanted}, filter="_doc_ids") == ["doc000", "doc299"]
    assert db.ids(filter="_doc_ids", doc_ids='["doc299","doc000"]', descending="true") == ["doc299", "doc000"]
    found = db.changes({"doc_ids": wanted}, filter="_doc_ids", limit=1)
    assert [row["id"] for row in found["results"]] == ["doc000"]
    assert db.ids({"doc_ids": wanted}, filter="_doc_ids", since=found["last_seq"]) == ["doc299"]
    everything = [f"doc{number:03}" for number in range(300)]
    assert db.ids({"doc_ids": everything}, filter="_doc_ids", include_docs="true") == everything


def test_the_filter_design_lists_design_documents_only_deleted_ones_too(db: Db) -> None:
    db.write(*({"_id": f"doc{number:03}"} for number in range(200)))
    [made] = db.write({"_id": "_design/app"})
    db.write({"_id": "_design/app", "_rev": made["rev"], "_deleted": True}, {"_id": "_design/b"})
    assert db.ids(filter="_design") == ["_design/app", "_design/b"]
    assert db.ids(filter="_design", descending="true", limit=1) == ["_design/b"]


def test_the_filter_selector_tests_documents_and_fields_shorten_them(db: Db) -> None:
    db.write(*({"_id": f"doc{number:04}", "n": number, "deep": {"a": 1, "b": 2}} for number in range(2500)))
    body = {"selector": {"n": {"$gte": 2498}}}
    assert db.ids(body, filter="_selector") == ["doc2498", "doc2499"]
    assert db.number(db.changes({"selector": {"n": -1}}, filter="_selector")["last_seq"]) == 2500
    found = db.changes({**body, "fields": ["deep.b"]}, filter="_selector", include_docs="true", limit=1)
    assert [row["doc"] for row in found["results"]] == [{"deep": {"b": 2}}]
    assert found["pending"] == 1


def test_a_selector_with_all_leaves_lists_the_ones_that_pass(db: Db) -> None:
    db.write({"_id": "a", "_rev": "1-" + "a" * 32, "good": True}, new_edits=False)
    db.write({"_id": "a", "_rev": "1-" + "b" * 32, "good": False}, new_edits=False)
    body = {"selector": {"good": True}}
    found = db.changes(body, filter="_selector", style="all_docs")
    assert found["results"][0]["changes"] == [{"rev": "1-" + "a" * 32}]
    assert db.ids(body, filter="_selector") == []


def test_seq_interval_leaves_sequences_out(db: Db) -> None:
    db.write(*({"_id": f"doc{number}"} for number in range(6)))
    seqs = [row["seq"] for row in db.changes(limit=6, seq_interval=3)["results"]]
    assert [seq is not None for seq in seqs] == [True, False, False, True, False, False]


def test_functions_of_design_documents_are_told_to_be_missing(db: Db) -> None:
    db.write({"_id": "_design/app", "filters": {"mine": "function () {}"}})
    for filter_name, reason in (
        ("none/mine", "missing"),
        ("app/other", "missing json key: other"),
        ("_view", "missing json key: views"),
    ):
        answer = db.ask(filter=filter_name, view="app/by")
        assert answer.status_code == 404
        assert answer.json() == {"error": "not_found", "reason": reason}
    assert db.ids(filter="app/mine") == []


def test_bad_requests_are_refused_before_the_answer_begins(db: Db) -> None:
    assert db.ask(since="x").json() == {
        "error": "bad_request",
        "reason": "Malformed sequence supplied in 'since' parameter.",
    }
    assert db.ask(feed="continuous", since="x").status_code == 400
    assert db.ask(["no object"], filter="_selector").json()["reason"] == "Request body must be a JSON object"
    headers = {"Content-Type": "text/plain"}
    assert db.session.post(f"{db.url}/_changes", data="{}", headers=headers).status_code == 415
    assert db.session.post(f"{db.url}/_changes", headers={"Content-Type": "application/json"}).ok
    assert db.session.put(f"{db.url}/_changes").status_code == 405


def test_a_normal_feed_has_an_etag_that_changes_with_the_database(db: Db) -> None:
    db.write({"_id": "a"})
    tag = db.ask().headers["ETag"]
    answer = db.ask(headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    db.write({"_id": "b"})
    assert db.ask(headers={"If-None-Match": tag}).status_code == 200


def test_an_eventsource_feed_says_so_and_goes_on_behind_the_last_event(db: Db) -> None:
    db.write({"_id": "a"}, {"_id": "b"})
    answer = db.ask(feed="eventsource", timeout=0)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    events = answer.text.strip().split("\n\n")
    assert len(events) == 2
    last_id = events[0].split("\nid: ")[1]
    answer = db.ask(feed="eventsource", timeout=0, headers={"Last-Event-ID": last_id})
    assert [event.count('"id":"b"') for event in answer.text.strip().split("\n\n")] == [1]
