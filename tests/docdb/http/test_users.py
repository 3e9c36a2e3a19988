"""The documents of users databases over HTTP: passwords become hashes, and everyone sees only their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.http.users import is_users_db
from couchgrass.docdb.settings import Sections
from couchgrass.testing.asgi import (
    ADMIN,
    Asked,
    Credentials,
    asking,
    refusal,
    user_doc,
    with_settings,
)  # fmt: skip
from couchgrass.testing.in_process import until

ANNA: Credentials = ("anna", "a")
BOB: Credentials = ("bob", "b")
CAROL: Credentials = ("carol", "c")
OPEN: Sections = with_settings(couchdb={"users_db_security_editable": "true"})
HASH = {"password_scheme", "pbkdf2_prf", "salt", "iterations", "derived_key"}
OWN_ONLY = "You may only update your own user document."


def path(who: Credentials) -> str:
    return f"/_users/org.couchdb.user:{who[0]}"


async def opened(server: Asked) -> None:
    """Lets everyone use ``_users``, makes carol its admin, and adds anna and bob."""
    await server.admin("PUT", "/_users/_security", {"admins": {"names": ["carol"]}})
    for one in (ANNA, BOB, CAROL):
        await server.add_user(one, ["gardener"] if one == ANNA else ())


@pytest.mark.parametrize(
    ("name", "suffix", "is_one"),
    [("_users", "_users", True), ("app/_users", "_users", True), ("a_users", "_users", False),
     ("people", "people", True), ("app/people", "people", True), ("_users", "people", True),
     ("x", "people", False)],
)  # fmt: skip
def test_a_users_database_is_told_by_the_last_segment_of_its_name(
    name: str, suffix: str, is_one: bool
) -> None:
    assert is_users_db(name, suffix) is is_one


def test_a_password_is_stored_as_its_hash_only(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        for target, doc in (
            ("/_users/org.couchdb.user:anna", user_doc(*ANNA)),
            ("/_users", user_doc(*BOB, _id="org.couchdb.user:bob")),
            ("/_users/_bulk_docs", {"docs": [user_doc(*CAROL, _id="org.couchdb.user:carol")]}),
        ):
            await server.admin("PUT" if "anna" in target else "POST", target, doc)
        salts = set()
        for one in (ANNA, BOB, CAROL):
            doc = await server.admin("GET", path(one))
            assert "password" not in doc and doc.keys() > HASH
            salts.add(doc["salt"])
            assert (await server.who(one))["name"] == one[0]
        assert len(salts) == 3

    asking(tmp_path / "data", work)


def test_batch_ok_and_multipart_hash_the_password_too(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        reply = await server.ask("PUT", path(ANNA) + "?batch=ok", user_doc(*ANNA), user=ADMIN)
        assert reply.status == 202
        body = (
            b"--b\r\nContent-Type: application/json\r\n\r\n"
            b'{"type":"user","name":"bob","roles":[],"password":"b"'
            b',"_attachments":{"x":{"follows":true,"content_type":"text/plain","length":1}}}'
            b"\r\n--b\r\n\r\nx\r\n--b--"
        )
        related = {"content_type": 'multipart/related; boundary="b"'}
        assert (await server.ask("PUT", path(BOB), body, user=ADMIN, **related)).status == 201
        users = server.server.store.get("_users")
        await until(lambda: users.totals.docs == 2)
        for one in (ANNA, BOB):
            doc = await server.admin("GET", path(one))
            assert "password" not in doc and doc.keys() > HASH

    asking(tmp_path / "data", work)


def test_each_document_of_a_bulk_write_is_refused_on_its_own(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        good = user_doc(*ANNA, _id="org.couchdb.user:anna")
        docs: list[dict[str, Any]] = [
            good,
            {"_id": "org.couchdb.user:x"},
            {**good, "_id": "org.couchdb.user:bob"},
            {**good, "_id": "org.couchdb.user:carol", "name": "carol", "password": 7},
        ]
        rows = await server.admin("POST", "/_users/_bulk_docs", {"docs": docs})
        assert [(row.get("error"), row.get("reason")) for row in rows] == [
            (None, None),
            ("forbidden", "doc.type must be user"),
            ("forbidden", "Doc ID must be of the form org.couchdb.user:name"),
            ("forbidden", "Password value of '7' is invalid."),
        ]

    asking(tmp_path / "data", work)


def test_by_default_only_admins_use_the_users_database(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        assert (await server.ask("GET", path(ANNA), user=ANNA)).status == 403
        assert (await server.ask("PUT", path(BOB), user_doc(*BOB))).status == 401

    asking(tmp_path / "data", work)


def test_an_owner_reads_and_changes_their_document_but_for_name_and_roles(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await opened(server)
        doc = (await server.ask("GET", path(ANNA), user=ANNA)).json()
        assert doc["roles"] == ["gardener"]
        for change, reason in (
            ({"roles": ["gardener", "boss"]}, "Only _admin may edit roles"),
            ({"roles": []}, "Only _admin may edit roles"),
            ({"type": "cat"}, "doc.type must be user"),
            ({"iterations": 10**9}, "Iteration count is too high for this server"),
            ({"name": "bob"}, "Doc ID must be of the form org.couchdb.user:name"),
        ):
            reply = await server.ask("PUT", path(ANNA), {**doc, **change}, user=ANNA)
            assert refusal(reply) == (403, "forbidden", reason)
        reply = await server.ask("PUT", path(ANNA), {**doc, "password": "new", "note": 1}, user=ANNA)
        assert reply.status == 201
        assert (await server.ask("GET", path(ANNA), user=("anna", "new"))).json()["note"] == 1
        gone = await server.ask("DELETE", f"{path(ANNA)}?rev={reply.json()['rev']}", user=("anna", "new"))
        assert gone.status == 200

    asking(tmp_path / "data", work, OPEN)


def test_to_others_a_document_is_not_there(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await opened(server)
        rev = (await server.admin("GET", path(ANNA)))["_rev"]
        rev = (await server.admin("PUT", f"{path(ANNA)}/photo?rev={rev}", b"x"))["rev"]
        missing = (404, "not_found", "missing")
        for who in (None, BOB):
            for method, target in (
                ("GET", ""), ("GET", f"?rev={rev}"), ("GET", "?open_revs=all"), ("GET", "?attachments=true"),
                ("GET", "/photo"), ("DELETE", f"?rev={rev}"), ("DELETE", f"/photo?rev={rev}"),
            ):  # fmt: skip
                reply = await server.ask(method, path(ANNA) + target, user=who)
                assert refusal(reply) == missing, (method, target)
            assert (await server.ask("HEAD", path(ANNA), user=who)).status == 404
            copy = await server.ask("COPY", path(ANNA), user=who, destination="org.couchdb.user:bob")
            assert refusal(copy) == missing
        edit = user_doc("anna", "stolen", _rev=rev)
        assert refusal(await server.ask("PUT", path(ANNA), edit, user=BOB)) == missing
        assert refusal(await server.ask("PUT", f"{path(ANNA)}/x?rev={rev}", b"x", user=BOB)) == missing
        bulk = await server.ask(
            "POST", "/_users/_bulk_docs", {"docs": [{**edit, "_id": path(ANNA)[8:]}]}, user=BOB
        )
        assert [row["error"] for row in bulk.json()] == ["not_found"]
        assert (await server.admin("GET", path(ANNA)))["_rev"] == rev

    asking(tmp_path / "data", work, OPEN)


def test_anyone_may_sign_up_but_not_over_an_existing_user(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await opened(server)
        dora: Credentials = ("dora", "d")
        boss = await server.ask("PUT", path(dora), user_doc(*dora, roles=["boss"]))
        assert refusal(boss) == (403, "forbidden", "Only _admin may set roles")
        assert (await server.ask("PUT", path(dora), user_doc(*dora))).status == 201
        assert await server.who(dora) == {"name": "dora", "roles": []}
        doc = await server.admin("GET", path(ANNA))
        again = await server.ask("PUT", path(ANNA), user_doc("anna", "stolen"))
        assert refusal(again) == (409, "conflict", "Document update conflict.")
        over = await server.ask("PUT", path(ANNA), {**doc, "password": "stolen"})
        assert refusal(over) == (403, "forbidden", OWN_ONLY)
        assert refusal(await server.ask("PUT", f"{path(ANNA)}/x?rev={doc['_rev']}", b"x")) == (
            403, "forbidden", OWN_ONLY,
        )  # fmt: skip
        assert (await server.admin("GET", path(ANNA)))["_rev"] == doc["_rev"]

    asking(tmp_path / "data", work, OPEN)


@pytest.mark.parametrize("who", [None, ANNA])
def test_a_replicated_edit_goes_round_no_rule(tmp_path: Path, who: Credentials | None) -> None:
    """It may name any revision as its parent; what counts is the document as it is."""

    async def work(server: Asked) -> None:
        await opened(server)
        boss = await server.add_user(ANNA, ["boss"])
        first = await server.admin("GET", f"{path(ANNA)}?rev={boss}&revs=true")
        await server.add_user(ANNA, [])
        now = await server.admin("GET", path(ANNA))
        for ids, start in (
            (["f" * 32, *first["_revisions"]["ids"]], 3),  # follows the revision that had the role
            (["f" * 32], 9),  # follows nothing
        ):
            stolen = user_doc("anna", "stolen", roles=["boss"], _id=path(ANNA)[8:])
            stolen["_revisions"] = {"start": start, "ids": ids}
            for doc in (stolen, {**stolen, "roles": []} if who is None else stolen):
                body = {"docs": [doc], "new_edits": False}
                rows = (await server.ask("POST", "/_users/_bulk_docs", body, user=who)).json()
                assert [row["error"] for row in rows] == ["forbidden"], rows
        assert await server.admin("GET", path(ANNA) + "?conflicts=true") == now

    asking(tmp_path / "data", work, OPEN)


def test_an_admin_of_the_database_reads_and_writes_all_users_but_does_not_list_them(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await opened(server)
        doc = (await server.ask("GET", path(ANNA), user=CAROL)).json()
        reply = await server.ask("PUT", path(ANNA), {**doc, "roles": ["boss"]}, user=CAROL)
        assert reply.status == 201
        wanted = {"docs": [{"id": path(ANNA)[8:]}]}
        assert (await server.ask("POST", "/_users/_bulk_get", wanted, user=CAROL)).status == 200
        assert (await server.ask("GET", "/_users/_all_docs", user=CAROL)).status == 401
        system = await server.ask("PUT", path(BOB), user_doc(*BOB, roles=["_admin"]), user=CAROL)
        assert system.status in (403, 409)

    asking(tmp_path / "data", work, OPEN)


@pytest.mark.parametrize("name", ["_users", "app/_users", "people"])
def test_lists_and_bulk_reads_of_users_are_for_admins(tmp_path: Path, name: str) -> None:
    settings = with_settings(
        couchdb={
            "users_db_security_editable": "true", "users_db_suffix": "people", "default_security": "everyone",
        }
    )  # fmt: skip

    async def work(server: Asked) -> None:
        base = "/" + name.replace("/", "%2F")
        if name != "_users":
            await server.admin("PUT", base)
        await server.admin("PUT", base + "/_security", {})
        await server.add_user(BOB)
        for method, list_, body in (
            ("GET", "_all_docs?include_docs=true", None),
            ("POST", "_all_docs/queries", {"queries": []}),
            ("GET", "_changes?include_docs=true", None),
            ("GET", "_design_docs", None),
            ("GET", "_local_docs", None),
            ("POST", "_bulk_get", {"docs": []}),
        ):
            reply = await server.ask(method, f"{base}/{list_}", body, user=BOB)
            assert reply.status in (401, 403), list_
            assert (await server.ask(method, f"{base}/{list_}", body, user=ADMIN)).status == 200, list_
        assert (await server.ask("GET", base, user=BOB)).status == 200

    asking(tmp_path / "data", work, settings)


def test_design_documents_of_users_are_for_admins(tmp_path: Path) -> None:
    reason = "Only administrators can view design docs in the users database."

    async def work(server: Asked) -> None:
        await opened(server)
        await server.admin("PUT", "/_users/_design/d", {"views": {"v": {"map": "function(doc) {}"}}})
        for target in ("/_users/_design/d", "/_users/_design/d/_view/v"):
            assert refusal(await server.ask("GET", target, user=BOB)) == (403, "forbidden", reason)
        assert (await server.ask("GET", "/_users/_design/d", user=CAROL)).status == 200
        bulk = {"docs": [{"_id": "_design/e"}, user_doc(*BOB, _id="org.couchdb.user:bob")]}
        for who, errors in ((BOB, ["forbidden", "conflict"]), (CAROL, [None, "conflict"])):
            rows = (await server.ask("POST", "/_users/_bulk_docs", bulk, user=who)).json()
            assert [row.get("error") for row in rows] == errors

    asking(tmp_path / "data", work, OPEN)


def test_public_fields_are_what_others_see(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await opened(server)
        await server.add_user(ANNA, ["gardener"], city="Ulm")
        server.set("chttpd_auth", public_fields="name, city")
        for who in (None, BOB):
            reply = await server.ask("GET", path(ANNA) + "?attachments=true", user=who)
            doc = reply.json()
            assert {key for key in doc if key[0] != "_"} == {"name", "city"}
            assert reply.headers["etag"] == f'"{doc["_rev"]}"'
        assert (await server.ask("GET", path(ANNA), user=ANNA)).json().keys() > HASH
        server.set("chttpd_auth", public_fields="city")
        assert (await server.ask("GET", path(CAROL), user=BOB)).status == 404
        assert (await server.ask("GET", path(ANNA) + "/photo", user=BOB)).status == 404

    asking(tmp_path / "data", work, OPEN)


def test_a_password_has_to_meet_the_rules(tmp_path: Path) -> None:
    rules = with_settings(chttpd_auth={"password_regexp": '[{".{10,}", "Ten characters."}]'})

    async def work(server: Asked) -> None:
        reply = await server.ask("PUT", path(ANNA), user_doc(*ANNA), user=ADMIN)
        reason = "Password does not conform to requirements. Ten characters."
        assert refusal(reply) == (400, "bad_request", reason)
        assert (
            await server.ask("PUT", path(ANNA), user_doc("anna", "long enough"), user=ADMIN)
        ).status == 201

    asking(tmp_path / "data", work, rules)
