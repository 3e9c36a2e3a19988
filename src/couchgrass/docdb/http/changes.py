"""``/{db}/_changes``: from its options to a feed. `docdb.changes` has the rules, `feed` the loop."""

from __future__ import annotations

from typing import Any

from couchgrass import json
from couchgrass.docdb.changes import Designed, Feed, parse_changes_query, parse_filter, start_seq
from couchgrass.docdb.http import conditions
from couchgrass.docdb.http.change_rows import ChangeRows
from couchgrass.docdb.http.doc_read import open_doc
from couchgrass.docdb.http.feed import FeedLoop
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response, etag
from couchgrass.errors import BadRequest, NotFound, NotImplementedHere


async def get_changes(request: Request) -> Answer:
    """GET and POST. Raises BadRequest, NotFound for a filter's design document, NotImplementedHere."""
    query = parse_changes_query(request.query, request.header(b"last-event-id"))
    chosen = parse_filter(query, await _body(request))
    if isinstance(chosen, Designed):
        raise _refusal(request, chosen)
    db = request.db
    since = 0 if query.descending else start_seq(query.since, suffix=db.suffix, now=db.totals.seq)
    feed = FeedLoop(request, query, ChangeRows(request.server.stats, db, query, chosen), since)
    if query.feed is not Feed.NORMAL:
        return await feed.answer()
    tag = etag(f"{db.totals.seq}-{db.totals.purge_seq}{db.suffix}")
    if request.method != "POST" and conditions.has(request, tag[1]):
        return Response(304, b"", (tag,))
    return await feed.answer((tag,))


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


def _refusal(request: Request, chosen: Designed) -> NotFound | NotImplementedHere:
    """Why a filter function can't be run: it is not there, or this version runs none."""
    opened = open_doc(request.db.reader, chosen.ddoc, None)
    functions = json.decode(opened.leaf.body).get(chosen.kind)
    if functions is None:
        return NotFound(f"missing json key: {chosen.kind}")
    if type(functions) is not dict:
        return NotFound("json_mismatch")
    if functions.get(chosen.function) is None:
        return NotFound(f"missing json key: {chosen.function}")
    return NotImplementedHere(
        "This version does not run the functions of design documents: use a selector (filter=_selector)."
    )
