"""Live feeds of one server in this process: what wakes them, what ends them, and what they leave behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchgrass.docdb import changes
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.http import feed as feed_module
from couchgrass.docdb.sqlite.database import Database
from couchgrass.testing.asgi import Asked, asking
from couchgrass.testing.in_process import Served, served, until

FOREVER = aiohttp.ClientTimeout(total=None)


def here(data: Path, work: Callable[[Served], Awaitable[None]]) -> None:
    """Runs the work on a server with an empty database "db"."""

    async def run() -> None:
        async with served(data) as server:
            await server.json("PUT", "/db")
            await work(server)

    asyncio.run(run())


def database(server: Served, name: str = "db") -> Database:
    return server.server.store.get(name)


@asynccontextmanager
async def feed(server: Served, options: str, **request: Any) -> AsyncIterator[aiohttp.StreamReader]:
    """The body of a feed of "db"; leaving the block hangs up."""
    method = "POST" if request else "GET"
    url = f"{server.url}/db/_changes?{options}"
    async with server.session.request(method, url, timeout=FOREVER, **request) as answer:
        assert answer.status == 200
        try:
            yield answer.content
        finally:
            answer.close()


async def rows_of(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The objects of a continuous feed, heartbeats left out."""
    async for line in content:
        if line != b"\n":
            yield json.loads(line)


async def open_feeds(server: Served, count: int, name: str = "db") -> None:
    await until(lambda: len(database(server, name).changed) == count)


async def ids_until(content: aiohttp.StreamReader, last: str) -> list[str]:
    """The ids of a continuous feed up to this one."""
    ids: list[str] = []
    async for row in rows_of(content):
        ids.append(row["id"])
        if row["id"] == last:
            break
    return ids


async def put_20_mb(server: Served) -> None:
    """More than what lies between a server and a client that does not read."""
    for part in range(40):
        docs = [{"_id": f"fat-{part}-{at}", "text": "x" * 2000} for at in range(250)]
        await server.json("POST", "/db/_bulk_docs", {"docs": docs})


def test_a_continuous_feed_sends_what_was_there_and_then_what_comes(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 2, "old")
        async with feed(server, "feed=continuous&since=0") as content:
            assert await ids_until(content, "old-1") == ["old-0", "old-1"]
            for number in range(3):
                await server.put_docs("db", 1, f"new{number}")
                assert await ids_until(content, f"new{number}-0") == [f"new{number}-0"]

    here(server_data, work)


def test_a_longpoll_feed_answers_with_the_first_change(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 3)
        async with feed(server, "feed=longpoll&since=now") as content:
            assert await content.readline() == b'{"results":[\n'
            await server.put_docs("db", 1, "new")
            found = json.loads(b'{"results":[\n' + await content.read())
        assert [row["id"] for row in found["results"]] == ["new-0"]
        assert found["last_seq"] == found["results"][0]["seq"]
        assert found["pending"] == 0

    here(server_data, work)


def test_a_feed_whose_silence_is_over_ends_with_its_place(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 3)
        last_seq = database(server).seq(3)
        async with feed(server, "feed=longpoll&since=now&timeout=1") as content:
            assert json.loads(await content.read()) == {"results": [], "last_seq": last_seq, "pending": 0}
        async with feed(server, "feed=continuous&since=now&timeout=1") as content:
            assert (await content.read()).split(b"\n")[
                1
            ] == b'{"last_seq":"%b","pending":0}' % last_seq.encode()
        await open_feeds(server, 0)

    here(server_data, work)


def test_a_limit_ends_a_continuous_feed_wherever_it_is_reached(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 2, "a")
        async with feed(server, "feed=continuous&since=0&limit=3") as content:
            await ids_until(content, "a-1")
            await server.put_docs("db", 2, "b")
            found = [row async for row in rows_of(content)]
        assert [row.get("id") for row in found] == ["b-0", None]
        assert found[1] == {"last_seq": found[0]["seq"], "pending": 1}

    here(server_data, work)


@pytest.mark.parametrize(
    ("kind", "beat"), [("continuous", b"\n"), ("longpoll", b"\n"), ("eventsource", b"event: heartbeat\n")]
)
def test_an_idle_feed_sends_heartbeats_and_stays_open(server_data: Path, kind: str, beat: bytes) -> None:
    async def work(server: Served) -> None:
        async with feed(server, f"feed={kind}&since=now&heartbeat=5&timeout=1") as content:
            beats = 0
            while beats < 5:
                beats += await content.readline() == beat
            await server.put_docs("db", 1)
            async for line in content:
                if b'"id":"doc-0"' in line:
                    break
            else:
                raise AssertionError("the feed ended")

    here(server_data, work)


def test_a_write_elsewhere_wakes_none_of_200_idle_feeds(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.json("PUT", "/other")
        idle = [asyncio.create_task(_first_id(server)) for _ in range(200)]
        await open_feeds(server, 200)
        rings = database(server).changed.rings
        for number in range(20):
            await server.put_docs("other", 10, f"n{number}")
        assert database(server).changed.rings == rings
        await server.put_docs("db", 1)
        assert await asyncio.gather(*idle) == ["doc-0"] * 200
        assert database(server).changed.rings == rings + 1
        await open_feeds(server, 0)

    here(server_data, work)


async def _first_id(server: Served) -> str:
    async with feed(server, "feed=continuous&since=now&heartbeat=60000") as content:
        async for row in rows_of(content):
            return str(row["id"])
    raise AssertionError("the feed ended")


def test_a_burst_of_writes_is_told_in_few_readings_and_whole(server_data: Path) -> None:
    async def work(server: Served) -> None:
        async def ids() -> list[str]:
            async with feed(server, "feed=continuous&since=0") as content:
                return await ids_until(content, "last-0")

        feeds = [asyncio.create_task(ids()) for _ in range(50)]
        await open_feeds(server, 50)
        await asyncio.gather(*(server.put_docs("db", 1, f"w{number}") for number in range(300)))
        await server.put_docs("db", 1, "last")
        expected = sorted([f"w{number}-0" for number in range(300)] + ["last-0"])
        for found in await asyncio.gather(*feeds):
            assert sorted(found) == expected
        assert database(server).changed.rings <= 301

    here(server_data, work)


def test_documents_that_change_while_they_are_read_are_seen_in_their_last_state(server_data: Path) -> None:
    async def work(server: Served) -> None:
        revs: dict[int, str] = {}
        async with feed(server, "feed=continuous&since=0") as content:
            for _ in range(30):
                docs = [{"_id": f"d{at}", **({"_rev": revs[at]} if at in revs else {})} for at in range(20)]
                found = await server.json("POST", "/db/_bulk_docs", {"docs": docs})
                revs = {at: row["rev"] for at, row in enumerate(found)}
            await server.put_docs("db", 1, "last")
            seen: dict[str, str] = {}
            async for row in rows_of(content):
                seen[row["id"]] = row["changes"][0]["rev"]
                if row["id"] == "last-0":
                    break
        assert {f"d{at}": rev for at, rev in revs.items()}.items() <= seen.items()

    here(server_data, work)


def test_a_hang_up_frees_the_feed_at_once(server_data: Path) -> None:
    async def work(server: Served) -> None:
        async with feed(server, "feed=continuous&since=now"), feed(server, "feed=longpoll&since=now"):
            await open_feeds(server, 2)
            assert server.server.stats.clients_requesting_changes == 2
            assert database(server).busy()
        await open_feeds(server, 0)
        await until(lambda: server.server.stats.clients_requesting_changes == 0)
        await until(lambda: database(server).users == 0)
        await until(lambda: not database(server).busy())

    here(server_data, work)


def test_a_hang_up_in_a_long_normal_feed_ends_its_reading(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await put_20_mb(server)
        async with feed(server, "include_docs=true") as content:
            await content.readany()
            await until(lambda: server.server.stats.clients_requesting_changes == 1)
        await until(lambda: server.server.stats.clients_requesting_changes == 0)
        await until(lambda: database(server).users == 0)

    here(server_data, work)


def test_a_client_that_does_not_read_holds_up_nobody_else(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await put_20_mb(server)
        unread = feed(server, "feed=continuous&include_docs=true")
        async with unread, feed(server, "feed=continuous&since=now") as content:
            await server.put_docs("db", 1, "new")
            assert await ids_until(content, "new-0") == ["new-0"]

    here(server_data, work)


def test_the_end_of_the_database_ends_its_feeds_with_their_place(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 2)
        last_seq = database(server).seq(2)
        db = database(server)
        async with (
            feed(server, "feed=continuous&since=now&heartbeat=60000") as continuous,
            feed(server, "feed=longpoll&since=now") as longpoll,
            feed(server, "feed=eventsource&since=now") as events,
        ):
            await open_feeds(server, 3)
            await server.json("DELETE", "/db")
            assert [row async for row in rows_of(continuous)] == [{"last_seq": last_seq, "pending": 0}]
            assert json.loads(await longpoll.read()) == {"results": [], "last_seq": last_seq, "pending": 0}
            assert (await events.read()).strip() == b""
        await until(lambda: len(db.changed) == db.users == 0)

    here(server_data, work)


def test_the_servers_stop_ends_feeds_with_their_place(server_data: Path) -> None:
    async def work(server: Served) -> None:
        await server.put_docs("db", 2)
        last_seq = database(server).seq(2)
        async with (
            feed(server, "feed=continuous&since=now&heartbeat=60000") as content,
            server.session.get(f"{server.url}/_db_updates?feed=longpoll&since=now") as updates,
        ):
            await open_feeds(server, 1)
            await until(lambda: len(server.server.events.changed) == 1)
            server.server.stop()
            assert [row async for row in rows_of(content)] == [{"last_seq": last_seq, "pending": 0}]
            assert (await updates.json())["results"] == []

    here(server_data, work)


def test_a_filter_that_finds_nothing_says_that_it_is_alive(
    server_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "FILTER_SILENCE_MS", 0)
    monkeypatch.setattr(feed_module, "SILENCE_S_MIN", 0.0)

    async def work(server: Served) -> None:
        await server.put_docs("db", 10_000)
        async with feed(server, "filter=_selector", json={"selector": {"n": -1}}) as content:
            body = await content.read()
        assert body.startswith(b'{"results":[\n\n\n\n')
        assert json.loads(body)["results"] == []

    here(server_data, work)


def test_a_filtered_live_feed_passes_over_what_it_does_not_show(server_data: Path) -> None:
    async def work(server: Served) -> None:
        body = {"selector": {"n": {"$gte": 150}}}
        async with feed(server, "feed=continuous&filter=_selector", json=body) as content:
            await server.put_docs("db", 200)
            assert await ids_until(content, "doc-199") == [f"doc-{number}" for number in range(150, 200)]
            await server.put_docs("db", 151, "again")
            assert await ids_until(content, "again-150") == ["again-150"]

    here(server_data, work)


FEEDS = ("feed=continuous", "feed=eventsource", "feed=longpoll&since=now")
SOMEONE = UserCtx("x", ("_admin",))


def check_at_rest(server: Asked) -> None:
    """Nothing is left of a feed of "db"."""
    db = server.server.store.get("db")
    assert (db.users, len(db.changed), server.app.inflight) == (0, 0, 0)
    assert server.server.stats.clients_requesting_changes == 0


@pytest.mark.parametrize("options", FEEDS)
def test_a_feed_of_a_caller_in_the_process_ends_with_its_caller(tmp_path: Path, options: str) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        await server.admin("PUT", "/db/first", {})
        db = server.server.store.get("db")
        async with server.streaming("GET", f"/db/_changes?{options}", user=SOMEONE) as streamed:
            await until(lambda: len(db.changed) == 1)
            if "longpoll" not in options:
                await streamed.until(b"first")
                await server.admin("PUT", "/db/second", {})
                await streamed.until(b"second")
            assert db.users > 0
        check_at_rest(server)

    asking(tmp_path / "data", work)


def test_a_feed_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.admin("PUT", "/db")
        db = server.server.store.get("db")
        target = "/db/_changes?feed=continuous"
        async with server.streaming("GET", target, user=SOMEONE) as streamed:
            await until(lambda: len(db.changed) == 1)
            streamed.task.cancel()
            await asyncio.wait({streamed.task})
            assert streamed.task.cancelled()
            check_at_rest(server)

    asking(tmp_path / "data", work)


def test_db_updates_end_with_their_caller_too(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        changed = server.server.events.changed
        target = "/_db_updates?feed=continuous&since=now"
        async with server.streaming("GET", target, user=SOMEONE) as streamed:
            await until(lambda: len(changed) == 1)
            await server.admin("PUT", "/db")
            await streamed.until(b'"created"')
        assert (len(changed), server.app.inflight) == (0, 0)

    asking(tmp_path / "data", work)
