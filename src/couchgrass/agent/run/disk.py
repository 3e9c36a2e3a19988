"""How much a region's data folder takes, and what is left on its disk: looked at now and then."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

from couchgrass.agent.metrics import Disk
from couchgrass.clock import Clock

KEPT_S: Final = 15.0
FILES_MAX: Final = 200_000
"""More are not added up: a look would take seconds. What they take is then shown too low."""

BLOCK_BYTES: Final = 512
"""The unit of `st_blocks`, whatever the disk's own is."""


class DiskUse:
    """Of one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._known: Disk | None = None
        self._looked_at = float("-inf")

    async def look(self) -> Disk | None:
        """What is known, not much older than KEPT_S; None when the folder can't be read."""
        now = self._clock.monotonic()
        if now - self._looked_at >= KEPT_S:
            self._looked_at = now
            self._known = await asyncio.to_thread(_looked, self._folder)
        return self._known


def _looked(folder: Path) -> Disk | None:
    try:
        free_bytes = shutil.disk_usage(folder).free
        return Disk(_used_bytes(folder), free_bytes)
    except OSError:
        return None


def _used_bytes(folder: Path) -> int:
    used = files = 0
    for path, _, names in os.walk(folder):
        for name in names:
            files += 1
            if files > FILES_MAX:
                return used
            try:
                used += Path(path, name).lstat().st_blocks * BLOCK_BYTES
            except OSError:
                continue  # it went meanwhile
    return used
