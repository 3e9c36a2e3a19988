"""Tenants and keys are in the database; the private key stays at home and is followed by another in time."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import NotFound
from couchgrass.identity.store.directory import DATABASE, KEY_S, PUBLISHED_S, Directory
from couchgrass.identity.tenant import Client, Tenant
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


def test_tenants_are_made_changed_and_ended(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as here, CouchServer(here.url, *ADMIN) as server:
            directory = await Directory.open(server, folder(tmp_path / "a"), region="x", clock=MovedClock())
            await directory.put(Tenant("todo", "Todo"))
            await directory.put(Tenant("todo", "Todo", (Client("web"),)))
            assert directory.tenant("todo") == Tenant("todo", "Todo", (Client("web"),))
            assert [found.id for found in directory.tenants()] == ["todo"]
            await directory.delete("todo")
            assert directory.tenant("todo") is None
            with pytest.raises(NotFound):
                await directory.delete("todo")
            await directory.close()

    asyncio.run(work())
