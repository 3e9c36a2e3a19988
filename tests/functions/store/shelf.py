"""What the tests of the store share: a server of the database, opened; a folder; things to put."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from couchgrass.couch.server import CouchServer
from couchgrass.functions.code import code_text
from couchgrass.functions.entity import Action, Exec
from couchgrass.testing.in_process import until
from couchgrass.testing.server import ServerProcess

__all__ = ["action", "asked", "until"]


def asked(server: ServerProcess, work: Callable[[CouchServer], Awaitable[Any]]) -> Any:
    """Runs `work` with the server opened."""

    async def main() -> Any:
        async with CouchServer(server.url, server.user, server.password) as couch:
            return await work(couch)

    return asyncio.run(main())


def action(name: str, code: str, *, package: str = "", rev: str = "", version: str = "0.0.1") -> Action:
    """An action with this code, which still has to be put beside it."""
    text = code_text(code)
    exec = Exec("python:3", binary=text.binary, digest=text.digest, size=len(text.text))
    return Action("ns", package, name, exec, version=version, rev=rev)
