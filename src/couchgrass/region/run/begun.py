"""What functions, gateway and agent wait for: they are started together with their region's database.

They load their code meanwhile. It is the supervisor's word that counts: a database that is ready has made
the account that they use.
"""

from __future__ import annotations

import asyncio
from typing import Final

from couchgrass.region.config import Region
from couchgrass.region.run.state_file import state_of

LOOK_S: Final = 0.02
"""Between two looks; each opens two small files."""

PATIENCE_S: Final = 20.0
"""How long it is waited for: who knows enough from before can serve without a database."""


async def database_begun(region: Region, patience_s: float = PATIENCE_S) -> None:
    """Returns when the region's own database was ready once since its supervisor began, after `patience_s` at
    the latest; at once where no supervisor runs one. Raises FolderTaken."""
    clock = asyncio.get_running_loop().time
    late = clock() + patience_s
    while _is_awaited(region) and clock() < late:
        await asyncio.sleep(LOOK_S)


def _is_awaited(region: Region) -> bool:
    state = state_of(region)
    database = None if state is None else state.processes.get("database")
    return database is not None and not database.url
