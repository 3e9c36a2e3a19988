"""An HTTP server that does exactly what a test's script says, byte by byte: a peer that misbehaves.

A play is a coroutine of one `Exchange`: it reads of the request what it likes and writes what it likes. The
nth request is played by the nth play, all further ones by the last.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

READ_BYTES = 64 * 1024


class Exchange:
    """One request. `headers` have lower-case names; `path` is as it came, `query` is decoded."""

    def __init__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stopped: asyncio.Event
    ) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])
        }
        url = urlsplit(self.target)
        self.path = url.path
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.closes = False
        self.is_read = False
        self._reader = reader
        self._writer = writer
        self._stopped = stopped

    def __repr__(self) -> str:
        return f"{self.method} {self.target}"

    async def body(self) -> bytes:
        """The request's body, asked for where the client waits to be asked."""
        if "100-continue" in self.headers.get("expect", ""):
            await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await self.unasked_body()

    async def unasked_body(self) -> bytes:
        """The same without a word to a client that waits to be asked."""
        self.is_read = True
        return await self._reader.readexactly(int(self.headers.get("content-length", "0")))

    async def write(self, raw: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(raw)
        await self._writer.drain()

    async def begin(self, status: int, **headers: str) -> None:
        """Sends the head of an answer; what comes next is its body."""
        lines = [f"HTTP/1.1 {status} Scripted"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        """Sends a whole answer: bytes as they are, anything else as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("content_type", "application/json")
        await self.begin(status, content_length=str(len(body)), **headers)
        await self.write(body)

    def cut(self) -> None:
        """Closes the connection after what was written."""
        self.closes = True

    async def silence(self) -> None:
        """Says nothing until the test is over."""
        await self._stopped.wait()
        self.cut()


Play = Callable[[Exchange], Awaitable[None]]


class Scripted:
    """`url` leads to it; `seen` are the requests in their order; `connections` counts those taken."""

    def __init__(self, plays: tuple[Play, ...]) -> None:
        self.url = ""
        self.seen: list[Exchange] = []
        self.connections = 0
        self._plays = plays
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Plays one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while True:
                exchange = Exchange(await reader.readuntil(b"\r\n\r\n"), reader, writer, self._stopped)
                play = self._plays[min(len(self.seen), len(self._plays) - 1)]
                self.seen.append(exchange)
                await play(exchange)
                if exchange.closes:
                    return
                if not exchange.is_read:
                    await exchange.unasked_body()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        """Ends all connections."""
        self._stopped.set()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def scripted(*plays: Play) -> AsyncIterator[Scripted]:
    """A server for the length of a block."""
    peer = Scripted(plays)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, limit=1024 * 1024)
    port = server.sockets[0].getsockname()[1]
    peer.url = f"http://127.0.0.1:{port}"
    try:
        yield peer
    finally:
        server.close()
        await peer.stop()
        await server.wait_closed()


def answers(status: int, body: Any = b"", **headers: str) -> Play:
    """The play of an ordinary server: reads the request, gives this answer."""

    async def play(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.answer(status, body, **headers)

    return play


async def is_silent(exchange: Exchange) -> None:
    """Takes a request and never answers it."""
    await exchange.silence()


async def hangs_up(exchange: Exchange) -> None:
    """Takes a request and closes the connection."""
    exchange.cut()
