"""What a server holds: its settings, its background work, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from couchgrass.docdb.config import Config
from couchgrass.docdb.document import parse_document
from couchgrass.docdb.http.server import BACKGROUND_MAX, Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.edits import Write, write_one
from couchgrass.docdb.sqlite.store import Store


def fail(error: BaseException) -> None:
    raise AssertionError("the background work failed") from error


def with_server(folder: Path, work: Callable[[Server], Awaitable[None]]) -> None:
    async def run() -> None:
        file = SettingsFile(operators=None, own=folder / "settings.ini")
        server = Server(Store.open(folder), Config(), file)
        try:
            await work(server)
        finally:
            await server.close()

    asyncio.run(run())


def test_the_system_databases_are_made_once(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        await server.begin()
        assert server.store.names() == ["_replicator", "_users"]
        life = server.store.get("_users").about.uuid
        await server.begin()
        assert server.store.get("_users").about.uuid == life

    with_server(tmp_path / "data", work)


def test_changed_settings_count_at_once(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        assert server.settings.couchdb.max_document_size == 8_000_000
        server.configure(Config(overlay={"couchdb": {"max_document_size": "17"}}))
        assert server.settings.couchdb.max_document_size == 17

    with_server(tmp_path / "data", work)


def test_closing_waits_for_what_was_begun_in_the_background(tmp_path: Path) -> None:
    written: list[str] = []

    async def work(server: Server) -> None:
        db = await server.store.create("db", {})

        async def write() -> None:
            operation = write_one(Write(parse_document({"_id": "a"})), new_edits=True, revs_limit=10)
            written.append(str(await db.submit(operation)))

        server.in_background(write(), fail)
        assert written == []

    with_server(tmp_path / "data", work)
    assert len(written) == 1

    async def look(server: Server) -> None:
        assert server.store.get("db").totals.docs == 1

    with_server(tmp_path / "data", look)


def test_an_error_in_the_background_is_told(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

        async def broken() -> None:
            raise KeyError("lost")

        server.in_background(broken(), told.set_result)
        assert repr(await told) == "KeyError('lost')"

    with_server(tmp_path / "data", work)


def test_the_background_has_a_bound(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        ended = asyncio.Event()
        for number in range(BACKGROUND_MAX):
            assert not server.background_full(), number

            async def wait() -> None:
                await ended.wait()

            server.in_background(wait(), fail)
        assert server.background_full()
        ended.set()

    with_server(tmp_path / "data", work)


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        assert not server.stopping.done()
        server.stop()
        server.stop()
        assert server.stopping.done()

    with_server(tmp_path / "data", work)
