"""Knows of one region's database, all the time: does it answer, of what kind is it, which databases has it?

It asks for a sign of life every PROBE_S and reads `_db_updates` all the while, so that a new database is
known at once; the list is read anew every NAMES_S in case something was missed, or there is no feed. Nothing
here costs more with more databases but that list. A server that is lost is looked for again where it is then:
a process that was started again may listen on another port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from couchgrass import json
from couchgrass.agent.run import reads
from couchgrass.couch.server import CouchServer
from couchgrass.errors import CouchgrassError, PeerLost
from couchgrass.linking.address import Address
from couchgrass.linking.job import REPLICATOR, Server, Side

log = logging.getLogger("couchgrass.agent")

Reach = Callable[[], Address]
"""Where a region's database is now, and who we are there. Raises CouchgrassError when that is not known."""

PROBE_S: Final = 0.5
PROBE_TIMEOUT_S: Final = 1.5
"""A server that does not answer for so long is lost: it may be frozen, or its link cut."""

FIRST_S: Final = 3.0
"""The same for the first questions, which end in a long list."""

AGAIN_S: Final = 0.5
NAMES_S: Final = 5.0
FEED_AGAIN_S: Final = 1.0
NO_FEED_AGAIN_S: Final = 60.0
"""How long a server that has no `_db_updates` is not asked for it again."""

GONE_S: Final = 60.0
"""How long it is remembered that a database disappeared."""

HEARTBEAT_S: Final = 5
SILENT_S: Final = 12.0
REQUEST_S: Final = 10.0
LINE_BYTES_MAX: Final = 64 * 1024


class Watch:
    """One region's database. `server` is None while it does not answer, `names` before it ever did.

    `heard` is called whenever something changed that links depend on. `gone` are the times (of the loop's
    clock) at which databases disappeared.
    """

    def __init__(self, region: str, side: Side, reach: Reach, heard: Callable[[], None]) -> None:
        self.region = region
        self.names: frozenset[str] | None = None
        self.server: CouchServer | None = None
        self.known: Server | None = None
        self.address: Address | None = None
        self.error = ""
        self.asked = False
        """It was reached, or found out of reach, at least once."""
        self.gone: dict[str, float] = {}
        self._side = side
        self._reach = reach
        self._heard = heard
        self._feed_failed_s = FEED_AGAIN_S

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._live()
            except CouchgrassError as lost:
                self._lost(lost.reason or lost.error)
            except Exception as failed:  # the loop's edge: nothing ends it
                log.exception("the database of %s can't be watched", self.region)
                self._lost(repr(failed))
            await asyncio.sleep(AGAIN_S)

    def _lost(self, reason: str) -> None:
        if not self.error:
            log.warning("the database of %s does not answer: %s", self.region, reason)
        was = (self.server, self.asked, self.error)
        self.server, self.asked, self.error = None, True, reason
        if was != (None, True, reason):
            self._heard()

    async def _live(self) -> None:
        """As long as the server answers at one address. Raises what it is lost by."""
        self.address = self._reach()
        async with CouchServer(
            self.address.base, self.address.user, self.address.password, timeout_s=REQUEST_S
        ) as server:
            known, names = await self._first(server)
            log.info("the database of %s answers at %s", self.region, server.base)
            self.server, self.known, self.error, self.asked = server, known, "", True
            self._take(names)
            self._heard()
            feed = asyncio.create_task(self._feed(server))
            try:
                await self._probe(server)
            finally:
                self.server = None
                feed.cancel()
                await asyncio.wait({feed})

    async def _first(self, server: CouchServer) -> tuple[Server, frozenset[str]]:
        try:
            async with asyncio.timeout(FIRST_S):
                return await reads.kind(server, self._side), await reads.databases(server)
        except TimeoutError as late:
            raise PeerLost(f"{server.base}: no answer for {FIRST_S:g} s") from late

    async def _probe(self, server: CouchServer) -> None:
        """Until it does not answer any more, which is raised."""
        clock = asyncio.get_running_loop().time
        read_at = clock()
        while True:
            await asyncio.sleep(PROBE_S)
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await server.ask("GET", "/")
            except TimeoutError as late:
                raise PeerLost(f"{server.base}: no answer for {PROBE_TIMEOUT_S:g} s") from late
            if clock() - read_at >= NAMES_S:
                read_at = clock()
                if self._take(await reads.databases(server)):
                    self._heard()

    def _take(self, names: frozenset[str]) -> bool:
        """The databases that there are; whether that is news."""
        if names == self.names:
            return False
        now = asyncio.get_running_loop().time()
        self.gone = {name: at for name, at in self.gone.items() if now - at < GONE_S}
        self.gone |= dict.fromkeys((self.names or frozenset()) - names, now)
        self.names = names
        return True

    # --- the feed ------------------------------------------------------------------------------------

    async def _feed(self, server: CouchServer) -> None:
        while True:
            try:
                await self._follow(server)
            except CouchgrassError as refused:
                log.debug("no _db_updates of %s: %s", self.region, refused.reason)
            except Exception:  # the loop's edge: nothing ends it
                log.exception("the feed of %s can't be followed", self.region)
            await asyncio.sleep(self._feed_failed_s)

    async def _follow(self, server: CouchServer) -> None:
        query = [("feed", "continuous"), ("since", "now"), ("heartbeat", str(HEARTBEAT_S * 1000))]
        self._feed_failed_s = FEED_AGAIN_S
        async with server.transport().request("GET", "/_db_updates", query=query, idle_s=SILENT_S) as reply:
            if reply.status != 200:
                self._feed_failed_s = NO_FEED_AGAIN_S
                return
            if self._take(await reads.databases(server)):
                self._heard()
            rest = b""
            async for chunk in reply.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LINE_BYTES_MAX:
                    raise PeerLost(f"{server.base}: a row of _db_updates is over {LINE_BYTES_MAX} bytes")
                self._events([json.decode(line) for line in lines if line.strip()])

    def _events(self, rows: list[Any]) -> None:
        names = self.names or frozenset()
        is_news = False
        for row in rows:
            name, kind = (row.get("db_name"), row.get("type")) if isinstance(row, Mapping) else (None, None)
            if not isinstance(name, str):
                continue
            if kind == "deleted":
                names -= {name}
            elif name not in names:
                names |= {name}
            is_news = is_news or name == REPLICATOR
        if self._take(names) or is_news:
            self._heard()
