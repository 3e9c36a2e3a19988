"""How jobs are shown: ``_active_tasks``, ``_scheduler``, Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from couchgrass.replication.run.documents import Entry
from couchgrass.replication.run.views import entry_counts, entry_view
from couchgrass.replication.status import State

from ..pair import Side, become, pair, until


def test_an_entry_without_a_job_is_what_is_known_of_its_document() -> None:
    entry = Entry("_replicator", "doc", b"{}", 5.0)
    view = entry_view(entry, None)
    assert (view.state, view.id, view.source, view.counts) == (State.INITIALIZING, None, None, None)
    entry.enter(State.ERROR, 7.0, "why")
    entry.next_try_at = 9.0
    assert entry_view(entry, None).next_try_s == 9.0
    entry.enter(State.FAILED, 8.0, "why")
    assert (entry_view(entry, None).next_try_s, entry_view(entry, None).error) == (None, "why")
    entry.stats = {"docs_written": 3, "docs_read": "x", "checkpointed_source_seq": "1-a"}
    assert (entry_counts(entry).docs_written, entry_counts(entry).docs_read) == (3, 0)


def test_a_job_that_runs_is_a_task_with_couchdbs_members(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 5)
        body = {"source": "db", "target": b.at("db"), "continuous": True, "checkpoint_interval": 40}
        await a.put("/_replicator/on", body)
        await until(lambda: b.has("/db/doc-4"))
        await become(lambda: checkpointed(a), (await a.json("GET", "/db"))["update_seq"])
        await until(lambda: idle(a))
        [task] = [one for one in await a.json("GET", "/_active_tasks") if one["type"] == "replication"]
        assert {
            *("type", "user", "replication_id", "database", "doc_id", "source", "target", "continuous"),
            *("checkpoint_interval", "revisions_checked", "missing_revisions_found", "docs_read"),
            *("docs_written", "changes_pending", "doc_write_failures", "checkpointed_source_seq"),
            *("source_seq", "through_seq", "pid", "process_status", "started_on", "updated_on", "node"),
            *("lag_s", "dead_letters"),
        } <= set(task)
        assert task["source"] == "db" and task["target"] == f"{b.url}/db/"
        assert (task["docs_written"], task["changes_pending"], task["lag_s"]) == (5, 0, 0.0)
        assert (task["checkpoint_interval"], task["user"]) == (40, "admin")
        [job] = (await a.json("GET", "/_scheduler/jobs"))["jobs"]
        assert job["id"] == task["replication_id"] and job["pid"] == task["pid"]
        assert job["info"]["source_seq"] == job["info"]["through_seq"] == task["checkpointed_source_seq"]

    async def checkpointed(a: Side) -> Any:
        tasks = await a.json("GET", "/_active_tasks")
        return next((one["checkpointed_source_seq"] for one in tasks if one["type"] == "replication"), None)

    pair(tmp_path, work)


def test_prometheus_reads_what_it_is_told(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.put("/_replicator/on", {"source": "db", "target": b.at("db"), "continuous": True})
        await a.put("/_replicator/off", {"source": "none", "target": b.at("db"), "continuous": True})
        await become(lambda: a.state("on"), "running")
        await become(lambda: a.state("off"), "crashing")
        await until(lambda: idle(a))
        found = await until(lambda: metrics(a, running=1, crashing=1, completed=0))
        [crashes] = found["couchgrass_replication_crashes"].samples
        assert crashes.value >= 1
        by_doc = {
            name: {one.labels["doc_id"]: one.value for one in found[f"couchgrass_replication_{name}"].samples}
            for name in ("lag_seconds", "pending_changes", "dead_letters")
        }
        assert by_doc["lag_seconds"]["on"] == 0 and by_doc["lag_seconds"]["off"] > 0
        assert by_doc["pending_changes"] == {"on": 0}
        assert by_doc["dead_letters"] == {"on": 0, "off": 0}

    async def metrics(a: Side, **wanted: int) -> Any:
        """The families by name, at a moment at which so many jobs are in these states."""
        async with a.held.session.get(a.url + "/_node/_local/_prometheus") as answer:
            text = await answer.text()
        found = {family.name: family for family in text_string_to_metric_families(text)}
        jobs = {one.labels["state"]: one.value for one in found["couchgrass_replication_jobs"].samples}
        return found if wanted.items() <= jobs.items() else None

    pair(tmp_path, work)


async def idle(a: Side) -> bool:
    row = await a.row("on")
    return bool(row["lag_s"] == 0.0)
