"""The bytes of a changes feed: its rows, and what is before, between and behind them.

Rules: CouchDB's ``chttpd_db:changes_callback``, and ``fabric_view_changes`` for `seq_interval`.

    feed         opens with     a row               while silent        ends with
    normal       {"results":[   between ",\\r\\n"    "\\n"                ],"last_seq":…,"pending":N}
    longpoll     the same       the same            "\\n"                the same
    continuous                  row "\\n"            "\\n"                {"last_seq":…,"pending":N}
    eventsource                 data: row, id: seq  event: heartbeat
"""

from __future__ import annotations

from collections.abc import Sequence

from couchgrass import json
from couchgrass.docdb.changes import ChangesQuery, Feed


def row_head(seq: str, doc_id: str, revs: list[str], deleted: bool) -> bytes:
    """A row without its closing brace, so that a document may follow."""
    listed = b",".join(b'{"rev":' + json.encode(rev) + b"}" for rev in revs)
    tail = b'],"deleted":true' if deleted else b"]"
    return b'{"seq":"%b","id":%b,"changes":[%b%b' % (seq.encode(), json.encode(doc_id), listed, tail)


class Frame:
    """Puts rows into a feed's form. It counts the rows, since their place decides about two things:
    the separator, and with `seq_interval` which of them carry their sequence.
    """

    __slots__ = ("_feed", "_interval", "_left", "opened")

    def __init__(self, query: ChangesQuery) -> None:
        self._feed = query.feed
        self._interval = query.seq_interval
        self._left = query.limit
        self.opened = False

    @property
    def left(self) -> int:
        """How many rows the limit still allows."""
        return self._left

    def rows(self, rows: Sequence[bytes]) -> bytes:
        """Rows, each a JSON object whose first or last member is its sequence."""
        if not rows:
            return b""
        if self._interval > 1:
            rows = [self._sparse(row, at) for at, row in enumerate(rows)]
        first = self._first()
        self._left -= len(rows)
        if self._feed is Feed.CONTINUOUS:
            return b"\n".join(rows) + b"\n"
        if self._feed is Feed.EVENTSOURCE:
            return b"".join(b"data: %b\nid: %b\n\n" % (row, _seq_of(row)) for row in rows)
        return first + b",\r\n".join(rows)

    def begin_row(self, head: bytes) -> tuple[bytes, bytes]:
        """(what comes before the rest of a row whose head this is, what comes behind it)."""
        if self._interval > 1:
            head = self._sparse(head, 0)
        first = self._first()
        self._left -= 1
        if self._feed is Feed.CONTINUOUS:
            return head, b"\n"
        if self._feed is Feed.EVENTSOURCE:
            return b"data: " + head, b"\nid: %b\n\n" % _seq_of(head)
        return first + head, b""

    def _first(self) -> bytes:
        """What precedes the next row in a feed that is one JSON object."""
        if self.opened:
            return b",\r\n"
        self.opened = True
        return b""

    def _sparse(self, row: bytes, at: int) -> bytes:
        if (self._left - at) % self._interval == 0:
            return row
        return b'{"seq":null' + row[row.index(b",") :]

    def opening(self) -> bytes:
        """What a feed begins with; in a feed of lines it only tells the client that the answer began."""
        return b'{"results":[\n' if self._feed in (Feed.NORMAL, Feed.LONGPOLL) else b"\n"

    def heartbeat(self) -> bytes:
        """What says that the feed is alive."""
        return b"event: heartbeat\ndata: \n\n" if self._feed is Feed.EVENTSOURCE else b"\n"

    def ending(self, last_seq: str, pending: int | None) -> bytes:
        """`pending` None leaves that member out, as ``_db_updates`` does."""
        if self._feed is Feed.EVENTSOURCE:
            return b""
        left = b"" if pending is None else b',"pending":%d' % pending
        members = b'"last_seq":"%b"%b}\n' % (last_seq.encode(), left)
        return b"{" + members if self._feed is Feed.CONTINUOUS else b"\n],\n" + members


def _seq_of(row: bytes) -> bytes:
    if row.startswith(b'{"seq":'):
        return row[7 : row.index(b",")]
    return row[row.rindex(b'"seq":') + 6 : -1]
