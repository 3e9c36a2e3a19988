"""Questions about shards, for clients that ask them: every database is one shard on one node.

Specification: CouchDB's ``mem3_httpd``.
"""

from __future__ import annotations

from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer, json_response
from couchgrass.docdb.http.server_info import NODE_NAME

RANGE = "00000000-ffffffff"


async def get_shards(request: Request) -> Answer:
    """GET /db/_shards and /db/_shards/doc."""
    if len(request.path) > 2:
        return json_response({"range": RANGE, "nodes": [NODE_NAME]})
    return json_response({"shards": {RANGE: [NODE_NAME]}})


async def post_sync_shards(request: Request) -> Answer:
    """POST /db/_sync_shards: there is no other copy to bring up."""
    return json_response({"ok": True}, 202)
