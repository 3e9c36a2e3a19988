"""``/{db}/_changes``: the feeds normal, longpoll, continuous and eventsource.

A feed is a loop: read what is there in steps, send it, then wait for the database's bell. It holds nothing
but its place, and sends before it reads on, so that a slow client slows only itself. It ends when its limit
or its silence says so, when the database is deleted or the server stops (with ``last_seq``, so that the
client goes on elsewhere or later), and when the client hangs up. `docdb.changes` has the rules and the bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from couchgrass import json
from couchgrass.docdb.changes import (
    ChangesQuery,
    Designed,
    Feed,
    Frame,
    parse_changes_query,
    parse_filter,
    start_seq,
)
from couchgrass.docdb.http.change_rows import Attached, ChangeRows, Step
from couchgrass.docdb.http.conditions import not_modified
from couchgrass.docdb.http.doc_read import Options, document_pieces, open_doc
from couchgrass.docdb.http.feed import Watch
from couchgrass.docdb.http.request import ClientGone, Request
from couchgrass.docdb.http.response import JSON, Answer, Headers, Response, Stream, etag
from couchgrass.errors import BadRequest, NotFound, NotImplementedHere

EVENT_STREAM = "text/event-stream"
NO_CACHE: Headers = (("cache-control", "no-cache"),)

SILENCE_S_MIN = 1.0
"""A feed without a heartbeat that reads on and on without a row to show sends a newline, but not more often."""


async def get_changes(request: Request) -> Answer:
    """GET and POST. Raises BadRequest, NotFound for a filter's design document, NotImplementedHere."""
    query = parse_changes_query(request.query, request.header(b"last-event-id"))
    chosen = parse_filter(query, await _body(request))
    if isinstance(chosen, Designed):
        raise _refused(request, chosen)
    db = request.db
    since = 0 if query.descending else start_seq(query.since, suffix=db.suffix, now=db.totals.seq)
    feed = ChangesFeed(request, query, ChangeRows(db, query, chosen), since)
    if query.feed is Feed.EVENTSOURCE:
        return Stream(200, feed.pieces(), NO_CACHE, EVENT_STREAM)
    if query.feed is not Feed.NORMAL:
        return Stream(200, feed.pieces())
    tag = etag(f"{db.totals.seq}-{db.totals.purge_seq}{db.suffix}")
    if request.method != "POST" and not_modified(request, tag[1]):
        return Response(304, b"", (tag,))
    return Stream(200, feed.pieces(), (tag,), JSON)


async def _body(request: Request) -> Any:
    """A POST's JSON object, {} when it is empty; None for a GET."""
    if request.method != "POST":
        return None
    request.require_json_type()
    text = await request.body()
    body = json.decode(text) if text else {}
    if type(body) is not dict:
        raise BadRequest("Request body must be a JSON object")
    return body


def _refused(request: Request, chosen: Designed) -> NotFound | NotImplementedHere:
    """Why a filter function can't be run: it is not there, or this version runs none."""
    opened = open_doc(request.db.reader, chosen.ddoc, None)
    functions = json.decode(opened.leaf.body).get(chosen.kind)
    if functions is None:
        return NotFound(f"missing json key: {chosen.kind}")
    if type(functions) is not dict:
        return NotFound("json_mismatch")
    if chosen.function not in functions:
        return NotFound(f"missing json key: {chosen.function}")
    return NotImplementedHere(
        "Filter functions of design documents are not run by this version: use a selector (filter=_selector)."
    )


class ChangesFeed:
    """One feed under way: what is left of it lies between `low` (exclusive) and `high` (inclusive)."""

    def __init__(self, request: Request, query: ChangesQuery, rows: ChangeRows, since: int) -> None:
        self._request = request
        self._db = request.db
        self._server = request.server
        self._query = query
        self._rows = rows
        self._frame = Frame(query)
        self._low = since
        self._high = self._db.totals.seq
        self._last = self._high if query.descending else since
        self._held = b"" if query.feed in (Feed.CONTINUOUS, Feed.EVENTSOURCE) else self._frame.opening()
        self._sent_at = float("-inf")
        self._wait_s = query.wait_ms(self._server.settings.chttpd.changes_timeout) / 1000
        silent_s = self._wait_s if query.heartbeat_ms is not None else max(self._wait_s, SILENCE_S_MIN)
        self._silent_s = silent_s
        self._time = self._server.loop_time

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body. Raises ClientGone, and NotFound when a normal feed's database goes away."""
        db, server = self._db, self._server
        bells = (db.changed, server.events.stop_bell(server.stopping)) if self._query.live else ()
        db.users += 1
        server.stats.clients_requesting_changes += 1
        try:
            with Watch(self._request, *bells) as watch:
                async with aclosing(self._rounds(watch)) as rounds:
                    async for piece in rounds:
                        yield piece
        finally:
            server.stats.clients_requesting_changes -= 1
            db.users -= 1
