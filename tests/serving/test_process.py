"""A server's process: it stops in good order, and closes what it serves whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from couchgrass.errors import CouchgrassError
from couchgrass.serving import process
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.serving.listen import bind


class Slow(Edge):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.closed = False

    async def answer(self, request: Request) -> Answer:
        self.asked.set()
        await self.go.wait()
        return Answer(200, b"late")

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status)

    async def close(self) -> None:
        self.closed = True


async def served(app: Slow, then: Any) -> None:
    listener = bind("127.0.0.1", 0)
    url = process.url_of(listener, "127.0.0.1")
    ready = asyncio.Event()
    serving = asyncio.create_task(process.serve_until_told(app, listener, ready.set))
    await ready.wait()
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.wait_for(app.asked.wait(), 60)
    await then(reader)
    await asyncio.wait_for(serving, 60)
    writer.close()
    assert app.closed


def test_a_request_under_way_ends_before_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_S", 60.0)

    async def work() -> None:
        app = Slow()

        async def then(reader: asyncio.StreamReader) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(60):
                while not app.draining:
                    await asyncio.sleep(0.002)
            app.go.set()
            answer = await asyncio.wait_for(reader.read(), 60)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"late")

        await served(app, then)

    asyncio.run(work())


def test_a_second_signal_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_S", 600.0)

    async def work() -> None:
        app = Slow()

        async def then(reader: asyncio.StreamReader) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(60):
                while not app.draining:
                    await asyncio.sleep(0.002)
            os.kill(os.getpid(), signal.SIGTERM)

        await served(app, then)

    asyncio.run(work())


def test_an_address_of_six_parts_stands_in_brackets() -> None:
    assert process.in_url("::1") == "[::1]"
    assert process.in_url("localhost") == "localhost"
