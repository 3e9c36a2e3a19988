"""The endpoints of the server itself, by the first segment of the path; "" is the root."""

from __future__ import annotations

from couchgrass.docdb.access import Right
from couchgrass.docdb.http import cluster_setup, node, server_info, utils_page
from couchgrass.docdb.http.cloudant_api import CLOUDANT
from couchgrass.docdb.http.db_events import get_db_updates
from couchgrass.docdb.http.endpoint import Endpoint, Methods, Run
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Answer
from couchgrass.docdb.http.session_api import SESSION
from couchgrass.errors import NotFound, NotImplementedHere


def _not_here(what: str) -> Methods:
    """For what CouchDB has at this path and we do not."""

    async def refuse(request: Request) -> Answer:
        raise NotImplementedHere(f"This server has no {what}.")

    return _any_method(refuse, Right.SERVER_ADMIN)


def _any_method(run: Run, right: Right | None) -> Methods:
    return dict.fromkeys(("GET", "PUT", "POST", "DELETE", "COPY", "OPTIONS"), Endpoint(run, right))


def _at(run: Run, right: Right | None) -> Endpoint:
    """The endpoint of this very path: what is below it is not found."""

    async def run_there(request: Request) -> Answer:
        if len(request.path) > 1:
            raise NotFound("missing")
        return await run(request)

    return Endpoint(run_there, right)


def _get(run: Run, right: Right | None) -> Methods:
    return {"GET": _at(run, right)}


SERVER_ENDPOINTS: dict[str, Methods] = {
    "": _get(server_info.get_root, None),
    "favicon.ico": _get(utils_page.get_favicon, None),
    "_active_tasks": _get(server_info.get_active_tasks, Right.SERVER_ADMIN),
    "_all_dbs": _get(server_info.get_all_dbs, None),
    "_api": CLOUDANT,
    "_cluster_setup": {
        "GET": _at(cluster_setup.get_cluster_setup, Right.SERVER_ADMIN),
        "POST": _at(cluster_setup.post_cluster_setup, Right.SERVER_ADMIN),
    },
    "_db_updates": _get(get_db_updates, Right.SERVER_ADMIN),
    "_dbs_info": {
        "GET": _at(server_info.get_dbs_info, None),
        "POST": _at(server_info.post_dbs_info, None),
    },
    "_membership": _get(server_info.get_membership, Right.SERVER_ADMIN),
    "_node": _any_method(node.serve_node, None),
    "_nouveau_analyze": _not_here("text search"),
    "_reload_query_servers": _not_here("query servers"),
    "_replicate": _not_here("replicator"),
    "_reshard": _not_here("shards"),
    "_scheduler": _not_here("replicator"),
    "_search_analyze": _not_here("text search"),
    "_session": {method: _at(*endpoint) for method, endpoint in SESSION.items()},
    "_up": _get(server_info.get_up, None),
    "_utils": {"GET": Endpoint(utils_page.get_utils, None)},
    "_uuids": _get(server_info.get_uuids, None),
}
