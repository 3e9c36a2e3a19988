"""Changing the settings while the server runs: one change at a time, on the disk before it counts.

A password of [admins] is hashed on the way, which takes a good part of a second: all but putting the new
settings in force happens on a thread.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

from couchgrass.docdb import config as configuration
from couchgrass.docdb.config import Config, HashPassword
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.password import hash_admin_password
from couchgrass.docdb.settings import Sections, snapshot

T = TypeVar("T")

Edit = Callable[[Config, HashPassword], tuple[Config, T]]
"""From the settings and what hashes a password to the new settings and an answer. Runs on a thread."""


async def change(server: Server, edit: Edit[T]) -> T:
    """Makes the change durable, then puts it in force; the edit's answer. Raises what `edit` raises.

    StorageFull when the file can't be written: nothing has changed then.
    """

    def work() -> tuple[Config, T]:
        config, answer = edit(server.config, _hash_password(server))
        _store(server, config, on_disk=server.config.overlay)
        return config, answer

    return await _in_turn(server, work)


async def reload(server: Server) -> None:
    """Takes what the files say now; drops what was not persisted. CouchgrassError for a bad file."""

    def work() -> tuple[Config, None]:
        files = server.settings_file.load()
        config = configuration.complete(
            configuration.reload(server.config, base=files.base, overlay=files.overlay),
            uuid=secrets.token_hex(16),
            secret=secrets.token_hex(32),
            hash_password=_hash_password(server),
        )
        _store(server, config, on_disk=files.overlay)
        return config, None

    await _in_turn(server, work)


async def _in_turn(server: Server, work: Callable[[], tuple[Config, T]]) -> T:
    async with server.settings_turn:
        config, answer = await asyncio.get_running_loop().run_in_executor(None, work)
        server.configure(config)
        return answer


def _store(server: Server, config: Config, *, on_disk: Sections) -> None:
    snapshot(configuration.effective(config))  # what can't be put in force must not be stored
    if config.overlay != on_disk:
        server.settings_file.save(config)


def _hash_password(server: Server) -> HashPassword:
    return lambda password: hash_admin_password(password, secrets.token_hex(16), server.settings.chttpd_auth)
