"""A database server on the test's own event loop, so that a test can look at what the server holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from couchgrass.docdb.http.app import App
from couchgrass.docdb.http.serve import Extend, Wanted, complete_settings
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.store import Store
from couchgrass.testing.listening import listening

ADMIN = ("admin", "in-process")
UNTIL_S = 60.0


class Served:
    """The server, its URL, and an HTTP session of its admin."""

    def __init__(self, server: Server, url: str, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.url = url
        self.session = session

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request that is to succeed; its JSON answer."""
        async with self.session.request(method, self.url + path, json=body) as answer:
            found = await answer.json(content_type=None)
            assert answer.status < 300, (method, path, found)
            return found

    async def put_docs(self, name: str, count: int, prefix: str = "doc") -> None:
        """Writes documents prefix-0, prefix-1, …"""
        docs = [{"_id": f"{prefix}-{number}", "n": number} for number in range(count)]
        await self.json("POST", f"/{name}/_bulk_docs", {"docs": docs})


@asynccontextmanager
async def served(data: Path, extend: Extend | None = None) -> AsyncIterator[Served]:
    """A server for the length of a block, with what `extend` puts beside it; then all is closed."""
    logging.getLogger("_granian").setLevel(logging.CRITICAL)
    store = Store.open(data)
    settings_file = SettingsFile(operators=None, own=data / "settings.ini")
    config, _ = complete_settings(settings_file, Wanted(data, admin=ADMIN))
    server = Server(store, config, settings_file)
    app = App(server)
    await server.begin()
    extension = None if extend is None else await extend(app)
    headers = {"Authorization": aiohttp.encode_basic_auth(*ADMIN)}
    try:
        async with (
            listening(app) as url,
            aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            try:
                yield Served(server, url, session)
            finally:
                if extension is not None:
                    await extension.close()
                server.stop()
    finally:
        await server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition is true; fails when it does not become so."""
    async with asyncio.timeout(UNTIL_S):
        while not condition():
            await asyncio.sleep(0.002)
