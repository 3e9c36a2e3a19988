"""Which endpoints the server has: what lies below them, other methods, and what is said to be missing."""

from __future__ import annotations

import pytest

from couchgrass.docdb.http.server_routes import SERVER_ENDPOINTS
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess


@pytest.mark.parametrize(
    "path", ["_up", "_uuids", "_all_dbs", "_dbs_info", "_active_tasks", "_membership", "_cluster_setup"]
)
def test_an_endpoint_takes_a_trailing_slash_and_has_nothing_below(
    couch_server: ServerProcess, path: str
) -> None:
    assert call(couch_server.auth_url, "GET", f"/{path}/").status == 200
    reply = call(couch_server.auth_url, "GET", f"/{path}/below")
    assert (reply.status, reply.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "_up", "_uuids", "_all_dbs", "_active_tasks", "_membership", "_utils"])
def test_other_methods_are_refused_with_the_list_of_those_allowed(
    couch_server: ServerProcess, path: str
) -> None:
    reply = call(couch_server.auth_url, "DELETE", f"/{path}")
    assert (reply.status, reply.headers["allow"]) == (405, "GET,HEAD")
    assert reply.json() == {"error": "method_not_allowed", "reason": "Only GET,HEAD allowed"}


@pytest.mark.parametrize(
    "path",
    [
        "_reshard",
        "_search_analyze",
        "_nouveau_analyze",
        "_reload_query_servers",
    ],
)
def test_what_couchdb_has_and_we_do_not_is_said_to_admins(couch_server: ServerProcess, path: str) -> None:
    reply = call(couch_server.auth_url, "POST", f"/{path}", {})
    assert (reply.status, reply.json()["error"]) == (501, "not_implemented")
    assert call(couch_server.url, "POST", f"/{path}", {}).status == 401


def test_a_name_that_is_no_endpoint_is_no_database_either(couch_server: ServerProcess) -> None:
    reply = call(couch_server.auth_url, "GET", "/_nothing")
    assert (reply.status, reply.json()["error"]) == (400, "illegal_database_name")


def test_every_endpoint_takes_some_method() -> None:
    assert all(SERVER_ENDPOINTS.values())
