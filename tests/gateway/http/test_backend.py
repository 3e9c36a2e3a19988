"""Requests to the functions over real sockets, also to a server that does all of it wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.errors import CouchgrassError, GatewayTimeout, PeerLost, ServiceUnavailable
from couchgrass.gateway.http.backend import Backend, Response
from couchgrass.gateway.http.connection import AHEAD_BYTES_MAX, WHOLE_BYTES_MAX
from couchgrass.gateway.standing import NotRun
from couchgrass.testing.in_process import until
from couchgrass.testing.scripted import Exchange, Play, Scripted, answers, hangs_up, is_silent, scripted
from tests.couch.asking import closed_port

Work = Callable[[Backend, Scripted], Awaitable[None]]


def with_backend(work: Work, *plays: Play, **options: Any) -> None:
    """Runs `work` with a backend whose server plays this; no request may be left open."""

    async def run() -> None:
        async with scripted(*plays) as peer:
            url = urlsplit(peer.url)
            backend = Backend(url.hostname or "", url.port or 0, **{"answer_s": 20.0, **options})
            try:
                async with asyncio.timeout(60):
                    await work(backend, peer)
                assert backend.open == 0
            finally:
                await backend.close()

    asyncio.run(run())


def head(method: str = "GET", path: str = "/", *more: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *more, "", ""]).encode()


async def get(backend: Backend, method: str = "GET", path: str = "/") -> Response:
    return await backend.ask(method.encode(), head(method, path))


async def all_of(response: Response) -> bytes:
    """The whole body."""
    if response.pieces is None:
        return response.body
    return b"".join([piece async for piece in response.pieces])


def sends(*raws: bytes, cut: bool = False) -> Play:
    """The play that answers with these bytes."""

    async def play(exchange: Exchange) -> None:
        await exchange.unasked_body()
        for raw in raws:
            await exchange.write(raw)
            await asyncio.sleep(0)
        if cut:
            exchange.cut()

    return play


def test_a_connection_is_used_again() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(5):
            response = await get(backend)
            assert (response.status, response.body) == (200, b"hello")
            assert (b"x-own", b"1") in response.headers
        assert peer.connections == 1

    with_backend(work, answers(200, b"hello", X_Own="1"))


def test_many_at_once_have_a_connection_each_and_some_are_kept() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(2):
            responses = await asyncio.gather(*(get(backend, path=f"/{n}") for n in range(20)))
            assert {response.body for response in responses} == {b"x"}
        assert peer.connections <= 20

    with_backend(work, answers(200, b"x"))


CHUNKED = b"HTTP/1.1 200 Ok\r\ntransfer-encoding: chunked\r\n\r\n"
EVIL = b"HTTP/1.1 200 Ok\r\ncontent-length: 4\r\n\r\nevil"


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 204 No\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 No\r\ncontent-length: 50\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 Ok\r\ncontent-length: 1\r\n\r\na", 200, b"a"),
        (b"HTTP/1.1 103 Hint\r\nlink: x\r\n\r\nHTTP/1.1 200 Ok\r\ncontent-length: 1\r\n\r\na", 200, b"a"),
        (CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\nt: 1\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno", 500, b"no"),
    ],
)
def test_forms_of_answers_after_which_the_connection_is_kept(raw: bytes, status: int, body: bytes) -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(2):
            response = await get(backend)
            assert (response.status, await all_of(response)) == (status, body)
            assert not any(name in (b"t", b"link") for name, _ in response.headers)
        assert peer.connections == 1

    with_backend(work, sends(raw))
    with_backend(work, sends(*(raw[at : at + 1] for at in range(len(raw)))))


def test_head_has_no_body_whatever_it_says() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(3):
            response = await get(backend, "HEAD")
            assert (response.status, response.body, response.pieces) == (200, b"", None)
            assert (b"content-length", b"5000000") in response.headers
        assert peer.connections == 1

    with_backend(work, sends(b"HTTP/1.1 200 Ok\r\ncontent-length: 5000000\r\n\r\n"))


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_may_end_with_the_connection(version: bytes) -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for used in (1, 2):
            assert await all_of(await get(backend)) == b"all of it"
            assert peer.connections == used

    with_backend(work, sends(b"HTTP/" + version + b" 200 Ok\r\n\r\nall ", b"of it", cut=True))


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 Ok\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 Ok\r\ncontent-le",
        b"HTTP/1.1 200 Ok\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 Ok\r\ncontent-length: 500000\r\n\r\nabc",
        b"\x16\x03\x01 not http at all\r\n\r\n",
        b"HTTP/1.1 200 Ok\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 Ok\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 Ok\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 Ok\r\nx: " + b"y" * 300_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_not_whole_is_a_lost_peer(raw: bytes) -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        with pytest.raises(PeerLost):
            await all_of(await get(backend))

    with_backend(work, sends(raw, cut=True))


def test_bytes_that_nobody_asked_for_spoil_no_other_answer() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(3):
            response = await get(backend)
            assert (response.status, response.body) == (200, b"a")

    good = b"HTTP/1.1 200 Ok\r\ncontent-length: 1\r\n\r\na"
    with_backend(work, sends(good + EVIL))

    async def one_by_one(backend: Backend, peer: Scripted) -> None:
        for _ in range(3):
            assert (await get(backend)).body == b"a"
            await asyncio.sleep(0.02)

    with_backend(one_by_one, sends(good, EVIL))


def test_time_is_up() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        with pytest.raises(GatewayTimeout):
            await get(backend)
        await until(lambda: len(peer.seen) == 1)

    with_backend(work, is_silent, answer_s=0.05)


def test_time_is_up_within_a_body() -> None:
    async def stops(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 Ok\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
        await exchange.silence()

    async def work(backend: Backend, peer: Scripted) -> None:
        response = await get(backend)
        assert response.pieces is not None
        assert await anext(response.pieces) == b"ab"
        backend._answer_s = 0.05
        with pytest.raises(GatewayTimeout):
            await anext(response.pieces)

    with_backend(work, stops)


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_only_what_may_be_repeated_is_repeated_on_a_stale_connection(method: str, tries: int) -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        await get(backend)
        if tries == 1:
            with pytest.raises(PeerLost):
                await get(backend, method)
        else:
            assert (await get(backend, method)).body == b"again"
        assert len(peer.seen) == 1 + tries

    with_backend(work, answers(200, b"x"), hangs_up, answers(200, b"again"))


def test_a_new_connection_that_is_closed_is_not_tried_again() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        with pytest.raises(PeerLost):
            await get(backend)
        assert len(peer.seen) == 1

    with_backend(work, hangs_up)


def test_nobody_is_there() -> None:
    async def run() -> None:
        async with scripted(answers(200)) as peer:
            port = urlsplit(peer.url).port or 0
        with pytest.raises(NotRun):
            await get(Backend("127.0.0.1", port))
        with pytest.raises(NotRun):
            await Backend("127.0.0.1", port).reach()

    asyncio.run(run())


def test_who_was_sent_something_before_is_not_said_to_have_got_nothing() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        await get(backend)
        backend.port = closed_port()
        with pytest.raises(ServiceUnavailable) as refused:
            await get(backend)
        assert not isinstance(refused.value, NotRun) and len(peer.seen) == 2

    with_backend(work, answers(200, b"x"), hangs_up)


def test_a_connection_that_was_looked_for_is_used() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        for _ in range(3):
            await backend.reach()
            assert (await get(backend)).body == b"x"
        assert peer.connections == 1 and len(peer.seen) == 3

    with_backend(work, answers(200, b"x"))


def test_too_many_at_once_are_refused() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        first = asyncio.create_task(get(backend))
        while not peer.seen:
            await asyncio.sleep(0)
        with pytest.raises(ServiceUnavailable):
            await get(backend)
        first.cancel()
        await asyncio.wait({first})

    with_backend(work, is_silent, connections_max=1)


BIG = bytes(range(256)) * 16_000


def test_a_large_answer_comes_in_pieces_and_no_faster_than_it_is_taken() -> None:
    sent = 0

    async def play(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.begin(200, content_length=str(len(BIG)))
        for at in range(0, len(BIG), 64_000):
            await exchange.write(BIG[at : at + 64_000])
            sent = at

    async def work(backend: Backend, peer: Scripted) -> None:
        response = await get(backend)
        assert response.pieces is not None
        got = bytearray()
        async for piece in response.pieces:
            assert len(piece) <= 2 * AHEAD_BYTES_MAX
            got += piece
        assert bytes(got) == BIG
        again = await get(backend)
        assert again.pieces is not None and peer.connections == 1
        await again.pieces.aclose()

    async def slow(backend: Backend, peer: Scripted) -> None:
        response = await get(backend)
        assert response.pieces is not None
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < len(BIG) - 64_000
        await response.pieces.aclose()

    assert len(BIG) > WHOLE_BYTES_MAX

    async def then_closes(backend: Backend, peer: Scripted) -> None:
        response = await get(backend)
        assert response.pieces is not None
        await anext(response.pieces)
        await response.pieces.aclose()

    with_backend(work, play)
    with_backend(slow, play)
    with_backend(then_closes, play)


async def pieces(count: int, size: int = 10_000) -> AsyncIterator[bytes]:
    for n in range(count):
        yield bytes([n % 256]) * size
        await asyncio.sleep(0)


def test_a_body_is_sent_in_pieces_by_length_or_in_chunks() -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        whole = b"".join([piece async for piece in pieces(30)])
        sent = head("POST", "/", f"content-length: {len(whole)}")
        assert (await backend.ask(b"POST", sent, pieces(30))).body == whole
        sent = head("POST", "/", "transfer-encoding: chunked")
        chunked = await backend.ask(b"POST", sent, pieces(3, 2), True)
        assert chunked.body == b"2\r\n\0\0\r\n2\r\n\1\1\r\n2\r\n\2\2\r\n0\r\n\r\n"

    async def echo(exchange: Exchange) -> None:
        if "transfer-encoding" in exchange.headers:
            body = await exchange._reader.readuntil(b"\r\n0\r\n\r\n")
            exchange.is_read = True
        else:
            body = await exchange.body()
        await exchange.answer(200, body)

    async def collected(backend: Backend, peer: Scripted) -> None:
        async def ask(*given: Any) -> Response:
            response = await ask_plainly(*given)
            response.body = await all_of(response)
            return response

        ask_plainly = backend.ask
        backend.ask = ask  # type: ignore[method-assign,assignment]
        await work(backend, peer)

    with_backend(collected, echo)


def test_an_answer_before_the_body_is_read_ends_the_upload() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 100_000

    async def refuses(exchange: Exchange) -> None:
        await exchange.answer(413, b"no")
        exchange.is_read = True
        await exchange.silence()

    async def work(backend: Backend, peer: Scripted) -> None:
        response = await backend.ask(b"POST", head("POST", "/", "content-length: 99999999999"), endless())
        assert (response.status, response.body) == (413, b"no")
        assert (await backend.ask(b"GET", head())).status == 413
        assert peer.connections == 2

    with_backend(work, refuses)


def test_functions_that_read_no_more_run_out_of_time_and_a_slow_client_does_not() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.25)
            yield b"x"

    async def stops(exchange: Exchange) -> None:
        exchange.is_read = True
        await exchange.silence()

    async def slow_client(backend: Backend, peer: Scripted) -> None:
        assert (await backend.ask(b"POST", head("POST", "/", "content-length: 4"), slowly())).status == 200

    async def slow_functions(backend: Backend, peer: Scripted) -> None:
        with pytest.raises(GatewayTimeout):
            await backend.ask(b"POST", head("POST", "/", "content-length: 90000000"), pieces(9_000))

    with_backend(slow_client, answers(200), answer_s=0.8)
    with_backend(slow_functions, stops, answer_s=0.15)


def test_a_body_whose_source_fails_closes_the_connection() -> None:
    class Broken(CouchgrassError):
        pass

    async def breaks() -> AsyncIterator[bytes]:
        yield b"x"
        raise Broken

    async def work(backend: Backend, peer: Scripted) -> None:
        with pytest.raises(Broken):
            await backend.ask(b"POST", head("POST", "/", "content-length: 9"), breaks())
        assert (await get(backend)).body == b"x"
        assert peer.connections == 2

    with_backend(work, answers(200, b"x"))


@settings(max_examples=60)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_is_an_answer_or_a_lost_peer(raw: bytes, after_head: bool) -> None:
    async def work(backend: Backend, peer: Scripted) -> None:
        try:
            await all_of(await get(backend))
        except (PeerLost, GatewayTimeout):
            pass

    start = b"HTTP/1.1 200 Ok\r\n" if after_head else b""
    with_backend(work, sends(start + raw, cut=True))
