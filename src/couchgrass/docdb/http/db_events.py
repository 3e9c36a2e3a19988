"""``/_db_updates``: which databases were created, updated and deleted, in order.

The log is in memory and holds for each database only the newest event of a kind, as CouchDB's
``_global_changes`` does, so it grows with the number of databases and not with their writes. A deleted
database leaves one entry, of which the newest DELETED_MAX are kept.

A sequence is ``N-epoch``, and each start of the server is an epoch of its own. A new log begins with one
"updated" event for each database that is there, so that a reader whose sequence is from before the restart
is sent to look at every one of them: it may look in vain, but misses no write. What was deleted while it was
away it learns from what is no longer listed.

Specification: ``global_changes_httpd``. Where this differs: the log needs no database of its own, an
eventsource row is the same object as in the other feeds, and a deletion takes the database's older events
out of the log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING

from couchgrass import json
from couchgrass.docdb.changes import ChangesQuery, Feed, parse_updates_query, start_seq
from couchgrass.docdb.http import conditions
from couchgrass.docdb.http.feed import Attached, FeedLoop, Step
from couchgrass.docdb.http.response import Answer, Response, etag
from couchgrass.docdb.sqlite.bell import Bell

if TYPE_CHECKING:
    from couchgrass.docdb.http.request import Request

DELETED_MAX = 10_000
"""Deleted databases that are remembered."""

PAUSE_S = 0.05
"""Feeds hear of updates this often at the most; writes come in by the thousand a second."""

STEP_ROWS = 1000

_KINDS = ("created", "updated")


class DbEvents:
    """The log of one server, on its event loop. `names` are the databases that are there at the start."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        loop = asyncio.get_running_loop()
        self.newest = 0
        self.changed = Bell(loop, PAUSE_S)
        self.suffix = "-" + secrets.token_hex(6)
        self._log: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._stop_bell: Bell | None = None
        for name in names:
            self.note(name, "updated")

    def note(self, name: str, kind: str) -> None:
        """Something happened to a database: "created", "updated" or "deleted". Called on each commit."""
        self.newest = seq = self.newest + 1
        key = (kind, name)
        log = self._log
        log[key] = seq
        log.move_to_end(key)
        if kind == "deleted":
            self._forget(name)
        self.changed.ring()

    def _forget(self, name: str) -> None:
        for kind in _KINDS:
            self._log.pop((kind, name), None)
        self._deleted[name] = None
        self._deleted.move_to_end(name)
        if len(self._deleted) > DELETED_MAX:
            oldest, _ = self._deleted.popitem(last=False)
            self._log.pop(("deleted", oldest), None)

    def seq(self, number: int) -> str:
        """A sequence as clients see it."""
        return f"{number}{self.suffix}"

    def between(self, low: int, high: int) -> list[tuple[int, str, str]]:
        """(seq, kind, name) with low < seq <= high, in order. Costs what is newer than `low`."""
        found: list[tuple[int, str, str]] = []
        for (kind, name), seq in reversed(self._log.items()):
            if seq <= low:
                break
            if seq <= high:
                found.append((seq, kind, name))
        found.reverse()
        return found

    def stop_bell(self, stopping: asyncio.Future[None]) -> Bell:
        """The bell that rings when the server stops. One callback on the future stands for all feeds."""
        if self._stop_bell is None:
            bell = self._stop_bell = Bell(asyncio.get_running_loop())
            stopping.add_done_callback(lambda _: bell.ring_now())
        return self._stop_bell


class EventRows:
    """What one feed shows of the log: a `feed.Source`."""

    closed = False

    def __init__(self, events: DbEvents, query: ChangesQuery) -> None:
        self.changed = events.changed
        self.seq = events.seq
        self._events = events
        self._descending = query.descending

    @property
    def newest(self) -> int:
        return self._events.newest

    async def step(self, low: int, high: int, limit: int) -> Step:
        found = self._events.between(low, high)
        if self._descending:
            found.reverse()
        some = found[: min(limit, STEP_ROWS)]
        rows = [
            json.encode({"db_name": name, "type": kind, "seq": self.seq(seq)}) for seq, kind, name in some
        ]
        return Step(rows, some[-1][0] if len(some) < len(found) else None)

    async def pending(self, low: int, high: int) -> None:
        return None

    def document(self, attached: Attached) -> AsyncGenerator[bytes, None]:
        raise AssertionError("events have no documents")

    def hold(self, by: int) -> None:
        """The log is always there."""


async def get_db_updates(request: Request) -> Answer:
    """GET. For server admins. Raises BadRequest."""
    events = request.server.events
    query = parse_updates_query(request.query, request.header(b"last-event-id"))
    since = 0 if query.descending else start_seq(query.since, suffix=events.suffix, now=events.newest)
    feed = FeedLoop(request, query, EventRows(events, query), since)
    if query.feed is not Feed.NORMAL:
        return await feed.answer()
    tag = etag(events.seq(events.newest))
    if conditions.has(request, tag[1]):
        return Response(304, b"", (tag,))
    return await feed.answer((tag,))
