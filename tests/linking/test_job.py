"""A job's document: its ends, its keys, and when it is right."""

from __future__ import annotations

from typing import Any

import msgspec

from couchgrass.linking.job import (
    NO_DESIGN,
    Job,
    Key,
    Server,
    Side,
    database_of,
    document,
    has_failed,
    is_right,
    keys_of,
)
from couchgrass.linking.naming import End

OURS = Server(Side.A, "http://ours.example", admin="root", is_ours=True, has_api_keys=True)
APACHE = Server(Side.B, "http://apache.example:5984", admin="boss")
READER, WRITER = Key("reader", "r secret"), Key("writer", "w secret")


def test_our_own_database_is_named_and_reached_as_an_admin() -> None:
    job = Job("a/b", source=APACHE, target=OURS, host=OURS)
    assert job.key_ends == (End.SOURCE,)
    assert document(job, {End.SOURCE: READER}, None) == {
        "_id": job.id,
        "source": {
            "url": "http://apache.example:5984/a%2Fb",
            "auth": {"basic": {"username": "reader", "password": "r secret"}},
        },
        "target": "a/b",
        "continuous": True,
        "user_ctx": {"name": "root", "roles": ["_admin"]},
    }


def test_couchdb_is_told_urls_only() -> None:
    job = Job("db", source=OURS, target=APACHE, host=APACHE)
    assert job.key_ends == (End.SOURCE, End.TARGET)
    doc = document(job, {End.SOURCE: READER, End.TARGET: WRITER}, None)
    assert doc["target"]["url"] == "http://apache.example:5984/db"
    assert "user_ctx" not in doc
    assert {end: (key.name, key.password) for end, key in keys_of(doc).items()} == {
        End.SOURCE: ("reader", "r secret"),
        End.TARGET: ("writer", "w secret"),
    }


def test_a_document_is_right_whatever_its_keys_and_what_was_tuned_by_hand() -> None:
    job = Job("db", source=APACHE, target=OURS, host=OURS, selector={"type": "todo"})
    doc = document(job, {End.SOURCE: READER}, None)
    stored: dict[str, Any] = {
        **doc,
        "_rev": "3-x",
        "owner": "root",
        "worker_processes": 1,
        "_replication_id": "x",
    }
    stored["user_ctx"] = {"name": "another admin", "roles": ["_admin"]}
    assert is_right(stored, job)
    again = document(job, {End.SOURCE: WRITER}, stored)
    assert again["worker_processes"] == 1 and again["_rev"] == "3-x" and "_replication_id" not in again


def test_a_document_that_is_about_something_else_is_wrong() -> None:
    job = Job("db", source=APACHE, target=OURS, host=OURS, selector={"type": "todo"})
    doc = document(job, {End.SOURCE: READER}, None)
    for change in (
        {"selector": {"type": "note"}},
        {"continuous": False},
        {"doc_ids": ["x"]},
        {"target": "other"},
        {"source": {"url": "http://elsewhere.example/db"}},
        {"source": "http://elsewhere.example/db"},
        {"user_ctx": {"name": "root", "roles": []}},
    ):
        assert not is_right({**doc, **change}, job), change
        assert document(job, {End.SOURCE: READER}, {**doc, **change}) == doc


def test_design_documents_are_left_out_by_the_selector() -> None:
    job = Job("db", source=APACHE, target=OURS, host=OURS, design=False)
    assert document(job, {End.SOURCE: READER}, None)["selector"] == NO_DESIGN
    narrow = msgspec.structs.replace(job, selector={"type": "todo"})
    selector = document(narrow, {End.SOURCE: READER}, None)["selector"]
    assert selector == {"$and": [{"type": "todo"}, NO_DESIGN]}


def test_the_database_that_a_document_is_about() -> None:
    job = Job("a/b", source=APACHE, target=OURS, host=OURS)
    assert database_of(document(job, {End.SOURCE: READER}, None)) == "a/b"
    assert database_of({"source": "http://x.example/one", "target": "two"}) is None
    assert database_of({"_deleted": True}) is None


def test_only_the_server_s_last_word_is_a_failure() -> None:
    assert has_failed({"_replication_state": "failed"})
    assert not has_failed({"_replication_state": "error"})


def test_a_key_shows_no_password() -> None:
    assert "secret" not in repr(READER)
