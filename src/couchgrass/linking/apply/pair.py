"""A run over two servers: both opened, plans of many databases applied, and who hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from couchgrass.couch.server import CouchServer
from couchgrass.linking.address import Address
from couchgrass.linking.apply.abreast import abreast
from couchgrass.linking.apply.run import Applier
from couchgrass.linking.job import Side
from couchgrass.linking.steps import Done, Step


class Show(msgspec.Struct, frozen=True):
    """Who hears of progress: of each thing `done`, database by database, and of what goes on `now`."""

    done: Callable[[Done], None]
    now: Callable[[str], None]


@asynccontextmanager
async def opened(pair: tuple[Address, Address]) -> AsyncIterator[dict[Side, CouchServer]]:
    """The two servers, for the length of a block."""
    a, b = (CouchServer(address.base, address.user, address.password) for address in pair)
    async with a, b:
        yield {Side.A: a, Side.B: b}


async def applied(applier: Applier, plans: Mapping[str, Sequence[Step]], show: Show, doing: str) -> None:
    """Applies the plans of databases, several at a time. What was done is shown in the databases' order, also
    when it ends with a failure, which is raised."""
    done: dict[str, list[Done]] = {db: [] for db in plans}

    async def one(db: str) -> None:
        if plans[db]:
            show.now(f"{doing} {db}")
            async for step_done in applier.apply(plans[db]):
                done[db].append(step_done)

    try:
        await abreast(plans, one)
    finally:
        for of_db in done.values():
            for step_done in of_db:
                show.done(step_done)
