"""Endpoints of a whole database: make, delete, describe, set, purge, and compare revisions.

Specification: ``chttpd_db:create_db_req``, ``delete_db_req`` and ``db_req``, ``fabric_db_info``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import apsw

from couchgrass import json
from couchgrass.docdb.access import Right, allows, default_security, owned_security
from couchgrass.docdb.database_name import check_name
from couchgrass.docdb.document import is_design
from couchgrass.docdb.http.conditions import location
from couchgrass.docdb.http.doc_write import parse_edit, ready, store_later, store_one, written
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response, json_response
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.compaction import sizes
from couchgrass.docdb.sqlite.edits import Write, purge_many
from couchgrass.docdb.sqlite.lookups import Missing, missing_revs, purge_history
from couchgrass.errors import BadRequest

if TYPE_CHECKING:
    from couchgrass.docdb.http.server import Server

DISK_FORMAT = 8
"""The format of CouchDB 3.5's files; clients only look whether it grows."""

CLUSTER = {"q": 1, "n": 1, "w": 1, "r": 1}
"""One shard, one copy, on one node."""

LIMIT_MAX = 2**53
"""Higher limits mean the same, and this is as far as every client can count."""

PURGED_AT_ONCE = 200
"""Documents purged in one operation, so that other writers need not wait long."""


async def create_database(request: Request) -> Answer:
    """PUT /db. `request.doc_id` holds the name. What an account makes is its own."""
    _check_layout(request.query)
    if request.ctx.is_server_admin:
        security = default_security(request.server.settings.couchdb.default_security)
    else:
        security = owned_security(request.ctx.name or "")
    request.db = await request.server.store.create(request.doc_id, security)
    return json_response({"ok": True}, 201, (("location", location(request, "").removesuffix("/")),))


def _check_layout(options: Mapping[str, str]) -> None:
    """Shards and copies may be asked for, and come to one here. Raises BadRequest for what can't be."""
    for name in ("n", "q"):
        text = options.get(name, "1")
        if not (text.isascii() and text.isdigit() and text.strip("0")):
            raise BadRequest(f"The `{name}` value should be a positive integer.")
    if "placement" in options and not _is_placement(options["placement"]):
        raise BadRequest("The `placement` value should be in a format `zone:n`.")
    if options.get("engine", "couch") != "couch":
        raise BadRequest("invalid_engine_extension")
    match options.get("partitioned", "false"):
        case "false":
            pass
        case "true":
            raise BadRequest("Partitioned feature is not enabled.")
        case _:
            raise BadRequest("Invalid `partitioned` parameter")


def _is_placement(text: str) -> bool:
    rules = [rule.partition(":") for rule in text.split(",")]
    return all(zone and count.isascii() and count.isdigit() and count.strip("0") for zone, _, count in rules)


async def delete_database(request: Request) -> Answer:
    """DELETE /db."""
    if "rev" in request.query:
        # Somebody's document id is empty by mistake: do not take their database for it.
        raise BadRequest(
            "You tried to DELETE a database with a ?=rev parameter. "
            "Did you mean to DELETE a document instead?"
        )
    if request.doc_id not in request.server.store:
        check_name(request.doc_id)
    if not request.ctx.is_server_admin:
        database = request.server.store.get(request.doc_id)
        allows(request.ctx, request.server.authn.security(database), Right.DB_ADMIN)
    await request.server.store.remove(request.doc_id)
    return json_response({"ok": True})


async def get_database(request: Request) -> Answer:
    """GET /db."""
    server = request.server
    began = server.clock.monotonic()
    info = await database_info(server, request.db.name)
    ended = server.clock.monotonic()
    server.stats.dbinfo.observe((ended - began) * 1000, ended)
    return json_response(info)


async def database_info(server: Server, name: str) -> dict[str, Any]:
    """A database in figures. Raises NotFound."""
    db = server.store.get(name)
    size, totals = sizes(db.reader, db.path), db.totals
    return {
        "instance_start_time": str(db.about.created),
        "db_name": name,
        "purge_seq": db.seq(totals.purge_seq),
        "update_seq": db.seq(totals.seq),
        "sizes": {"file": size.file, "external": totals.bytes, "active": size.active},
        "props": {},
        "doc_del_count": totals.deleted,
        "doc_count": totals.docs,
        "disk_format_version": DISK_FORMAT,
        "compact_running": db.compacting,
        "cluster": CLUSTER,
    }


async def post_document(request: Request) -> Answer:
    """POST /db: a document whose id is in its body, or else made here."""
    request.require_json_type()
    edit = parse_edit(request, await request.json())
    if not edit.id:
        edit.id = request.server.uuids.one(request.server.settings.uuids)
        edit.pos, edit.ids = 0, ()
    if is_design(edit.id):
        request.server.authn.check_right(request, Right.DB_ADMIN)
    write = Write(edit, await ready(request, edit))
    if request.query_string and request.query.get("batch") == "ok":
        return await store_later(request, write, new_edits=True)
    rev = await store_one(request, write, new_edits=True)
    return written(edit.id, rev, 201, (("location", location(request, edit.id)),))


async def get_revs_limit(request: Request) -> Answer:
    """GET /db/_revs_limit."""
    return json_response(request.db.about.revs_limit)


async def put_revs_limit(request: Request) -> Answer:
    """PUT /db/_revs_limit. Counts for edits from now on."""
    return await _put_limit(request, "revs_limit")


async def get_purged_infos_limit(request: Request) -> Answer:
    """GET /db/_purged_infos_limit."""
    return json_response(request.db.about.purged_infos_limit)


async def put_purged_infos_limit(request: Request) -> Answer:
    """PUT /db/_purged_infos_limit. Counts from the next purge on."""
    return await _put_limit(request, "purged_infos_limit")


async def _put_limit(request: Request, key: str) -> Answer:
    limit = await request.json()
    if type(limit) is not int or limit <= 0:
        raise BadRequest(f"`{key}` must be positive integer")
    await request.db.change_setting(key, min(limit, LIMIT_MAX))
    return json_response({"ok": True})


async def get_purged_infos(request: Request) -> Answer:
    """GET /db/_purged_infos: what was purged, as far as it is remembered."""
    return json_response({"purged_infos": await request.db.scan(purge_history)})


async def post_ensure_full_commit(request: Request) -> Answer:
    """POST /db/_ensure_full_commit: what was acknowledged is on the disk already."""
    request.require_json_type()
    return json_response({"ok": True, "instance_start_time": str(request.db.about.created)}, 201)


async def post_view_cleanup(request: Request) -> Answer:
    """POST /db/_view_cleanup: there are no view files to clean up."""
    return json_response({"ok": True}, 202)


async def post_purge(request: Request) -> Answer:
    """POST /db/_purge: takes leaves away for good, body ``{id: [rev, …]}``."""
    stats = request.server.stats
    stats.purge_requests += 1
    request.require_json_type()
    asked = _revs_by_id(await request.json_object(), "Invalid list of revisions")
    most = request.server.settings.purge.max_revisions_number
    if most is not None and sum(map(len, asked.values())) > most:
        raise BadRequest("Exceeded maximum number of revisions.")
    purged: dict[str, list[str]] = {}
    stats.database_purges += 1
    stats.document_purges_total += len(asked)
    try:
        for some in _slices(asked, PURGED_AT_ONCE):
            purged |= await request.db.submit(purge_many(some, request.db.about.purged_infos_limit))
    finally:
        stats.document_purges_success += len(purged)
        stats.document_purges_failure += len(asked) - len(purged)
    return json_response({"purge_seq": None, "purged": purged}, 201)


def _revs_by_id(members: Mapping[str, Any], refusal: str) -> dict[str, Sequence[Rev]]:
    """``{id: [rev, …]}`` with each revision once, in order. Raises BadRequest, with `refusal` for no list."""
    found: dict[str, Sequence[Rev]] = {}
    for doc_id, revs in members.items():
        if type(revs) is not list:
            raise BadRequest(refusal)
        found[doc_id] = [parse_rev(revs[0])] if len(revs) == 1 else sorted(set(map(parse_rev, revs)))
    return found


def _slices(asked: Mapping[str, Sequence[Rev]], count: int) -> Iterator[dict[str, Sequence[Rev]]]:
    doc_ids = list(asked)
    for start in range(0, len(doc_ids), count):
        yield {doc_id: asked[doc_id] for doc_id in doc_ids[start : start + count]}


async def post_revs_diff(request: Request) -> Answer:
    """POST /db/_revs_diff: for each document that lacks some of the revisions named, which ones."""
    return await _compare(request, lambda lacking: {doc_id: _diff(one) for doc_id, one in lacking.items()})


def _diff(lacking: Missing) -> dict[str, list[str]]:
    if not lacking.ancestors:
        return {"missing": lacking.revs}
    return {"missing": lacking.revs, "possible_ancestors": lacking.ancestors}


async def post_missing_revs(request: Request) -> Answer:
    """POST /db/_missing_revs: the same in an older form, without ancestors."""
    return await _compare(
        request,
        lambda lacking: {"missing_revs": {doc_id: one.revs for doc_id, one in lacking.items()}},
    )


async def _compare(request: Request, answer: Callable[[dict[str, Missing]], Any]) -> Response:
    """Reads the body, asks the database and makes the answer, all on a thread: batches may be large."""
    request.require_json_type()
    body = await request.body()

    def compare(connection: apsw.Connection) -> bytes:
        members = json.decode(body)
        if type(members) is not dict:
            raise BadRequest("Request body must be a JSON object")
        asked = _revs_by_id(members, "Invalid revisions, must be a list")
        return json.encode(answer(missing_revs(connection, asked))) + b"\n"

    return Response(200, await request.db.scan(compare))
