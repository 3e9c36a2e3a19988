"""What is found on servers: their kind, their admin, their keys, their links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import Unauthorized
from couchgrass.linking.apply.look import (
    databases,
    look_at_link,
    look_at_server,
    look_for_remains,
    scheduled,
    security,
)
from couchgrass.linking.job import Server, Side
from couchgrass.linking.plan import LinkFacts, Wish, jobs_of
from couchgrass.linking.undo import Remains
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.linking.apache import ADMIN, apaches


def on_ours(server: ServerProcess, work: Callable[[CouchServer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with CouchServer(server.url, server.user, server.password) as asked:
            await work(asked)

    asyncio.run(main())


def test_our_server_takes_local_names_and_has_api_keys(couch_server: ServerProcess) -> None:
    async def work(server: CouchServer) -> None:
        found = await look_at_server(server, Side.A)
        assert (found.is_ours, found.has_api_keys, found.admin) == (True, True, couch_server.user)
        assert found.uuid

    on_ours(couch_server, work)


def test_apache_s_has_neither() -> None:
    async def main() -> None:
        async with apaches(1) as (apache,), CouchServer(apache.url, *ADMIN) as server:
            apache.create("db")
            found = await look_at_server(server, Side.B)
            assert (found.is_ours, found.has_api_keys, found.admin) == (False, False, ADMIN[0])

    asyncio.run(main())


def test_whoever_is_no_admin_is_told_what_to_set(couch_server: ServerProcess) -> None:
    async def main() -> None:
        async with CouchServer(couch_server.url) as server:
            with pytest.raises(Unauthorized, match="COUCHGRASS_B_USER and COUCHGRASS_B_PASSWORD"):
                await look_at_server(server, Side.B)

    asyncio.run(main())


def test_system_databases_are_not_among_the_databases(couch_server: ServerProcess, db_name: str) -> None:
    call(couch_server.auth_url, "PUT", f"/{db_name}")

    async def work(server: CouchServer) -> None:
        names = await databases(server)
        assert db_name in names and "_users" not in names
        assert await security(server, db_name) and await security(server, "no-such-db") is None

    on_ours(couch_server, work)


def test_where_nothing_is_linked_nothing_is_found(couch_server: ServerProcess, db_name: str) -> None:
    async def work(server: CouchServer) -> None:
        here, there = Server(Side.A, server.base), Server(Side.B, "http://elsewhere.example")
        both = {Side.A: server, Side.B: server}
        one, other = jobs_of(Wish(), here, there, db_name)
        facts = await look_at_link(both, (one, other))
        assert facts == LinkFacts(facts.dbs) and not facts.dbs[Side.A].exists
        remains = await look_for_remains({Side.A: server}, {Side.A: here.base, Side.B: there.base}, db_name)
        assert remains == Remains(users={Side.A: ()})
        assert await scheduled(server, one.id) is None

    on_ours(couch_server, work)
