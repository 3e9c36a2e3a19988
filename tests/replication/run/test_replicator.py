"""All jobs of a server: who runs, who waits, and that nobody is lost on the way."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.access import UserCtx
from couchgrass.errors import CouchgrassError
from couchgrass.replication import backoff
from couchgrass.replication.identity import RepId
from couchgrass.replication.run.job import Job, Origin
from couchgrass.replication.run.replicator import KEEPER, Duplicate
from couchgrass.replication.spec import Defaults, parse
from couchgrass.replication.status import State

from ..pair import Side, become, pair, until

ADMIN = UserCtx("admin", ("_admin",))


def add(a: Side, body: dict[str, Any], doc_id: str | None = None) -> Job:
    replicator = a.attached.replicator
    wanted = parse(body, Defaults())
    origin = Origin("_replicator", doc_id) if doc_id else Origin(user="admin")
    return replicator.add(replicator.identify(wanted, ADMIN), wanted, origin, ADMIN)


def test_jobs_that_do_not_fit_take_turns_and_all_get_theirs(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.setting("replicator", "max_jobs", "2")
        await a.setting("replicator", "interval", "50")
        names = [f"one-{number}" for number in range(5)]
        for name in names:
            await a.json("PUT", f"/{name}")
            body = {"source": name, "target": b.at(name), "create_target": True, "continuous": True}
            await a.put(f"/_replicator/{name}", body)
        for round in ("first", "second"):
            for name in names:
                await a.put(f"/{name}/{round}", {})
            for name in names:
                await until(partial(b.has, f"/{name}/{round}"))
        runs = [job for job in a.jobs.values() if job.life.state is State.RUNNING and not job.is_stopping]
        assert len(a.jobs) == 5 and len(runs) <= 2
        assert sum(job.life.crashes for job in a.jobs.values()) == 0
        # With room again all of them run.
        await a.setting("replicator", "max_jobs", "100")
        for name in names:
            await become(partial(a.state, name), "running")

    pair(tmp_path, work)


def test_a_job_that_crashes_again_and_again_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its tries is young, its turn is not."""
    monkeypatch.setattr(backoff, "CRASH_MAX_S", 0.05)

    async def work(a: Side, b: Side) -> None:
        await a.setting("replicator", "max_jobs", "1")
        await a.setting("replicator", "interval", "400")
        await a.put("/_replicator/bad", {"source": "nowhere", "target": "db", "continuous": True})
        await become(partial(a.state, "bad"), "crashing")
        await b.put("/db/x", {})
        await a.put("/_replicator/good", {"source": b.at("db"), "target": "db", "continuous": True})
        await until(partial(a.has, "/db/x"))

    pair(tmp_path, work)


def test_a_job_that_was_just_started_is_not_stopped_for_another(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.setting("replicator", "max_jobs", "1")
        bodies = [
            {"source": "db", "target": b.at("db"), "continuous": True, "doc_ids": [str(number)]}
            for number in range(3)
        ]
        jobs = [add(a, body) for body in bodies]
        await jobs[0].stop()
        jobs[0].start()
        a.attached.replicator._take_turns()
        a.attached.replicator._take_turns()
        assert not jobs[0].is_stopping

    pair(tmp_path, work)


def test_a_job_that_is_stopping_is_not_started_meanwhile(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        replicator = a.attached.replicator
        one = add(a, {"source": "db", "target": b.at("db"), "continuous": True})
        await become(lambda: state(one), State.RUNNING)
        await a.setting("replicator", "max_jobs", "1")
        await a.setting("replicator", "interval", "1")
        two = add(a, {"source": "db", "target": b.at("db"), "continuous": True, "doc_ids": ["x"]})
        for _ in range(5):
            replicator._take_turns()
        await become(lambda: state(two), State.RUNNING)
        await asyncio.gather(replicator.remove(one), replicator.remove(one), replicator.remove(two))
        assert replicator.jobs == {} and one.life.state is State.PENDING

    async def state(job: Job) -> State:
        return job.life.state

    pair(tmp_path, work)


def test_a_job_is_removed_whatever_it_does_just_then(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        replicator = a.attached.replicator
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        one = add(a, body, "doc")
        assert replicator.by_document("_replicator", "doc") is one
        with pytest.raises(Duplicate) as twice:
            add(a, body)
        assert twice.value.job is one
        await replicator.remove(one)  # it has not begun yet
        assert one.ended.cancelled() and one.life.state is State.PENDING
        assert replicator.by_document("_replicator", "doc") is None
        again = add(a, body, "doc")
        leaving = asyncio.ensure_future(replicator.remove(again))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        assert again.ended.cancelled() and replicator.jobs == {}, "who waits for its end is told"
        last = add(a, body, "doc")
        await replicator.remove(again)
        assert replicator.jobs == {last.key: last}, "another's removal is not this one's"

    pair(tmp_path, work)


def test_what_was_asked_for_once_is_forgotten_when_it_has_ended(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        replicator = a.attached.replicator
        good = add(a, {"source": "db", "target": b.at("db")})
        bad = add(a, {"source": "none", "target": b.at("db")})
        await good.ended
        with pytest.raises(CouchgrassError, match="could not open none"):
            await bad.ended
        await asyncio.sleep(0)
        assert replicator.transient() == [] and replicator.crashes == 1
        assert good.life.state is State.COMPLETED

    pair(tmp_path, work)


def test_keepers_are_trusted_and_ids_are_of_this_server(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        wanted = parse({"source": "db", "target": "x"}, Defaults())
        mine, other = (one.attached.replicator.identify(wanted, ADMIN) for one in (a, b))
        assert isinstance(mine, RepId) and mine != other
        assert KEEPER.is_server_admin

    pair(tmp_path, work)
