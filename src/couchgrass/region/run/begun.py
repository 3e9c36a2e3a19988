"""What a region's processes wait for, as they are started together with its database.

Functions, gateway and agent load their code meanwhile. It is the supervisor's word that counts: a database
that is ready has made the account that they use. The dashboard keeps back, so that the processors are there
for those that serve: it loads its code when they are ready, or when somebody comes to see it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

from couchgrass.region.config import Region
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import RegionState, state_of

LOOK_S: Final = 0.02
"""Between two looks; each opens two small files."""

PATIENCE_S: Final = 20.0
"""How long it is waited for: who knows enough from before can serve without a database."""

KEPT_BACK_S: Final = 15.0
"""How long the dashboard keeps back for a start that takes long."""

CALM_S: Final = 2.0
"""What is deployed at once when a region is ready goes before it, too."""

GLANCE_S: Final = 0.1


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


async def others_begun(region: Region, own: str, listener: socket.socket) -> None:
    """Returns when the region's processes other than `own` have been ready for a moment, as soon as somebody
    connects to `listener`, after KEPT_BACK_S at the latest; at once where no supervisor runs them. Raises
    FolderTaken."""
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    late = loop.time() + KEPT_BACK_S
    loop.add_reader(listener, called.set)
    try:
        while not called.is_set() and loop.time() < late and _begin(state_of(region), own, time.time()):
            try:
                await asyncio.wait_for(called.wait(), GLANCE_S)
            except TimeoutError:
                continue
    finally:
        loop.remove_reader(listener)


def _begin(state: RegionState | None, own: str, now: float) -> bool:
    """Whether others of the region are about to begin, or have just done so."""
    others = () if state is None else [one for name, one in state.processes.items() if name != own]
    return any(one.phase is not Phase.READY or now - one.since < CALM_S for one in others)
