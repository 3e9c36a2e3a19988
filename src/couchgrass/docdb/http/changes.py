"""``/{db}/_changes``: from its options to a feed. `docdb.changes` has the rules, `feed` the loop."""

from __future__ import annotations

from typing import Any

from couchgrass import json
from couchgrass.docdb.changes import Designed, Feed, parse_changes_query, parse_filter, start_seq
from couchgrass.docdb.http import conditions
from couchgrass.docdb.http.change_rows import ChangeRows, Passing
from couchgrass.docdb.http.feed import FeedLoop
from couchgrass.docdb.http.filters import filter_of
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response, etag
from couchgrass.errors import BadRequest


async def get_changes(request: Request) -> Answer:
    """GET and POST. Raises BadRequest; for a filter's function NotFound, FunctionFailed and its like."""
    query = parse_changes_query(request.query, request.header(b"last-event-id"))
    text = await _text(request)
    chosen = parse_filter(query, None if text is None else _decoded(text))
    if isinstance(chosen, Designed):
        passing: Passing = await filter_of(request, chosen, text or b"")
    else:
        passing = chosen
    db = request.db
    since = 0 if query.descending else start_seq(query.since, suffix=db.suffix, now=db.totals.seq)
    feed = FeedLoop(request, query, ChangeRows(request.server.stats, db, query, passing), since)
    if isinstance(chosen, Designed):
        await feed.look_ahead()
    if query.feed is not Feed.NORMAL:
        return await feed.answer()
    tag = etag(f"{db.totals.seq}-{db.totals.purge_seq}{db.suffix}")
    if request.method != "POST" and conditions.has(request, tag[1]):
        return Response(304, b"", (tag,))
    return await feed.answer((tag,))


async def _text(request: Request) -> bytes | None:
    """A POST's body; None for a GET."""
    if request.method != "POST":
        return None
    request.require_json_type()
    return await request.body()


def _decoded(text: bytes) -> Any:
    """A body's JSON object, {} when it is empty."""
    body = json.decode(text) if text else {}
    if type(body) is not dict:
        raise BadRequest("Request body must be a JSON object")
    return body
