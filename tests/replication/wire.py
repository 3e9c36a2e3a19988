"""A wire between two servers that a test cuts, loudly or silently as a pulled cable does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from couchgrass.testing.ports import free_ports

PIECE_BYTES = 64 * 1024


class Wire:
    """Forwards TCP connections from `url` to a server."""

    def __init__(self, to: str) -> None:
        self._host, self._port = urlsplit(to).hostname or "", urlsplit(to).port or 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0
        self.connections = 0
        self.pieces = 0
        """What was forwarded, either way."""

    @property
    def url(self) -> str:
        """Where to connect to."""
        return f"http://127.0.0.1:{self.port}"

    def at(self, database: str, user: tuple[str, str] = ("admin", "in-process")) -> str:
        """The URL of a database behind the wire, with credentials."""
        return f"http://{user[0]}:{user[1]}@127.0.0.1:{self.port}/{database}"

    async def open(self) -> None:
        """Takes connections, on the port that it had before if it had one. It is none that an outgoing
        connection could get while the wire is cut."""
        while self._server is None:
            port = self.port or free_ports(1)[0]
            try:
                self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
            except OSError:
                if self.port:
                    raise  # else somebody was faster
            self.port = port

    async def cut(self) -> None:
        """Closes everything and refuses connections."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def mute(self) -> None:
        """Takes connections and forwards nothing, and says nothing of it."""
        self._flows.clear()

    def unmute(self) -> None:
        """Forwards again, also what came meanwhile."""
        self._flows.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()  # taken while the wire was cut
            return
        self.connections += 1
        task = asyncio.ensure_future(self._both_ways(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._host, self._port)
        except BaseException as failed:
            writer.transport.abort()
            if isinstance(failed, OSError):
                return
            raise
        one = asyncio.ensure_future(self._forward(reader, back))
        other = asyncio.ensure_future(self._forward(there, writer))
        try:
            await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (one, other):
                task.cancel()
            for end in (writer, back):
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(PIECE_BYTES):
                await self._flows.wait()
                self.pieces += 1
                writer.write(piece)
                await writer.drain()
        except OSError:
            return


@asynccontextmanager
async def wire(to: str) -> AsyncIterator[Wire]:
    """A wire for the length of a block."""
    made = Wire(to)
    await made.open()
    try:
        yield made
    finally:
        made.unmute()
        await made.cut()
