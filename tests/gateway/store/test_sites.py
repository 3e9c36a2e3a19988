"""Pages are served from the moment they are deployed, in bounds, and what is known without the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from couchgrass.couch.server import CouchServer, path
from couchgrass.gateway.site import Found, content_id, digest_of, site_id
from couchgrass.gateway.standing import NotRun
from couchgrass.gateway.store import sites as store
from couchgrass.gateway.store.sites import KeptSites
from couchgrass.testing.in_process import until
from couchgrass.testing.server import ServerProcess, running
from tests.gateway.published import publish

FILES = {"index.html": b"<!doctype html>", "assets/a-12345678.js": b"let a = 1;\n" * 300, "b.txt": b"b" * 10}


def couch(server: ServerProcess) -> CouchServer:
    return CouchServer(server.url, server.user, server.password)


def found(sites: KeptSites, where: str) -> Found:
    there = sites.find(where.encode())
    assert isinstance(there, Found)
    return there


def test_what_is_deployed_is_served_changed_and_gone_at_once(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            sites = await KeptSites.open(server, database=db_name, cache=tmp_path / "sites")
            assert sites.find(b"/") is None and sites.is_current
            rev = await publish(server, db_name, FILES)
            await until(lambda: sites.find(b"/") is not None)
            page = await sites.page(found(sites, "/assets/a-12345678.js"))
            assert page.body == FILES["assets/a-12345678.js"] and page.zipped
            assert (page.media_type, page.keep[:6]) == ("text/javascript; charset=utf-8", "public")
            rev = await publish(server, db_name, {"index.html": b"new"}, rev=rev)
            await until(lambda: found(sites, "/").file.digest == digest_of(b"new"))
            assert (await sites.page(found(sites, "/"))).body == b"new"
            await server.ask("DELETE", path(db_name, site_id("/")), query={"rev": rev})
            await until(lambda: sites.find(b"/") is None)
            await server.ask("PUT", path(db_name, "site:/x/"), {"type": "site", "path": 5})
            await publish(server, db_name, FILES, "/y/")
            await until(lambda: sites.find(b"/y/") is not None)
            assert sites.find(b"/x/") is None
            await sites.close()

    asyncio.run(work())


def test_many_who_ask_at_once_have_it_read_once_and_memory_is_bounded(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            await publish(server, db_name, FILES)
            sites = await KeptSites.open(server, database=db_name, cache=tmp_path / "sites", bytes_max=3500)
            one = found(sites, "/assets/a-12345678.js")
            pages = await asyncio.gather(*(sites.page(one) for _ in range(store.LOADS_MAX + 10)))
            assert len({id(page) for page in pages}) == 1
            assert 3300 < sites.bytes <= 3500
            await sites.page(found(sites, "/index.html"))
            await sites.page(found(sites, "/b.txt"))
            assert sites.bytes <= 3500
            assert (await sites.page(one)).body == pages[0].body
            await sites.close()

    asyncio.run(work())


def test_what_is_not_as_it_was_deployed_is_not_served(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            await publish(server, db_name, FILES)
            for doc_id in (content_id("/", digest_of(FILES[name])) for name in ("b.txt", "index.html")):
                rev = (await server.ask("GET", path(db_name, doc_id)))["_rev"]
                await server.ask(
                    "PUT", path(db_name, doc_id), {"_rev": rev, "_deleted": "index" not in doc_id}
                )
            sites = await KeptSites.open(server, database=db_name, cache=tmp_path / "sites")
            with pytest.raises(NotRun, match="does not give"):
                await sites.page(found(sites, "/b.txt"))
            await sites.close()

    asyncio.run(work())


def test_without_the_database_what_is_in_memory_is_served_and_the_rest_is_for_others(tmp_path: Path) -> None:
    async def work() -> None:
        with running(tmp_path / "data") as process:
            server = await couch(process).__aenter__()
            await publish(server, "pages", FILES)
            sites = await KeptSites.open(server, database="pages", cache=tmp_path / "sites")
            await sites.page(found(sites, "/"))
        await until(lambda: not sites.is_current)
        assert (await sites.page(found(sites, "/"))).body == FILES["index.html"]
        with pytest.raises(NotRun):
            await sites.page(found(sites, "/b.txt"))
        await sites.close()
        # A start without the database knows which pages there are, so that it does not deny them.
        again = await KeptSites.open(server, database="pages", cache=tmp_path / "sites", wait_s=0.1)
        assert not again.is_current
        with pytest.raises(NotRun):
            await again.page(found(again, "/"))
        await again.close()
        await server.__aexit__(None, None, None)

    asyncio.run(work())


def test_a_database_that_is_silent_is_not_waited_for(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            await publish(server, db_name, FILES)
            sites = await KeptSites.open(server, database=db_name, cache=tmp_path / "sites")
            monkeypatch.setattr(store, "LOAD_S", 0.0)
            with pytest.raises(NotRun):
                await sites.page(found(sites, "/"))
            monkeypatch.undo()
            assert (await sites.page(found(sites, "/"))).body == FILES["index.html"]
            await sites.close()

    asyncio.run(work())
