"""Keys, accounts, databases and tenants are made where they are missing, and never replaced."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer, path
from couchgrass.deploy.apply import place as places
from couchgrass.deploy.apply.credentials import Credentials, new_account, new_key
from couchgrass.deploy.apply.provision import Missing, Provisioned, look, make, provisioned, settled
from couchgrass.deploy.needs import PAGES_CLIENT, Needs
from couchgrass.errors import BadRequest, Conflict, FileExists, Forbidden
from couchgrass.functions import keys
from couchgrass.identity import tenant as tenants
from couchgrass.testing.server import ServerProcess
from couchgrass.whisk.host import WhiskHost
from tests.deploy.places import Place, at_place

Work = Callable[[places.Place, Needs], Awaitable[None]]


def provisioning(server: ServerProcess, work: Work, *, signs_in: bool = True) -> None:
    """Runs `work` with a place and needs whose names nobody else has."""
    name = f"p{uuid.uuid4().hex[:12]}"
    needs = Needs(name, name, f"{name}-account", (f"{name}-todos",), name)

    async def run(here: Place) -> None:
        async with CouchServer(server.url, server.user, server.password) as couch:
            await work(places.Place(name, couch, server.url, here.url, signs_in=signs_in), needs)

    at_place(server, run)


def wanted_of(place: places.Place, needs: Needs, credentials: Credentials | None = None) -> Provisioned:
    found = settled(credentials or Credentials(), needs, [place], SystemClock())
    return provisioned(place, needs, found)


def test_what_is_missing_is_found_made_and_then_there(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        wanted = wanted_of(place, needs)
        assert wanted.account is not None and wanted.sign_in is not None
        missing = await look(place, wanted)
        assert missing == [
            Missing("namespace", needs.namespace),
            Missing("account", needs.account),
            Missing("database", needs.databases[0]),
            Missing("tenant", wanted.sign_in.tenant_id),
        ]
        await make(place, wanted, missing)
        assert await look(place, wanted) == []
        await make(place, wanted, missing)
        async with WhiskHost(place.functions_url, wanted.key.key) as host:
            assert await host.ask("GET", "/api/v1/namespaces") == [needs.namespace]
        user = (wanted.account.username, wanted.account.password)
        security = await place.couch.ask("GET", path(needs.databases[0], "_security"))
        assert security["admins"]["names"] == [needs.account]
        await place.couch.ask("PUT", path(needs.databases[0], "a"), {}, user=user)
        doc = await place.couch.ask("GET", path(tenants.DATABASE, f"tenant:{wanted.sign_in.tenant_id}"))
        assert wanted.sign_in.secret not in str(doc)

    provisioning(couch_server, work)


def test_anothers_database_is_shared_with_the_account(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        wanted = wanted_of(place, needs)
        (database,) = needs.databases
        await place.couch.ask("PUT", path(database))
        theirs = {"admins": {"names": ["her"], "roles": ["r"]}, "members": {"names": ["him"]}}
        await place.couch.ask("PUT", path(database, "_security"), theirs)
        missing = await look(place, wanted)
        assert Missing("right", database) in missing
        await make(place, wanted, missing)
        assert await look(place, wanted) == []
        security = await place.couch.ask("GET", path(database, "_security"))
        assert security["admins"] == {"names": ["her", needs.account], "roles": ["r"]}
        assert security["members"]["names"] == ["him", needs.account]

    provisioning(couch_server, work)


def test_another_key_or_password_is_never_replaced(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        first = wanted_of(place, needs)
        await make(place, first, await look(place, first))
        other_key = Credentials({needs.namespace: new_key(needs.namespace, SystemClock())})
        with pytest.raises(Conflict, match="has another key"):
            await look(place, wanted_of(place, needs, other_key))
        assert first.account is not None and first.sign_in is not None
        same = Credentials({needs.namespace: first.key}, {needs.account: new_account(needs.account)})
        with pytest.raises(Conflict, match="with another password"):
            await look(place, wanted_of(place, needs, same))
        doc = await place.couch.ask("GET", path(keys.DATABASE, needs.namespace))
        assert doc["uuid"] == first.key.uuid

    provisioning(couch_server, work)


def test_sign_in_without_the_service_is_refused(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        with pytest.raises(BadRequest, match=r"\[regions\..*\.identity\]"):
            await look(place, wanted_of(place, needs))

    provisioning(couch_server, work, signs_in=False)


def test_an_apps_pages_are_a_client_of_its_tenant_without_a_secret(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        first = wanted_of(place, msgspec.structs.replace(needs, redirects=("http://localhost/",)))
        missing = await look(place, first)
        assert [one.kind for one in missing[-2:]] == ["tenant", "client"]
        await make(place, first, missing)
        assert await look(place, first) == []
        assert first.sign_in is not None
        more = msgspec.structs.replace(
            first, needs=msgspec.structs.replace(needs, redirects=("https://todo.example/",))
        )
        assert await look(place, more) == [Missing("client", PAGES_CLIENT)]
        await make(place, more, await look(place, more))
        assert await look(place, first) == await look(place, more) == []
        doc_id = f"tenant:{first.sign_in.tenant_id}"
        doc = await place.couch.ask("GET", path(tenants.DATABASE, doc_id))
        tenant = tenants.from_doc(first.sign_in.tenant_id, doc)
        assert tenant is not None and tenants.check(tenant) == tenant
        client = tenant.client(PAGES_CLIENT)
        assert client is not None and client.is_public
        assert set(client.redirect_uris) == {"http://localhost/", "https://todo.example/"}
        other = tenant.client(first.sign_in.client_id)
        assert other is not None and other.is_secret(first.sign_in.secret)

    provisioning(couch_server, work)


def test_the_account_sees_no_database_of_another(couch_server: ServerProcess) -> None:
    async def work(place: places.Place, needs: Needs) -> None:
        wanted = wanted_of(place, needs)
        assert wanted.account is not None
        await make(place, wanted, await look(place, wanted))
        user = (wanted.account.username, wanted.account.password)
        for database in (keys.DATABASE, tenants.DATABASE):
            with pytest.raises(Forbidden):
                await place.couch.ask("GET", path(database), user=user)
        with pytest.raises(FileExists):
            await place.couch.ask("PUT", path(needs.databases[0]), user=user)

    provisioning(couch_server, work)


def test_what_this_machine_made_before_is_what_all_regions_get(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("u:s")
    (tmp_path / "account").write_text('{"username": "acme", "password": "p"}')
    couch = CouchServer("http://127.0.0.1:1")
    first = places.Place("a", couch, "", "")
    second = places.Place("b", couch, "", "", key_file=tmp_path / "key", account_file=tmp_path / "account")
    needs = Needs("app", "guest", "acme")
    found = settled(Credentials(), needs, [first, second], SystemClock())
    assert (found.namespaces["guest"].key, found.accounts["acme"].password) == ("u:s", "p")
    assert settled(found, needs, [first, second], SystemClock()) == found


def test_an_openwhisk_elsewhere_has_a_key_of_its_own() -> None:
    own = new_key("x", SystemClock())
    place = places.Place("a", CouchServer("http://127.0.0.1:1"), "", "", key=own)
    needs = Needs("app", "guest")
    found = settled(Credentials(), needs, [place], SystemClock())
    assert found.namespaces == {}
    assert provisioned(place, needs, found).key == own
