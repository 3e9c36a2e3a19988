"""The endpoints of a database: of itself, and of what lies under its reserved names."""

from __future__ import annotations

from couchgrass.docdb.access import Right
from couchgrass.docdb.http import all_docs, bulk, bulk_get, changes, compact, databases, security, shards
from couchgrass.docdb.http.endpoint import Endpoint, Methods
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer
from couchgrass.errors import NotImplementedHere

DATABASE: Methods = {
    "GET": Endpoint(databases.get_database, Right.READ),
    "PUT": Endpoint(databases.create_database, Right.SERVER_ADMIN),
    "DELETE": Endpoint(databases.delete_database, Right.SERVER_ADMIN),
    "POST": Endpoint(databases.post_document, Right.WRITE),
}

_ALL_DOCS = Endpoint(all_docs.get_all_docs, Right.READ)
_QUERIES: Methods = {"POST": Endpoint(all_docs.post_queries, Right.READ)}
_CHANGES = Endpoint(changes.get_changes, Right.READ)


async def not_here(request: Request) -> Answer:
    """What CouchDB has and this version has not."""
    raise NotImplementedHere(f"This version of couchgrass has no {unquoted(request.path[1])}.")


_NOT_HERE = Endpoint(not_here, Right.READ)

DB_ENDPOINTS: dict[str, Methods] = {
    "_all_docs": {"GET": _ALL_DOCS, "POST": _ALL_DOCS},
    "_all_docs/queries": _QUERIES,
    "_design_docs": {"GET": _ALL_DOCS, "POST": _ALL_DOCS},
    "_design_docs/queries": _QUERIES,
    "_local_docs": {"GET": _ALL_DOCS, "POST": _ALL_DOCS},
    "_local_docs/queries": _QUERIES,
    "_bulk_docs": {"POST": Endpoint(bulk.post_bulk_docs, Right.WRITE)},
    "_bulk_get": {"POST": Endpoint(bulk_get.post_bulk_get, Right.READ)},
    "_changes": {"GET": _CHANGES, "POST": _CHANGES},
    "_revs_diff": {"POST": Endpoint(databases.post_revs_diff, Right.READ)},
    "_missing_revs": {"POST": Endpoint(databases.post_missing_revs, Right.READ)},
    "_security": {
        "GET": Endpoint(security.get_security, Right.READ_SECURITY),
        "PUT": Endpoint(security.put_security, Right.DB_ADMIN),
    },
    "_revs_limit": {
        "GET": Endpoint(databases.get_revs_limit, Right.READ),
        "PUT": Endpoint(databases.put_revs_limit, Right.DB_ADMIN),
    },
    "_purged_infos_limit": {
        "GET": Endpoint(databases.get_purged_infos_limit, Right.SERVER_ADMIN),
        "PUT": Endpoint(databases.put_purged_infos_limit, Right.SERVER_ADMIN),
    },
    "_purged_infos": {"GET": Endpoint(databases.get_purged_infos, Right.READ)},
    "_shards": {"GET": Endpoint(shards.get_shards, Right.READ)},
    "_sync_shards": {"POST": Endpoint(shards.post_sync_shards, Right.SERVER_ADMIN)},
    "_purge": {"POST": Endpoint(databases.post_purge, Right.SERVER_ADMIN)},
    "_ensure_full_commit": {"POST": Endpoint(databases.post_ensure_full_commit, Right.READ)},
    "_compact": {"POST": Endpoint(compact.post_compact, Right.DB_ADMIN)},
    "_find": {"POST": _NOT_HERE},
    "_explain": {"POST": _NOT_HERE},
    "_index": {"GET": _NOT_HERE, "POST": _NOT_HERE},
    "_auto_purge": {"GET": _NOT_HERE},
    "_time_seq": {"GET": _NOT_HERE},
    "_view_cleanup": {"POST": Endpoint(databases.post_view_cleanup, Right.DB_ADMIN)},
}
