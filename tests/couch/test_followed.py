"""A database in memory: what others write is seen, what was known stays while the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from couchgrass.couch.followed import Followed
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, NotFound, PeerLost
from couchgrass.testing.call import call
from couchgrass.testing.in_process import ADMIN, served
from couchgrass.testing.server import ServerProcess

UNTIL_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(UNTIL_S):
        while not condition():
            await asyncio.sleep(0.005)


def test_what_is_there_and_what_comes_and_goes_is_known(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            await here.json("PUT", "/db")
            await here.put_docs("db", 450)
            await here.json("PUT", "/db/_design/x", {})
            heard: list[tuple[str, bool]] = []
            known = Followed(server, "db", heard=lambda doc_id, doc: heard.append((doc_id, doc is not None)))
            await known.start(5.0)
            assert len(known.docs) == 450 and known["doc-7"]["n"] == 7 and len(heard) == 450
            rev = (await here.json("PUT", "/db/new", {"a": 1}))["rev"]
            await until(lambda: "new" in known.docs)
            await here.json("DELETE", f"/db/new?rev={rev}")
            await until(lambda: "new" not in known.docs)
            assert heard[450:] == [("new", True), ("new", False)]
            with pytest.raises(NotFound):
                known["new"]
            await known.close()

    asyncio.run(work())


def test_what_is_written_here_is_known_at_once_and_heard_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            heard: list[str] = []
            known = Followed(server, "db", heard=lambda doc_id, doc: heard.append(doc_id))
            await known.start(5.0)
            rev = await known.put("one", {"a": 1})
            assert known["one"] == {"_id": "one", "_rev": rev, "a": 1}
            with pytest.raises(Conflict):
                await known.put("one", {"a": 2})
            second = await known.put("one", {"a": 2, "_rev": rev})
            await here.json("PUT", "/db/other", {})
            await until(lambda: "other" in known.docs)
            assert heard == ["one", "one", "other"]
            await known.delete("one", second)
            assert "one" not in known.docs
            await known.close()

    asyncio.run(work())


def test_the_server_may_go_and_come_back(tmp_path: Path) -> None:
    database = ServerProcess(tmp_path / "data")
    database.start()
    snapshot = tmp_path / "known.json"

    async def work() -> None:
        async with CouchServer(database.url, database.user, database.password) as server:
            known = Followed(server, "db", snapshot=snapshot)
            await known.start(5.0)
            rev = await known.put("one", {"a": 1})
            database.kill()
            await until(lambda: not known.is_current)
            assert known["one"]["a"] == 1
            with pytest.raises(PeerLost):
                await known.put("two", {})
            await known.close()
            again = Followed(server, "db", snapshot=snapshot)
            await again.start(5.0)
            assert again["one"]["_rev"] == rev and not again.is_current
            database.start()
            assert call(database.auth_url, "PUT", "/db/two", {}).status == 201
            assert call(database.auth_url, "DELETE", f"/db/one?rev={rev}").status == 200
            await until(lambda: set(again.docs) == {"two"})
            await again.close()

    try:
        asyncio.run(work())
    finally:
        if database.process is not None and database.process.poll() is None:
            database.stop()


def test_a_database_that_is_made_anew_is_read_anew(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path) as here, CouchServer(here.url, *ADMIN) as server:
            known = Followed(server, "db")
            await known.start(5.0)
            await known.put("one", {})
            await here.json("DELETE", "/db")
            await until(lambda: not known.docs)
            await here.json("PUT", "/db/two", {})
            await until(lambda: set(known.docs) == {"two"})
            await known.close()

    asyncio.run(work())


def test_without_server_and_snapshot_a_start_gives_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with CouchServer("http://127.0.0.1:9", "a", "b") as server:
            snapshot = tmp_path / "broken.json"
            snapshot.write_bytes(b"[{")
            with pytest.raises(PeerLost, match="is not there"):
                await Followed(server, "db", snapshot=snapshot).start(0.1)

    asyncio.run(work())
