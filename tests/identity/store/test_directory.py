"""Tenants and keys are in the database; the private key stays at home and is followed by another in time."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import BadRequest, Conflict, NotFound
from couchgrass.identity.store.directory import (
    KEY_S,
    PUBLISHED_S,
    Directory,
    create_tenant,
    delete_tenant,
    find_tenant,
    list_tenants,
    put_tenant,
)
from couchgrass.identity.tenant import DATABASE, Client, Tenant
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.in_process import ADMIN, served, until


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_two_regions_that_share_the_database_believe_each_other(tmp_path: Path) -> None:
    async def work() -> None:
        clock = MovedClock()
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            london = await Directory.open(server, folder(tmp_path / "a"), region="london", clock=clock)
            dallas = await Directory.open(server, folder(tmp_path / "b"), region="dallas", clock=clock)
            assert london.signer().kid != dallas.signer().kid
            await until(lambda: len(london.keys().jwks()["keys"]) == 2)
            for one, other in ((london, dallas), (dallas, london)):
                assert other.keys().claims(one.signer().sign({"sub": "x"})) == {"sub": "x"}
            await london.close()
            await dallas.close()

    asyncio.run(work())


def test_the_private_key_is_its_owners_alone_and_not_in_the_database(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            clock = MovedClock()
            first = await Directory.open(server, folder(tmp_path / "a"), region="london", clock=clock)
            await first.close()
            again = await Directory.open(server, tmp_path / "a", region="london", clock=clock)
            assert again.signer().kid == first.signer().kid
            assert stat.S_IMODE((tmp_path / "a" / "identity-key.json").stat().st_mode) == 0o600
            doc = await here.json("GET", f"/{DATABASE}/key:{again.signer().kid}")
            assert set(doc["jwk"]) == {"kty", "n", "e", "use", "alg", "kid"}
            await again.close()

    asyncio.run(work())


def test_a_key_is_followed_by_another_and_published_until_its_tokens_are_gone(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            clock = MovedClock()
            first = await Directory.open(server, folder(tmp_path / "a"), region="london", clock=clock)
            token = first.signer().sign({"sub": "x"})
            await first.close()
            clock.time_s += KEY_S + 1
            second = await Directory.open(server, tmp_path / "a", region="london", clock=clock)
            assert second.signer().kid != first.signer().kid
            assert second.keys().claims(token) == {"sub": "x"}
            await second.close()
            clock.time_s += PUBLISHED_S - KEY_S
            third = await Directory.open(server, tmp_path / "a", region="london", clock=clock)
            assert {key["kid"] for key in third.keys().jwks()["keys"]} == {second.signer().kid}
            await third.close()

    asyncio.run(work())


def test_who_runs_for_months_gets_another_key(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            clock = MovedClock()
            london = await Directory.open(server, folder(tmp_path / "a"), region="london", clock=clock)
            dallas = await Directory.open(server, folder(tmp_path / "b"), region="dallas", clock=clock)
            first = london.signer()
            clock.time_s += KEY_S
            await london.renew()
            second = london.signer()
            assert second.kid != first.kid
            await until(lambda: second.kid in {key["kid"] for key in dallas.keys().jwks()["keys"]})
            for signer in (first, second):
                assert dallas.keys().claims(signer.sign({"sub": "x"})) == {"sub": "x"}
                assert dallas.keys().inner_claims(signer.sign_inner({"sub": "x"})) == {"sub": "x"}
            await london.close()
            await dallas.close()

    asyncio.run(work())


def test_a_public_key_that_is_not_in_the_database_is_offered_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            london = await Directory.open(server, folder(tmp_path / "a"), region="x", clock=MovedClock())
            where = f"/{DATABASE}/key:{london.signer().kid}"
            doc = await here.json("GET", where)
            await here.json("DELETE", f"{where}?rev={doc['_rev']}")
            await until(lambda: not any(name.startswith("key:") for name in london._followed.docs))
            await london.renew()
            assert (await here.json("GET", where))["jwk"] == london.signer().public
            await london.close()

    asyncio.run(work())


def test_a_new_tenant_does_not_replace_one(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            wanted = Tenant("todo", "Todo", (Client("web", secret_sha256="00"),))
            await create_tenant(server, wanted)
            with pytest.raises(Conflict, match="a tenant todo already"):
                await create_tenant(server, Tenant("todo", "Other"))
            assert await find_tenant(server, "todo") == wanted
            with pytest.raises(NotFound, match="no tenant other"):
                await find_tenant(server, "other")
            with pytest.raises(BadRequest):
                await create_tenant(server, Tenant("t", ""))

    asyncio.run(work())


def test_tenants_are_made_changed_and_ended(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            assert await list_tenants(server) == []
            directory = await Directory.open(server, folder(tmp_path / "a"), region="x", clock=MovedClock())
            await put_tenant(server, Tenant("todo", "Todo"))
            await put_tenant(server, Tenant("todo", "Todo", (Client("web"),)))
            wanted = Tenant("todo", "Todo", (Client("web"),))
            await until(lambda: directory.tenant("todo") == wanted)
            assert await list_tenants(server) == [wanted]
            await delete_tenant(server, "todo")
            await until(lambda: directory.tenant("todo") is None)
            with pytest.raises(NotFound):
                await delete_tenant(server, "todo")
            await directory.close()

    asyncio.run(work())
