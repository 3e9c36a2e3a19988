"""A replicator beside a server: its settings, whom its jobs are, and that it comes and goes with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import CoroutineType

from couchgrass.cli.replicator import config_of, user_of
from couchgrass.docdb.access import UserCtx
from couchgrass.replication.run.peers import Tls
from couchgrass.replication.spec import Defaults, parse

from ..replication.pair import become, side


def test_a_job_is_who_its_document_names_else_an_admin() -> None:
    body = {"source": "a", "target": "b"}
    assert user_of(parse(body, Defaults())).is_server_admin
    named = parse({**body, "user_ctx": {"name": "anna", "roles": ["r"]}}, Defaults())
    assert user_of(named) == UserCtx("anna", ("r",))


def test_settings_count_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with side(tmp_path / "a") as a:
            before = config_of(a.held.server)
            assert before.defaults == Defaults() and before.tls == Tls() and len(before.uuid) == 32
            for key, value in (
                ("worker_batch_size", "7"),
                ("connection_timeout", "1500"),
                ("checkpoint_interval", "250"),
                ("interval", "1500"),
                ("max_jobs", "3"),
                ("max_history", "2"),
                ("update_docs", "true"),
                ("verify_ssl_certificates", "false"),
            ):
                await a.setting("replicator", key, value)
            after = config_of(a.held.server)
            assert (after.interval_s, after.max_jobs, after.history_max) == (1.5, 3, 2)
            assert after.update_docs and not after.tls.verify and after.uuid == before.uuid
            wanted = parse({"source": "a", "target": "b"}, after.defaults)
            assert (wanted.worker_batch_size, wanted.connection_timeout_s) == (7, 1.5)
            assert wanted.checkpoint_interval_s == 0.25

    asyncio.run(work())


def test_a_document_that_asks_for_nothing_is_refused_when_it_is_written(tmp_path: Path) -> None:
    async def work() -> None:
        async with side(tmp_path / "a") as a:
            status, answer = await a.ask("PUT", "/_replicator/doc", {"source": "a"})
            assert (status, answer["error"]) == (403, "forbidden")
            assert (await a.ask("PUT", "/_replicator/_design/app", {}))[0] == 201

    asyncio.run(work())


def test_nothing_is_left_of_it_when_the_server_stops(tmp_path: Path) -> None:
    async def work() -> None:
        async with side(tmp_path / "a") as a:
            for name in ("one", "two"):
                await a.json("PUT", f"/{name}")
            await a.put("/_replicator/on", {"source": "one", "target": "two", "continuous": True})
            nowhere = "http://127.0.0.1:1/db"
            await a.put("/_replicator/off", {"source": nowhere, "target": "two", "continuous": True})
            await become(lambda: a.state("on"), "running")
            await become(lambda: a.state("off"), "crashing")
        left = [task.get_coro() for task in asyncio.all_tasks()]
        files = [coro.cr_code.co_filename for coro in left if isinstance(coro, CoroutineType)]
        mine = [name for name in files if "couchgrass/replication/" in name or "couchgrass/couch/" in name]
        assert mine == []

    asyncio.run(work())
