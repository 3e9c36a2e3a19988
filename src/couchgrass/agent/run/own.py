"""What a region's own server says of its links: the jobs' documents, and what the scheduler makes of them.

The scheduler is asked once a look for all jobs together. The documents are read when one changed, as
`_db_updates` tells, and every DOCS_S in case it did not tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from couchgrass.agent.jobs import link_of
from couchgrass.agent.run import reads
from couchgrass.couch.server import CouchServer
from couchgrass.linking.rows import LinkRow
from couchgrass.topology.links import Way

DOCS_S: Final = 10.0
CALM: Final = frozenset({"running", "pending", "initializing", "missing"})
"""States of a job that is not in trouble."""


class Own:
    """The jobs of one server. `docs` is None before it was looked at."""

    def __init__(self) -> None:
        self.docs: list[Mapping[str, Any]] | None = None
        self.rows: Mapping[str, LinkRow] = {}
        self.is_dirty = True
        """Something wrote to `_replicator`: the documents are read at the next look."""
        self._by_way: dict[Way, dict[str, Mapping[str, Any]]] = {}
        self._read_at = 0.0

    async def look(self, server: CouchServer) -> None:
        """Raises the server's refusals and PeerLost."""
        now = asyncio.get_running_loop().time()
        if self.is_dirty or now - self._read_at >= DOCS_S:
            self.is_dirty = False
            try:
                docs = await reads.jobs(server)
            except BaseException:
                self.is_dirty = True
                raise
            self._read_at = now
            self.docs = docs
            self._by_way = {}
            for doc in docs:
                link = link_of(doc)
                if link is not None:
                    self._by_way.setdefault(link.way, {})[link.database] = doc
        self.rows = await reads.scheduled(server)

    def of_way(self, way: Way) -> Mapping[str, Mapping[str, Any]]:
        """The documents of one way, by database."""
        return self._by_way.get(way, {})

    @property
    def troubled(self) -> frozenset[str]:
        """The ids of jobs that do not run although they should."""
        return frozenset(name for name, row in self.rows.items() if row.state not in CALM)
