"""``_db_updates`` over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import requests

from couchgrass.testing.in_process import Served, served, until
from couchgrass.testing.server import ServerProcess, running

FOREVER = aiohttp.ClientTimeout(total=None)


def updates(server: ServerProcess, **options: Any) -> requests.Response:
    return requests.get(
        f"{server.url}/_db_updates", params=options, auth=(server.user, server.password), timeout=60
    )


def events(found: Any, name: str) -> list[str]:
    return [row["type"] for row in found["results"] if row["db_name"] == name]


def call(server: ServerProcess, method: str, path: str, body: Any = None) -> None:
    auth = (server.user, server.password)
    assert requests.request(method, server.url + path, json=body, auth=auth, timeout=60).ok


def test_creations_updates_and_deletions_are_listed_in_order(
    couch_server: ServerProcess, db_name: str
) -> None:
    start = updates(couch_server, since="now").json()
    assert start["results"] == []
    assert set(start) == {"results", "last_seq"}
    call(couch_server, "PUT", f"/{db_name}")
    call(couch_server, "POST", f"/{db_name}", {})
    found = updates(couch_server, since=start["last_seq"])
    assert events(found.json(), db_name) == ["created", "updated"]
    assert set(found.json()["results"][0]) == {"db_name", "type", "seq"}
    call(couch_server, "DELETE", f"/{db_name}")
    later = updates(couch_server, since=start["last_seq"])
    assert events(later.json(), db_name) == ["deleted"]
    assert later.headers["ETag"] != found.headers["ETag"]


def test_limit_and_descending(couch_server: ServerProcess, db_name: str) -> None:
    call(couch_server, "PUT", f"/{db_name}")
    found = updates(couch_server, descending="true", limit=1).json()
    assert len(found["results"]) == 1
    assert found["last_seq"] == found["results"][0]["seq"]
    assert updates(couch_server, limit=0).json()["results"] == []


def test_only_server_admins_may_ask(couch_server: ServerProcess) -> None:
    assert requests.get(f"{couch_server.url}/_db_updates", timeout=60).status_code == 401


def test_bad_requests_are_refused_as_couchdb_does(couch_server: ServerProcess) -> None:
    for options in ({"feed": "live"}, {"limit": "x"}, {"since": "x"}):
        answer = updates(couch_server, **options)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


def test_after_a_restart_an_old_sequence_lists_every_database_that_is_there(server_data: Path) -> None:
    with running(server_data) as server:
        call(server, "PUT", "/one")
        call(server, "PUT", "/two")
        old = updates(server).json()["last_seq"]
    with running(server_data) as server:
        found = updates(server, since=old).json()
        assert {row["db_name"] for row in found["results"]} >= {"one", "two"}
        assert {row["type"] for row in found["results"]} == {"updated"}


def test_live_feeds_tell_of_what_happens(server_data: Path) -> None:
    async def run() -> None:
        async with served(server_data) as server:
            url = f"{server.url}/_db_updates?since=now&feed="
            async with (
                server.session.get(url + "continuous", timeout=FOREVER) as continuous,
                server.session.get(url + "longpoll", timeout=FOREVER) as longpoll,
                server.session.get(url + "eventsource&heartbeat=5", timeout=FOREVER) as eventsource,
            ):
                await until(lambda: len(server.server.events.changed) == 3)
                await server.json("PUT", "/mine")
                assert await continuous.content.readline() == b"\n"
                row = json.loads(await continuous.content.readline())
                assert (row["db_name"], row["type"]) == ("mine", "created")
                assert (await longpoll.json())["results"] == [row]
                await _expect(eventsource.content, f'id: "{row["seq"]}"\n'.encode())
                await _expect(eventsource.content, b"event: heartbeat\n")
                await server.json("DELETE", "/mine")
                row = json.loads(await continuous.content.readline())
                assert (row["db_name"], row["type"]) == ("mine", "deleted")
                continuous.close()
                eventsource.close()
            await until(lambda: len(server.server.events.changed) == 0)

    asyncio.run(run())


async def _expect(content: aiohttp.StreamReader, wanted: bytes) -> None:
    async for line in content:
        if line == wanted:
            return
    raise AssertionError("the feed ended")


def test_closing_an_idle_database_is_no_update(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.json("PUT", "/mine")
        before = server.server.events.newest
        await server.server.store.get("mine").close()
        assert server.server.events.newest == before

    async def run() -> None:
        async with served(server_data) as server:
            await work(server)

    asyncio.run(run())
