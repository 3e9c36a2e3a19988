"""Runs between two real servers: databases and checkpoints that vanish under them cost time, nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from couchgrass.errors import CouchgrassError, Forbidden, PeerLost
from couchgrass.replication.run import replicate
from couchgrass.replication.run.replicate import _cause

from ..pair import Side, become, pair, until

ON = {"continuous": True, "checkpoint_interval": 30}


def test_the_most_telling_error_is_why_a_run_ended() -> None:
    lost, refused, bug = PeerLost("gone"), Forbidden("no"), ValueError("bug")
    assert _cause(BaseExceptionGroup("", [lost, refused])) is refused
    assert _cause(BaseExceptionGroup("", [lost, BaseExceptionGroup("", [refused, bug])])) is bug
    assert _cause(BaseExceptionGroup("", [lost])) is lost
    assert isinstance(_cause(BaseExceptionGroup("", [refused, lost])), CouchgrassError)


async def begin(a: Side, b: Side, **more: Any) -> None:
    await a.put("/_replicator/on", {"source": "db", "target": b.at("db"), **ON, **more})


async def checkpoint(one: Side) -> Any:
    rows = (await one.json("GET", "/db/_local_docs?include_docs=true"))["rows"]
    return rows[0]["doc"] if rows else None


async def seq_of(one: Side) -> Any:
    found = await checkpoint(one)
    return None if found is None else found["source_last_seq"]


async def settled(a: Side, b: Side) -> None:
    """Everything is across, and both checkpoints say so."""
    seq = (await a.json("GET", "/db"))["update_seq"]
    for one in (a, b):
        await become(partial(seq_of, one), seq)


async def same(a: Side, b: Side) -> None:
    async def equal() -> bool:
        return await a.ids("db") <= await b.ids("db")

    await until(equal)


async def recreate(one: Side) -> None:
    await one.json("DELETE", "/db")
    await one.json("PUT", "/db")


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("when", ["running", "stopped"])
def test_a_database_that_is_made_anew_gets_and_gives_everything(tmp_path: Path, side: str, when: str) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 30)
        await begin(a, b)
        await settled(a, b)
        [job] = a.jobs.values()
        if when == "stopped":
            await job.stop()
        await recreate(a if side == "source" else b)
        await a.held.put_docs("db", 3, "again")
        if when == "stopped":
            job.start()
        await same(a, b)
        await become(lambda: a.state("on"), "running")
        await settled(a, b)
        assert (await b.ids("db")) >= {"again-0", "again-1", "again-2"}

    pair(tmp_path, work)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("how", ["deleted", "rolled back"])
def test_a_checkpoint_that_is_lost_or_put_back_is_written_anew(tmp_path: Path, side: str, how: str) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 5)
        await begin(a, b)
        await settled(a, b)
        one = a if side == "source" else b
        old = await checkpoint(one)
        await a.put("/db/more", {})
        await settled(a, b)
        now = await checkpoint(one)
        path = f"/db/{now['_id']}"
        if how == "deleted":
            await one.json("DELETE", f"{path}?rev={now['_rev']}")
        else:
            await one.json("PUT", path, {**old, "_rev": now["_rev"]})
        await a.put("/db/last", {})
        await until(lambda: b.has("/db/last"))
        await settled(a, b)
        [job] = a.jobs.values()
        assert any("checkpoint_commit_failure" in (event.reason or "") for event in job.life.history)

    pair(tmp_path, work)


@pytest.mark.parametrize("side", ["source", "target"])
def test_who_may_not_write_checkpoints_replicates_without(tmp_path: Path, side: str) -> None:
    async def work(a: Side, b: Side) -> None:
        key = await b.user("robot")
        rights = ["_reader"] if side == "source" else ["_reader", "_writer"]
        await b.json("PUT", "/db/_security", {"cloudant": {"robot": rights}})
        far = b.at("db", key)
        source, target, ends = (b, a, (far, "db")) if side == "source" else (a, b, ("db", far))
        await source.put("/db/one", {})
        await a.put("/_replicator/on", {"source": ends[0], "target": ends[1], **ON})
        await until(lambda: target.has("/db/one"))
        await until(lambda: refused(a))
        await source.put("/db/two", {})
        await until(lambda: target.has("/db/two"))
        [job] = a.jobs.values()
        assert job.life.crashes == 0
        assert (await checkpoint(target)) is None or side == "target"
        assert "takes no checkpoints" in job.run.checkpoints.refused

    async def refused(a: Side) -> Any:
        [job] = a.jobs.values()
        return job.run.checkpoints.refused

    pair(tmp_path, work)


def test_conflicts_deletions_and_attachments_arrive(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await begin(a, b)
        docs = [{"_id": "two", "_rev": "1-a", "v": 1}, {"_id": "two", "_rev": "1-b", "v": 2}]
        await a.json("POST", "/db/_bulk_docs", {"new_edits": False, "docs": docs})
        rev = await a.put("/db/gone", {})
        await until(lambda: b.has("/db/gone"))
        await a.json("DELETE", f"/db/gone?rev={rev}")
        file = {"file": {"content_type": "text/plain", "data": "aGVsbG8="}}
        await a.put("/db/with", {"_attachments": file})
        stubs = (await a.json("GET", "/db/with"))["_attachments"]
        await a.put("/db/with", {"_attachments": stubs, "n": 1})
        await a.put("/db/_local/mine", {})
        await become(lambda: revs(b), await revs(a))
        assert (await b.json("GET", "/db/two?conflicts=true"))["_conflicts"] == ["1-a"]
        assert (await b.ask("GET", "/db/gone"))[1]["reason"] == "deleted"
        async with b.held.session.get(b.url + "/db/with/file") as answer:
            assert await answer.text() == "hello"
        assert not await b.has("/db/_local/mine")

    async def revs(one: Side) -> dict[str, list[str]]:
        rows = (await one.json("GET", "/db/_changes?style=all_docs"))["results"]
        return {row["id"]: sorted(leaf["rev"] for leaf in row["changes"]) for row in rows}

    pair(tmp_path, work)


def test_one_shot_runs_read_page_after_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate, "PAGE_ROWS", 7)

    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 50)
        for more in ({}, {"selector": {"n": {"$gte": 0}}, "checkpoint_interval": 1}):
            body = {"source": "db", "target": b.at("db"), "worker_batch_size": 4, **more}
            answer = await a.json("POST", "/_replicate", body)
            assert answer["source_last_seq"] == (await a.json("GET", "/db"))["update_seq"]
        assert len(await b.ids("db")) == 50
        await begin(a, b, selector={"n": 3})
        await become(lambda: a.state("on"), "running")
        await a.put("/db/new", {"n": 3})
        await until(lambda: b.has("/db/new"))

    pair(tmp_path, work)


def test_a_one_shot_run_takes_checkpoints_on_its_way(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 400)
        body = {
            "source": "db",
            "target": b.at("db"),
            "checkpoint_interval": 1,
            "worker_batch_size": 5,
            "worker_processes": 2,
        }
        answer = await a.json("POST", "/_replicate", body)
        assert answer["ok"] and answer["history"][0]["docs_written"] == 400
        assert answer["history"][0]["checkpoint"] > 1
        await settled(a, b)

    pair(tmp_path, work)


def test_both_directions_at_once_come_to_rest(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await begin(a, b)
        await b.put("/_replicator/on", {"source": "db", "target": a.at("db"), **ON})
        await asyncio.gather(a.held.put_docs("db", 40, "a"), b.held.put_docs("db", 40, "b"))
        await same(a, b)
        await same(b, a)
        await until(lambda: rests(a))
        await until(lambda: rests(b))
        for one in (a, b):
            info = (await one.row("on"))["info"]
            assert info["docs_written"] == 40 and info["doc_write_failures"] == 0

    async def rests(one: Side) -> bool:
        row = await one.row("on")
        return (row["lag_s"], row["info"]["changes_pending"]) == (0.0, 0)

    pair(tmp_path, work)
