"""The loop of every feed: read what is there in steps, send it, wait for a bell.

A feed holds nothing but its place, and sends before it reads on, so that a slow client slows only itself.
What is written while a normal feed is read moves its document to the end, from where the feed may not have
been yet to where it would not come: so such a feed goes on to what is the end then, and shows every document
there is.

A feed ends when its limit or its silence says so; when its source is closed or the server stops, with
``last_seq``, so that the client goes on later or elsewhere; and when the client hangs up. The rules are in
`docdb.changes` and `docdb.changes_frame`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

from couchgrass.docdb.changes import ChangesQuery, Feed
from couchgrass.docdb.changes_frame import Frame
from couchgrass.docdb.http.request import ClientGone, Request
from couchgrass.docdb.http.response import Answer, Headers, Response, Stream
from couchgrass.docdb.http.watch import Watch
from couchgrass.docdb.sqlite.bell import Bell
from couchgrass.errors import NotFound

EVENT_STREAM = "text/event-stream"
NO_CACHE: Headers = (("cache-control", "no-cache"),)

MOVED_MAX = 10_000
"""So many sequences behind its first end a normal feed reads at least, and at most as many as it was to read:
who writes faster than it is read must not keep it from ending."""

SILENCE_S_MIN = 1.0
"""A feed that was asked for no heartbeat and reads on without finding a row still says so, this rarely."""


class Attached(NamedTuple):
    """A row whose document is to be streamed behind `head`; `opened` is what the source needs for it."""

    head: bytes
    opened: Any


class Step(NamedTuple):
    """What one step read: the rows that passed, the last sequence that it looked at (None: the end)."""

    rows: Sequence[bytes]
    last: int | None
    attached: Attached | None = None


class Source(Protocol):
    """Where a feed's rows come from. Sequences are read from `low` (exclusive) to `high` (inclusive)."""

    @property
    def changed(self) -> Bell:
        """Rings when `newest` moved, and when the source is closed."""

    @property
    def newest(self) -> int: ...

    @property
    def closed(self) -> bool: ...

    def seq(self, number: int) -> str: ...

    async def step(self, low: int, high: int, limit: int) -> Step:
        """The next rows, so many as take a few milliseconds. Raises NotFound once it is closed."""

    async def pending(self, low: int, high: int) -> int | None:
        """How many rows are left; None when the feed does not tell."""

    def document(self, attached: Attached) -> AsyncGenerator[bytes, None]:
        """The document's text, its attachments read while it is sent."""

    def hold(self, by: int) -> None:
        """Counts the feeds that are open."""


class FeedLoop:
    """One feed under way: what is left of it lies between `low` and `high`."""

    def __init__(self, request: Request, query: ChangesQuery, source: Source, since: int) -> None:
        self._request = request
        self._query = query
        self._source = source
        self._frame = Frame(query)
        self._low = since
        self._high = source.newest
        self._ceiling = self._high
        if self._query.follows_moves and since < self._high:
            self._ceiling += max(MOVED_MAX, self._high - since)
        self._last = self._high if query.descending else since
        self._ahead: Step | None = None
        self._held = b"" if query.feed in (Feed.CONTINUOUS, Feed.EVENTSOURCE) else self._frame.opening()
        self._time = asyncio.get_running_loop().time
        self._sent_at = self._time()
        self._sent = False
        self._wait_s = query.wait_ms(request.server.settings.chttpd.changes_timeout) / 1000
        beats = query.heartbeat_ms is not None
        self._silent_s = self._wait_s if beats else max(self._wait_s, SILENCE_S_MIN)

    async def look_ahead(self) -> None:
        """Takes the first step now, so that what it raises can still be the answer."""
        if self._left:
            self._ahead = await self._step()

    async def answer(self, headers: Headers = ()) -> Answer:
        """The answer; a normal feed that is one step is sent whole."""
        if self._query.feed is Feed.EVENTSOURCE:
            return Stream(200, self.pieces(), NO_CACHE, EVENT_STREAM, watches=True)
        if self._query.feed is Feed.NORMAL and (self._left or self._ahead is not None):
            step = self._ahead = self._ahead or await self._step()
            is_end = not self._unread or len(step.rows) >= self._frame.left
            if step.attached is None and is_end:
                body = self._held + self._frame.rows(step.rows)
                return Response(200, body + await self._ending(), headers)
        return Stream(200, self.pieces(), headers, watches=True)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body. Raises ClientGone, and NotFound when a normal feed's source is closed under way."""
        server, source = self._request.server, self._source
        bells = (source.changed, server.events.stop_bell(server.stopping)) if self._query.live else ()
        source.hold(1)
        try:
            with Watch(self._request, *bells) as watch:
                async with aclosing(self._rounds(watch)) as rounds:
                    async for piece in rounds:
                        yield piece
        finally:
            source.hold(-1)

    async def _rounds(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        while True:
            watch.rung = False
            if self._query.live:
                self._high = max(self._low, self._source.newest)
            async with aclosing(self._what_is_there(watch)) as there:
                async for piece in there:
                    yield self._out(piece)
            if self._is_over():
                break
            if not self._sent:
                yield self._out(b"" if self._held else self._frame.opening())
            while not (rung := await watch.wait(self._patience_s())) and self._query.heartbeat_ms is not None:
                yield self._out(self._frame.heartbeat())
            if watch.gone:
                raise ClientGone
            if not rung:
                break
        if ending := await self._ending():
            yield self._out(ending)

    async def _what_is_there(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        while self._left or self._ahead is not None:
            try:
                step = self._ahead or await self._step()
            except NotFound:
                if self._query.live:
                    return
                raise
            self._ahead = None
            if step.rows:
                yield self._frame.rows(step.rows)
            if step.attached is not None:
                head, end = self._frame.begin_row(step.attached.head)
                yield head
                async with aclosing(self._source.document(step.attached)) as document:
                    async for piece in document:
                        yield piece
                yield b"}" + end
            elif not step.rows and self._time() - self._sent_at >= self._silent_s:
                yield self._frame.heartbeat()
            watch.listen()
            if watch.gone:
                raise ClientGone

    @property
    def _unread(self) -> bool:
        return self._low < (self._ceiling if self._query.follows_moves else self._high)

    @property
    def _left(self) -> bool:
        return self._unread and self._frame.left > 0

    async def _step(self) -> Step:
        if self._query.follows_moves:
            return await self._step_to_end()
        step = await self._source.step(self._low, self._high, self._frame.left)
        if self._query.descending:
            self._high = self._low if step.last is None else step.last - 1
            self._last = self._last if step.last is None else step.last
        else:
            self._last = self._low = self._high if step.last is None else step.last
        return step

    async def _step_to_end(self) -> Step:
        step = await self._source.step(self._low, self._ceiling, self._frame.left)
        at = max(self._low, self._high) if step.last is None else step.last
        if step.last is None or at >= self._source.newest:
            self._ceiling = at
        self._last = self._low = at
        return step

    def _is_over(self) -> bool:
        if not self._query.live or self._source.closed or self._request.server.stopping.done():
            return True
        if self._query.feed is Feed.LONGPOLL:
            return self._frame.left < self._query.limit
        return self._frame.left <= 0

    def _patience_s(self) -> float:
        """How long the feed waits: until the next heartbeat is due, or all the time that it may be silent."""
        if self._query.heartbeat_ms is None:
            return self._wait_s
        return self._wait_s - (self._time() - self._sent_at)

    def _out(self, piece: bytes) -> bytes:
        if self._held:
            piece, self._held = self._held + piece, b""
        self._sent = True
        self._sent_at = self._time()
        return piece

    async def _ending(self) -> bytes:
        try:
            pending = await self._source.pending(self._low, self._high)
        except NotFound:
            pending = 0
        return self._frame.ending(self._source.seq(self._last), pending)
