"""What the server says about itself and its databases, asked of a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from couchgrass.docdb.config import Config
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Response
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.server_info import NAMES_WHOLE_MAX, get_up, name_pieces
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.store import Store
from couchgrass.testing.asgi import Asked, asking
from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess, running

MINE = ["a", "b", "b/c", "c", "d"]
ALL = ["_replicator", "_users", *MINE]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the databases ALL, which no test changes for good."""
    folder = tmp_path_factory.mktemp("server_info")
    config = folder / "couchgrass.ini"
    config.write_text("[chttpd_auth]\niterations = 10\n[chttpd]\nmax_db_number_for_dbs_info_req = 6\n")
    with running(folder / "data", config=config) as server:
        for name in MINE:
            assert call(server.auth_url, "PUT", f"/{quote(name, safe='')}").status == 201
        yield server


def get(server: ServerProcess, path: str, **options: object) -> Reply:
    """GET as the admin; `options` are JSON in the query string."""
    query = "&".join(f"{name}={quote(json.dumps(value))}" for name, value in options.items())
    return call(server.auth_url, "GET", f"{path}?{query}")


def put_setting(server: ServerProcess, section: str, key: str, value: str) -> None:
    path = f"/_node/_local/_config/{section}/{key}"
    assert call(server.auth_url, "PUT", path, value, headers={"X-Couch-Persist": "false"}).status == 200


def test_anyone_is_welcome_and_told_the_version(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/")
    about = reply.json()
    assert reply.status == 200
    assert (about["couchdb"], about["version"]) == ("Welcome", "3.5.0")
    assert about["vendor"]["name"] == "couchgrass"
    assert len(about["uuid"]) == 32
    assert about["features"] == []


def test_a_head_has_the_headers_of_the_get_and_no_body(couch_server: ServerProcess) -> None:
    get_reply, head = call(couch_server.url, "GET", "/"), call(couch_server.url, "HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get_reply.body))


def test_up_says_ok_to_anyone(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_up")
    assert (reply.status, reply.json()) == (200, {"status": "ok", "seeds": {}})


@pytest.mark.parametrize(("mode", "status"), [("true", "maintenance_mode"), ("nolb", "nolb")])
def test_up_says_no_under_maintenance(server: ServerProcess, mode: str, status: str) -> None:
    put_setting(server, "couchdb", "maintenance_mode", mode)
    reply = call(server.url, "GET", "/_up")
    put_setting(server, "couchdb", "maintenance_mode", "false")
    assert (reply.status, reply.json()) == (404, {"status": status})
    assert call(server.url, "GET", "/_up").status == 200


def test_up_says_no_while_the_server_stops(tmp_path: Path) -> None:
    async def ask() -> object:
        own = SettingsFile(operators=None, own=tmp_path / "settings.ini")
        server = Server(Store.open(tmp_path / "data"), Config(), own)
        scope: dict[str, Any] = {
            "method": "GET",
            "raw_path": b"/_up",
            "query_string": b"",
            "headers": [],
            "client": None,
        }

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        server.stop()
        try:
            return await get_up(Request(server, scope, receive))
        finally:
            await server.close()

    answer = asyncio.run(ask())
    assert isinstance(answer, Response)
    assert (answer.status, json.loads(answer.body)) == (404, {"status": "stopping"})


def test_uuids_are_as_many_as_asked_for_and_never_cached(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_uuids?count=5")
    assert len(set(reply.json()["uuids"])) == 5
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["pragma"] == "no-cache"
    assert reply.headers["expires"].endswith("1990 00:00:00 GMT")
    assert reply.headers["etag"].startswith('"')
    assert len(call(couch_server.url, "GET", "/_uuids").json()["uuids"]) == 1
    assert call(couch_server.url, "GET", "/_uuids?count=0").json() == {"uuids": []}


@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("1001", "count parameter too large"),
        ("-1", "count must be a positive integer"),
        ("many", "count must be a positive integer"),
        ("9" * 5000, "count must be a positive integer"),
    ],
)
def test_a_count_of_uuids_that_is_none_is_refused(
    couch_server: ServerProcess, count: str, reason: str
) -> None:
    reply = call(couch_server.url, "GET", f"/_uuids?count={count}")
    assert (reply.status, reply.json()) == (400, {"error": "bad_request", "reason": reason})


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ALL),
        ({"limit": 2}, ALL[:2]),
        ({"limit": 0}, []),
        ({"skip": 5}, ALL[5:]),
        ({"skip": 100}, []),
        ({"startkey": "b"}, ["b", "b/c", "c", "d"]),
        ({"start_key": "b0"}, ["c", "d"]),
        ({"endkey": "b"}, ["_replicator", "_users", "a", "b"]),
        ({"end_key": "b", "inclusive_end": False}, ["_replicator", "_users", "a"]),
        ({"startkey": "b", "endkey": "c", "skip": 1, "limit": 1}, ["b/c"]),
        ({"startkey": "c", "endkey": "b"}, []),
        ({"descending": True, "limit": 2}, ["d", "c"]),
        ({"descending": True, "startkey": "c", "endkey": "b"}, ["c", "b/c", "b"]),
        ({"descending": True, "startkey": "c", "endkey": "b", "inclusive_end": False}, ["c", "b/c"]),
        ({"key": "b/c"}, ["b/c"]),
        ({"key": "no"}, []),
        ({"keys": ["d", "no", 7, "a"]}, ["d", "a"]),
        ({"startkey": 7}, ALL),
        ({"endkey": {}}, []),
    ],
)
def test_all_dbs_takes_the_options_of_a_list(
    server: ServerProcess, options: dict[str, object], names: list[str]
) -> None:
    assert get(server, "/_all_dbs", **options).json() == names
    rows = get(server, "/_dbs_info", **options).json()
    assert [row["key"] for row in rows] == names


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "descending=maybe", "startkey=unquoted", "keys=1"])
def test_options_of_a_wrong_form_are_refused(server: ServerProcess, query: str) -> None:
    for path in ("/_all_dbs", "/_dbs_info"):
        assert call(server.auth_url, "GET", f"{path}?{query}").status == 400


def test_a_list_of_databases_is_sent_again_only_when_it_has_changed(server: ServerProcess) -> None:
    first = get(server, "/_all_dbs")
    again = call(server.auth_url, "GET", "/_all_dbs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert call(server.auth_url, "GET", "/_all_dbs", headers={"If-None-Match": '"x"'}).body == first.body


@pytest.mark.parametrize("count", [0, 1, NAMES_WHOLE_MAX, NAMES_WHOLE_MAX + 1, 3 * NAMES_WHOLE_MAX])
def test_a_long_list_in_pieces_is_the_same_json(count: int) -> None:
    names = [f"db{number}" for number in range(count)]

    async def pieces() -> list[bytes]:
        return [piece async for piece in name_pieces(names)]

    assert json.loads(b"".join(asyncio.run(pieces()))) == names


def test_dbs_info_tells_of_each_what_the_database_itself_tells(server: ServerProcess) -> None:
    rows = get(server, "/_dbs_info", key="b/c").json()
    assert [row["key"] for row in rows] == ["b/c"]
    own = get(server, "/b%2Fc").json()
    assert rows[0]["info"]["db_name"] == "b/c"
    assert rows[0]["info"].keys() == own.keys()


def test_dbs_info_of_keys_keeps_their_order_and_names_what_is_missing(server: ServerProcess) -> None:
    rows = call(server.auth_url, "POST", "/_dbs_info", {"keys": ["c", "none", "UPPER", 3, "a"]}).json()
    assert [row["key"] for row in rows] == ["c", "none", "UPPER", 3, "a"]
    assert [row.get("error") for row in rows] == [None, "not_found", "not_found", "not_found", None]
    assert rows[4]["info"]["db_name"] == "a"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "`keys` member must exist."),
        ({"keys": "a"}, "`keys` member must be an array."),
        ({"keys": ["a"] * 7}, "too_many_keys"),
        (["a"], "Request body must be a JSON object"),
    ],
)
def test_dbs_info_refuses_bodies_without_a_short_list_of_keys(
    server: ServerProcess, body: object, reason: str
) -> None:
    reply = call(server.auth_url, "POST", "/_dbs_info", body)
    assert (reply.status, reply.json()) == (400, {"error": "bad_request", "reason": reason})


def test_dbs_info_takes_json_only(server: ServerProcess) -> None:
    reply = call(
        server.auth_url, "POST", "/_dbs_info", b'{"keys":[]}', headers={"Content-Type": "text/plain"}
    )
    assert reply.status == 415


def test_only_admins_see_which_databases_there_are_unless_the_setting_says_otherwise(
    server: ServerProcess,
) -> None:
    asked = (("GET", "/_all_dbs", None), ("GET", "/_dbs_info", None), ("POST", "/_dbs_info", {"keys": ["a"]}))
    assert [call(server.url, *one).status for one in asked] == [401, 401, 401]
    put_setting(server, "chttpd", "admin_only_all_dbs", "false")
    statuses = [call(server.url, *one).status for one in asked]
    put_setting(server, "chttpd", "admin_only_all_dbs", "true")
    assert statuses == [200, 200, 200]


def test_a_quiet_server_has_no_tasks(server: ServerProcess) -> None:
    assert call(server.auth_url, "GET", "/_active_tasks").json() == []
    assert call(server.url, "GET", "/_active_tasks").status == 401


def test_tasks_of_others_are_shown_behind_the_servers_own(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        server.server.tasks[1] = {"type": "database_compaction"}
        server.server.task_sources.append(lambda: [{"type": "replication", "n": 1}])
        server.server.task_sources.append(lambda: ({"type": "replication", "n": n} for n in (2, 3)))
        shown = await server.admin("GET", "/_active_tasks")
        assert [(task["type"], task.get("n")) for task in shown] == [
            ("database_compaction", None), ("replication", 1), ("replication", 2), ("replication", 3),
        ]  # fmt: skip
        assert {task["node"] for task in shown} == {"couchgrass@127.0.0.1"}

    asking(tmp_path / "data", work)


def test_the_cluster_is_one_node(couch_server: ServerProcess) -> None:
    members = call(couch_server.auth_url, "GET", "/_membership").json()
    assert members == {"all_nodes": ["couchgrass@127.0.0.1"], "cluster_nodes": ["couchgrass@127.0.0.1"]}
    assert call(couch_server.url, "GET", "/_membership").status == 401
