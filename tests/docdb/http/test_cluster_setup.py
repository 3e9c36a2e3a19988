"""``/_cluster_setup`` on the one node that there is, asked of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from couchgrass.docdb.http.settings_file import read_sections
from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess, running

PATH = "/_cluster_setup"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("setup") / "data") as server:
        yield server


def post(server: ServerProcess, **setup: object) -> Reply:
    return call(server.auth_url, "POST", PATH, setup)


def state(server: ServerProcess, *names: str) -> str:
    wanted = quote("[" + ",".join(f'"{name}"' for name in names) + "]")
    query = f"?ensure_dbs_exist={wanted}" if names else ""
    found: str = call(server.auth_url, "GET", PATH + query).json()["state"]
    return found


def test_a_new_server_is_a_finished_single_node(server: ServerProcess) -> None:
    assert state(server) == "single_node_enabled"
    again = post(server, action="finish_cluster")
    assert (again.status, again.json()["reason"]) == (400, "Cluster is already finished")


def test_finishing_makes_the_databases_that_are_asked_for(server: ServerProcess, db_name: str) -> None:
    assert state(server, "_users", db_name) == "single_node_disabled"
    reply = post(server, action="finish_cluster", ensure_dbs_exist=["_users", db_name])
    assert (reply.status, reply.json()) == (201, {"ok": True})
    assert state(server, "_users", db_name) == "single_node_enabled"
    assert call(server.auth_url, "GET", f"/{db_name}").status == 200


def test_enabling_a_single_node_sets_what_it_is_given_and_opens_nothing_else(
    server: ServerProcess, db_name: str
) -> None:
    reply = post(
        server,
        action="enable_single_node",
        username="setup",
        password="chosen",
        port=5985,
        ensure_dbs_exist=[db_name],
    )
    assert reply.status == 201
    saved = read_sections(server.data / "settings.ini")
    assert saved["chttpd"] == {"port": "5985"}
    assert saved["admins"]["setup"].startswith("-pbkdf2:")
    assert call(server.url.replace("//", "//setup:chosen@"), "GET", "/_all_dbs").status == 200


@pytest.mark.parametrize("action", ["enable_cluster", "add_node", "remove_node", "receive_cookie"])
def test_what_takes_several_nodes_is_refused_with_a_way_out(server: ServerProcess, action: str) -> None:
    reply = post(server, action=action)
    assert (reply.status, reply.json()["error"]) == (501, "not_implemented")
    assert "replicate" in reply.json()["reason"]


@pytest.mark.parametrize(
    "setup",
    [
        {},
        {"action": "dance"},
        {"action": ["finish_cluster"]},
        {"action": "finish_cluster", "ensure_dbs_exist": "a"},
        {"action": "finish_cluster", "ensure_dbs_exist": [1]},
        {"action": "finish_cluster", "ensure_dbs_exist": ["UPPER"]},
        {"action": "enable_single_node", "username": "x"},
        {"action": "enable_single_node", "username": "x", "password": 5},
        {"action": "enable_single_node", "bind_address": "somewhere"},
        {"action": "enable_single_node", "bind_address": 7},
        {"action": "enable_single_node", "port": [80]},
        {"action": "enable_single_node", "port": 70000},
    ],
)
def test_a_setup_that_makes_no_sense_is_refused_whole(
    server: ServerProcess, setup: dict[str, object]
) -> None:
    before = read_sections(server.data / "settings.ini")
    assert post(server, **setup).status == 400
    assert read_sections(server.data / "settings.ini") == before


def test_only_admins_set_up(server: ServerProcess) -> None:
    assert call(server.url, "GET", PATH).status == 401
    assert call(server.url, "POST", PATH, {"action": "finish_cluster"}).status == 401
    assert call(server.auth_url, "POST", PATH, b"{}", headers={"Content-Type": "text/plain"}).status == 415
