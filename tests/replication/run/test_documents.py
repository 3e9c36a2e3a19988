"""Documents that ask for replications, on real servers."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.replicator_doc import is_replicator_db
from couchgrass.replication.run import documents, peers, replicate, replicator
from couchgrass.replication.run.documents import asked_of, epoch, generation
from couchgrass.replication.status import iso8601
from couchgrass.testing.call import call
from couchgrass.testing.server import running

from ..pair import Side, become, pair, side, until
from ..wire import Wire, wire

STATE = "_replication_state"


def test_databases_of_replications_are_known_by_their_last_segment() -> None:
    assert is_replicator_db("_replicator") and is_replicator_db("a/b/_replicator")
    assert not is_replicator_db("a_replicator") and not is_replicator_db("_replicator/a")


def test_what_is_written_into_a_document_is_not_what_it_asks_for() -> None:
    doc = {"source": "a", "target": "b"}
    marked = {**doc, "_id": "x", "_rev": "12-a", STATE: "failed", "_replication_state_reason": "why"}
    assert asked_of(marked) == asked_of(doc) != asked_of({**doc, "continuous": True})
    assert (generation(marked), generation(doc)) == (12, 0)


def test_times_are_read_as_they_are_written() -> None:
    assert epoch(iso8601(1_700_000_000.0), 5.0) == 1_700_000_000.0
    for damaged in (None, 3, "yesterday", "2026-13-01T00:00:00Z"):
        assert epoch(damaged, 5.0) == 5.0


def test_a_document_is_a_job_until_it_is_deleted_and_its_checkpoint_stays(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("db"), "continuous": True, "checkpoint_interval": 50}
        await a.put("/_replicator/one", body)
        await a.put("/db/first", {})
        await until(lambda: b.has("/db/first"))
        assert (await a.row("one"))["state"] == "running"
        stored = await a.json("GET", "/_replicator/one")
        assert STATE not in stored and stored["owner"] == "admin"
        for one in (a, b):
            await become(partial(checkpoints, one), 1)
        rev = stored["_rev"]
        await a.json("DELETE", f"/_replicator/one?rev={rev}")
        await become(lambda: jobs(a), [])
        await become(lambda: a.row("one"), {})
        for one in (a, b):
            await become(partial(checkpoints, one), 1)
        await a.put("/db/second", {})
        await a.put("/_replicator/again", body)
        await until(lambda: b.has("/db/second"))
        info = (await a.row("again"))["info"]
        assert info["docs_read"] == 1, "it went on from the checkpoint"

    pair(tmp_path, work)


def test_a_deleted_document_is_shown_until_its_job_has_written_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that who takes a job away knows when nothing more comes from it."""
    monkeypatch.setattr(peers, "WATCH_S", 3600.0)
    monkeypatch.setattr(replicate, "LAST_CHECKPOINT_S", 60.0)

    async def work(a: Side, b: Side) -> None:
        async with wire(b.url) as line:
            await delete_on_a_mute_wire(a, b, line, "/_replicator")
            assert await a.row("one")
            line.unmute()
            await become(lambda: a.row("one"), {})
            assert (await checkpoints(a), await checkpoints(b)) == (1, 1)

    pair(tmp_path, work)


async def delete_on_a_mute_wire(a: Side, b: Side, line: Wire, path: str) -> None:
    """Makes the job of a document `one` in the database at `path`, and deletes the document: the job can't
    end before the wire is unmuted."""
    seldom = {"continuous": True, "checkpoint_interval": 3_600_000}
    await a.put(f"{path}/one", {"source": "db", "target": line.at("db"), **seldom})
    await a.put("/db/first", {})
    await until(lambda: b.has("/db/first"))
    rev = (await a.json("GET", f"{path}/one"))["_rev"]
    line.mute()
    await a.json("DELETE", f"{path}/one?rev={rev}")
    await become(lambda: jobs(a), [])


def test_a_deleted_document_is_shown_for_as_long_when_its_database_is_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 3600.0)
    monkeypatch.setattr(replicate, "LAST_CHECKPOINT_S", 60.0)

    async def work(a: Side, b: Side) -> None:
        name, path = "x/_replicator", "/x%2F_replicator"
        async with wire(b.url) as line:
            await a.json("PUT", path)
            await delete_on_a_mute_wire(a, b, line, path)
            await a.json("DELETE", path)
            await until(lambda: is_not_watched(a, name))
            for _ in range(20):
                assert await a.row("one", name)
            line.unmute()
            await become(lambda: a.row("one", name), {})
            assert (await checkpoints(a), await checkpoints(b)) == (1, 1)

    pair(tmp_path, work)


async def is_not_watched(a: Side, database: str) -> bool:
    return database not in a.attached.documents._watches


async def checkpoints(a: Side) -> int:
    return len((await a.json("GET", "/db/_local_docs"))["rows"])


async def jobs(a: Side) -> list[str]:
    return sorted(a.jobs)


def test_a_changed_document_is_another_job(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        for name in ("here", "there"):
            await b.json("PUT", f"/{name}")
        body = {"source": "db", "target": b.at("here"), "continuous": True}
        await a.put("/_replicator/one", body)
        await become(lambda: a.state("one"), "running")
        [before] = await jobs(a)
        await a.put("/_replicator/one", {**body, "target": b.at("there")})
        await until(lambda: other(before, a))
        await a.put("/db/doc", {})
        await until(lambda: b.has("/there/doc"))
        assert not await b.has("/here/doc")

    async def other(before: str, a: Side) -> bool:
        return len(a.jobs) == 1 and before not in a.jobs

    pair(tmp_path, work)


@pytest.mark.parametrize("update_docs", ["false", "true"])
def test_what_is_asked_for_once_is_marked_completed(tmp_path: Path, update_docs: str) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.setting("replicator", "update_docs", update_docs)
        await a.held.put_docs("db", 7)
        await a.put("/_replicator/once", {"source": "db", "target": b.at("db")})
        await become(lambda: a.state("once"), "completed")
        doc = await until(lambda: marked(a, "once", "completed"))
        assert doc["_replication_stats"]["docs_written"] == 7
        assert len(doc["_replication_id"]) == 32
        assert doc["_replication_state_time"].endswith("Z")
        row = await a.row("once")
        assert (row["id"], row["error_count"], row["info"]["docs_written"]) == (None, 0, 7)
        assert await jobs(a) == []
        # It is not done again, whatever is written into it about its job.
        edits = generation(doc)
        assert edits == (3 if update_docs == "true" else 2)
        await a.put("/db/more", {})
        # Without its state it is asked for again.
        await a.put("/_replicator/once", {"source": "db", "target": b.at("db")})
        await until(lambda: b.has("/db/more"))
        doc = await until(lambda: marked(a, "once", "completed"))
        assert doc["_replication_stats"]["docs_written"] == 1

    pair(tmp_path, work)


async def marked(a: Side, doc_id: str, state: str, database: str = "_replicator") -> Any:
    doc = await a.json("GET", f"/{database}/{doc_id}")
    return doc if doc.get(STATE) == state else None


def test_states_are_written_when_that_is_asked_for(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.setting("replicator", "update_docs", "true")
        await a.put("/_replicator/on", {"source": "db", "target": b.at("db"), "continuous": True})
        await until(lambda: marked(a, "on", "triggered"))
        await a.put("/_replicator/bad", {"source": "none", "target": b.at("db"), "continuous": True})
        doc = await until(lambda: marked(a, "bad", "error"))
        assert "db_not_found" in doc["_replication_state_reason"]
        await a.json("PUT", "/none")
        doc = await until(lambda: marked(a, "bad", "triggered"))
        assert "_replication_state_reason" not in doc

    pair(tmp_path, work)


def test_one_replication_has_one_document(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        await a.put("/_replicator/first", body)
        await become(lambda: a.state("first"), "running")
        await a.put("/_replicator/second", body)
        doc = await until(lambda: marked(a, "second", "failed"))
        assert "already started, triggered by document `first`" in doc["_replication_state_reason"]
        row = await a.row("second")
        assert (row["state"], row["id"]) == ("failed", None)
        assert "already started" in row["info"]["error"]
        assert await a.state("first") == "running"
        assert (await a.ask("PUT", "/_replicator/bad", {"source": "db"}))[0] == 403

    pair(tmp_path, work)


def test_a_filter_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("db"), "continuous": True, "filter": "app/some"}
        await a.put("/_replicator/one", body)
        await become(lambda: a.state("one"), "error")
        row = await a.row("one")
        assert row["next_try"] is not None and row["error_count"] >= 1 and "error" in row["info"]
        await a.put("/db/_design/app", {"filters": {"some": "function(doc) { return doc.yes; }"}})
        await become(lambda: a.state("one"), "running")
        await a.put("/db/no", {})
        await a.put("/db/yes", {"yes": True})
        await until(lambda: b.has("/db/yes"))
        assert not await b.has("/db/no")

    pair(tmp_path, work)


def test_a_filter_whose_code_changes_passes_all_documents_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "FILTER_S", 0.05)

    async def work(a: Side, b: Side) -> None:
        await a.put("/db/_design/app", {"filters": {"some": "function(doc) { return doc._id == 'one'; }"}})
        for name in ("one", "two"):
            await a.put(f"/db/{name}", {})
        body = {"source": "db", "target": b.at("db"), "filter": "app/some", "continuous": True}
        await a.put("/_replicator/job", body)
        await until(partial(b.has, "/db/one"))
        [first] = a.jobs
        await a.put("/db/_design/app", {"filters": {"some": "function(doc) { return doc._id == 'two'; }"}})
        await until(partial(b.has, "/db/two"))
        assert list(a.jobs) != [first] and len(a.jobs) == 1
        assert await b.ids("db") == {"one", "two"}

    pair(tmp_path, work)


def test_replicator_databases_come_and_go(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        for round in range(2):
            await a.json("PUT", "/x%2F_replicator")
            await a.put("/x%2F_replicator/one", body)
            await become(lambda: a.state("one", "x/_replicator"), "running")
            await a.put(f"/db/{round}", {})
            await until(partial(b.has, f"/db/{round}"))
            await a.json("DELETE", "/x%2F_replicator")
            await become(lambda: jobs(a), [])
            await become(lambda: a.row("one", "x/_replicator"), {})
        # Deleted and made again at once: what the new one asks for counts.
        await a.json("PUT", "/x%2F_replicator")
        await a.put("/x%2F_replicator/one", body)
        await a.json("DELETE", "/x%2F_replicator")
        await a.json("PUT", "/x%2F_replicator")
        await a.put("/x%2F_replicator/two", body)
        await become(lambda: a.state("two", "x/_replicator"), "running")
        await become(lambda: a.row("one", "x/_replicator"), {})

    pair(tmp_path, work)


def test_a_server_that_starts_goes_on_with_all_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its last checkpoint is written when it stops, if there is time.
    monkeypatch.setattr(replicate, "LAST_CHECKPOINT_S", 60.0)
    monkeypatch.setattr(replicator, "STOP_S", 60.0)

    async def work() -> None:
        async with side(tmp_path / "b") as b:
            await b.json("PUT", "/db")
            async with side(tmp_path / "a") as a:
                await a.json("PUT", "/db")
                await a.json("PUT", "/x%2F_replicator")
                await a.put("/x%2F_replicator/on", {"source": "db", "target": b.at("db"), "continuous": True})
                await a.put("/_replicator/once", {"source": "db", "target": b.at("db")})
                await until(lambda: marked(a, "once", "completed"))
                done_at = (await a.row("once"))["last_updated"]
                await a.put("/db/one", {})
                await until(lambda: b.has("/db/one"))
            async with side(tmp_path / "a") as a:
                await become(lambda: a.state("on", "x/_replicator"), "running")
                row = await until(lambda: a.row("once"))
                assert (row["state"], row["last_updated"]) == ("completed", done_at)
                assert row["info"]["docs_written"] == 0
                await a.put("/db/two", {})
                await until(lambda: b.has("/db/two"))
                info = (await a.row("on", "x/_replicator"))["info"]
                assert info["docs_read"] == 1, "it went on from its last checkpoint"

    asyncio.run(work())


def test_a_killed_server_goes_on_as_well(tmp_path: Path) -> None:
    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        for one in (a, b):
            assert call(one.auth_url, "PUT", "/db").status == 201
        body = {"source": "db", "target": f"{b.auth_url}/db", "continuous": True}
        assert call(a.auth_url, "PUT", "/_replicator/on", body).status == 201
        a.kill()
        a.start()
        assert call(a.auth_url, "PUT", "/db/one", {}).status == 201

        async def there() -> bool:
            return call(b.auth_url, "GET", "/db/one").status == 200

        asyncio.run(until(there))


def test_a_document_runs_as_who_wrote_it(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        anna = await a.user("anna", roles=("reader",))
        await a.json("PUT", "/_replicator/_security", {"members": {"roles": []}})
        await a.json("PUT", "/hers")
        await a.json("PUT", "/hers/_security", {"members": {"roles": ["reader"]}, "admins": {"names": ["x"]}})
        await a.json("PUT", "/db/_security", {"members": {"names": ["other"]}, "admins": {"names": ["x"]}})
        for source in ("hers", "db"):
            await a.put(f"/{source}/from-{source}", {})
            body = {"source": source, "target": b.at("db"), "continuous": True}
            assert (await a.ask("PUT", f"/_replicator/{source}", body, user=anna))[0] == 201
        await until(lambda: b.has("/db/from-hers"))
        await until(lambda: a.complains("db", "forbidden"))
        assert not await b.has("/db/from-db")

    pair(tmp_path, work)


def test_no_secret_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="couchgrass")

    async def work(a: Side, b: Side) -> None:
        secret = await b.user("robot", "s3cret")
        await b.json("PUT", "/db/_security", {"admins": {"names": ["robot"]}})
        target = {
            "url": f"{b.url}/db",
            "headers": {"X-Auth-Thing": "s3cret"},
            "auth": {"basic": {"username": "robot", "password": "s3cret"}},
        }
        await a.put("/_replicator/good", {"source": b.at("db", secret), "target": "db", "continuous": True})
        await a.put("/_replicator/object", {"source": "db", "target": target, "continuous": True})
        nowhere = "http://robot:s3cret@127.0.0.1:1/db"
        await a.put("/_replicator/down", {"source": nowhere, "target": "db", "continuous": True})
        await a.put("/_replicator/none", {"source": b.at("none", secret), "target": "db", "continuous": True})
        await a.put("/_replicator/wrong", {"source": b.at("db", ("stranger", "s3cret!")), "target": "db"})
        for doc_id, state in (
            ("good", "running"),
            ("object", "running"),
            ("down", "crashing"),
            ("none", "crashing"),
            ("wrong", "crashing"),
        ):
            await become(partial(a.state, doc_id), state)
        for path in (
            "/_scheduler/docs",
            "/_scheduler/jobs",
            "/_active_tasks",
            "/_scheduler/docs/_replicator/down",
        ):
            assert "s3cret" not in str(await a.json("GET", path)), path
        async with a.held.session.get(a.url + "/_node/_local/_prometheus") as answer:
            assert "s3cret" not in await answer.text()
        status, answered = await a.ask("POST", "/_replicate", {"source": nowhere, "target": "db"})
        assert status == 500 and "s3cret" not in str(answered)

    pair(tmp_path, work)
    assert "crashed" in caplog.text
    assert "s3cret" not in caplog.text
