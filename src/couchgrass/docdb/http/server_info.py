"""What the server says about itself and its databases: ``/``, ``/_up``, ``/_uuids``, ``/_all_dbs`` and so on.

Specification: CouchDB 3.5 ``chttpd_misc``, ``mem3_httpd``.
"""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from couchgrass import __version__, json
from couchgrass.docdb.access import check_server_admin
from couchgrass.docdb.http.conditions import has
from couchgrass.docdb.http.databases import database_info
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, Response, Stream, etag, json_response
from couchgrass.docdb.list_query import Bounds, Space, bounds, of_request
from couchgrass.errors import BadRequest, CouchgrassError, NotFound

COUCHDB_VERSION: Final = "3.5.0"
"""The CouchDB whose API this is. Clients look at it to decide what they can use."""

COUCHDB_GIT_SHA: Final = "11f0d3643"

NODE_NAME: Final = "couchgrass@127.0.0.1"
"""Every server is a cluster of one node, which has this name; ``_local`` means it too."""

FEATURES: Final[tuple[str, ...]] = ()
"""CouchDB's names for optional parts, of those that are here."""

NAMES_WHOLE_MAX: Final = 1000
"""A longer list of databases is streamed, in pieces of so many names."""

PIECE_BYTES_MIN: Final = 16 * 1024

_NEVER_CACHED: Final = (
    ("cache-control", "no-cache"),
    ("expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
    ("pragma", "no-cache"),
)


async def get_root(request: Request) -> Answer:
    """GET /"""
    settings = request.server.settings
    return json_response(
        {
            "couchdb": "Welcome",
            "version": COUCHDB_VERSION,
            "git_sha": COUCHDB_GIT_SHA,
            "uuid": settings.couchdb.uuid,
            "features": FEATURES,
            "vendor": {"name": "couchgrass", "version": __version__} | dict(settings.vendor),
        }
    )


async def get_up(request: Request) -> Answer:
    """GET /_up: 200 while it is well to send requests here. 404, CouchDB's no, also while it stops."""
    mode = request.server.settings.couchdb.maintenance_mode
    if mode != "false":
        return json_response({"status": "maintenance_mode" if mode == "true" else mode}, 404)
    if request.server.stopping.done():
        return json_response({"status": "stopping"}, 404)
    return json_response({"status": "ok", "seeds": {}})


async def get_uuids(request: Request) -> Answer:
    """GET /_uuids"""
    setting = request.server.settings.uuids
    try:
        count = int(request.query.get("count", "1"))
    except ValueError:
        count = -1
    if count < 0:
        raise BadRequest("count must be a positive integer")
    if count > setting.max_count:
        raise BadRequest("count parameter too large")
    ids = request.server.uuids.many(setting, count)
    return json_response({"uuids": ids}, headers=(*_NEVER_CACHED, etag(_digest(ids))))


async def get_all_dbs(request: Request) -> Answer:
    """GET /_all_dbs: names in byte order, with the options of ``_all_docs``."""
    _check_may_list(request)
    names = request.server.store.names()
    tag = etag(_digest(names))
    if has(request, tag[1]):
        return Response(304, b"", (tag,))
    wanted = _selected(request, names)
    if len(wanted) <= NAMES_WHOLE_MAX:
        return json_response(wanted, headers=(tag,))
    return Stream(200, name_pieces(wanted), (tag,))


async def get_dbs_info(request: Request) -> Answer:
    """GET /_dbs_info: one row for each database that `get_all_dbs` would name."""
    _check_may_list(request)
    return Stream(200, _info_pieces(request, _selected(request, request.server.store.names()), None))


async def post_dbs_info(request: Request) -> Answer:
    """POST /_dbs_info: one row for each of ``keys``, in their order."""
    _check_may_list(request)
    request.require_json_type()
    body = await request.json_object()
    if "keys" not in body:
        raise BadRequest("`keys` member must exist.")
    keys = body["keys"]
    if type(keys) is not list:
        raise BadRequest("`keys` member must be an array.")
    if len(keys) > request.server.settings.chttpd.max_db_number_for_dbs_info_req:
        raise BadRequest("too_many_keys")
    return Stream(200, _info_pieces(request, keys, "not_found"))


async def get_active_tasks(request: Request) -> Answer:
    """GET /_active_tasks: what runs in the background, each with its own members.

    First the server's own, oldest first, then those of its `task_sources`.
    """
    server = request.server
    tasks = [task for _, task in sorted(server.tasks.items())]
    tasks += [task for source in server.task_sources for task in source()]
    return json_response([task | {"node": NODE_NAME} for task in tasks])


async def get_membership(request: Request) -> Answer:
    """GET /_membership"""
    return json_response({"all_nodes": [NODE_NAME], "cluster_nodes": [NODE_NAME]})


def _check_may_list(request: Request) -> None:
    if request.server.settings.chttpd.admin_only_all_dbs:
        check_server_admin(request.ctx)


def _digest(names: Sequence[str]) -> str:
    """What an ETag says of a list of names, none of which has a line's end in it."""
    return hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()


def _selected(request: Request, names: list[str]) -> list[str]:
    """The part of the sorted `names` that the options ask for."""
    query = of_request(request.query)
    if query.keys is not None:
        found = [key for key in query.keys if type(key) is str and key in request.server.store]
    else:
        found = names[_slice(names, bounds(query, Space.ALL))]
    if query.descending:
        found = found[::-1]
    return found[query.skip : query.skip + query.limit]


def _slice(names: list[str], wanted: Bounds) -> slice:
    first, stop = 0, len(names)
    if wanted.low is not None:
        first = (bisect_right if wanted.low_open else bisect_left)(names, wanted.low)
    if wanted.high is not None:
        stop = (bisect_left if wanted.high_open else bisect_right)(names, wanted.high)
    return slice(first, max(first, stop))


async def name_pieces(names: list[str]) -> AsyncIterator[bytes]:
    """The names as one JSON array, in pieces."""
    comma = b""
    yield b"["
    for first in range(0, len(names), NAMES_WHOLE_MAX):
        yield comma + json.encode(names[first : first + NAMES_WHOLE_MAX])[1:-1]
        comma = b","
    yield b"]\n"


async def _info_pieces(request: Request, names: Sequence[Any], error: str | None) -> AsyncIterator[bytes]:
    """Rows as they are found. Of what is not there the `error` is said, or without one nothing."""
    piece, comma = bytearray(b"["), b""
    for name in names:
        row: dict[str, Any] = {"key": name}
        try:
            if type(name) is not str:
                raise NotFound
            row["info"] = await database_info(request.server, name)
        except NotFound:
            if error is None:
                continue
            row["error"] = error
        except CouchgrassError as damaged:
            row["error"] = damaged.error
        piece += comma + json.encode(row)
        comma = b","
        if len(piece) >= PIECE_BYTES_MIN:
            yield bytes(piece)
            piece.clear()
        await asyncio.sleep(0)  # opening a database takes the better part of a millisecond
    piece += b"]\n"
    yield bytes(piece)
