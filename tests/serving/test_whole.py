"""Bodies that come in pieces, and ones without end."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from couchgrass.errors import TooLarge
from couchgrass.serving.whole import whole


def read(*pieces: bytes, bytes_max: int = 1000) -> bytes:
    """What is read of an answer that comes in these pieces, each after a pause that is seen."""

    async def answer(request: web.Request) -> web.StreamResponse:
        told = web.StreamResponse()
        await told.prepare(request)
        for piece in pieces:
            await told.write(piece)
            await asyncio.sleep(0.01)
        return told

    async def work() -> bytes:
        app = web.Application()
        app.router.add_get("/", answer)
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as session,
            session.get(server.make_url("/")) as got,
        ):
            return await whole(got, bytes_max)

    return asyncio.run(work())


def test_an_answer_is_read_to_its_end_however_it_comes() -> None:
    assert read(b"one", b"two", b"three") == b"onetwothree"
    assert read() == b""


def test_an_answer_that_is_too_large_is_given_up() -> None:
    with pytest.raises(TooLarge, match="larger than 5 bytes"):
        read(b"123", b"456", b"7" * 1_000_000, bytes_max=5)
