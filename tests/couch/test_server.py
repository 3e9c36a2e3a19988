"""Simple requests to a CouchDB: its answers, its refusals as our errors, and no answer at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from couchgrass.couch import server as module
from couchgrass.couch.server import CouchServer, path
from couchgrass.couch.transport import whole
from couchgrass.errors import Conflict, FileExists, NotFound, PeerLost, TooLarge, Unauthorized
from couchgrass.testing.server import ServerProcess

Work = Callable[[CouchServer], Awaitable[Any]]


def asked(server: ServerProcess, work: Work, stranger: tuple[str, str] | None = None) -> Any:
    """Runs `work` as the admin, or as who is named."""

    async def main() -> Any:
        async with CouchServer(server.url, *(stranger or (server.user, server.password))) as couch:
            return await work(couch)

    return asyncio.run(main())


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[str]:
    """The URL of a server that gives these answers to one connection each, byte by byte as they are."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if left else b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def told(*answers: bytes) -> Any:
    async def main() -> Any:
        async with scripted(*answers) as url, CouchServer(url, "admin", "secret", timeout_s=60) as couch:
            return await couch.ask("GET", "/")

    return asyncio.run(main())


def test_documents_are_written_and_read(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer) -> None:
        assert await couch.ask("PUT", path(db_name)) == {"ok": True}
        name = "a/b+c %ü?"
        written = await couch.ask("PUT", path(db_name, name), {"n": 1})
        assert (await couch.ask("GET", path(db_name, name)))["n"] == 1
        query = {"rev": written["rev"]}
        assert (await couch.ask("DELETE", path(db_name, name), query=query))["ok"] is True

    asked(couch_server, work)


def test_its_transport_is_the_same_user_at_the_same_server(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer) -> None:
        await couch.ask("PUT", path(db_name))
        where = path(db_name, "doc", "file")
        async with couch.transport().request("PUT", where, body=b"x" * 300_000) as reply:
            assert reply.status == 201
        async with couch.transport().request("GET", where, headers={"accept": "*/*"}) as reply:
            assert await whole(reply, 300_000) == b"x" * 300_000

    asked(couch_server, work)


def test_refusals_are_the_server_s_own_and_name_it(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer) -> None:
        with pytest.raises(NotFound, match="Database does not exist") as refused:
            await couch.ask("GET", path(db_name))
        assert refused.value.__notes__ == [f"{couch_server.url} answered GET /{db_name} with 404"]
        await couch.ask("PUT", path(db_name))
        with pytest.raises(FileExists):
            await couch.ask("PUT", path(db_name))
        await couch.ask("PUT", path(db_name, "doc"), {})
        with pytest.raises(Conflict):
            await couch.ask("PUT", path(db_name, "doc"), {})

    asked(couch_server, work)


def test_another_user_can_be_tried(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer) -> None:
        session = await couch.ask("GET", "/_session")
        assert session["userCtx"]["name"] == couch_server.user
        with pytest.raises(Unauthorized):
            await couch.ask("GET", "/_session", user=(f"nobody-{db_name}", "nothing"))

    asked(couch_server, work)


def test_no_secret_is_in_what_is_shown(couch_server: ServerProcess, db_name: str) -> None:
    async def work(couch: CouchServer) -> None:
        assert "secret" not in repr(couch)
        with pytest.raises(Unauthorized) as refused:
            await couch.ask("GET", "/_all_dbs")
        assert "secret" not in str(refused.value) + repr(refused.value.__notes__)

    asked(couch_server, work, (f"nobody-{db_name}", "secret"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "the connection was closed"),
        (http("200 OK", b"{}")[:-1], "the answer is not whole"),
        (http("200 OK", b"<html>"), "answered 200 and no JSON: is it a CouchDB\\?"),
        (http("302 Found", b"{}"), "answered 302 and no JSON"),
        (http("404 Not Found", b"<html>"), "answered 404 and no JSON"),
        (http("502 Bad Gateway", b"<html>"), "answered 502"),
        (b"nonsense\r\n\r\n", ""),
    ],
)
def test_what_is_no_whole_answer_of_a_couchdb_is_a_lost_peer(answer: bytes, reason: str) -> None:
    with pytest.raises(PeerLost, match=f"^http://127.0.0.1:[0-9]+: {reason}"):
        told(answer)


def test_nobody_there_is_a_lost_peer() -> None:
    async def main() -> None:
        async with CouchServer("http://127.0.0.1:1", "admin", "secret") as couch:
            with pytest.raises(PeerLost, match=r"^http://127\.0\.0\.1:1: connection refused$"):
                await couch.ask("GET", "/")
        async with CouchServer("http://no-such-host.invalid") as couch:
            with pytest.raises(PeerLost, match="the name can't be resolved"):
                await couch.ask("GET", "/")

    asyncio.run(main())


def test_a_server_whose_connections_were_given_up_is_a_lost_peer() -> None:
    async def main() -> None:
        async with CouchServer("http://127.0.0.1:1") as couch:
            pass
        with pytest.raises(PeerLost, match="its connections were given up"):
            await couch.ask("GET", "/")

    asyncio.run(main())


def test_a_server_that_wants_fewer_requests_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.001)
    busy = http("429 Too Many Requests", b'{"error":"too_many_requests","reason":"wait"}')
    assert told(busy, busy, http("200 OK", b'{"ok":true}')) == {"ok": True}


def test_a_server_is_asked_so_many_things_at_a_time_and_no_more() -> None:
    async def main() -> None:
        open_now, most = 0, 0
        all_there = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal open_now, most
            await reader.readuntil(b"\r\n\r\n")
            open_now += 1
            most = max(most, open_now)
            if open_now == module.AT_ONCE_MAX:
                all_there.set()
            await all_there.wait()
            open_now -= 1
            writer.write(http("200 OK", b"{}"))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, CouchServer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as couch:
            await asyncio.gather(*(couch.ask("GET", "/") for _ in range(3 * module.AT_ONCE_MAX)))
        assert most == module.AT_ONCE_MAX

    asyncio.run(main())


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 10)
    with pytest.raises(TooLarge):
        told(http("200 OK", b'"' + b"x" * 20 + b'"'))
