"""Cloudant's API keys: made once, signed in with like a user, and allowed what they were granted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.asgi import ADMIN, Asked, Credentials, asking, refusal, with_settings

API = "/_api/v2/db/db/_security"


async def new_key(server: Asked) -> Credentials:
    answer = await server.admin("POST", "/_api/v2/api_keys")
    return answer["key"], answer["password"]


async def grant(server: Asked, cloudant: dict[str, list[str]]) -> None:
    assert await server.admin("PUT", API, {"cloudant": cloudant}) == {"ok": True}


def test_a_new_key_signs_in_by_basic_and_by_cookie(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        reply = await server.ask("POST", "/_api/v2/api_keys", user=ADMIN)
        answer = reply.json()
        assert reply.status == 201 and answer.keys() == {"password", "ok", "key"} and answer["ok"] is True
        assert re.fullmatch("apikey-[0-9a-f]{32}", answer["key"])
        assert re.fullmatch("[0-9a-f]{40}", answer["password"])
        key = (answer["key"], answer["password"])
        assert await server.who(key) == {"name": key[0], "roles": []}
        login = await server.ask("POST", "/_session", {"name": key[0], "password": key[1]})
        cookie = login.headers["set-cookie"].split(";")[0]
        assert (await server.who(cookie=cookie))["name"] == key[0]
        assert await new_key(server) != key
        stored = await server.ask("GET", f"/_users/org.couchdb.user:{key[0]}", user=ADMIN)
        assert key[1].encode() not in stored.body

    asking(tmp_path / "data", work)


def test_the_rules_for_passwords_are_not_for_keys(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        key = await new_key(server)
        assert (await server.who(key))["name"] == key[0]

    asking(tmp_path / "data", work, with_settings(chttpd_auth={"password_regexp": '["[A-Z]{20}"]'}))


def test_only_server_admins_make_keys(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        key = await new_key(server)
        for who in (None, key):
            reply = await server.ask("POST", "/_api/v2/api_keys", user=who)
            assert refusal(reply) == (401, "unauthorized", "You are not a server admin.")
        assert (await server.ask("GET", "/_api/v2/api_keys", user=ADMIN)).status == 405

    asking(tmp_path / "data", work)


# The roles, and whether they let a key: read, write, write a checkpoint, read a design document, write one,
# read the security object, change it, compact.
ROLES: list[tuple[list[str], list[bool]]] = [
    ([], [False, False, False, False, False, False, False, False]),
    (["_reader"], [True, False, False, True, False, False, False, False]),
    (["_writer"], [False, True, False, False, False, False, False, False]),
    (["_reader", "_writer"], [True, True, False, True, False, False, False, False]),
    (["_replicator"], [True, False, True, True, False, False, False, False]),
    (["_reader", "_writer", "_replicator"], [True, True, True, True, False, False, False, False]),
    (["_design"], [False, False, False, True, False, False, False, False]),
    (["_security"], [False, False, False, False, False, True, False, False]),
    (["_admin"], [True, True, True, True, True, True, True, True]),
]


@pytest.mark.parametrize(("roles", "allowed"), ROLES)
def test_a_key_may_do_what_it_was_granted_and_no_more(
    tmp_path: Path, roles: list[str], allowed: list[bool]
) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/doc", {})
        await server.admin("PUT", "/db/_design/d", {})
        key = await new_key(server)
        await grant(server, {key[0]: roles})
        security = await server.admin("GET", API)
        requests: list[tuple[list[tuple[str, str, Any]], bool]] = list(
            zip(
                [
                    [("GET", "/db", None), ("GET", "/db/doc", None), ("GET", "/db/_changes", None),
                     ("GET", "/db/_all_docs", None), ("POST", "/db/_bulk_get", {"docs": []}),
                     ("POST", "/db/_revs_diff", {})],
                    [("PUT", "/db/new", {}), ("POST", "/db", {}), ("POST", "/db/_bulk_docs", {"docs": []})],
                    [("PUT", "/db/_local/checkpoint", {})],
                    [("GET", "/db/_design/d", None)],
                    [("PUT", "/db/_design/new", {})],
                    [("GET", API, None), ("GET", "/db/_security", None)],
                    [("PUT", "/db/_security", security), ("PUT", API, security)],
                    [("POST", "/db/_compact", {})],
                ],
                allowed,
                strict=True,
            )
        )  # fmt: skip
        for group, may in requests:
            for method, target, body in group:
                reply = await server.ask(method, target, body, user=key)
                assert (reply.status < 300) is may, (method, target, reply.status)
                assert may or reply.status in (401, 403)
                assert (await server.ask(method, target, body)).status == 401
        for method, target in (("DELETE", "/db"), ("PUT", "/other"), ("POST", "/db/_purge")):
            assert (await server.ask(method, target, {}, user=key)).status == 401

    asking(tmp_path / "data", work)


def test_the_rights_of_nobody_are_everyone_s_and_auth_only_turns_them_all_off(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        key = await new_key(server)
        await grant(server, {"nobody": ["_reader"], key[0]: ["_writer"]})
        assert (await server.ask("GET", "/db/_all_docs")).status == 200
        assert (await server.ask("GET", "/db/_all_docs", user=key)).status == 200
        assert (await server.ask("PUT", "/db/x", {}, user=key)).status == 201
        await server.admin("PUT", API, {"cloudant": {key[0]: ["_reader"]}, "couchdb_auth_only": True})
        for who, status in ((None, 401), (key, 403)):
            assert (await server.ask("GET", "/db/_all_docs", user=who)).status == status

    asking(tmp_path / "data", work)


def test_a_put_keeps_the_members_that_it_does_not_name(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/_security", {"members": {"names": ["anna"]}})
        await grant(server, {"nobody": ["_reader"]})
        expected = {"members": {"names": ["anna"]}, "cloudant": {"nobody": ["_reader"]}}
        assert await server.admin("GET", API) == await server.admin("GET", "/db/_security") == expected

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(
    "bad", [[], {}, {"cloudant": []}, {"cloudant": {"key": "_reader"}}, {"cloudant": {"k": ["x"]}}]
)
def test_what_grants_nothing_that_exists_is_refused(tmp_path: Path, bad: Any) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        assert refusal(await server.ask("PUT", API, bad, user=ADMIN))[:2] == (400, "bad_request")

    asking(tmp_path / "data", work)


def test_paths_below_the_api_that_are_not_there(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/a%2Fb")
        assert await server.admin("PUT", "/_api/v2/db/a%2Fb/_security", {"cloudant": {}}) == {"ok": True}
        for target in (
            "/_api",
            "/_api/v2",
            "/_api/v1/api_keys",
            "/_api/v2/db/db/_security",
            "/_api/v2/db/a%2Fb",
        ):
            assert (await server.ask("GET", target, user=ADMIN)).status == 404, target
        assert (await server.ask("POST", "/_api/v2/db/a%2Fb/_security", {}, user=ADMIN)).status == 405

    asking(tmp_path / "data", work)
