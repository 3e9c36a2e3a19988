"""The servers that this process replicates with: one connection pool each, and whether they are there.

While a live feed hangs on a server, one small request every few seconds asks whether it is still there, for
all feeds together; a server that is not is asked more often, until it is back. So a job notices a cable that
was pulled, and goes on within seconds of the server's return, however long it was away; and a thousand idle
jobs cost one request.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from couchgrass.couch.auth import Auth
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import SERVER_GONE, TOO_MANY, HttpTransport
from couchgrass.errors import CouchgrassError
from couchgrass.replication.address import Address
from couchgrass.replication.backoff import probe_delay_s
from couchgrass.serving.lost import why

log = logging.getLogger("couchgrass.replication")

WATCH_S = 4.0
"""How often a server is asked whether it is there while feeds hang on it."""

PROBE_S = 2.0
"""How long it may take to answer that."""

MISSES = 2
"""So many answers must fail to come until a server counts as gone."""

KEPT_PROBES = 2
"""A server that answered so often on one connection keeps connections; of one that does not, a new one tells
nothing."""

GREETING_BYTES_MAX = 64 * 1024
"""What is read of a server's answer to the question whether it is there."""

KEPT_S = 30.0
"""How long an idle connection is kept."""

SERVERS_MAX = 1000
"""Servers that are known at a time, unless jobs work with more."""

USERS_MAX = 1000
"""Sessions of different users that are kept for one server."""


class Tls(msgspec.Struct, frozen=True):
    """How servers are verified: ``[replicator] verify_ssl_certificates`` and its files."""

    verify: bool = True
    authorities: str = ""
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """Raises OSError for files that can't be read."""
        context = ssl.create_default_context(cafile=self.authorities or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        return context


class Server:
    """One server. `base` is its URL up to where databases begin."""

    def __init__(self, base: str, tls: Tls, proxy: str | None) -> None:
        self.base = base
        self.pace = Pace()
        self.is_there = True
        self.why = ""
        """What was wrong when it was last asked, if it `is_there` no more."""
        self.next_probe_s = 0.0
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._proxy = proxy
        self._auths: dict[tuple[str | None, str | None], Auth] = {}
        self._pool: aiohttp.ClientSession | None = None
        self._feeding: dict[object, Callable[[str], None]] = {}
        self._connections = 0
        self._watch: asyncio.Task[None] | None = None
        self._return: asyncio.Task[bool] | None = None
        self._waiting = 0

    def transport(self, address: Address, connect_s: float) -> HttpTransport:
        """To this server, as this user."""
        key = (address.username, address.password)
        auth = self._auths.get(key)
        if auth is None:
            while len(self._auths) >= USERS_MAX:
                del self._auths[next(iter(self._auths))]
            auth = self._auths[key] = Auth(*key)
        return HttpTransport(
            self.pool(),
            self.base,
            auth=auth,
            pace=self.pace,
            headers=dict(address.headers),
            tls=self._verified(),
            proxy=self._proxy,
            connect_s=connect_s,
        )

    def _verified(self) -> ssl.SSLContext | bool:
        """Raises CouchgrassError when the files for TLS can't be read."""
        if not self.base.startswith("https:"):
            return True
        if self._context is None:
            try:
                self._context = self._tls.context()
            except OSError as unreadable:
                why = unreadable.strerror or type(unreadable).__name__
                raise CouchgrassError(f"the TLS files of [replicator] can't be read: {why}") from unreadable
        return self._context

    def pool(self) -> aiohttp.ClientSession:
        """The connections that all jobs share."""
        if self._pool is None or self._pool.closed:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S)
            self._pool = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._pool

    @contextmanager
    def watched(self, gone: Callable[[str], None]) -> Iterator[None]:
        """While the block runs the server is watched; `gone` hears once why what was begun there is void."""
        key = object()
        self._feeding[key] = gone
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep_watch())
        try:
            yield
        finally:
            self._feeding.pop(key, None)
            if not self._feeding and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    @property
    def is_idle(self) -> bool:
        """True when no job works with it, or waits for it."""
        return not self._feeding and self._return is None

    async def _keep_watch(self) -> None:
        """Asks again and again, on one connection that is kept.

        When that had to be made anew, the server may have been started again, perhaps from an older copy of
        its disk: whoever works with it begins again from what is on its disk now.
        """
        misses = asked = 0
        async with self._wire() as wire:
            while True:
                await asyncio.sleep(WATCH_S if not misses else probe_delay_s(misses))
                before = self._connections
                if await self.probe(wire):
                    misses = 0
                    is_new = self._connections != before
                    if is_new and asked >= KEPT_PROBES:
                        self._tell("it was started again, or its connections were cut")
                    asked = 1 if is_new else asked + 1
                    continue
                misses += 1
                if misses >= MISSES:
                    await self.lost()
                    self._watch = None
                    self._tell("no answer")
                    return

    def _tell(self, why: str) -> None:
        feeding, self._feeding = self._feeding, {}
        for gone in feeding.values():
            gone(why)

    def _wire(self) -> aiohttp.ClientSession:
        """A session with one connection, which counts how often that is made."""
        trace = aiohttp.TraceConfig()

        async def connected(*_: Any) -> None:
            self._connections += 1

        trace.on_connection_create_end.append(connected)
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=4 * WATCH_S)
        return aiohttp.ClientSession(
            connector=connector, trace_configs=[trace], cookie_jar=aiohttp.DummyCookieJar()
        )

    async def lost(self) -> None:
        """Throws the pooled connections away: they lead nowhere."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def probe(self, wire: aiohttp.ClientSession | None = None) -> bool:
        """Is there somebody? On a connection of its own unless `wire` has one."""
        if wire is None:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
                return await self.probe(session)
        there = False
        try:
            async with wire.get(
                self.base + "/",
                ssl=self._verified(),
                proxy=self._proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=PROBE_S),
            ) as answer:
                await answer.content.read(GREETING_BYTES_MAX)
                there = answer.status not in SERVER_GONE and answer.status != TOO_MANY
                self.why = f"it answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            self.why = why(broken)
        except CouchgrassError as refused:
            self.why = refused.reason
        self.is_there = there
        return there

    async def returned(self) -> bool:
        """Waits until the server is there. True when it had been away. All who wait share the asking, which
        ends with the last of them."""
        if self._return is None:
            self._return = asyncio.create_task(self._await_return())
        asking = self._return
        self._waiting += 1
        try:
            return await asyncio.shield(asking)
        finally:
            self._waiting -= 1
            if asking.done() and self._return is asking:
                self._return = None
            if not self._waiting and self._return is not None:
                self._return.cancel()
                self._return = None

    async def _await_return(self) -> bool:
        probes = 0
        while not await self.probe():
            if probes == 0:
                log.warning("%s is not there: %s", self.base, self.why)
                await self.lost()
            pause_s = probe_delay_s(probes)
            self.next_probe_s = time.monotonic() + pause_s
            await asyncio.sleep(pause_s)
            probes += 1
        if probes:
            log.info("%s is back", self.base)
        return probes > 0

    async def close(self) -> None:
        """Ends all that runs and all connections."""
        tasks = [task for task in (self._watch, self._return) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.lost()


class Peers:
    """All servers of this process, by where they are."""

    def __init__(self, tls: Callable[[], Tls]) -> None:
        self._tls = tls
        self._servers: dict[tuple[str, str | None, Tls], Server] = {}
        self._closing: set[asyncio.Future[None]] = set()

    def server(self, address: Address) -> Server:
        """The server that a remote address is at."""
        assert address.url is not None
        base = address.url.rpartition("/")[0]
        key = (base, address.proxy, self._tls())
        found = self._servers.get(key)
        if found is None:
            if len(self._servers) >= SERVERS_MAX:
                self._give_up_some()
            found = self._servers[key] = Server(base, key[2], address.proxy)
        return found

    def _give_up_some(self) -> None:
        """Closes servers that no job is at. A job that comes back to one makes it anew."""
        for key in [key for key, server in self._servers.items() if server.is_idle]:
            task = asyncio.ensure_future(self._servers.pop(key).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def __len__(self) -> int:
        return len(self._servers)

    async def close(self) -> None:
        """Ends all connections."""
        for server in self._servers.values():
            await server.close()


def database_of(address: Address) -> str:
    """The last segment of a remote address: its database, percent-encoded."""
    assert address.url is not None
    return urlsplit(address.url).path.rpartition("/")[2]
