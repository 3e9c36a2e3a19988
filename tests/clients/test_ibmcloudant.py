"""IBM's SDK for Python, with gzip request bodies: a full round against our server."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import Authenticator, BasicAuthenticator
from ibmcloudant import CouchDbSessionAuthenticator
from ibmcloudant.cloudant_v1 import AllDocsQuery, BulkDocs, BulkGetQueryDocument, CloudantV1, SecurityObject
from ibmcloudant.features.changes_follower import ChangesFollower

from couchgrass.testing.server import ServerProcess


def connect(url: str, authenticator: Authenticator) -> Any:
    service: Any = CloudantV1(authenticator=authenticator)
    service.set_service_url(url)
    service.set_enable_gzip_compression(True)
    return service


@pytest.fixture
def service(couch_server: ServerProcess) -> Iterator[Any]:
    admin = connect(couch_server.url, BasicAuthenticator(couch_server.user, couch_server.password))
    yield admin
    admin.get_http_client().close()


@pytest.fixture
def db(service: Any) -> Iterator[str]:
    name = f"ibmcloudant-{uuid.uuid4().hex[:12]}"
    assert service.put_database(name).get_result() == {"ok": True}
    yield name
    assert service.delete_database(name).get_result() == {"ok": True}


def test_a_database_is_created_once_and_described(service: Any, db: str) -> None:
    with pytest.raises(ApiException) as refused:
        service.put_database(db)
    assert (refused.value.status_code, refused.value.http_response.json()["error"]) == (412, "file_exists")
    info = service.get_database_information(db).get_result()
    assert (info["db_name"], info["doc_count"]) == (db, 0)
    assert service.head_database(db).get_status_code() == 200
    assert db in service.get_all_dbs().get_result()
    assert service.post_dbs_info([db]).get_result()[0]["info"]["db_name"] == db
    assert service.get_server_information().get_result()["couchdb"] == "Welcome"


def test_documents_are_put_read_updated_and_deleted(service: Any, db: str) -> None:
    document = {"_id": "a/b +ü", "text": "couch grass " * 500, "big": 2**70, "n": 1.0}
    first = service.put_document(db, "a/b +ü", document).get_result()
    read = service.get_document(db, "a/b +ü")
    assert read.get_result() == {**document, "_rev": first["rev"]}
    assert read.get_headers()["ETag"] == f'"{first["rev"]}"'
    assert service.head_document(db, "a/b +ü").get_headers()["ETag"] == f'"{first["rev"]}"'
    second = service.put_document(
        db, "a/b +ü", io.BytesIO(b'{"n":2}'), content_type="application/json", if_match=first["rev"]
    ).get_result()
    assert second["rev"].startswith("2-")
    gone = service.delete_document(db, "a/b +ü", rev=second["rev"]).get_result()
    assert gone["rev"].startswith("3-")
    with pytest.raises(ApiException) as missing:
        service.get_document(db, "a/b +ü")
    answer = missing.value.http_response.json()
    assert (missing.value.status_code, answer["error"], answer["reason"]) == (404, "not_found", "deleted")


def test_an_edit_of_an_old_revision_conflicts_and_branches_are_shown(service: Any, db: str) -> None:
    service.post_document(db, {"_id": "contested", "n": 0})
    with pytest.raises(ApiException) as refused:
        service.post_document(db, {"_id": "contested", "n": 1})
    answer = refused.value.http_response.json()
    assert (refused.value.status_code, answer["error"]) == (409, "conflict")
    assert answer["reason"] == "Document update conflict."
    low, high = "1-" + "a" * 32, "1-" + "b" * 32
    branches = [{"_id": "branched", "_rev": rev, "side": rev[2]} for rev in (low, high)]
    assert service.post_bulk_docs(db, BulkDocs(docs=branches, new_edits=False)).get_result() == []
    winner = service.get_document(db, "branched", conflicts=True).get_result()
    assert (winner["side"], winner["_conflicts"]) == ("b", [low])
    missing = service.post_revs_diff(db, {"branched": [low, "3-" + "c" * 32]}).get_result()
    assert missing["branched"]["missing"] == ["3-" + "c" * 32]


def test_bulk_writes_and_reads_keep_their_order(service: Any, db: str) -> None:
    docs = [{"_id": f"bulk-{n:03}", "n": n} for n in range(50)]
    written = service.post_bulk_docs(db, BulkDocs(docs=docs))
    assert written.get_status_code() == 201
    assert [row["id"] for row in written.get_result()] == [doc["_id"] for doc in docs]
    streamed = service.post_bulk_docs(db, io.BytesIO(json.dumps({"docs": docs[:1]}).encode())).get_result()
    assert [row["error"] for row in streamed] == ["conflict"]
    rows = service.post_all_docs(db, start_key="bulk-003", end_key="bulk-005", include_docs=True).get_result()
    assert [row["doc"]["n"] for row in rows["rows"]] == [3, 4, 5]
    queries = [AllDocsQuery(key="bulk-001"), AllDocsQuery(keys=["bulk-002", "nowhere"])]
    results = service.post_all_docs_queries(db, queries).get_result()["results"]
    assert [[row.get("id", row.get("error")) for row in one["rows"]] for one in results] == [
        ["bulk-001"],
        ["bulk-002", "not_found"],
    ]
    got = service.post_bulk_get(db, [BulkGetQueryDocument(id="bulk-007")]).get_result()
    assert got["results"][0]["docs"][0]["ok"]["n"] == 7
    with service.post_bulk_get_as_mixed(db, [BulkGetQueryDocument(id="bulk-008")]).get_result() as mixed:
        assert mixed.headers["Content-Type"].startswith("multipart/mixed")
        assert b'"n":8' in mixed.content


def test_changes_resume_filter_and_follow(service: Any, db: str) -> None:
    service.post_bulk_docs(db, BulkDocs(docs=[{"_id": f"doc-{n}", "n": n} for n in range(9)]))
    everything = service.post_changes(db, include_docs=True).get_result()
    assert sorted(row["doc"]["n"] for row in everything["results"]) == list(range(9))
    assert service.post_changes(db, since=everything["last_seq"]).get_result()["results"] == []
    resumed = service.post_changes(db, since=everything["results"][-2]["seq"]).get_result()
    assert [row["id"] for row in resumed["results"]] == [everything["results"][-1]["id"]]
    chosen = service.post_changes(db, filter="_selector", selector={"n": {"$gte": 8}}).get_result()
    assert [row["id"] for row in chosen["results"]] == ["doc-8"]
    named = service.post_changes(db, filter="_doc_ids", doc_ids=["doc-3"]).get_result()
    assert [row["id"] for row in named["results"]] == ["doc-3"]
    followed = [row.id for row in ChangesFollower(service, db=db).start_one_off()]
    assert followed == [row["id"] for row in everything["results"]]


def test_a_continuous_feed_delivers_what_is_written_while_it_is_open(service: Any, db: str) -> None:
    feed = service.post_changes_as_stream(db, feed="continuous", heartbeat=500, include_docs=True)
    with feed.get_result() as response:
        lines = (json.loads(line) for line in response.iter_lines(chunk_size=1) if line)
        for n in range(3):
            written = service.put_document(db, f"live-{n}", {"n": n}).get_result()
            row = next(lines)
            assert (row["id"], row["changes"]) == (f"live-{n}", [{"rev": written["rev"]}])
            assert row["doc"]["n"] == n


def test_a_follower_listens_until_it_is_stopped(service: Any, db: str) -> None:
    since = service.post_changes(db, since="now").get_result()["last_seq"]
    follower = ChangesFollower(service, db=db, since=since)
    rows = iter(follower.start())
    for n in range(2):
        service.put_document(db, f"followed-{n}", {"n": n})
        assert next(rows).id == f"followed-{n}"
    stopping = threading.Thread(target=follower.stop)
    stopping.start()
    while stopping.is_alive():  # the SDK stops when the poll that it has open is answered
        service.post_document(db, {})


def test_attachments_come_back_as_they_were_before_gzip(service: Any, db: str) -> None:
    raw, text = bytes(range(256)), b"couch grass " * 1000
    made = service.put_attachment(db, "files", "raw.bin", io.BytesIO(raw), "image/png").get_result()
    noted = service.put_attachment(
        db, "files", "note.txt", io.BytesIO(text), "text/plain", rev=made["rev"]
    ).get_result()
    assert service.get_attachment(db, "files", "raw.bin").get_result().content == raw
    assert service.get_attachment(db, "files", "note.txt").get_result().content == text
    part = service.get_attachment(db, "files", "raw.bin", range="bytes=2-5")
    assert (part.get_status_code(), part.get_result().content) == (206, raw[2:6])
    head = service.head_attachment(db, "files", "raw.bin").get_headers()
    assert (head["Content-Type"], head["Content-Length"]) == ("image/png", "256")
    stubs = service.get_document(db, "files").get_result()["_attachments"]
    assert {name: (stub["length"], stub["revpos"]) for name, stub in stubs.items()} == {
        "raw.bin": (256, 1),
        "note.txt": (12000, 2),
    }
    left = service.delete_attachment(db, "files", "raw.bin", rev=noted["rev"]).get_result()
    assert left["rev"].startswith("3-")
    assert list(service.get_document(db, "files").get_result()["_attachments"]) == ["note.txt"]


def test_security_is_kept_and_a_cookie_session_works(
    service: Any, db: str, couch_server: ServerProcess
) -> None:
    admins, members = SecurityObject(names=[], roles=["chief"]), SecurityObject(names=["kim"], roles=[])
    assert service.put_security(db, admins=admins, members=members).get_result() == {"ok": True}
    kept = service.get_security(db).get_result()
    assert (kept["admins"], kept["members"]) == (admins.to_dict(), members.to_dict())
    session = connect(couch_server.url, CouchDbSessionAuthenticator(couch_server.user, couch_server.password))
    who = session.get_session_information().get_result()
    assert (who["userCtx"]["name"], who["info"]["authenticated"]) == (couch_server.user, "cookie")
    assert session.put_document(db, "by cookie", {"n": 1}).get_status_code() == 201
    session.get_http_client().close()


def test_an_api_key_may_do_what_it_was_granted_and_no_more(
    service: Any, db: str, couch_server: ServerProcess
) -> None:
    key = service.post_api_keys().get_result()
    keyed = connect(couch_server.url, BasicAuthenticator(key["key"], key["password"]))
    service.put_document(db, "doc", {"n": 1})

    def refused(call: Any, *arguments: Any) -> int:
        with pytest.raises(ApiException) as refusal:
            call(db, *arguments)
        return int(refusal.value.status_code)

    def grant(*rights: str) -> None:
        answer = service.put_cloudant_security_configuration(db, {key["key"]: list(rights)} if rights else {})
        assert answer.get_result() == {"ok": True}

    assert refused(keyed.get_document, "doc") == 403
    grant("_reader")
    assert keyed.get_document(db, "doc").get_result()["n"] == 1
    assert refused(keyed.post_document, {"n": 2}) == 403
    grant("_reader", "_writer")
    assert keyed.post_document(db, {"n": 2}).get_status_code() == 201
    assert refused(keyed.put_security) == 403
    grant("_admin")
    assert keyed.get_security(db).get_result()["cloudant"] == {key["key"]: ["_admin"]}
    grant()
    assert refused(keyed.get_document, "doc") == 403
    keyed.get_http_client().close()
