"""Deploys a folder's apps for ``couchgrass up``, as ``couchgrass deploy`` does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from couchgrass.errors import CouchgrassError

WORDS_MAX: Final = 4000


class DeployRefused(CouchgrassError):
    """The apps could not be deployed; `reason` is what `couchgrass deploy` said."""


def deploying(folder: Path) -> Callable[[], Awaitable[Sequence[str]]]:
    """What deploys all apps of the folder to all regions, where something differs."""

    async def deploy() -> Sequence[str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "couchgrass", "deploy", "--dir", str(folder), "--yes"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        text = said.decode(errors="replace").strip()
        if process.returncode:
            raise DeployRefused(f"the app could not be deployed:\n{text[-WORDS_MAX:]}")
        return text.splitlines()

    return deploy
