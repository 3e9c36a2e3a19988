"""Users live in the database's own `_users`: it hashes their passwords. They have no right to anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, CouchgrassError, NotFound
from couchgrass.identity import person
from couchgrass.identity.claims import User
from couchgrass.identity.store import users as store
from couchgrass.identity.store.users import CouchUsers
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.testing.in_process import ADMIN, served
from couchgrass.testing.listening import listening

ADA = User("6b1b36cb-3c9d-4d25-a7c4-5d1a7a1c9a77", "ada@example.org", "Ada")
QUICK = "/_node/_local/_config/chttpd_auth/iterations"


def test_a_user_is_made_checked_changed_and_ended(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", QUICK, "10")
            users = CouchUsers(server)
            await users.create("todo", ADA, "right horse")
            assert await users.check("todo", "ada@example.org", "right horse") == ADA
            assert await users.check("todo", "ada@example.org", "wrong horse") is None
            assert await users.check("todo", "ada@example.org", "") is None
            assert await users.check("todo", "nobody@example.org", "right horse") is None
            assert await users.check("other", "ada@example.org", "right horse") is None
            with pytest.raises(Conflict, match="account already"):
                await users.create("todo", ADA, "another one")
            changed = await users.set_password("todo", "ada@example.org", "left horse")
            assert changed.generation == 1 and changed.sub == ADA.sub
            assert await users.check("todo", "ada@example.org", "left horse") == changed
            assert await users.check("todo", "ada@example.org", "right horse") is None
            assert await users.list("todo") == [changed] and await users.list("tod") == []
            await users.delete("todo", "ada@example.org")
            assert await users.find("todo", "ada@example.org") is None
            with pytest.raises(NotFound):
                await users.delete("todo", "ada@example.org")
            with pytest.raises(NotFound):
                await users.set_password("todo", "ada@example.org", "any horse")

    asyncio.run(work())


def test_all_users_of_a_tenant_are_listed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAGE", 2)

    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", QUICK, "10")
            users = CouchUsers(server)
            names = ["a", "b", "c", "d", "\U0001f33b"]
            for name in names:
                await users.create("todo", User(name, f"{name}@example.org"), "right horse")
            for other in ("todo0", "todo-", "tod"):
                await users.create(other, ADA, "right horse")
            assert [user.sub for user in await users.list("todo")] == names

    asyncio.run(work())


def test_the_password_is_kept_as_a_hash_and_the_user_may_do_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", QUICK, "10")
            await here.json("PUT", "/db")
            await CouchUsers(server).create("todo", ADA, "right horse")
            doc = await here.json("GET", "/_users/" + person.doc_id("todo", ADA.email).replace("/", "%2F"))
            assert "right horse" not in str(doc) and "derived_key" in doc
            login = aiohttp.encode_basic_auth(person.account("todo", ADA.email), "right horse")
            async with aiohttp.ClientSession(headers={"Authorization": login}) as session:
                for method, path in (("GET", "/db"), ("PUT", "/other"), ("GET", "/_users/_all_docs")):
                    async with session.request(method, here.url + path) as answer:
                        assert answer.status in (401, 403), path

    asyncio.run(work())


def test_an_account_of_the_database_is_no_user_of_a_tenant(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", QUICK, "10")
            name = person.account("todo", "eve@example.org")
            doc = {"type": "user", "name": name, "roles": [], "password": "some horse"}
            await here.json(
                "PUT", "/_users/" + person.doc_id("todo", "eve@example.org").replace("/", "%2F"), doc
            )
            assert await CouchUsers(server).check("todo", "eve@example.org", "some horse") is None

    asyncio.run(work())


@pytest.mark.parametrize(
    "forged",
    [
        {"sub": "00000000-0000-4000-8000-000000000000"},
        {"email": "bob@example.org"},
        {"tenant": "other"},
    ],
)
def test_a_user_who_changes_the_own_document_stays_who_they_are(
    tmp_path: Path, forged: dict[str, str]
) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", QUICK, "10")
            await here.json("PUT", "/_node/_local/_config/couchdb/users_db_security_editable", "true")
            await here.json("PUT", "/_users/_security", {"members": {"roles": []}})
            users = CouchUsers(server)
            await users.create("todo", ADA, "right horse")
            login = aiohttp.encode_basic_auth(person.account("todo", ADA.email), "right horse")
            where = here.url + "/_users/" + person.doc_id("todo", ADA.email).replace("/", "%2F")
            async with aiohttp.ClientSession(headers={"Authorization": login}) as session:
                async with session.get(URL(where, encoded=True)) as answer:
                    doc = await answer.json()
                doc[person.MEMBER] = {**doc.get(person.MEMBER, {}), **forged}
                async with session.put(URL(where, encoded=True), json=doc) as answer:
                    assert answer.status == 201
                doc["_rev"] = (await server.ask("GET", where.removeprefix(here.url)))["_rev"]
                doc["roles"] = ["sub:00000000-0000-4000-8000-000000000000"]
                async with session.put(URL(where, encoded=True), json=doc) as answer:
                    assert answer.status == 403
            assert await users.check("todo", ADA.email, "right horse") == ADA

    asyncio.run(work())


class Open(Edge):
    """A database that asks nobody for a name: whatever the credentials, nobody in particular is signed in."""

    async def answer(self, request: Request) -> Answer:
        doc = b'{"ok":true,"userCtx":{"name":null,"roles":["_admin"]}}'
        if request.raw_path != b"/_session":
            doc = json.encode({"_id": "x", "_rev": "1-a", **person.new_doc("todo", ADA, "right horse")})
        return Answer(200, doc, [(b"content-type", b"application/json")])

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status)

    async def close(self) -> None:
        """Nothing began."""


def test_a_database_that_lets_everybody_in_proves_nobodys_password() -> None:
    async def work() -> None:
        async with listening(Open()) as url, CouchServer(url) as server:
            users = CouchUsers(server)
            assert await users.find("todo", ADA.email) == ADA
            assert await users.check("todo", ADA.email, "whatever") is None

    asyncio.run(work())
