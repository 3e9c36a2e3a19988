"""A database in memory: read, followed, kept while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch import server as couch_module
from couchgrass.couch.mirror import Mirror, generation
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, FileExists, NotFound, ServiceUnavailable
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess, running
from tests.functions.store.shelf import asked, until


class Docs:
    """A view that just holds the documents."""

    def __init__(self) -> None:
        self.all: dict[str, Mapping[str, Any]] = {}

    def take(self, doc: Mapping[str, Any]) -> None:
        self.all.pop(doc["_id"], None)
        if not doc.get("_deleted"):
            self.all[doc["_id"]] = doc

    def keep_only(self, ids: frozenset[str]) -> None:
        self.all = {id: doc for id, doc in self.all.items() if id in ids}

    def documents(self) -> Iterable[Mapping[str, Any]]:
        return list(self.all.values())


async def write(couch: CouchServer, db: str, *docs: Mapping[str, Any]) -> Any:
    return await couch.ask("POST", path(db, "_bulk_docs"), {"docs": docs})


async def opened(
    couch: CouchServer, db: str, folder: Path, start_s: float = 60.0, docs: Docs | None = None
) -> tuple[Mirror, Docs]:
    docs = docs or Docs()
    mirror = Mirror(couch, db, docs, snapshot=folder / "snapshot", start_s=start_s)
    await mirror.open()
    return mirror, docs


def test_all_pages_are_read_and_what_others_write_is_followed(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        await couch.ask("PUT", path(db_name))
        written = await write(couch, db_name, *({"_id": f"d{n}", "n": n} for n in range(450)))
        mirror, docs = await opened(couch, db_name, tmp_path)
        assert mirror.is_live and len(docs.all) == 450 and docs.all["d449"]["n"] == 449
        await write(
            couch,
            db_name,
            {"_id": "new"},
            {"_id": "d1", "_rev": written[1]["rev"], "n": -1},
            {"_id": "d2", "_rev": written[2]["rev"], "_deleted": True},
        )
        await until(lambda: "new" in docs.all and docs.all["d1"]["n"] == -1 and "d2" not in docs.all)
        await mirror.close()

    asked(couch_server, work)


def test_the_database_is_made_when_it_is_not_there(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        mirror, docs = await opened(couch, db_name, tmp_path)
        await write(couch, db_name, {"_id": "a"})
        await until(lambda: "a" in docs.all)
        await mirror.close()

    asked(couch_server, work)


def test_documents_too_large_together_are_read_in_smaller_pages(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couch_module, "ANSWER_BYTES_MAX", 20_000)

    async def work(couch: CouchServer) -> None:
        await couch.ask("PUT", path(db_name))
        await write(couch, db_name, *({"_id": f"d{n}", "text": "x" * 9000} for n in range(7)))
        mirror, docs = await opened(couch, db_name, tmp_path)
        assert len(docs.all) == 7
        await mirror.close()

    asked(couch_server, work)


@pytest.mark.parametrize("who", ["others", "the mirror"])
def test_another_database_of_this_name_takes_the_place_of_what_was_known(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, who: str
) -> None:
    async def work(couch: CouchServer) -> None:
        mirror, docs = await opened(couch, db_name, tmp_path)
        await write(couch, db_name, {"_id": "old"}, {"_id": "both"})
        await until(lambda: len(docs.all) == 2)
        await couch.ask("DELETE", path(db_name))
        if who == "others":
            with suppress(FileExists):
                await couch.ask("PUT", path(db_name))
        await until(lambda: not docs.all)
        await write(couch, db_name, {"_id": "both"})
        await until(lambda: set(docs.all) == {"both"} and mirror.is_live)
        await mirror.close()

    asked(couch_server, work)


def test_a_database_that_is_made_anew_while_nobody_asks_is_noticed(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    class Meanwhile(Docs):
        """Between two questions another database takes the place of the one that has `last`."""

        is_replaced = False

        def take(self, doc: Mapping[str, Any]) -> None:
            super().take(doc)
            if doc["_id"] == "last":
                for method in ("DELETE", "PUT"):
                    assert call(couch_server.auth_url, method, path(db_name)).status < 300
                self.is_replaced = True

    async def work(couch: CouchServer) -> None:
        docs = Meanwhile()
        mirror, _ = await opened(couch, db_name, tmp_path, docs=docs)
        await write(couch, db_name, {"_id": "old"}, {"_id": "last"})
        await until(lambda: docs.is_replaced and not docs.all)
        await write(couch, db_name, {"_id": "new"})
        await until(lambda: set(docs.all) == {"new"})
        await mirror.close()

    asked(couch_server, work)


def test_while_the_database_is_away_what_was_known_stays_and_then_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:

        async def work(couch: CouchServer) -> None:
            mirror, docs = await opened(couch, "db", tmp_path)
            await write(couch, "db", {"_id": "a"})
            await until(lambda: "a" in docs.all)
            server.kill()
            await until(lambda: not mirror.is_live)
            assert "a" in docs.all
            with pytest.raises(ServiceUnavailable):
                await mirror.ask("PUT", "b", body={})
            await asyncio.to_thread(server.start)
            await write(couch, "db", {"_id": "b"})
            await until(lambda: mirror.is_live and set(docs.all) == {"a", "b"})
            await mirror.close()

        asked(server, work)


def test_a_start_while_the_database_is_away_takes_the_snapshot(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:

        async def work(couch: CouchServer) -> None:
            mirror, docs = await opened(couch, "db", tmp_path)
            await write(couch, "db", {"_id": "a", "n": 1}, {"_id": "gone"})
            await until(lambda: len(docs.all) == 2)
            await mirror.close()
            rev = str(docs.all["gone"]["_rev"])
            await couch.ask("DELETE", path("db", "gone"), query={"rev": rev})
            assert (tmp_path / "snapshot").stat().st_mode & 0o777 == 0o600
            server.kill()
            mirror, docs = await opened(couch, "db", tmp_path, start_s=0.1)
            assert not mirror.is_live and docs.all["a"]["n"] == 1 and "gone" in docs.all
            with pytest.raises(ServiceUnavailable):
                await opened(couch, "other", tmp_path, start_s=0.1)
            await asyncio.to_thread(server.start)
            await until(lambda: mirror.is_live)
            assert set(docs.all) == {"a"}
            await mirror.close()

        asked(server, work)


def test_a_start_with_nothing_known_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with CouchServer("http://127.0.0.1:9", "admin", "x") as couch:
            with pytest.raises(ServiceUnavailable, match="The database of this region is not available"):
                await opened(couch, "db", tmp_path, start_s=0.05)
            (tmp_path / "snapshot").write_bytes(b"{half")
            with pytest.raises(ServiceUnavailable):
                await opened(couch, "db", tmp_path, start_s=0.05)

    asyncio.run(main())


def test_what_is_wrong_between_us_and_the_database_is_no_callers_fault(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        mirror, _ = await opened(couch, db_name, tmp_path)
        with pytest.raises(NotFound):
            await mirror.ask("GET", "none")
        await mirror.ask("PUT", "a", body={})
        with pytest.raises(Conflict):
            await mirror.ask("PUT", "a", body={})
        await mirror.close()
        stranger = Mirror(couch, f"{db_name}x", Docs(), snapshot=tmp_path / "s")
        with pytest.raises(ServiceUnavailable):
            await stranger.ask("PUT", "a", body={})
        async with CouchServer(couch.base, db_name, "wrong") as refused:
            with pytest.raises(ServiceUnavailable):
                await Mirror(refused, db_name, Docs(), snapshot=tmp_path / "s").ask("GET", "a")

    asked(couch_server, work)


def test_our_own_write_is_taken_once_unless_the_feed_was_faster(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        mirror, docs = await opened(couch, db_name, tmp_path)
        assert mirror.wrote("mine", "1-a") and not mirror.wrote("mine", "1-a")
        await write(couch, db_name, {"_id": "theirs"})
        await until(lambda: "theirs" in docs.all)
        assert not mirror.wrote("theirs", str(docs.all["theirs"]["_rev"]))
        assert mirror.wrote("theirs", "3-later")
        rev = str(docs.all["theirs"]["_rev"])
        await write(couch, db_name, {"_id": "theirs", "_rev": rev, "older": True}, {"_id": "after"})
        await until(lambda: "after" in docs.all)
        assert "older" not in docs.all["theirs"], "a row older than our own write is no news"
        await mirror.close()

    asked(couch_server, work)


def test_the_generation_of_a_rev_is_its_number() -> None:
    assert (generation("12-abc"), generation(""), generation("x-1")) == (12, 0, 0)
