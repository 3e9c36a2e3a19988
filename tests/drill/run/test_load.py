"""A load against an app, and the databases watched meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from couchgrass.couch.server import CouchServer, path
from couchgrass.drill.ledger import missing
from couchgrass.drill.ops import Load
from couchgrass.drill.run import load as load_module
from couchgrass.drill.run.load import Driver
from couchgrass.drill.run.probe import check_todos
from couchgrass.drill.run.watch import Watch
from couchgrass.errors import BadRequest
from couchgrass.testing.listening import listening
from couchgrass.testing.server import ServerProcess
from tests.drill.run.todos import Todos

ENOUGH = 120
WAIT_S = 60
METHODS = {"GET", "POST", "PATCH", "DELETE"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request fails because the machine is busy."""
    monkeypatch.setattr(load_module, "REQUEST_S", 60.0)


def load() -> Load:
    return Load(random.Random(1).randrange)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not done():
            await asyncio.sleep(0.01)


async def with_todos(
    server: ServerProcess, database: str, work: Callable[[CouchServer, Todos, str], Awaitable[None]]
) -> None:
    async with CouchServer(server.url, server.user, server.password) as couch:
        await couch.ask("PUT", path(database))
        app = Todos(couch, database, "london")
        async with listening(app) as url:
            await work(couch, app, f"{url}/todo")


def test_all_that_was_acknowledged_is_found_in_the_database(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        await couch.ask("POST", path(db_name), {"_id": "old"})
        watch = Watch(couch, db_name)
        await watch.begin()
        now = asyncio.get_running_loop().time
        driver = Driver([url], load(), now, mark="drill")
        running = asyncio.create_task(driver.run(200))
        # As long as no document is known, all are POSTs.
        await until(
            lambda: len(driver.outcomes) >= ENOUGH and {one.op.method for one in driver.outcomes} == METHODS
        )
        driver.end()
        await running
        assert {one.region for one in driver.outcomes} == {"london"}
        assert not any(one.failed for one in driver.outcomes)
        assert await watch.look()
        assert missing(driver.outcomes, watch.leaves, until_s=now()) == []
        assert "old" not in watch.leaves
        digest = await watch.digest()
        await watch.remove({one.doc for one in driver.outcomes if one.doc})
        await watch.look()
        assert all(leaf.deleted for leaves in watch.leaves.values() for leaf in leaves)
        assert await watch.digest() != digest

    asyncio.run(with_todos(couch_server, db_name, work))


def test_a_write_that_the_database_lost_is_found(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        watch = Watch(couch, db_name)
        await watch.begin()
        now = asyncio.get_running_loop().time
        driver = Driver([url], load(), now, mark="drill")
        running = asyncio.create_task(driver.run(200))
        await until(lambda: sum(one.acknowledged for one in driver.outcomes) >= 20)
        driver.end()
        await running
        await watch.look()
        known = next(doc for doc, leaves in watch.leaves.items() if not leaves[0].deleted)
        (leaf,) = watch.leaves[known]
        await couch.ask("PUT", path(db_name, known), {"_rev": leaf.rev, "order": -1})
        await watch.look()
        assert {one.doc for one in missing(driver.outcomes, watch.leaves, until_s=now())} == {known}

    asyncio.run(with_todos(couch_server, db_name, work))


def test_what_is_a_drills_is_known_by_its_title_also_without_an_answer(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        watch = Watch(couch, db_name, "drill 1a")
        await watch.begin()
        for doc_id, title in (("ours", "drill 1a 3"), ("others", "drill 2b 3"), ("mine", None)):
            await couch.ask("POST", path(db_name), {"_id": doc_id, "title": title})
        await watch.look()
        assert watch.marked == {"ours"}
        await watch.remove(watch.marked)
        await watch.look()
        assert [doc_id for doc_id, leaves in watch.leaves.items() if leaves[0].deleted] == ["ours"]

    asyncio.run(with_todos(couch_server, db_name, work))


def test_conflicts_show_as_leaves(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        watch = Watch(couch, db_name)
        await watch.begin()
        for rev, value in (("1-a", 1), ("1-b", 2)):
            doc = {"_id": "x", "_rev": rev, "order": value}
            await couch.ask("POST", path(db_name, "_bulk_docs"), {"docs": [doc], "new_edits": False})
        assert await watch.look()
        assert {leaf.value for leaf in watch.leaves["x"]} == {1, 2}

    asyncio.run(with_todos(couch_server, db_name, work))


def test_failures_are_outcomes_and_the_rate_goes_on_while_requests_hang(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        driver = Driver([url], load(), asyncio.get_running_loop().time, mark="drill")
        app.broken = True
        running = asyncio.create_task(driver.run(300))
        await until(lambda: len(driver.outcomes) >= 5)
        assert {one.status for one in driver.outcomes} == {503}
        app.wait = asyncio.Event()
        await until(lambda: app.inflight >= 10)
        app.wait.set()
        driver.end()
        await running
        assert len(driver.outcomes) >= 15

    asyncio.run(with_todos(couch_server, db_name, work))


@pytest.mark.parametrize("port", [9])
def test_nobody_there_is_an_outcome(port: int) -> None:
    async def work() -> None:
        driver = Driver([f"http://127.0.0.1:{port}/todo"], load(), asyncio.get_running_loop().time, mark="x")
        running = asyncio.create_task(driver.run(100))
        await until(lambda: len(driver.outcomes) >= 3)
        driver.end()
        await running
        assert {one.status for one in driver.outcomes} == {0}
        assert all(one.error for one in driver.outcomes)

    asyncio.run(work())


def test_an_api_of_todos_is_known_by_trying(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer, app: Todos, url: str) -> None:
        await check_todos(url)
        rows = await couch.ask("GET", path(db_name, "_all_docs"))
        assert rows["rows"] == []
        with pytest.raises(BadRequest, match="deploy the todo app"):
            await check_todos(url.replace("/todo", "/other"))
        with pytest.raises(BadRequest, match="does not answer"):
            await check_todos("http://127.0.0.1:9/todo")

    asyncio.run(with_todos(couch_server, db_name, work))


def test_a_database_that_is_gone_is_not_looked_at_but_said(couch_server: ServerProcess) -> None:
    async def work() -> None:
        async with CouchServer(couch_server.url, couch_server.user, couch_server.password) as couch:
            assert not await Watch(couch, "there-is-no-such").look()

    asyncio.run(work())
