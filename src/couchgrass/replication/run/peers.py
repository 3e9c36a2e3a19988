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
from urllib.parse import urlsplit

import aiohttp
import msgspec

from couchgrass.couch.auth import Auth
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import SERVER_GONE, TOO_MANY, HttpTransport
from couchgrass.errors import CouchgrassError
from couchgrass.replication.address import Address
from couchgrass.replication.backoff import probe_delay_s

log = logging.getLogger("couchgrass.replication")

WATCH_S = 4.0
"""How often a server is asked whether it is there while feeds hang on it."""

PROBE_S = 2.0
"""How long it may take to answer that."""

MISSES = 2
"""So many answers must fail to come until a server counts as gone."""

POOL_SIZE = 64
"""Connections to one server for requests; live feeds have their own."""

KEPT_S = 30.0
"""How long an idle connection is kept."""

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
        self.next_probe_s = 0.0
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._proxy = proxy
        self._auths: dict[tuple[str | None, str | None], Auth] = {}
        self._pool: aiohttp.ClientSession | None = None
        self._feeding: dict[object, Callable[[], None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._return: asyncio.Task[bool] | None = None

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
    def watched(self, gone: Callable[[], None]) -> Iterator[None]:
        """While the block runs the server is watched; `gone` is called once when it is not there."""
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

    async def _keep_watch(self) -> None:
        misses = 0
        while True:
            await asyncio.sleep(WATCH_S if not misses else probe_delay_s(misses))
            misses = 0 if await self.probe() else misses + 1
            if misses >= MISSES:
                misses = 0
                await self.lost()
                feeding, self._feeding = self._feeding, {}
                for gone in feeding.values():
                    gone()
                self._watch = None
                return

    async def lost(self) -> None:
        """Throws the pooled connections away: they lead nowhere."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def probe(self) -> bool:
        """Is there somebody? On a connection of its own."""
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=PROBE_S)
        there = False
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(
                    self.base + "/", ssl=self._verified(), proxy=self._proxy, allow_redirects=False
                ) as answer,
            ):
                there = answer.status not in SERVER_GONE and answer.status != TOO_MANY
        except (aiohttp.ClientError, TimeoutError, OSError, CouchgrassError):
            pass
        self.is_there = there
        return there

    async def returned(self) -> bool:
        """Waits until the server is there. True when it had been away. All who wait share the asking."""
        if self._return is None:
            self._return = asyncio.create_task(self._await_return())
            self._return.add_done_callback(self._forget_return)
        return await asyncio.shield(self._return)

    def _forget_return(self, task: asyncio.Task[bool]) -> None:
        self._return = None

    async def _await_return(self) -> bool:
        probes = 0
        while not await self.probe():
            if probes == 0:
                log.warning("%s is not there", self.base)
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

    def server(self, address: Address) -> Server:
        """The server that a remote address is at."""
        assert address.url is not None
        base = address.url.rpartition("/")[0]
        key = (base, address.proxy, self._tls())
        found = self._servers.get(key)
        if found is None:
            found = self._servers[key] = Server(base, key[2], address.proxy)
        return found

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
