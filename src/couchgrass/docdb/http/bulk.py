"""POST /db/_bulk_docs: many documents in one request, each written or refused on its own.

Specification: ``_bulk_docs`` in ``chttpd_db:db_req`` and "bulk-api" in CouchDB's API reference.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from couchgrass import json
from couchgrass.docdb.document import Edit
from couchgrass.docdb.http.doc_write import check_revs, parse_edit, ready, store_many
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response, json_response
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.sqlite.edits import Outcome, Write
from couchgrass.errors import BadRequest

APART_BYTES_MIN = 1024 * 1024
"""A body from this size on is decoded document by document."""

THREAD_BYTES_MIN = 32 * 1024
"""A body from this size on is taken apart on a thread, so that it does not hold up the event loop."""


class Asked(NamedTuple):
    """What the body asks for. CouchDB refuses `all_or_nothing` since it is a cluster."""

    new_edits: bool
    all_or_nothing: bool
    writes: list[Write]


async def post_bulk_docs(request: Request) -> Answer:
    """Answers 201 with one row a document; with ``new_edits=false`` only with the rows that failed."""
    request.require_json_type()
    request.server.stats.bulk_requests += 1
    body = await request.body()
    if len(body) < THREAD_BYTES_MIN:
        asked = _parse(request, body)
    else:
        loop = asyncio.get_running_loop()
        asked = await loop.run_in_executor(None, _parse, request, body)
    writes = asked.writes
    request.server.stats.bulk_docs.observe(len(writes), request.server.clock.monotonic())
    if asked.all_or_nothing and asked.new_edits and writes:
        return json_response([_not_atomic(write.edit) for write in writes], 417)
    for write in writes:
        if write.edit.attachments is not None:
            write.attachments = await ready(request, write.edit)
    outcomes = await store_many(request, writes, new_edits=asked.new_edits)
    return Response(201, _rows(writes, outcomes, new_edits=asked.new_edits))


def _parse(request: Request, body: bytes) -> Asked:
    """Takes the body apart. Raises BadRequest and the like: then nothing at all is written."""
    members = json.decode(body) if len(body) < APART_BYTES_MIN else json.decode_apart(body, "docs")
    if type(members) is not dict:
        raise BadRequest("Request body must be a JSON object")
    if "docs" not in members:
        raise BadRequest("POST body must include `docs` parameter.")
    docs = members["docs"]
    if type(docs) is not list:
        raise BadRequest("`docs` parameter must be an array.")
    new_edits = members.get("new_edits", True)
    if type(new_edits) is not bool:
        raise BadRequest("`new_edits` parameter must be a boolean.")
    writes = [_write(request, doc, new_edits) for doc in docs]
    return Asked(new_edits, members.get("all_or_nothing") is True, writes)


def _write(request: Request, doc: Any, new_edits: bool) -> Write:
    edit = parse_edit(request, json.decode(doc) if type(doc) is json.Raw else doc)
    if not new_edits:
        check_revs(edit, new_edits=False)
    if not edit.id:
        edit.id = request.server.uuids.one(request.server.settings.uuids)
    return Write(edit)


def _not_atomic(edit: Edit) -> dict[str, str]:
    rev = f"{edit.pos}-{edit.ids[0] if edit.ids else ''}"
    reason = "all_or_nothing is not supported"
    return {"id": edit.id, "rev": rev, "error": "not_implemented", "reason": reason}


def _rows(writes: list[Write], outcomes: list[Outcome], *, new_edits: bool) -> bytes:
    rows: list[dict[str, Any]] = []
    for write, outcome in zip(writes, outcomes, strict=True):
        if type(outcome) is Rev:
            if new_edits:
                rows.append({"ok": True, "id": write.edit.id, "rev": f"{outcome.pos}-{outcome.id}"})
        else:
            row = {"id": write.edit.id, "error": outcome.error, "reason": outcome.reason}  # type: ignore[union-attr]
            if not new_edits and write.edit.rev is not None:
                row["rev"] = str(write.edit.rev)
            rows.append(row)
    return json.encode(rows) + b"\n"
