"""Changing settings: on the disk before they count, all or nothing, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from couchgrass.docdb import config as configuration
from couchgrass.docdb.config import Config, HashPassword
from couchgrass.docdb.http import settings_change
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile, read_sections
from couchgrass.docdb.sqlite.store import Store
from couchgrass.errors import BadRequest, CouchgrassError

T = TypeVar("T")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The server's settings file, in a folder of its own."""
    (tmp_path / "settings").mkdir()
    return tmp_path / "settings" / "own.ini"


def on_server(own: Path, work: Callable[[Server], Awaitable[T]]) -> T:
    async def run() -> T:
        operators = own.with_name("operators.ini")
        files = SettingsFile(operators=operators if operators.exists() else None, own=own)
        server = Server(Store.open(own.parent.parent / "data"), files.load(), files)
        try:
            return await work(server)
        finally:
            await server.close()

    return asyncio.run(run())


def putting(key: str, value: str, section: str = "uuids") -> settings_change.Edit[str]:
    def edit(config: Config, hash_password: HashPassword) -> tuple[Config, str]:
        return configuration.put(config, section, key, value, persist=True, hash_password=hash_password)

    return edit


def test_a_change_is_in_force_and_in_the_file(own: Path) -> None:
    async def work(server: Server) -> int:
        assert await settings_change.change(server, putting("max_count", "7")) == ""
        assert await settings_change.change(server, putting("max_count", "8")) == "7"
        return server.settings.uuids.max_count

    assert on_server(own, work) == 8
    assert read_sections(own) == {"uuids": {"max_count": "8"}}


def test_a_refused_change_leaves_all_as_it_was(own: Path) -> None:
    async def work(server: Server) -> Config:
        before = server.config
        with pytest.raises(BadRequest):
            await settings_change.change(server, putting("max_count", "many"))
        assert server.config is before
        return await settings_change.change(server, lambda config, _: (config, config))

    assert on_server(own, work) == Config()
    assert not own.exists()


def test_what_could_not_be_saved_is_not_in_force(own: Path) -> None:
    async def work(server: Server) -> int:
        own.parent.rmdir()
        with pytest.raises(CouchgrassError, match="not saved"):
            await settings_change.change(server, putting("max_count", "7"))
        return server.settings.uuids.max_count

    assert on_server(own, work) == 1000


def test_changes_at_once_are_made_one_after_the_other(own: Path) -> None:
    async def work(server: Server) -> None:
        await asyncio.gather(
            *(settings_change.change(server, putting(f"k{n}", str(n), "notes")) for n in range(20))
        )

    on_server(own, work)
    assert read_sections(own) == {"notes": {f"k{n}": str(n) for n in range(20)}}


def test_a_reload_hashes_passwords_that_the_operator_wrote(own: Path) -> None:
    async def work(server: Server) -> str:
        own.with_name("operators.ini").write_text("[chttpd_auth]\niterations = 10\n[admins]\nanna = s3cret\n")
        server.settings_file = SettingsFile(operators=own.with_name("operators.ini"), own=own)
        await settings_change.reload(server)
        return server.settings.admins["anna"]

    assert on_server(own, work).startswith("-pbkdf2:")
    assert read_sections(own)["admins"]["anna"].startswith("-pbkdf2:")


def test_a_reload_of_a_broken_file_changes_nothing(own: Path) -> None:
    async def work(server: Server) -> int:
        await settings_change.change(server, putting("max_count", "7"))
        own.write_text("[uuids]\nmax_count = many\n")
        with pytest.raises(CouchgrassError, match=r"own\.ini:2"):
            await settings_change.reload(server)
        return server.settings.uuids.max_count

    assert on_server(own, work) == 7
