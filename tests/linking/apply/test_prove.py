"""Waiting for jobs and the proof: bounded, swept up after, and no failure where the database's rules
refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import RequestTimeout
from couchgrass.linking.apply.prove import Waited, prove, until_running
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.linking.apache import ADMIN, Apache, apaches

DOC = {"_id": "proof", "run": "1"}


def alone(work: Callable[[Apache, CouchServer], Awaitable[None]]) -> None:
    """A server whose jobs nobody runs."""

    async def main() -> None:
        async with apaches(1) as (apache,), CouchServer(apache.url, *ADMIN) as server:
            for db in ("here", "there", "_replicator"):
                apache.create(db)
            await work(apache, server)

    asyncio.run(main())


def test_a_document_that_does_not_come_is_an_error_and_is_removed_again() -> None:
    async def work(apache: Apache, server: CouchServer) -> None:
        apache.create("db")
        async with apaches(1) as (other,), CouchServer(other.url, *ADMIN) as empty:
            other.create("db")
            with pytest.raises(RequestTimeout, match=f"{other.url}: the proof's document did not come"):
                await prove(server, empty, "db", DOC, both_ways=True, timeout_s=0.02)
        assert apache.dbs["db"]["proof"]["_deleted"] is True

    alone(work)


def test_what_an_interrupted_run_has_left_is_used_and_removed() -> None:
    async def work(apache: Apache, server: CouchServer) -> None:
        apache.put("here", "proof", {"left": True})
        proof = await prove(server, server, "here", DOC, both_ways=True, timeout_s=60)
        assert proof.there_s is not None and proof.back_s is not None
        assert apache.dbs["here"]["proof"]["_deleted"] is True

    alone(work)


def test_a_database_that_refuses_the_document_is_no_failure(
    couch_server: ServerProcess, db_name: str
) -> None:
    call(couch_server.auth_url, "PUT", f"/{db_name}")
    rule = "function (doc) { if (!doc.type) { throw({forbidden: 'type is missing'}); } }"
    call(couch_server.auth_url, "PUT", f"/{db_name}/_design/rule", {"validate_doc_update": rule})

    async def main() -> Any:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as server:
            return await prove(server, server, db_name, DOC, both_ways=False, timeout_s=60)

    proof = asyncio.run(main())
    assert proof.refused == f"{couch_server.url}: type is missing" and proof.there_s is None


def test_jobs_that_do_not_run_are_named_with_their_state_and_reason() -> None:
    async def work(apache: Apache, server: CouchServer) -> None:
        apache.put("_replicator", "job", job(apache))
        shown: list[tuple[int, str]] = []
        waited = await until_running(
            [(server, "job"), (server, "unknown")], 0.02, lambda count, state: shown.append((count, state))
        )
        assert waited == [Waited("job", "crashing", "unauthorized"), Waited("unknown", "not started", "")]
        assert shown[0] == (0, "crashing")

    alone(work)


def test_where_there_is_no_scheduler_the_document_says_whether_it_runs() -> None:
    async def work(apache: Apache, server: CouchServer) -> None:
        apache.put("_replicator", "job", job(apache) | {"_replication_state": "triggered"})
        apache.has_scheduler = False
        assert await until_running([(server, "job")], 60, lambda count, state: None) == []

    alone(work)


def job(apache: Apache) -> dict[str, Any]:
    auth = {"auth": {"basic": {"username": "nobody", "password": "x"}}}
    return {"source": {"url": f"{apache.url}/here", **auth}, "target": {"url": f"{apache.url}/there", **auth}}
