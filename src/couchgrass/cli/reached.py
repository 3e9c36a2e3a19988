"""How commands reach a region's database, and what they say when they can't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from couchgrass.cli.paper import FAILED, complain, run
from couchgrass.cli.region import read_region
from couchgrass.errors import CouchgrassError, PeerLost

if TYPE_CHECKING:
    from couchgrass.couch.server import CouchServer
    from couchgrass.region.config import Region
    from couchgrass.region.run.account import Access

T = TypeVar("T")


def region_access(command: str, file: Path) -> tuple[Region, Access]:
    """The region of a file, and who the command is in its database. Ends the command where there is none."""
    from couchgrass.region.run.account import database_access

    try:
        found = read_region(file)
        return found, database_access(found)
    except CouchgrassError as refused:
        complain(command, refused.reason)
        raise typer.Exit(FAILED) from refused


def check_free(command: str, *places: Path) -> None:
    """Ends the command when one of the files that it is to make is there."""
    for place in places:
        if place.exists() or place.is_symlink():
            complain(command, f"{place} is there already: move it away or name another file")
            raise typer.Exit(FAILED)


def in_database(command: str, access: Access, work: Callable[[CouchServer], Awaitable[T]]) -> T:
    """Does it in the region's database. Ends the command with a complaint when that fails."""

    async def whole() -> T:
        async with access.server() as server:
            try:
                await server.ask("GET", "/")
            except PeerLost as lost:
                raise PeerLost(
                    f"the region's database does not answer: {lost.reason}; couchgrass region starts it"
                ) from lost
            return await work(server)

    return run(command, whole())
