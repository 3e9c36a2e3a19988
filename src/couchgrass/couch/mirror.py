"""A small database of the region's server, held in memory and kept fresh by its changes feed.

One request at a time waits for changes (``feed=longpoll`` with the documents in it), so what another writer
or a replication does is here within moments. While the server is away what is in memory stays, and the server
is asked again and again, soon and then every two seconds. When it is another database than before, all is
read anew, and what is not there any more goes; that is looked at before each wait, for a feed does not tell
it: asked with a sequence of the old database, it begins the new one.

A snapshot file lets a start go on while the server is away. It is written a moment after a change.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from couchgrass import json
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    FileExists,
    NotFound,
    ServiceUnavailable,
    TooLarge,
)
from couchgrass.replication.backoff import probe_delay_s
from couchgrass.serving.files import put_file

PAGE_ROWS: Final = 200
"""Rows asked for at a time; fewer when their documents are too large together."""

POLL_MS: Final = 20_000
"""A wait for changes ends after so long without one, well within the time that a request may take."""

START_S: Final = 10.0
"""How long a start without a snapshot waits for the server before it gives up."""

START_KNOWING_S: Final = 1.0
"""How long one with a snapshot waits before it goes on with that. A process holds several mirrors, and when
it falls while the server is away, its users wait for all of them."""

SNAPSHOT_S: Final = 2.0
"""Changes within so long are written together."""

AWAY: Final = "The database of this region is not available. Try again later."

DATABASE_MISSING: Final = re.compile("atabase does not exist|no_db_file")
"""How CouchDB 3 and 1 say that it is not the document that is not there."""

log = logging.getLogger(__name__)


class View(Protocol):
    """What is made of the documents."""

    def take(self, doc: Mapping[str, Any]) -> None:
        """A document as it is now; with ``_deleted`` it is gone. What can't be read is the view's to log."""

    def keep_only(self, ids: frozenset[str]) -> None:
        """No other documents are there."""

    def documents(self) -> Iterable[Mapping[str, Any]]:
        """What a snapshot is to hold; `take` takes them again. Gone over on another thread."""


class Mirror:
    """One database, one view. `is_live`: the server answered the last request."""

    def __init__(
        self, server: CouchServer, database: str, view: View, *, snapshot: Path, start_s: float = START_S
    ) -> None:
        self.is_live = False
        self._server = server
        self._database = database
        self._view = view
        self._snapshot = snapshot
        self._start_s = start_s
        self._since: Any = None
        self._instance: Any = None
        self._seen: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._dirty = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Reads all there is and follows from there. Raises ServiceUnavailable."""
        failures = 0
        knows = await asyncio.to_thread(self._snapshot.exists)
        try:
            async with asyncio.timeout(min(self._start_s, START_KNOWING_S) if knows else self._start_s):
                while not await self._try_to_load(failures):
                    await asyncio.sleep(probe_delay_s(failures))
                    failures += 1
        except TimeoutError:
            await self._restore()
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep_snapshot())]

    async def close(self) -> None:
        """Ends the following; the snapshot is as fresh as memory then."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._dirty.is_set():
            await self._save()

    def wrote(self, id: str, rev: str) -> bool:
        """We wrote this revision. True: the view is to take it, and an older one that the feed still brings
        is no news. False: the feed brought it already, or a later one."""
        number = generation(rev)
        if self._seen.get(id, 0) >= number:
            return False
        self._seen[id] = self._written[id] = number
        self._dirty.set()
        return True

    async def ask(self, method: str, *segments: str, body: Any = None, query: Mapping[str, str] = {}) -> Any:
        """A request to the database. Raises Conflict, NotFound and TooLarge as they come, and
        ServiceUnavailable for all else: what is wrong between us and the database is no caller's fault."""
        try:
            return await self._server.ask(method, path(self._database, *segments), body, query=query)
        except CouchgrassError as refused:
            is_missing = isinstance(refused, NotFound) and not DATABASE_MISSING.search(refused.reason)
            if is_missing or isinstance(refused, Conflict | TooLarge):
                raise
            log.warning("%s of %s failed: %s", method, self._database, refused.reason)
            raise ServiceUnavailable(AWAY) from refused

    async def _try_to_load(self, failures: int) -> bool:
        try:
            await self._load()
        except CouchgrassError as refused:
            if failures == 0:
                log.warning("the database %s can't be read: %s", self._database, refused.reason)
            return False
        return True

    async def _load(self) -> None:
        """Reads what came since, or all if this is not the database that was read before."""
        try:
            info = await self._server.ask("GET", path(self._database))
        except NotFound:
            await self._create()
            self._since = None
            info = await self._server.ask("GET", path(self._database))
        instance = info.get("instance_start_time")
        if self._since is None or instance != self._instance:
            await self._load_all()
            self._instance = instance
        self.is_live = True

    async def _create(self) -> None:
        try:
            await self._server.ask("PUT", path(self._database))
        except FileExists:
            return

    async def _load_all(self) -> None:
        self._written.clear()
        self._seen.clear()
        since: Any = "0"
        there: set[str] = set()
        while True:
            rows, since = await self._page({"since": _text(since)})
            for row in rows:
                (there.discard if row.get("deleted") else there.add)(row["id"])
            if not rows:
                break
        self._view.keep_only(frozenset(there) | self._written.keys())
        self._since = since
        self._dirty.set()

    async def _page(self, query: Mapping[str, str]) -> tuple[list[Any], Any]:
        """One page of changes, taken into the view."""
        limit = PAGE_ROWS
        while True:
            asked = {"include_docs": "true", "limit": str(limit), **query}
            try:
                answer = await self._server.ask("GET", path(self._database, "_changes"), query=asked)
                break
            except TooLarge:
                if limit == 1:
                    raise
                limit = max(1, limit // 4)
        rows = answer["results"]
        for row in rows:
            self._take(row)
        return rows, answer["last_seq"]

    def _take(self, row: Mapping[str, Any]) -> None:
        doc = row.get("doc")
        id = row["id"]
        number = generation(row["changes"][0]["rev"])
        if number < self._written.get(id, 0):
            return
        self._written.pop(id, None)
        self._seen[id] = number
        if row.get("deleted") or doc is None:
            doc = {"_id": id, "_deleted": True}
        self._view.take(doc)

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                was_live = self.is_live
                await self._load()
                if not was_live:
                    log.info("the database %s can be read", self._database)
                query = {"since": _text(self._since), "feed": "longpoll", "timeout": str(POLL_MS)}
                rows, self._since = await self._page(query)
                if rows:
                    self._dirty.set()
                failures = 0
            except Exception as failed:  # noqa: BLE001  the edge of a loop: nothing ends it
                if self.is_live:
                    told = failed.reason if isinstance(failed, CouchgrassError) else repr(failed)
                    log.warning("the database %s can't be read now: %s", self._database, told)
                self.is_live = False
                if isinstance(failed, CouchgrassError) and failed.status < 500:
                    self._since = None  # it was refused, not lost: by another database, perhaps
                await asyncio.sleep(probe_delay_s(failures))
                failures += 1

    async def _keep_snapshot(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(SNAPSHOT_S)
            await self._save()

    async def _save(self) -> None:
        self._dirty.clear()
        try:
            await asyncio.to_thread(self._write, self._view.documents())
        except OSError as failed:
            log.warning("the snapshot %s can't be written: %s", self._snapshot, failed)

    def _write(self, documents: Iterable[Mapping[str, Any]]) -> None:
        content = {"server": self._server.base, "database": self._database, "docs": list(documents)}
        put_file(self._snapshot, json.encode(content))

    async def _restore(self) -> None:
        """Raises ServiceUnavailable when there is no snapshot of this database."""
        try:
            content = json.decode(await asyncio.to_thread(self._snapshot.read_bytes))
        except (OSError, BadRequest) as missing:
            raise ServiceUnavailable(AWAY) from missing
        if (content.get("server"), content.get("database")) != (self._server.base, self._database):
            raise ServiceUnavailable(AWAY)
        for doc in content["docs"]:
            self._view.take(doc)
        log.warning("the database %s is away: going on with what was known of it", self._database)


def generation(rev: str) -> int:
    """The number of a revision."""
    number = rev.partition("-")[0]
    return int(number) if number.isdigit() else 0


def _text(since: Any) -> str:
    return since if isinstance(since, str) else json.encode(since).decode()
