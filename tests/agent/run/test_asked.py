"""A server is asked within bounds, and what goes wrong is told in few words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from couchgrass.agent.run.asked import Asked, Unreached
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.listening import listening
from couchgrass.testing.ports import free_ports
from tests.agent.run.peer import Peer

LIMIT_S = 60.0


async def echo(request: Request) -> Answer:
    return Answer(201, await request.body(100) + (request.header(b"x-word") or "").encode())


def test_an_answer_comes_with_its_status() -> None:
    async def work() -> None:
        async with listening(Peer(echo)) as url, Asked() as asked:
            told = await asked.ask("PUT", url, body=b"a ", headers={"x-word": "word"}, limit_s=LIMIT_S)
            assert told == (201, b"a word")

    asyncio.run(work())


def test_nobody_there_is_told_apart_from_a_broken_answer() -> None:
    async def work() -> None:
        async with Asked() as asked:
            with pytest.raises(Unreached) as gone:
                await asked.ask("GET", f"http://127.0.0.1:{free_ports(1)[0]}/", limit_s=LIMIT_S)
            assert (gone.value.gone, gone.value.reason) == (True, "connection refused")
            cut = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
            async with cut:
                port = cut.sockets[0].getsockname()[1]
                with pytest.raises(Unreached) as broken:
                    await asked.ask("GET", f"http://127.0.0.1:{port}/", limit_s=LIMIT_S)
            assert not broken.value.gone

    asyncio.run(work())


def test_time_and_size_are_bounded() -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    async def respond(request: Request) -> Answer:
        if request.raw_path == b"/endless":
            return Answer(200, pieces=endless())
        await request.gone()
        return Answer(200)

    async def work() -> None:
        async with listening(Peer(respond)) as url, Asked() as asked:
            with pytest.raises(Unreached, match="larger than 5000 bytes"):
                await asked.ask("GET", f"{url}/endless", limit_s=LIMIT_S, bytes_max=5000)
            with pytest.raises(TimeoutError):
                await asked.ask("GET", f"{url}/silent", limit_s=0.05)

    asyncio.run(work())
