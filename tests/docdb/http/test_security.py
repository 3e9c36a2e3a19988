"""``/db/_security``: what was put is what is read, and what can't be read is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.asgi import ADMIN, Asked, asking, refusal, with_settings
from couchgrass.testing.call import call
from couchgrass.testing.server import running

OBJECTS: list[dict[str, Any]] = [
    {},
    {"admins": {"names": ["anna"], "roles": ["boss"]}, "members": {"names": ["bob"], "roles": []}},
    {"cloudant": {"nobody": ["_reader"]}, "couchdb_auth_only": False, "other": [1.0, 2**70]},
    {"readers": {"names": ["bob"]}},
]


def test_what_was_put_is_read_back_as_it_was(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        for security in OBJECTS:
            assert await server.admin("PUT", "/db/_security", security) == {"ok": True}
            assert await server.admin("GET", "/db/_security") == security
        head = await server.ask("HEAD", "/db/_security", user=ADMIN)
        assert (head.status, head.body) == (200, b"")
        assert (await server.ask("POST", "/db/_security", {}, user=ADMIN)).status == 405

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(
    ("setting", "security"),
    [
        ("admin_only", {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}),
        ("everyone", {}),
    ],
)
def test_a_new_database_has_the_security_that_the_settings_say(
    tmp_path: Path, setting: str, security: dict[str, Any]
) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        assert await server.admin("GET", "/db/_security") == security
        assert (await server.ask("GET", "/db")).status == (200 if setting == "everyone" else 401)

    asking(tmp_path / "data", work, with_settings(couchdb={"default_security": setting}))


@pytest.mark.parametrize(
    "bad",
    [[], None, "x", {"admins": []}, {"members": {"names": "anna"}}, {"admins": {"roles": [1]}},
     {"cloudant": {"key": ["_god"]}}, {"couchdb_auth_only": 1}],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_and_changes_nothing(tmp_path: Path, bad: Any) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        before = await server.admin("GET", "/db/_security")
        body = b"null" if bad is None else bad
        reply = await server.ask("PUT", "/db/_security", body, user=ADMIN)
        assert reply.status == 400 and reply.json()["error"] == "bad_request"
        assert await server.admin("GET", "/db/_security") == before

    asking(tmp_path / "data", work)


def test_the_users_database_is_closed_to_change_unless_the_settings_open_it(tmp_path: Path) -> None:
    reason = "You can't edit the security object of the user database."

    async def work(server: Asked) -> None:
        for target in ("/_users/_security", "/_api/v2/db/_users/_security"):
            reply = await server.ask("PUT", target, {"cloudant": {}}, user=ADMIN)
            assert refusal(reply) == (403, "forbidden", reason)
        server.set("couchdb", users_db_security_editable="true")
        assert await server.admin("PUT", "/_users/_security", {}) == {"ok": True}

    asking(tmp_path / "data", work)


def test_security_and_users_outlive_a_restart(server_data: Path) -> None:
    doc = {"type": "user", "name": "anna", "roles": [], "password": "a"}
    with running(server_data) as server:
        assert call(server.auth_url, "PUT", "/db").status == 201
        assert call(server.auth_url, "PUT", "/db/_security", {"members": {"names": ["anna"]}}).status == 200
        assert call(server.auth_url, "PUT", "/_users/org.couchdb.user:anna", doc).status == 201
    with running(server_data) as server:
        anna = server.url.replace("http://", "http://anna:a@")
        assert call(anna, "GET", "/db").status == 200
        assert call(server.url, "GET", "/db").status == 401
