"""Whether a region has any of the apps that it is there for.

Deploying is not the agent's: what is deployed does not follow the links, on purpose. But a region that lost
its database, or is new, has no app until somebody deploys to it, and all that it would answer is 404. So for
each namespace of the file's apps it is looked whether it has anything at all where another region has
something. That is asked once a second as long as something is lacking, and then not until the database has
been away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from couchgrass.agent.run.watch import Watch
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, NotFound, PeerLost
from couchgrass.functions.documents import DATABASE as ENTITIES
from couchgrass.gateway.stored import DATABASE as APIS
from couchgrass.gateway.stored import TYPE as API

PEER_S: Final = 1.0
"""How long another region is waited for; it is asked again at the next look."""

_SHELVES: Final = {"actions": (ENTITIES, ""), "APIs": (APIS, f"{API}/")}
"""What there may be: in which database, and how its ids begin before the namespace."""

_NEXT: Final = chr(ord("/") + 1)


class Stock:
    """`shared` are the namespaces of the region's apps, with the other regions that have them too. `lacking`
    is, in words, what the last look found missing."""

    def __init__(self, shared: Mapping[str, frozenset[str]], own: Watch, peers: Sequence[Watch]) -> None:
        self.lacking: tuple[str, ...] = ()
        self._shared = shared
        self._own = own
        self._peers = peers
        self._of: CouchServer | None = None
        self._missing: list[tuple[str, str]] = []
        self._asked: dict[str, CouchServer] = {}

    def is_known_of(self, peer: Watch) -> bool:
        """Nothing is missing, or this region was asked whether it has what is."""
        if not any(peer.region in names for names in self._shared.values()):
            return True
        if self._of is None or self._of is not self._own.server:
            return False
        return not self._missing or self._asked.get(peer.region) is peer.server

    async def look(self) -> None:
        """Raises what the own server refuses, and PeerLost."""
        own = self._own.server
        if own is None:
            return
        if own is not self._of:
            self._of, self._asked = own, {}
            self._missing = [(name, shelf) for name in self._shared for shelf in _SHELVES]
        self._missing = [one for one in self._missing if not await _has(own, *one)]
        if not self._missing:
            self.lacking = ()
            return
        found = await asyncio.gather(*(self._found_at(peer) for peer in self._peers))
        self.lacking = tuple(reason for reasons in found for reason in reasons)

    async def _found_at(self, peer: Watch) -> list[str]:
        """What this region has and we have not."""
        server = peer.server
        missing = [one for one in self._missing if peer.region in self._shared[one[0]]]
        if server is None or not missing:
            return []
        try:
            async with asyncio.timeout(PEER_S):
                there = [one for one in missing if await _has(server, *one)]
        except (TimeoutError, CouchgrassError):
            self._asked.pop(peer.region, None)
            return []
        self._asked[peer.region] = server
        return [
            f"no {shelf} in the namespace {name}, but {peer.region} has some: couchgrass deploy"
            for name, shelf in there
        ]


async def _has(server: CouchServer, namespace: str, shelf: str) -> bool:
    """Whether there is anything of this namespace. Raises the server's refusals and PeerLost."""
    database, lead = _SHELVES[shelf]
    query = {"startkey": f'"{lead}{namespace}/"', "endkey": f'"{lead}{namespace}{_NEXT}"', "limit": "1"}
    try:
        return bool((await server.ask("GET", path(database, "_all_docs"), query=query))["rows"])
    except NotFound:
        return False
    except (LookupError, TypeError) as strange:
        raise PeerLost(f"{server.base}: what it answers is no list") from strange
