"""Keys in a real database: who is first, what is found, who may read it, and what is tidied up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, CouchgrassError, PeerLost, Unauthorized
from couchgrass.gateway.idempotency import Kept, Reservation, database_of, to_document
from couchgrass.gateway.store.idempotency import Found, Held, IdempotencyKeys
from couchgrass.testing.server import ServerProcess

NOON = datetime(2001, 5, 5, 12, tzinfo=UTC).timestamp()
"""No other test is at work on these days."""

DAY_S = 86_400.0
TODAY, YESTERDAY = database_of(NOON), database_of(NOON - DAY_S)
ANSWER = Kept(201, (("content-type", "a/b"),), b"\x00{}")

Work = Callable[[IdempotencyKeys, CouchServer], Awaitable[None]]


def with_keys(couch: ServerProcess, work: Work) -> None:
    async def run() -> None:
        async with CouchServer(couch.url, couch.user, couch.password) as server:
            await work(IdempotencyKeys(server), server)

    asyncio.run(run())


def reservation(key: str, token: str = "one", region: str = "london") -> Reservation:
    return Reservation(key, "print", region, token, NOON + 90)


def test_one_reserves_and_the_others_find_it(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        wanted = [reservation(db_name, str(token)) for token in range(8)]
        taken = await asyncio.gather(*(keys.reserve(each, NOON) for each in wanted))
        held = [each for each in taken if isinstance(each, Held)]
        assert len(held) == 1 and held[0].database == TODAY
        found = [each for each in taken if isinstance(each, Found)]
        assert {each.entry.reservation for each in found} == {held[0].reservation}
        assert all(each.entry.answer is None for each in found)

        await keys.answer(held[0], ANSWER)
        again = await keys.reserve(wanted[0], NOON + DAY_S)
        assert isinstance(again, Found) and again.entry.answer == ANSWER and again.database == TODAY
        assert isinstance(await keys.reserve(wanted[0], NOON + 2 * DAY_S), Held)

    with_keys(couch_server, work)


def test_a_key_that_is_released_can_be_reserved(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        for token in ("one", "two"):
            held = await keys.reserve(reservation(db_name, token), NOON)
            assert isinstance(held, Held)
            await keys.release(held)
            await keys.release(msgspec.structs.replace(held, reservation=reservation(db_name + "-none")))

    with_keys(couch_server, work)


def test_one_takes_over_and_the_former_owner_is_too_late(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        former = await keys.reserve(reservation(db_name), NOON)
        two, three = reservation(db_name, "two"), reservation(db_name, "three")
        found = await keys.reserve(two, NOON)
        assert isinstance(former, Held) and isinstance(found, Found)
        held = await keys.take_over(found, two)
        with pytest.raises(Conflict):
            await keys.take_over(found, three)
        with pytest.raises(Conflict):
            await keys.answer(former, ANSWER)
        with pytest.raises(Conflict):
            await keys.release(former)
        assert await keys.again(former.reservation, NOON) is None
        assert await keys.again(two, NOON) == held
        await keys.answer(held, ANSWER)
        assert await keys.again(two, NOON) is None

    with_keys(couch_server, work)


def test_nobody_but_admins_reads_what_was_answered(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        await server.ask("PUT", f"/_users/org.couchdb.user:{db_name}", user_doc(db_name))
        for security in ({}, {"members": {"names": ["couchgrass-link-dallas"], "roles": []}}):
            await keys._delete(TODAY)
            await server.ask("PUT", f"/{TODAY}")
            await server.ask("PUT", f"/{TODAY}/_security", security)
            held = await keys.reserve(reservation(db_name), NOON)
            assert isinstance(held, Held)
            for user in (None, (db_name, "password")):
                with pytest.raises(CouchgrassError) as refused:
                    if user is None:
                        async with CouchServer(server.base) as nobody:
                            await nobody.ask("GET", f"/{TODAY}/{db_name}")
                    else:
                        await server.ask("GET", f"/{TODAY}/{db_name}", user=user)
                assert refused.value.status in (Unauthorized.status, 403)
            kept = await server.ask("GET", f"/{TODAY}/_security")
            assert kept["members"] == (security.get("members") or {"names": [], "roles": ["_admin"]})

    with_keys(couch_server, work)


def user_doc(name: str) -> dict[str, Any]:
    return {"name": name, "password": "password", "type": "user", "roles": []}


def test_a_database_that_was_deleted_is_made_again(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        assert isinstance(await keys.reserve(reservation(db_name), NOON), Held)
        await server.ask("DELETE", f"/{TODAY}")
        assert isinstance(await keys.reserve(reservation(db_name), NOON), Held)

    with_keys(couch_server, work)


def test_a_document_that_is_none_of_ours_is_no_answer(couch_server: ServerProcess, db_name: str) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        await keys.reserve(reservation(db_name), NOON)
        await server.ask("PUT", f"/{TODAY}/{db_name}-x", {"fingerprint": 5})
        with pytest.raises(PeerLost):
            await keys.reserve(reservation(f"{db_name}-x"), NOON)

    with_keys(couch_server, work)


def test_days_that_are_over_go_and_the_next_one_is_made_in_time(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        await keys.tidy(NOON + 30 * DAY_S, 3600)
        names = [database_of(NOON - days * DAY_S) for days in range(6)]
        for name in [*names[1:], f"{names[5]}-mine"]:
            await server.ask("PUT", f"/{name}")
        next_one = database_of(NOON + DAY_S)
        try:
            await keys.tidy(NOON + 11.5 * 3600, 3600)
            assert not await there(server, next_one), "no key is in use today"
            await keys.reserve(reservation(db_name), NOON)
            await keys.tidy(NOON, 3600)
            assert not await there(server, next_one), "it is noon"
            await keys.tidy(NOON + 11.5 * 3600, 3600)
            assert await there(server, next_one)
            assert [await there(server, name) for name in names] == [True] * 3 + [False] * 3
            assert await there(server, f"{names[5]}-mine")
        finally:
            await server.ask("DELETE", f"/{names[5]}-mine")

    async def there(server: CouchServer, name: str) -> bool:
        return name in await server.ask("GET", "/_all_dbs")

    with_keys(couch_server, work)


def test_keys_of_which_two_regions_took_the_request_are_counted_once(
    couch_server: ServerProcess, db_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(keys: IdempotencyKeys, server: CouchServer) -> None:
        await keys.tidy(NOON, 3600)
        for name in ("released", "both"):
            held = await keys.reserve(reservation(f"{db_name}-{name}"), NOON)
            assert isinstance(held, Held)
            other = to_document(reservation(f"{db_name}-{name}", "two", "dallas"), None, f"1-{'a' * 32}")
            await server.ask("POST", f"/{TODAY}/_bulk_docs", {"docs": [other], "new_edits": False})
            if name == "released":
                await server.ask("DELETE", f"/{TODAY}/{db_name}-{name}", query={"rev": f"1-{'a' * 32}"})
            await keys.answer(held, ANSWER)
        assert await keys.tidy(NOON, 3600) == 1
        assert await keys.tidy(NOON, 3600) == 0
        assert f"{db_name}-both" in caplog.text and "released" not in caplog.text

    with_keys(couch_server, work)
