"""A list of dead letters for tests, which need none that lasts."""

from __future__ import annotations

from collections.abc import Sequence

from couchgrass.replication.deadletter import Letter


class ForgetfulStore:
    """For a job whose letters need not outlive it."""

    async def load(self) -> list[Letter]:
        return []

    async def add(self, letters: Sequence[Letter]) -> None: ...

    async def remove(self, letters: Sequence[Letter]) -> None: ...
