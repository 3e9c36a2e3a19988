"""The actions of whisk.system/cloudant, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from couchgrass.functions.system import cloudant
from couchgrass.testing.server import ServerProcess


@pytest.fixture
def account(couch_server: ServerProcess, db_name: str) -> Iterator[dict[str, Any]]:
    told = {"url": couch_server.auth_url, "dbname": db_name}
    assert cloudant.create_database(told) == {"ok": True}
    yield told
    assert cloudant.delete_database(told) == {"ok": True}


def test_a_document_is_written_read_and_deleted(account: dict[str, Any]) -> None:
    written = cloudant.write(account | {"doc": '{"_id": "a/b", "n": 1}'})
    assert written["ok"] is True
    assert cloudant.read(account | {"id": "a/b"})["n"] == 1
    over = cloudant.write(account | {"doc": {"_id": "a/b", "n": 2}, "overwrite": "true"})
    assert cloudant.read_document(account | {"docid": "a/b", "params": {"rev": over["rev"]}})["n"] == 2
    assert cloudant.write(account | {"doc": {"_id": "new"}, "overwrite": True})["ok"] is True
    assert cloudant.delete_document(account | {"docid": "a/b", "docrev": over["rev"]})["ok"] is True


def test_a_refusal_is_the_error(account: dict[str, Any]) -> None:
    assert cloudant.read(account | {"id": "no"})["error"]["statusCode"] == 404
    cloudant.write(account | {"doc": {"_id": "a"}})
    assert cloudant.write(account | {"doc": {"_id": "a"}})["error"]["error"] == "conflict"


def test_documents_are_listed_queried_and_written_together(account: dict[str, Any]) -> None:
    design = {"_id": "_design/d", "views": {"v": {"map": "function (doc) { emit(doc.n, null) }"}}}
    docs = {"docs": [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}, design]}
    assert len(cloudant.manage_bulk_documents(account | {"docs": docs})["results"]) == 3
    assert cloudant.list_documents(account | {"params": '{"limit": 1}'})["rows"][0]["id"] == "_design/d"
    assert len(cloudant.list_design_documents(account | {"includedocs": True})["rows"]) == 1
    rows = cloudant.exec_query_view(account | {"docid": "d", "viewname": "v", "params": {"key": 2}})["rows"]
    assert [row["id"] for row in rows] == ["b"]
    assert len(cloudant.read_changes_feed(account)["results"]) == 3
    assert cloudant.read_database(account)["doc_count"] == 3
    assert account["dbname"] in cloudant.list_all_databases(account)["all_databases"]
    assert cloudant.create_document(account | {"doc": {"_id": "c"}})["ok"] is True
    current = cloudant.read(account | {"id": "c"})
    assert cloudant.update_document(account | {"doc": current | {"n": 3}})["ok"] is True


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({}, "dbname is required."),
        ({"dbname": "d"}, "docid is required."),
        ({"dbname": "d", "id": "x"}, "cloudant account host is required."),
        ({"dbname": "d", "id": "x", "host": "h"}, "cloudant account username is required."),
        ({"dbname": "d", "id": "x", "url": "file:///etc"}, "the url parameter is not valid"),
        (
            {"dbname": "d", "id": "x", "params": "{"},
            "params field cannot be parsed. Ensure it is valid JSON.",
        ),
    ],
)
def test_what_is_missing_is_told(told: dict[str, Any], error: str) -> None:
    assert cloudant.read(told) == {"error": error}


def test_a_document_must_be_an_object_with_a_revision_to_be_updated() -> None:
    told = {"dbname": "d"}
    assert cloudant.write(told)["error"] == "doc is required."
    assert cloudant.write(told | {"doc": 5})["error"] == "doc field should be an object or a JSON string."
    assert cloudant.update_document(told | {"doc": {"_id": "a"}})["error"] == "doc and doc._rev are required."
    down = told | {"id": "x", "url": "http://u:p@127.0.0.1:9"}
    assert "does not answer" in cloudant.read(down)["error"]
