"""IBM's SDK for Python: replication documents from their writing to their end, and the scheduler."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant.cloudant_v1 import (
    BulkDocs,
    CloudantV1,
    ReplicationDatabase,
    ReplicationDatabaseAuth,
    ReplicationDatabaseAuthBasic,
    ReplicationDocument,
)

from couchgrass.testing.server import ServerProcess

DOCS = 1200
WITHIN_S = 60.0


@pytest.fixture
def service(couch_server: ServerProcess) -> Iterator[Any]:
    admin: Any = CloudantV1(authenticator=BasicAuthenticator(couch_server.user, couch_server.password))
    admin.set_service_url(couch_server.url)
    try:
        admin.put_database("_replicator")
    except ApiException as refused:
        assert refused.status_code == 412
    yield admin
    admin.get_http_client().close()


class Link:
    """A source with documents, a target that is not there yet, and the id of a job's document."""

    def __init__(self, service: Any, server: ServerProcess) -> None:
        mark = uuid.uuid4().hex[:12]
        self.source, self.target, self.job = f"source-{mark}", f"target-{mark}", f"job-{mark}"
        self._service = service
        self._server = server

    def end(self, db: str) -> ReplicationDatabase:
        basic = ReplicationDatabaseAuthBasic(username=self._server.user, password=self._server.password)
        return ReplicationDatabase(url=f"{self._server.url}/{db}", auth=ReplicationDatabaseAuth(basic=basic))

    def write(self, **options: Any) -> None:
        document = ReplicationDocument(source=self.end(self.source), target=self.end(self.target), **options)
        assert self._service.put_replication_document(self.job, document).get_result()["ok"] is True

    def row(self) -> Any:
        """What the scheduler says of the document; {} when it does not know it."""
        try:
            return self._service.get_scheduler_document(self.job).get_result()
        except ApiException as missing:
            assert missing.status_code == 404
            return {}

    def remove(self) -> None:
        rev = self._service.get_replication_document(self.job).get_result()["_rev"]
        self._service.delete_replication_document(self.job, rev=rev)
        until(lambda: not self.row())


@pytest.fixture
def link(service: Any, couch_server: ServerProcess) -> Iterator[Link]:
    link = Link(service, couch_server)
    service.put_database(link.source)
    docs = [{"_id": f"doc-{n}", "n": n} for n in range(DOCS)]
    service.post_bulk_docs(link.source, BulkDocs(docs=docs))
    yield link
    for db in (link.source, link.target):
        service.delete_database(db)


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return seen


def test_a_job_that_runs_once_is_completed_and_says_what_it_did(service: Any, link: Link) -> None:
    link.write(create_target=True)
    row = until(lambda: (row := link.row()).get("state") == "completed" and row)
    assert (row["info"]["docs_written"], row["info"]["doc_write_failures"]) == (DOCS, 0)
    assert service.get_database_information(link.target).get_result()["doc_count"] == DOCS
    stored = until(
        lambda: (
            (doc := service.get_replication_document(link.job).get_result()).get("_replication_state") and doc
        )
    )
    assert stored["_replication_state"] == "completed"
    listed = service.get_scheduler_docs(states=["completed"]).get_result()
    assert link.job in [one["doc_id"] for one in listed["docs"]]
    link.remove()


def test_a_continuous_job_runs_until_its_document_is_gone(
    service: Any, link: Link, couch_server: ServerProcess
) -> None:
    link.write(create_target=True, continuous=True, selector={"n": {"$gte": 0}})
    row = until(lambda: (row := link.row()).get("state") == "running" and row)
    assert service.head_scheduler_document(link.job).get_status_code() == 200
    jobs = service.get_scheduler_jobs(limit=10_000).get_result()
    assert jobs["total_rows"] == len(jobs["jobs"])
    (job,) = [one for one in jobs["jobs"] if one["doc_id"] == link.job]
    assert service.head_scheduler_job(job["id"]).get_status_code() == 200
    found = service.get_scheduler_job(job["id"]).get_result()
    assert (found["id"], found["source"], found["target"]) == (row["id"], job["source"], job["target"])
    assert couch_server.password not in str([row, jobs, found])
    rev = service.put_document(link.source, "new", {"n": 1}).get_result()["rev"]
    until(lambda: _rev(service, link.target, "new") == rev)
    tasks = service.get_active_tasks().get_result()
    assert [task["replication_id"] for task in tasks if task.get("doc_id") == link.job] == [job["id"]]
    link.remove()
    with pytest.raises(ApiException) as gone:
        service.get_scheduler_job(job["id"])
    assert gone.value.status_code == 404


def test_credentials_are_shown_to_nobody_else(service: Any, link: Link, couch_server: ServerProcess) -> None:
    link.write(create_target=True, continuous=True)
    key = service.post_api_keys().get_result()
    stranger: Any = CloudantV1(authenticator=BasicAuthenticator(key["key"], key["password"]))
    stranger.set_service_url(couch_server.url)
    service.put_cloudant_security_configuration("_replicator", {key["key"]: ["_reader"]})
    try:
        shown = stranger.get_replication_document(link.job).get_result()
        assert couch_server.password not in str(shown)
        with pytest.raises(ApiException) as refused:
            stranger.get_scheduler_jobs()
        assert refused.value.status_code in (401, 403)
    finally:
        service.put_cloudant_security_configuration("_replicator", {})
        stranger.get_http_client().close()
    until(lambda: link.row().get("state") == "running")
    link.remove()


def _rev(service: Any, db: str, doc_id: str) -> Any:
    try:
        return service.get_document(db, doc_id).get_result()["_rev"]
    except ApiException:
        return None
