"""Documents in memory follow the database: what others write, what we write, and through its absence."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.followed import PAGE, Followed
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, PeerLost
from couchgrass.testing.scripted import answers, is_silent, scripted
from couchgrass.testing.server import ServerProcess, running

UNTIL_S = 20.0


async def until(holds: Callable[[], bool]) -> None:
    """Returns once it holds; fails when it never does."""
    async with asyncio.timeout(UNTIL_S):
        while not holds():
            await asyncio.sleep(0.01)


def couch(server: ServerProcess) -> CouchServer:
    return CouchServer(server.url, server.user, server.password)


@asynccontextmanager
async def followed(server: CouchServer, name: str, **more: Any) -> AsyncIterator[Followed]:
    found = await Followed.open(server, name, **more)
    try:
        yield found
    finally:
        await found.close()


def test_what_is_there_and_what_others_write_is_followed(couch_server: ServerProcess, db_name: str) -> None:
    async def work() -> None:
        told: list[Mapping[str, Any]] = []
        async with couch(couch_server) as server:
            await server.ask("PUT", f"/{db_name}")
            first = await server.ask("PUT", f"/{db_name}/a%2Fb", {"n": 1})
            await server.ask("PUT", f"/{db_name}/_design/x", {"views": {}})
            async with followed(server, db_name, changed=told.append) as documents:
                assert {key: doc["n"] for key, doc in documents.docs.items()} == {"a/b": 1}
                assert documents.is_loaded and documents.is_current
                await server.ask("PUT", f"/{db_name}/a%2Fb", {"n": 2, "_rev": first["rev"]})
                second = await server.ask("PUT", f"/{db_name}/c", {"n": 3})
                await until(lambda: len(documents.docs) == 2 and documents.docs["a/b"]["n"] == 2)
                await server.ask("DELETE", f"/{db_name}/c", query={"rev": second["rev"]})
                await until(lambda: "c" not in documents.docs)
        assert told[0]["a/b"]["n"] == 1
        assert told[-1] == {"c": None}

    asyncio.run(work())


def test_a_database_is_made_and_what_is_written_is_there_at_once(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server, followed(server, db_name) as documents:
            written = await documents.put({"_id": "x", "n": 1})
            assert documents.docs["x"] == written
            with pytest.raises(Conflict):
                await documents.put({"_id": "x", "n": 2})
            for n in range(30):
                written = await documents.put({**written, "n": n})
                assert documents.docs["x"]["n"] == n
                await asyncio.sleep(0)
            assert await documents.fresh("x") == written
            await documents.delete("x", written["_rev"])
            assert documents.docs == {}
            await documents.delete("x", written["_rev"])
            assert await documents.fresh("x") is None

    asyncio.run(work())


def test_many_documents_come_in_pages(couch_server: ServerProcess, db_name: str) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            await server.ask("PUT", f"/{db_name}")
            docs = [{"_id": f"d{n:05}"} for n in range(2 * PAGE + 1)]
            await server.ask("POST", f"/{db_name}/_bulk_docs", {"docs": docs})
            async with followed(server, db_name) as documents:
                assert len(documents.docs) == len(docs)
                await server.ask("POST", f"/{db_name}/_bulk_docs", {"docs": [{} for _ in docs]})
                await until(lambda: len(documents.docs) == 2 * len(docs))

    asyncio.run(work())


def test_what_was_known_outlives_the_database_and_what_changed_meanwhile_is_found(tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"

    async def work() -> None:
        with running(tmp_path / "data") as process:
            async with couch(process) as server, followed(server, "db", cache=cache) as documents:
                kept = await documents.put({"_id": "kept", "n": 1})
                gone = await documents.put({"_id": "gone", "n": 1})
                process.kill()
                await until(lambda: not documents.is_current)
                assert set(documents.docs) == {"kept", "gone"}
                with pytest.raises(PeerLost):
                    await documents.put({"_id": "new"})
            assert stat.S_IMODE(cache.stat().st_mode) == 0o600
            async with couch(process) as server, followed(server, "db", cache=cache) as documents:
                assert set(documents.docs) == {"kept", "gone"}
                assert documents.is_loaded and not documents.is_current
                await asyncio.to_thread(process.start)
                async with couch(process) as other:
                    await other.ask("DELETE", "/db/gone", query={"rev": gone["_rev"]})
                    await other.ask("PUT", "/db/kept", {"n": 2, "_rev": kept["_rev"]})
                await until(lambda: {key: doc["n"] for key, doc in documents.docs.items()} == {"kept": 2})

    asyncio.run(work())


def test_a_database_that_was_made_anew_is_read_anew(couch_server: ServerProcess, db_name: str) -> None:
    async def work() -> None:
        async with couch(couch_server) as server, followed(server, db_name) as documents:
            await documents.put({"_id": "old"})
            await server.ask("DELETE", f"/{db_name}")
            await until(lambda: "old" not in documents.docs)
            await until(lambda: documents.is_current)
            await documents.put({"_id": "new"})
            assert set(documents.docs) == {"new"}

    asyncio.run(work())


def test_a_start_without_a_database_does_not_wait_for_it() -> None:
    async def work() -> None:
        async with CouchServer("http://127.0.0.1:9") as server, followed(server, "db") as documents:
            assert not documents.is_loaded
        async with (
            scripted(is_silent) as peer,
            CouchServer(peer.url) as server,
            followed(server, "db", wait_s=0.05) as documents,
        ):
            assert not documents.is_loaded

    asyncio.run(work())


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"a": 1}'])
def test_a_file_that_is_none_of_ours_is_passed_over(text: bytes, tmp_path: Path) -> None:
    async def work() -> None:
        cache = tmp_path / "cache.json"
        cache.write_bytes(text)
        async with (
            CouchServer("http://127.0.0.1:9") as server,
            followed(server, "db", cache=cache) as documents,
        ):
            assert (documents.docs, documents.is_loaded) == ({}, False)

    asyncio.run(work())


def test_answers_that_make_no_sense_are_an_absent_database() -> None:
    async def work() -> None:
        async with (
            scripted(answers(200, {"update_seq": 1}), answers(200, {"rows": 5})) as peer,
            CouchServer(peer.url) as server,
            followed(server, "db") as documents,
        ):
            await until(lambda: len(peer.seen) > 3)
            assert not documents.is_loaded

    asyncio.run(work())
