"""Requests as they come off a socket, answers as they go onto it, and what happens when either breaks."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from couchgrass import json
from couchgrass.errors import BadRequest, CouchgrassError, Forbidden
from couchgrass.serving import asgi
from couchgrass.serving.asgi import Answer, ClientGone, Edge, Request, unquoted
from couchgrass.testing.listening import listening

BODY_MAX = 1000

Respond = Callable[[Request], Awaitable[Answer]]


class App(Edge):
    """Answers as the test says."""

    def __init__(self, respond: Respond) -> None:
        super().__init__()
        self.respond = respond
        self.gone = 0

    async def answer(self, request: Request) -> Answer:
        try:
            return await self.respond(request)
        except ClientGone:
            self.gone += 1
            raise

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status, json.encode({"why": error.reason}))

    async def close(self) -> None:
        """Nothing began."""


def asked(respond: Respond, send: Callable[[str, aiohttp.ClientSession, App], Awaitable[None]]) -> None:
    async def work() -> None:
        app = App(respond)
        async with listening(app) as url, aiohttp.ClientSession() as session:
            await send(url, session, app)

    asyncio.run(work())


async def echo(request: Request) -> Answer:
    body = await request.body(BODY_MAX)
    return Answer(200, body, [(b"content-type", b"text/plain")])


def test_a_body_comes_whole_and_goes_back() -> None:
    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        async with session.post(url, data=b"x" * BODY_MAX) as answer:
            assert (answer.status, await answer.read()) == (200, b"x" * BODY_MAX)
        assert app.inflight == 0

    asked(echo, send)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_limit_is_refused(chunked: bool) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for _ in range(11):
            yield b"x" * 100

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        async with session.post(url, data=pieces() if chunked else b"x" * (BODY_MAX + 1)) as answer:
            assert answer.status == 413
            assert str(BODY_MAX) in (await answer.json(content_type=None))["why"]

    asked(echo, send)


def test_a_refusal_is_told_by_the_edge_and_a_failure_without_its_text() -> None:
    async def respond(request: Request) -> Answer:
        raise Forbidden("not you") if request.raw_path == b"/no" else ValueError("secret")

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        async with session.get(url + "/no") as answer:
            assert (answer.status, await answer.json(content_type=None)) == (403, {"why": "not you"})
        async with session.get(url + "/broken") as answer:
            assert answer.status == 500
            assert "secret" not in await answer.text()

    asked(respond, send)


def test_headers_that_come_twice_are_joined() -> None:
    async def respond(request: Request) -> Answer:
        return Answer(
            200, json.encode([request.header(b"x-a"), request.header(b"cookie"), request.header(b"x-b")])
        )

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        sent = [("x-a", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2")]
        async with session.get(url, headers=sent) as answer:
            assert await answer.json(content_type=None) == ["1, 2", "a=1; b=2", None]

    asked(respond, send)


def test_a_head_request_gets_the_length_and_no_body() -> None:
    async def respond(request: Request) -> Answer:
        return Answer(200, b"12345")

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        async with session.head(url) as answer:
            assert (answer.headers["content-length"], await answer.read()) == ("5", b"")

    asked(respond, send)


@pytest.mark.parametrize("silent", [False, True])
def test_pieces_are_streamed_and_closed_when_the_client_goes(silent: bool) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"x" * 300_000
            while True:
                await asyncio.sleep(3600 if silent else 0)
                yield b"x" * 100_000
        finally:
            closed.set()

    async def respond(request: Request) -> Answer:
        return Answer(200, pieces=endless())

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        async with session.get(url) as answer:
            assert len(await answer.content.readexactly(250_000)) == 250_000
        async with asyncio.timeout(60):
            await closed.wait()

    asked(respond, send)


def test_while_it_drains_connections_close() -> None:
    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        app.draining = True
        async with session.get(url) as answer:
            assert answer.headers["connection"] == "close"

    asked(echo, send)


def test_a_client_that_hangs_up_half_way_is_not_answered() -> None:
    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as wire:
            wire.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
            async with asyncio.timeout(60):
                while not app.inflight:
                    await asyncio.sleep(0.002)
        async with asyncio.timeout(60):
            while app.inflight:
                await asyncio.sleep(0.002)
        assert app.gone == 1

    asked(echo, send)


def test_a_body_that_stops_coming_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_IDLE_S", 0.05)

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 60)
        writer.close()

    asked(echo, send)


def test_a_body_that_comes_byte_by_byte_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_IDLE_S", 0.2)

    def dripped(wire: socket.socket) -> bytes:
        """The answer's first line. Who sends on after it may see a broken pipe, and reads it all the same."""
        wire.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % BODY_MAX)
        while not select.select([wire], [], [], 0.02)[0]:
            with suppress(ConnectionError):
                wire.sendall(b"x")
        return wire.makefile("rb").readline()

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as wire:
            assert b" 408 " in await asyncio.to_thread(dripped, wire)

    asked(echo, send)


def test_a_slow_server_is_not_the_client_s_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_IDLE_S", 0.2)
    left = [b"x"] * 4

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    async def work() -> bytes:
        scope = {"method": "PUT", "raw_path": b"/", "query_string": b"", "headers": []}
        body = b""
        async for piece in Request(scope, receive).pieces(BODY_MAX):
            body += piece
            await asyncio.sleep(0.1)
        return body

    assert asyncio.run(work()) == b"xxxx"


def test_gone_returns_when_the_client_hangs_up() -> None:
    asked_for, hung_up = asyncio.Event(), asyncio.Event()

    async def respond(request: Request) -> Answer:
        await request.body(BODY_MAX)
        asked_for.set()
        await request.gone()
        hung_up.set()
        return Answer(200)

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        asking = asyncio.ensure_future(session.get(url))
        async with asyncio.timeout(60):
            await asked_for.wait()
        asking.cancel()
        await asyncio.wait({asking})
        async with asyncio.timeout(60):
            await hung_up.wait()

    asked(respond, send)


def test_path_segments_are_unquoted_or_refused() -> None:
    assert unquoted("a%2Fb%20c") == "a/b c"
    assert unquoted("plain") == "plain"
    with pytest.raises(BadRequest):
        unquoted("%ff")


def test_an_application_may_wait_for_its_client_before_it_streams() -> None:
    async def rows() -> AsyncGenerator[bytes, None]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield b"row\n"

    async def respond(request: Request) -> Answer:
        waiting = request.hung_up()
        await asyncio.wait({waiting}, timeout=0)
        return Answer(200, pieces=rows())

    async def send(url: str, session: aiohttp.ClientSession, app: App) -> None:
        for _ in range(50):
            async with session.get(url) as answer:
                assert await answer.read() == b"row\n" * 3
        assert app.gone == 0

    asked(respond, send)
