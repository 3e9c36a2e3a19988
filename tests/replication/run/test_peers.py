"""Servers that are watched: one look for all, no connection kept to nobody, no file read too early."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from couchgrass.couch.database import CouchDatabase
from couchgrass.errors import CouchgrassError, PeerLost
from couchgrass.replication.address import parse_address
from couchgrass.replication.run import peers
from couchgrass.replication.run.peers import Peers, Server, Tls, database_of
from couchgrass.testing.server import ServerProcess

from ..pair import until
from ..wire import Wire, wire


def test_jobs_to_one_server_share_it_whoever_they_are() -> None:
    async def work() -> None:
        tls = Tls()
        known = Peers(lambda: tls)
        one = known.server(parse_address("http://a:b@host:5984/x", None))
        assert known.server(parse_address("http://c:d@host:5984/y%2Fz", None)) is one
        assert known.server(parse_address("http://host:5985/x", None)) is not one
        assert known.server(parse_address("http://host:5984/x", "http://proxy:1")) is not one
        assert len(known) == 3 and one.base == "http://host:5984"
        tls = Tls(verify=False)
        assert known.server(parse_address("http://host:5984/x", None)) is not one
        assert database_of(parse_address("http://host/pre/y%2Fz", None)) == "y%2Fz"
        await known.close()

    asyncio.run(work())


def test_one_watch_serves_all_feeds_and_ends_with_the_last(
    couch_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 0.02)

    async def work() -> None:
        async with wire(couch_server.url) as line:
            server, gone = Server(line.url, Tls(), None), list[str]()
            with server.watched(lambda why: gone.append("a")):
                watch = server._watch
                with server.watched(lambda why: gone.append("b")):
                    assert server._watch is watch
                    await until(lambda: asked(line, 5))
                assert server._watch is watch and gone == []
                assert line.connections == 1, "one connection asks for all"
                await line.cut()
                await until(lambda: told(gone, 1))
            assert gone == ["a"] and server._watch is None and not server.is_there
            waits = [asyncio.create_task(server.returned()) for _ in range(3)]
            await until(lambda: is_due(server))
            await line.open()
            assert await asyncio.gather(*waits) == [True, True, True]
            assert server.is_there and await server.returned() is False
            with server.watched(lambda why: gone.append("c")):
                assert server._watch is not None
            assert server._watch is None
            await server.close()

    asyncio.run(work())


def test_a_server_that_was_started_again_is_noticed_although_it_answers(
    couch_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 0.02)

    async def work() -> None:
        async with wire(couch_server.url) as line:
            server, gone = Server(line.url, Tls(), None), list[str]()
            with server.watched(gone.append):
                await until(lambda: asked(line, 2 * peers.KEPT_PROBES))
                await line.cut()
                await line.open()
                await until(lambda: told(gone, 1))
                assert "started again" in gone[0] or "no answer" in gone[0]
            await server.close()

    asyncio.run(work())


async def asked(line: Wire, least: int) -> bool:
    return line.pieces >= least


async def told(gone: list[str], least: int) -> bool:
    return len(gone) >= least


async def is_due(server: Server) -> bool:
    return server.next_probe_s > 0


def test_who_still_holds_a_connection_pool_that_was_given_up_has_lost_the_peer(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work() -> None:
        server = Server(couch_server.url, Tls(), None)
        address = parse_address(f"{couch_server.url}/{db_name}", None)
        database = CouchDatabase(server.transport(address, 60.0), db_name)
        with pytest.raises(CouchgrassError):
            await database.info()  # an answer
        await server.lost()
        with pytest.raises(PeerLost) as lost:
            await database.info()
        assert lost.value.is_down
        again = CouchDatabase(server.transport(address, 60.0), db_name)
        with pytest.raises(CouchgrassError) as refused:
            await again.info()
        assert not isinstance(refused.value, PeerLost)
        await server.close()

    asyncio.run(work())


def test_files_that_can_not_be_read_are_an_error_of_who_connects(tmp_path: Path) -> None:
    async def work() -> None:
        tls = Tls(authorities=str(tmp_path / "none.pem"))
        server = Server("https://127.0.0.1:1", tls, None)
        with pytest.raises(CouchgrassError, match="TLS files") as refused:
            server.transport(parse_address("https://127.0.0.1:1/db", None), 1.0)
        assert str(tmp_path) not in refused.value.reason
        assert not await server.probe()
        plain = Server("http://127.0.0.1:1", tls, None)
        plain.transport(parse_address("http://127.0.0.1:1/db", None), 1.0)
        await server.close()
        await plain.close()

    asyncio.run(work())


def test_sessions_of_many_users_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "USERS_MAX", 3)

    async def work() -> None:
        server = Server("http://127.0.0.1:1", Tls(), None)
        for number in range(9):
            server.transport(parse_address(f"http://u{number}:p@127.0.0.1:1/db", None), 1.0)
        assert len(server._auths) == 3
        await server.close()

    asyncio.run(work())


def test_nobody_asks_for_a_server_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what was a wrong address once would be asked until the end of the process, and never given up."""

    async def work() -> None:
        server = Server("http://127.0.0.1:1", Tls(), None)
        waits = [asyncio.create_task(server.returned()) for _ in range(2)]
        await until(lambda: is_due(server))
        asking = server._return
        assert asking is not None
        waits[0].cancel()
        await asyncio.wait({waits[0]})
        assert server._return is asking and not server.is_idle
        waits[1].cancel()
        again = asyncio.create_task(server.returned())
        await asyncio.wait({asking, waits[1]})
        assert asking.cancelled() and server._return is not None and not again.done()
        again.cancel()
        await asyncio.wait({again})
        assert server.is_idle
        await server.close()

    asyncio.run(work())
