"""Who asks, and whether they may: headers to users, passwords, lock-out, and the rights on every endpoint."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.http.authn import challenge
from couchgrass.docdb.http.hashing import AT_ONCE, WAITING_MAX
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.users import FOLLOWED_MAX
from couchgrass.docdb.lockout import LOCKED
from couchgrass.docdb.password import WRONG, hash_admin_password
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.testing.asgi import (
    ADMIN,
    Asked,
    Credentials,
    asking,
    basic,
    refusal,
    user_doc,
    with_settings,
)  # fmt: skip
from couchgrass.testing.in_process import until

ANNA: Credentials = ("anna", "pässword:with colon")
JWT_SECRET = b"a shared secret of some length"


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic: YWRtaW46eA==", "Basic !!!", "Basic YWRtaW4=", "Basic Xzpf", "Basic /w==",
     "anonymous", "Negotiate YWRtaW46eA==", "Bearer x.y.z"],
)  # fmt: skip
def test_what_is_no_basic_credential_is_an_anonymous_request(tmp_path: Path, header: str) -> None:
    async def work(server: Asked) -> None:
        assert await server.who(authorization=header) == {"name": None, "roles": []}

    asking(tmp_path / "data", work)


def test_basic_credentials_prove_server_admins_and_users(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["gardener"])
        for _ in range(2):
            assert await server.who(ADMIN) == {"name": "admin", "roles": ["_admin"]}
            assert await server.who(ANNA) == {"name": "anna", "roles": ["gardener"]}
        lower = basic(*ANNA).replace("Basic", "basic")
        assert (await server.who(authorization=lower))["name"] == "anna"

    asking(tmp_path / "data", work)


def test_a_server_admin_with_a_user_document_has_the_roles_of_both(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user((ADMIN[0], "the document's own password"), ["gardener"])
        assert await server.who(ADMIN) == {"name": "admin", "roles": ["_admin", "gardener"]}
        reply = await server.ask("GET", "/_session", user=(ADMIN[0], "the document's own password"))
        assert reply.status == 401

    asking(tmp_path / "data", work)


@pytest.mark.parametrize("name", ["admin", "anna", "nobody", ""])
def test_a_wrong_name_and_a_wrong_password_are_the_same_401(tmp_path: Path, name: str) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        reply = await server.ask("GET", "/", user=(name, "wrong"))
        assert refusal(reply) == (401, "unauthorized", WRONG)

    asking(tmp_path / "data", work)


def test_a_password_role_or_deletion_counts_for_the_next_request(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["old"])
        assert (await server.who(ANNA))["roles"] == ["old"]
        await server.add_user(ANNA, ["new"])
        assert (await server.who(ANNA))["roles"] == ["new"]
        rev = await server.add_user(("anna", "another"), ["new"])
        assert (await server.ask("GET", "/", user=ANNA)).status == 401
        assert (await server.who(("anna", "another")))["roles"] == ["new"]
        await server.admin("DELETE", f"/_users/org.couchdb.user:anna?rev={rev}")
        assert (await server.ask("GET", "/", user=("anna", "another"))).status == 401
        await server.add_user(ANNA, ["again"])
        assert (await server.who(ANNA))["roles"] == ["again"]

    asking(tmp_path / "data", work)


def test_a_replicated_edit_or_a_purge_of_a_user_counts_for_the_next_request(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        rev = await server.add_user(ANNA, ["old"])
        assert (await server.who(ANNA))["roles"] == ["old"]
        doc = await server.admin("GET", "/_users/org.couchdb.user:anna")
        newer = "2-" + "a" * 32
        replicated = {**doc, "roles": ["new"], "_rev": newer}
        replicated["_revisions"] = {"start": 2, "ids": ["a" * 32, rev[2:]]}
        await server.admin("POST", "/_users/_bulk_docs", {"docs": [replicated], "new_edits": False})
        assert (await server.who(ANNA))["roles"] == ["new"]
        await server.admin("POST", "/_users/_purge", {"org.couchdb.user:anna": [newer]})
        assert (await server.ask("GET", "/", user=ANNA)).status == 401

    asking(tmp_path / "data", work)


def test_many_changed_users_at_a_time_are_all_forgotten(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["old"])
        assert (await server.who(ANNA))["roles"] == ["old"]
        doc = await server.admin("GET", "/_users/org.couchdb.user:anna")
        others = [{"_id": f"org.couchdb.user:u{n}", **user_doc(f"u{n}")} for n in range(FOLLOWED_MAX)]
        body = {"docs": [*others, {**doc, "roles": ["new"]}]}
        cookie = await server.ask("POST", "/_session", {"name": ADMIN[0], "password": ADMIN[1]})
        session = cookie.headers["set-cookie"].split(";")[0]
        assert (await server.ask("POST", "/_users/_bulk_docs", body, cookie=session)).status == 201
        assert (await server.who(ANNA))["roles"] == ["new"]

    asking(tmp_path / "data", work)


def test_users_end_with_their_database_and_begin_with_a_new_one(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        assert (await server.who(ANNA))["name"] == "anna"
        await server.admin("DELETE", "/_users")
        assert (await server.ask("GET", "/", user=ANNA)).status == 401
        assert (await server.who(ADMIN))["name"] == "admin"
        await server.admin("PUT", "/_users")
        assert (await server.ask("GET", "/", user=ANNA)).status == 401
        await server.add_user(ANNA)
        assert (await server.who(ANNA))["name"] == "anna"

    asking(tmp_path / "data", work)


def test_changed_admins_count_for_the_next_request(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        assert (await server.who(ADMIN))["roles"] == ["_admin"]
        server.set("admins", admin=hash_admin_password("new", "salt", ChttpdAuth(iterations=10)))
        assert (await server.ask("GET", "/", user=ADMIN)).status == 401
        assert (await server.who(("admin", "new")))["roles"] == ["_admin"]

    asking(tmp_path / "data", work)


def test_a_user_in_conflict_can_not_sign_in_until_it_is_resolved(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        doc = await server.admin("GET", "/_users/org.couchdb.user:anna")
        await server.admin(
            "POST", "/_users/_bulk_docs", {"docs": [{**doc, "_rev": "1-" + "0" * 32}], "new_edits": False}
        )
        status, name, reason = refusal(await server.ask("GET", "/", user=ANNA))
        assert (status, name) == (401, "unauthorized") and "conflicts must be resolved" in reason
        await server.admin("DELETE", "/_users/org.couchdb.user:anna?rev=1-" + "0" * 32)
        assert (await server.who(ANNA))["name"] == "anna"

    asking(tmp_path / "data", work)


def test_requests_with_the_same_header_share_one_verification(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        # More than may wait for a hash: if each had its own, the last ones would be refused.
        asked = [server.ask("GET", "/", user=ADMIN) for _ in range(WAITING_MAX + 100)]
        assert {reply.status for reply in await asyncio.gather(*asked)} == {200}

    asking(tmp_path / "data", work, with_settings(chttpd_auth={"iterations": "50000"}))


def test_a_flood_of_unknown_names_does_not_keep_out_who_is_known(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        assert (await server.who(ADMIN))["name"] == "admin"
        flood = [
            asyncio.ensure_future(server.ask("GET", "/", user=(f"name{n}", "x")))
            for n in range(WAITING_MAX + 50)
        ]
        await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        assert (await server.who(ADMIN))["name"] == "admin"
        assert sum(not one.done() for one in flood) > 0
        statuses = [reply.status for reply in await asyncio.gather(*flood)]
        assert statuses.count(401) == WAITING_MAX and statuses.count(503) == 50

    asking(tmp_path / "data", work, with_settings(chttpd_auth={"iterations": "2000"}))


@pytest.mark.parametrize("name", ["admin", "anna", "nobody"])
def test_after_five_failures_a_peer_is_locked_out_of_that_name(tmp_path: Path, name: str) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        right = {"admin": ADMIN, "anna": ANNA}.get(name, (name, "any"))
        for _ in range(5):
            assert refusal(await server.ask("GET", "/", user=(name, "wrong")))[0] == 401
        for credentials in ((name, "wrong"), right):
            assert refusal(await server.ask("GET", "/", user=credentials)) == (403, "forbidden", LOCKED)
        login = {"name": name, "password": right[1]}
        assert refusal(await server.ask("POST", "/_session", login)) == (403, "forbidden", LOCKED)
        assert (await server.ask("GET", "/", user=right, peer="198.51.100.8")).status != 403
        server.clock.time_s += 301
        assert (await server.ask("GET", "/", user=right)).status == (401 if name == "nobody" else 200)

    asking(tmp_path / "data", work)


def test_the_lock_out_also_holds_for_a_header_that_was_right_before(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        assert (await server.who(ADMIN))["name"] == "admin"
        for _ in range(5):
            await server.ask("GET", "/", user=("admin", "wrong"))
        assert refusal(await server.ask("GET", "/", user=ADMIN)) == (403, "forbidden", LOCKED)
        assert (await server.who())["name"] is None

    asking(tmp_path / "data", work)


def test_attempts_that_come_all_at_once_are_locked_out_too(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        flood = [server.ask("GET", "/", user=("admin", f"guess {n}")) for n in range(60)]
        statuses = [reply.status for reply in await asyncio.gather(*flood)]
        assert 5 <= statuses.count(401) < 5 + AT_ONCE
        assert statuses.count(403) == 60 - statuses.count(401)

    asking(tmp_path / "data", work, with_settings(chttpd_auth={"iterations": "5000"}))


@pytest.mark.parametrize("mode", ["warn", "off"])
def test_the_lock_out_can_only_warn_or_be_off(tmp_path: Path, mode: str) -> None:
    async def work(server: Asked) -> None:
        for _ in range(8):
            assert (await server.ask("GET", "/", user=("admin", "wrong"))).status == 401
        assert (await server.ask("GET", "/", user=ADMIN)).status == 200

    asking(tmp_path / "data", work, with_settings(chttpd_auth_lockout={"mode": mode}))


def test_behind_a_private_proxy_the_lock_out_is_for_the_client_that_the_proxy_saw(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        async def status(who: Credentials, peer: str, forwarded: str) -> int:
            reply = await server.ask("GET", "/", user=who, peer=peer, x_forwarded_for=forwarded)
            return reply.status

        for _ in range(5):
            assert await status(("admin", "wrong"), "10.0.0.1", "203.0.113.1, 203.0.113.9") == 401
        assert await status(ADMIN, "10.0.0.1", "203.0.113.9") == 403
        assert await status(ADMIN, "10.0.0.1", "203.0.113.1") == 200
        assert await status(ADMIN, "203.0.114.1", "203.0.113.9") == 200

    asking(tmp_path / "data", work)


def test_a_password_is_hashed_anew_when_the_settings_ask_for_more(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["gardener"], note="stays")
        rev = (await server.admin("GET", "/_users/org.couchdb.user:anna"))["_rev"]
        await server.admin("PUT", f"/_users/org.couchdb.user:anna/photo?rev={rev}", b"bytes")
        before = await server.admin("GET", "/_users/org.couchdb.user:anna")
        login = await server.ask("POST", "/_session", {"name": ANNA[0], "password": ANNA[1]})
        server.set("chttpd_auth", iterations="20", password_regexp='["[0-9]{20}"]')
        seq = server.server.store.get("_users").totals.seq
        assert (await server.who(ANNA))["name"] == "anna"
        await until(lambda: server.server.store.get("_users").totals.seq > seq)
        after = await server.admin("GET", "/_users/org.couchdb.user:anna")
        assert (before["iterations"], after["iterations"]) == (10, 20)
        kept = ("salt", "roles", "note", "name", "_attachments")
        assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
        assert "password" not in after and "preserve_salt" not in after
        assert (await server.who(ANNA))["roles"] == ["gardener"]
        cookie = login.headers["set-cookie"].split(";")[0]
        assert (await server.who(cookie=cookie))["name"] == "anna"

    asking(tmp_path / "data", work)


def test_a_hash_is_left_alone_when_the_settings_say_so(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        before = await server.admin("GET", "/_users/org.couchdb.user:anna")
        server.set("chttpd_auth", iterations="20", upgrade_hash_on_auth="false")
        assert (await server.who(ANNA))["name"] == "anna"
        assert await server.admin("GET", "/_users/org.couchdb.user:anna") == before

    asking(tmp_path / "data", work)


def test_a_second_factor_keeps_basic_out(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, totp={"key": "JBSWY3DPEHPK3PXP"})
        for _ in range(2):
            assert refusal(await server.ask("GET", "/", user=ANNA)) == (401, "unauthorized", WRONG)

    asking(tmp_path / "data", work)


def jwt(**claims: Any) -> str:
    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    head = part(b'{"alg":"HS256"}') + b"." + part(json.dumps(claims).encode())
    return (head + b"." + part(hmac.digest(JWT_SECRET, head, "sha256"))).decode()


JWT_SETTINGS = with_settings(
    chttpd={"authentication_handlers": "{chttpd_auth, jwt_authentication_handler}, "
            "{chttpd_auth, default_authentication_handler}"},
    jwt_keys={"hmac:_default": base64.b64encode(JWT_SECRET).decode()},
)  # fmt: skip


def test_a_bearer_token_proves_its_subject_where_the_handler_is_on(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        token = jwt(sub="anna", exp=server.clock.time_s + 60, **{"_couchdb.roles": ["gardener"]})
        reply = await server.ask("GET", "/_session", authorization=f"Bearer {token}")
        answer = reply.json()
        assert answer["userCtx"] == {"name": "anna", "roles": ["gardener"]}
        assert answer["info"] == {"authentication_handlers": ["jwt", "default"], "authenticated": "jwt"}
        assert (await server.who(ADMIN))["name"] == "admin"
        server.clock.time_s += 61
        late = await server.ask("GET", "/_session", authorization=f"Bearer {token}")
        assert refusal(late) == (401, "unauthorized", "exp not in future")
        assert (await server.ask("GET", "/", authorization=f"Bearer {token[:-3]}AAA")).status in (400, 401)

    asking(tmp_path / "data", work, JWT_SETTINGS)


def test_proxy_headers_are_ignored_until_the_handler_is_on(tmp_path: Path) -> None:
    headers: dict[str, Any] = {"x_auth_couchdb_username": "anna", "x_auth_couchdb_roles": "gardener,_admin"}

    async def off(server: Asked) -> None:
        assert await server.who(**headers) == {"name": None, "roles": []}

    async def on(server: Asked) -> None:
        assert await server.who(**headers) == {"name": "anna", "roles": ["gardener", "_admin"]}
        server.set("chttpd_auth", proxy_use_secret="true")
        assert (await server.who(**headers))["name"] is None
        secret = server.server.settings.chttpd_auth.secret.encode()
        mac = hmac.digest(secret, b"anna", "sha256").hex()
        assert (await server.who(**headers, x_auth_couchdb_token=mac))["name"] == "anna"

    asking(tmp_path / "off", off)
    handlers = {"authentication_handlers": "{chttpd_auth, proxy_authentication_handler}"}
    asking(tmp_path / "on", on, with_settings(chttpd=handlers))


def test_where_valid_users_are_required_anonymous_requests_may_only_sign_in(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        for method, path in (("GET", "/"), ("GET", "/_up"), ("GET", "/_session"), ("PUT", "/db")):
            expected = (401, "unauthorized", "Authentication required.")
            assert refusal(await server.ask(method, path)) == expected, path
        assert (await server.ask("GET", "/", user=ADMIN)).status == 200
        login = {"name": ADMIN[0], "password": ADMIN[1]}
        assert (await server.ask("POST", "/_session/", login)).status == 200
        server.set("chttpd", require_valid_user_except_for_up="true")
        assert (await server.ask("GET", "/_up")).status == 200
        assert (await server.ask("GET", "/")).status == 401

    asking(tmp_path / "data", work, with_settings(chttpd={"require_valid_user": "true"}))


MEMBERS = {"members": {"names": ["anna"]}, "admins": {"names": ["berta"]}}
BERTA: Credentials = ("berta", "b")
CARL: Credentials = ("carl", "c")

# Method, path, body; the statuses for nobody, carl (no rights), anna (member), berta (admin), a server admin.
RIGHTS: list[tuple[str, str, Any, tuple[int, int, int, int, int]]] = [
    ("GET", "/db", None, (401, 403, 200, 200, 200)),
    ("GET", "/db/doc", None, (401, 403, 200, 200, 200)),
    ("PUT", "/db/{new}", {}, (401, 403, 201, 201, 201)),
    ("POST", "/db", {}, (401, 403, 201, 201, 201)),
    ("POST", "/db/_bulk_docs", {"docs": [{}]}, (401, 403, 201, 201, 201)),
    ("GET", "/db/_all_docs", None, (401, 403, 200, 200, 200)),
    ("GET", "/db/_changes", None, (401, 403, 200, 200, 200)),
    ("POST", "/db/_revs_diff", {}, (401, 403, 200, 200, 200)),
    ("PUT", "/db/_local/{new}", {}, (401, 403, 201, 201, 201)),
    ("GET", "/db/_design/d", None, (401, 403, 200, 200, 200)),
    ("PUT", "/db/_design/{new}", {}, (401, 403, 403, 201, 201)),
    ("PUT", "/db/_design%2F{new}", {}, (401, 403, 403, 201, 201)),
    ("PUT", "/db/%5Fdesign/{new}", {}, (401, 403, 403, 201, 201)),
    ("PUT", "/db/_design/{new}/logo", b"x", (401, 403, 403, 201, 201)),
    ("POST", "/db", {"_id": "_design/{new}"}, (401, 403, 403, 201, 201)),
    ("GET", "/db/_security", None, (401, 403, 200, 200, 200)),
    ("PUT", "/db/_security", MEMBERS, (401, 403, 403, 200, 200)),
    ("PUT", "/db/_revs_limit", 1000, (401, 403, 403, 200, 200)),
    ("POST", "/db/_compact", {}, (401, 403, 401, 202, 202)),
    ("POST", "/db/_view_cleanup", {}, (401, 403, 401, 202, 202)),
    ("PUT", "/db/_purged_infos_limit", 1000, (401, 401, 401, 401, 200)),
    ("POST", "/db/_purge", {}, (401, 401, 401, 401, 201)),
    ("PUT", "/{new}", None, (401, 401, 401, 401, 201)),
    ("GET", "/_all_dbs", None, (401, 401, 401, 401, 200)),
    ("GET", "/_membership", None, (401, 401, 401, 401, 200)),
    ("GET", "/_node/_local/_config", None, (401, 401, 401, 401, 200)),
    ("GET", "/_node/_local/_stats", None, (401, 401, 401, 401, 200)),
    ("POST", "/_replicate", {}, (401, 501, 501, 501, 501)),
    ("GET", "/_scheduler/jobs", None, (401, 401, 401, 401, 501)),
    ("GET", "/_uuids", None, (200, 200, 200, 200, 200)),
    ("GET", "/_up", None, (200, 200, 200, 200, 200)),
    ("GET", "/_users/_all_docs", None, (401, 401, 401, 401, 200)),
    ("GET", "/_users/_changes", None, (401, 401, 401, 401, 200)),
    ("GET", "/_replicator/_changes", None, (401, 401, 401, 401, 200)),
    ("GET", "/_users", None, (401, 403, 403, 403, 200)),
    ("DELETE", "/_replicator", None, (401, 401, 401, 401, 200)),
]


def test_each_endpoint_asks_for_its_right(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/_security", MEMBERS)
        await server.admin("PUT", "/db/doc", {})
        await server.admin("PUT", "/db/_design/d", {})
        for one in (ANNA, BERTA, CARL):
            await server.add_user(one)
        number = 0
        for method, path, body, expected in RIGHTS:
            statuses = []
            for caller in (None, CARL, ANNA, BERTA, ADMIN):
                number += 1
                text = body if isinstance(body, bytes) else json.dumps(body)
                sent = text if isinstance(text, bytes) else json.loads(text.replace("{new}", f"new{number}"))
                reply = await server.ask(method, path.replace("{new}", f"new{number}"), sent, user=caller)
                statuses.append(reply.status)
            assert tuple(statuses) == expected, (method, path)

    asking(tmp_path / "data", work)


def test_each_document_of_a_bulk_write_takes_its_own_right(tmp_path: Path) -> None:
    docs = [{"_id": "a"}, {"_id": "_design/d"}, {"_id": "_local/l"}, {"_id": "b"}]

    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/_security", {"cloudant": {"anna": ["_reader", "_writer"]}})
        await server.add_user(ANNA)
        reply = await server.ask("POST", "/db/_bulk_docs", {"docs": docs}, user=ANNA)
        assert [row.get("error") for row in reply.json()] == [None, "forbidden", "forbidden", None]
        assert (await server.ask("GET", "/db/_design/d", user=ADMIN)).status == 404
        again = await server.ask("POST", "/db/_bulk_docs", {"docs": docs[1:3]}, user=ADMIN)
        assert [row["ok"] for row in again.json()] == [True, True]

    asking(tmp_path / "data", work)


def test_a_changed_security_object_counts_for_the_next_request(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.add_user(ANNA)
        for security, status in (
            ({}, 200),
            (MEMBERS, 200),
            ({"members": {"names": ["carl"]}}, 403),
            ({}, 200),
        ):
            await server.admin("PUT", "/db/_security", security)
            assert (await server.ask("GET", "/db", user=ANNA)).status == status

    asking(tmp_path / "data", work)


def test_metrics_may_be_read_with_their_own_role(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["_metrics"])
        assert (await server.ask("GET", "/_node/_local/_stats", user=ANNA)).status == 200
        assert (await server.ask("GET", "/_node/_local/_config", user=ANNA)).status == 401

    asking(tmp_path / "data", work)


def test_a_401_asks_for_credentials_as_the_client_or_the_settings_want(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        def asked_for(**headers: str) -> tuple[tuple[str, str], ...]:
            sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            scope = {"method": "GET", "raw_path": b"/", "query_string": b"", "headers": sent, "client": None}
            return challenge(Request(server.server, scope, receive))

        assert asked_for() == ()
        assert asked_for(x_couchdb_www_authenticate="Cookie") == (("www-authenticate", "Cookie"),)
        server.set("chttpd", require_valid_user="true")
        assert asked_for() == (("www-authenticate", 'Basic realm="server"'),)
        assert asked_for(x_couchdb_www_authenticate="Cookie") == (("www-authenticate", "Cookie"),)

    asking(tmp_path / "data", work)
