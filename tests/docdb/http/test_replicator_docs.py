"""Documents of replicator databases over HTTP: they have owners, and others never see their credentials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.access import UserCtx
from couchgrass.errors import BadRequest
from couchgrass.testing.asgi import ADMIN, Asked, Credentials, asking, refusal

ANNA: Credentials = ("anna", "a")
BOB: Credentials = ("bob", "b")
CAROL: Credentials = ("carol", "c")
"""An admin of the databases, but not of the server."""

REPLICATOR = UserCtx(None, ("_admin", "_replicator"))
SECRET = b"s3cret"
DOC: Mapping[str, Any] = {
    "source": "http://me:s3cret@host/a",
    "target": {"url": "b", "auth": {"x": "s3cret"}},
}
OTHERS = (403, "forbidden", "Can't update replication documents from other users.")


def check(doc: Mapping[str, Any]) -> None:
    """What the composition root sets: here a replication needs a source."""
    if "source" not in doc:
        raise BadRequest("`source` is missing")


async def opened(server: Asked, name: str = "_replicator") -> str:
    """Lets everyone use a replicator database, makes carol its admin; its path."""
    server.server.check_replication = check
    for one in (ANNA, BOB, CAROL):
        await server.add_user(one, ["gardener"] if one == ANNA else ())
    path = "/" + name.replace("/", "%2F")
    if name != "_replicator":
        await server.admin("PUT", path)
    await server.admin("PUT", f"{path}/_security", {"admins": {"names": ["carol"]}})
    return path


@pytest.mark.parametrize("name", ["_replicator", "app/_replicator"])
def test_only_the_owner_and_admins_change_a_document(tmp_path: Path, name: str) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server, name)
        rev = (await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)).json()["rev"]
        assert (await server.admin("GET", f"{db}/doc"))["owner"] == "anna"
        for method, target, body in (
            ("PUT", f"{db}/doc", {**DOC, "_rev": rev}),
            ("PUT", f"{db}/doc", {**DOC, "_rev": rev, "owner": "bob"}),
            ("PUT", f"{db}/doc", {**DOC, "_rev": rev, "owner": "anna"}),
            ("DELETE", f"{db}/doc?rev={rev}", None),
            ("PUT", f"{db}/doc/file?rev={rev}", b"x"),
            ("PUT", f"{db}/other", {**DOC, "owner": "anna"}),
        ):
            assert refusal(await server.ask(method, target, body, user=BOB)) == OTHERS
        mine = {**DOC, "_rev": rev, "n": 1}
        rev = (await server.ask("PUT", f"{db}/doc", mine, user=ANNA)).json()["rev"]
        theirs = {**DOC, "_rev": rev, "owner": "anna", "n": 2}
        rev = (await server.ask("PUT", f"{db}/doc", theirs, user=CAROL)).json()["rev"]
        assert (await server.admin("GET", f"{db}/doc"))["owner"] == "anna"
        assert (await server.ask("DELETE", f"{db}/doc?rev={rev}", user=ANNA)).status == 200

    asking(tmp_path / "data", work)


def test_in_a_bulk_write_each_document_is_decided_on_its_own(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        docs = [{"_id": "good", **DOC}, {"_id": "bad"}, {"_id": "taken", **DOC, "owner": "anna"}]
        reply = await server.ask("POST", f"{db}/_bulk_docs", {"docs": docs}, user=BOB)
        assert [(row.get("error"), row.get("reason")) for row in reply.json()] == [
            (None, None),
            ("forbidden", "`source` is missing"),
            OTHERS[1:],
        ]

    asking(tmp_path / "data", work)


def test_what_describes_no_replication_is_refused_unless_it_failed_or_goes(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        assert refusal(await server.ask("PUT", f"{db}/doc", {}, user=ADMIN)) == (
            403, "forbidden", "`source` is missing",
        )  # fmt: skip
        failed = await server.admin("PUT", f"{db}/doc", {"_replication_state": "failed"})
        assert (await server.ask("DELETE", f"{db}/doc?rev={failed['rev']}", user=ADMIN)).status == 200
        await server.admin("PUT", f"{db}/_design/d", {"filters": {}})
        await server.admin("PUT", f"{db}/_local/l", {})
        server.server.check_replication = None
        await server.admin("PUT", f"{db}/anything", {})

    asking(tmp_path / "data", work)


def test_the_replicator_writes_states_without_becoming_the_owner(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)
        doc = (await server.ask("GET", f"{db}/doc", user=REPLICATOR)).json()
        assert doc["source"] == DOC["source"]
        state = {**doc, "_replication_state": "completed"}
        assert (await server.ask("PUT", f"{db}/doc", state, user=REPLICATOR)).status == 201
        assert (await server.ask("PUT", f"{db}/odd", {"no": "source"}, user=REPLICATOR)).status == 201
        found = await server.admin("GET", f"{db}/doc")
        assert (found["owner"], found["_replication_state"]) == ("anna", "completed")
        assert "owner" not in await server.admin("GET", f"{db}/odd")
        reply = await server.ask("PUT", f"{db}/odd", {**DOC, "_rev": "1-a"}, user=ANNA)
        assert refusal(reply) == OTHERS

    asking(tmp_path / "data", work)


def test_a_replication_runs_for_nobody_else(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        boss = {"user_ctx": {"name": "carol", "roles": ["_admin"]}}
        own = {"user_ctx": {"name": "anna", "roles": ["gardener"]}}
        for who, wanted, status in (
            (ANNA, boss, 403), (CAROL, boss, 403), (ADMIN, boss, 201), (ANNA, own, 201), (BOB, own, 403),
        ):  # fmt: skip
            reply = await server.ask("POST", db, {**DOC, **wanted}, user=who)
            assert reply.status == status, (who, wanted)
        failed = {**DOC, **boss, "_replication_state": "failed"}
        assert (await server.ask("POST", db, failed, user=ANNA)).status == 403

    asking(tmp_path / "data", work)


def test_only_what_a_server_admin_writes_runs_without_a_users_rights(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        await server.ask("PUT", f"{db}/theirs", DOC, user=ANNA)
        doc = await server.admin("GET", f"{db}/theirs")
        assert doc["user_ctx"]["name"] == "anna" and "_admin" not in doc["user_ctx"]["roles"]
        await server.admin("PUT", f"{db}/ours", DOC)
        ours = await server.admin("GET", f"{db}/ours")
        assert "user_ctx" not in ours
        # An admin of the database may change it, and from then on it has his rights only.
        reply = await server.ask("PUT", f"{db}/ours", {**ours, "target": "elsewhere"}, user=CAROL)
        assert reply.status == 201
        assert (await server.admin("GET", f"{db}/ours"))["user_ctx"]["name"] == "carol"

    asking(tmp_path / "data", work)


def test_a_replicated_edit_goes_round_no_rule_but_a_server_admins(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        rev = (await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)).json()["rev"]

        async def replicated(who: Credentials, doc_id: str, **doc: Any) -> str | None:
            doc = {"_id": doc_id, "_revisions": {"start": 2, "ids": ["b" * 32, rev[2:]]}, **doc}
            body = {"docs": [doc], "new_edits": False}
            rows = (await server.ask("POST", f"{db}/_bulk_docs", body, user=who)).json()
            return rows[0]["reason"] if rows else None

        assert await replicated(BOB, "doc", **DOC, owner="bob") == OTHERS[2]
        assert await replicated(BOB, "doc", **DOC, owner="bob", _deleted=True) == OTHERS[2]
        own = {"owner": "bob", "user_ctx": {"name": "bob"}}
        unnamed = "A replicated edit must name the document's owner and its user_ctx."
        assert await replicated(BOB, "new", **DOC) == unnamed
        assert await replicated(BOB, "new", **DOC, owner="bob") == unnamed
        assert await replicated(CAROL, "new", **DOC, owner="bob", user_ctx={"roles": ["_admin"]}) is not None
        assert await replicated(BOB, "new", **own) == "`source` is missing"
        assert await replicated(BOB, "new", **DOC, **own) is None
        assert await replicated(ADMIN, "raw", n=1) is None
        assert "owner" not in await server.admin("GET", f"{db}/raw")

    asking(tmp_path / "data", work)


def test_a_losing_leaf_of_another_keeps_a_document_closed(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        docs = [
            {"_id": "doc", "_rev": "1-" + letter * 32, **DOC, "owner": owner}
            for letter, owner in (("a", "anna"), ("b", "bob"))
        ]
        await server.admin("POST", f"{db}/_bulk_docs", {"docs": docs, "new_edits": False})
        for who, letter in ((ANNA, "b"), (BOB, "b"), (BOB, "a")):
            gone = await server.ask("DELETE", f"{db}/doc?rev=1-{letter * 32}", user=who)
            assert refusal(gone) == OTHERS

    asking(tmp_path / "data", work)


READS = (
    "/doc",
    "/doc?rev=REV",
    "/doc?rev=OLD",
    "/doc?revs=true&conflicts=true&local_seq=true",
    "/doc?open_revs=all",
    '/doc?open_revs=["REV","OLD"]',
    '/doc?open_revs=["OLD"]&latest=true',
    "/doc?attachments=true",
)


@pytest.mark.parametrize("name", ["_replicator", "app/_replicator"])
def test_others_see_a_document_in_every_form_without_its_credentials(tmp_path: Path, name: str) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server, name)
        old = (await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)).json()["rev"]
        files = {"f": {"data": "YQ=="}}
        second = {**DOC, "_rev": old, "_attachments": files}
        rev = (await server.ask("PUT", f"{db}/doc", second, user=ANNA)).json()["rev"]
        asked = {"docs": [{"id": "doc"}, {"id": "doc", "rev": old}]}
        texts: list[tuple[str, bytes, bytes, bytes]] = []
        for form in ("application/json", "multipart/related", "multipart/mixed"):
            requests = [("GET", read.replace("REV", rev).replace("OLD", old), None) for read in READS]
            for method, target, body in (
                *requests, ("POST", "/_bulk_get", asked), ("POST", "/_bulk_get?attachments=true", asked)
            ):  # fmt: skip
                seen = []
                for who in (ANNA, CAROL, BOB):
                    reply = await server.ask(method, db + target, body, user=who, accept=form)
                    assert reply.status == 200, (target, who, reply)
                    seen.append(reply.body)
                texts.append((f"{form} {target}", seen[0], seen[1], seen[2]))
        for target, owners, admins, others in texts:
            assert SECRET in owners and SECRET in admins, target
            assert SECRET not in others and b"http://host/a" in others, target
        assert (await server.ask("GET", f"{db}/doc/f", user=BOB)).body == b"a"

    asking(tmp_path / "data", work)


def test_an_etag_does_not_stand_for_two_forms_of_a_document(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        rev = (await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)).json()["rev"]
        assert (await server.ask("GET", f"{db}/doc", user=ANNA)).headers["etag"] == f'"{rev}"'
        reply = await server.ask("GET", f"{db}/doc", user=BOB, if_none_match=f'"{rev}"')
        assert reply.status == 200 and "etag" not in reply.headers

    asking(tmp_path / "data", work)


def test_a_copy_takes_no_credentials_along(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)
        assert refusal(await server.ask("COPY", f"{db}/doc", user=BOB, destination="copy")) == OTHERS
        assert (await server.ask("COPY", f"{db}/doc", user=BOB, destination="_local/copy")).status == 201
        copied = await server.ask("GET", f"{db}/_local/copy", user=BOB)
        assert copied.status == 200 and SECRET not in copied.body

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(("name", "by_carol"), [("_replicator", 401), ("app/_replicator", 200)])
def test_lists_and_views_are_for_admins(tmp_path: Path, name: str, by_carol: int) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server, name)
        await server.ask("PUT", f"{db}/doc", DOC, user=ANNA)
        view = {"views": {"v": {"map": "function (doc) { emit(doc.source) }"}}}
        await server.admin("PUT", f"{db}/_design/d", view)
        for target in ("/_all_docs?include_docs=true", "/_changes?include_docs=true"):
            assert (await server.ask("GET", db + target, user=ANNA)).status in (401, 403)
            assert (await server.ask("GET", db + target, user=CAROL)).status == by_carol
        selected = {"selector": {"source": {"$regex": "s3"}}}
        chosen = f"{db}/_changes?filter=_selector"
        assert (await server.ask("POST", chosen, selected, user=ANNA)).status in (401, 403)
        queries = {"queries": [{"include_docs": True}]}
        assert (await server.ask("POST", f"{db}/_all_docs/queries", queries, user=ANNA)).status in (401, 403)
        for target in (f"{db}/_design/d/_view/v", f"{db}/_design%2Fd/_view/v?include_docs=true"):
            assert refusal(await server.ask("GET", target, user=ANNA)) == (
                403, "forbidden", "You are not a db or server admin.",
            )  # fmt: skip
            assert SECRET in (await server.ask("GET", target, user=CAROL)).body
        assert (await server.ask("GET", f"{db}/_design/d", user=ANNA)).json()["views"] == view["views"]

    asking(tmp_path / "data", work)


def test_by_default_only_admins_use_the_replicator_database(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        assert (await server.ask("PUT", "/_replicator/doc", DOC, user=ANNA)).status == 403
        await server.admin("PUT", "/app%2F_replicator")
        assert (await server.ask("PUT", "/app%2F_replicator/doc", DOC, user=ANNA)).status == 403
        assert (await server.ask("GET", "/_replicator", user=ANNA)).status == 403

    asking(tmp_path / "data", work)


def test_a_batched_write_and_a_multipart_one_keep_the_rules_too(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server)
        body = (
            b"--b\r\nContent-Type: application/json\r\n\r\n"
            b'{"owner":"anna","source":"a","target":"b"'
            b',"_attachments":{"x":{"follows":true,"content_type":"text/plain","length":1}}}'
            b"\r\n--b\r\n\r\nx\r\n--b--"
        )
        related = {"content_type": 'multipart/related; boundary="b"'}
        assert refusal(await server.ask("PUT", f"{db}/doc", body, user=BOB, **related)) == OTHERS
        assert (await server.ask("PUT", f"{db}/doc?batch=ok", {}, user=BOB)).status == 202
        assert (await server.ask("PUT", f"{db}/good", DOC, user=BOB)).status == 201
        assert server.server.store.get("_replicator").totals.docs == 1

    asking(tmp_path / "data", work)


@pytest.mark.parametrize("name", ["_replicator", "app/_replicator"])
def test_dead_letters_are_the_replicators(tmp_path: Path, name: str) -> None:
    async def work(server: Asked) -> None:
        db = await opened(server, name)
        kept = f"{db}/_local/dead-letter-1-2"
        await server.admin("PUT", kept, {})
        for method in ("PUT", "DELETE"):
            body: Any = {} if method == "PUT" else None
            assert refusal(await server.ask(method, kept + "?rev=0-1", body, user=ANNA)) == OTHERS
        docs = {"docs": [{"_id": "_local/dead-letter-1-2", "_rev": "0-1", "_deleted": True}]}
        [row] = (await server.ask("POST", f"{db}/_bulk_docs", docs, user=ANNA)).json()
        assert row["error"] == "forbidden"
        assert (await server.ask("PUT", f"{db}/_local/mine", {}, user=ANNA)).status == 201
        for target in ("/_local_docs?include_docs=true", "/_local_docs/queries"):
            queries: Any = None if "?" in target else {"queries": [{}]}
            method = "GET" if queries is None else "POST"
            assert (await server.ask(method, db + target, queries, user=ANNA)).status == 403
            assert (await server.ask(method, db + target, queries, user=CAROL)).status == 200
        assert (await server.ask("DELETE", kept + "?rev=0-1", user=CAROL)).status == 200

    asking(tmp_path / "data", work)
