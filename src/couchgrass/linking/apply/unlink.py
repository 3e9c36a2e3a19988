"""Takes links away, on one server too when the other one is gone."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from couchgrass.errors import PeerLost
from couchgrass.linking.address import Address
from couchgrass.linking.apply.abreast import abreast
from couchgrass.linking.apply.look import linked_databases, look_at_server, look_for_remains
from couchgrass.linking.apply.pair import Show, applied, opened
from couchgrass.linking.apply.run import Applier
from couchgrass.linking.job import Server, Side
from couchgrass.linking.steps import Step
from couchgrass.linking.undo import undo


class Unlinked(msgspec.Struct, frozen=True):
    """`unreached` are servers that did not answer, with the reason: what is there of the link is left."""

    dbs: tuple[str, ...]
    unreached: Mapping[str, str]


async def unlink(pair: tuple[Address, Address], dbs: tuple[str, ...] | None, show: Show) -> Unlinked:
    """`dbs` are the databases' names, None for all that the two have linked. Raises PeerLost when both
    servers are gone, and what a server refuses with."""
    async with opened(pair) as servers:
        known: dict[Side, Server] = {}
        unreached: dict[str, str] = {}
        for side, server in servers.items():
            show.now(f"looking at {server.base}")
            try:
                known[side] = await look_at_server(server, side)
            except PeerLost as lost:
                unreached[server.base] = lost.reason
        if not known:
            raise PeerLost("; ".join(unreached.values()))
        bases = {side: server.base for side, server in servers.items()}
        reached = {side: servers[side] for side in known}
        names = dbs if dbs is not None else tuple(await linked_databases(reached, bases))

        async def planned(db: str) -> tuple[Step, ...]:
            show.now(f"looking at {db}")
            return undo(db, await look_for_remains(reached, bases, db), reached)

        plans = dict(zip(names, await abreast(names, planned), strict=True))
        ours = frozenset(side for side, server in known.items() if server.is_ours)
        await applied(Applier(reached, ours, bases), plans, show, "unlinking")
        return Unlinked(names, unreached)
