"""A `Transport` straight into the ASGI application of a server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from couchgrass.couch.transport import READ_IDLE_S, Body, Query, Reply, query_text, raise_if_gone
from couchgrass.errors import PeerLost

HERE = "this server"
"""What errors call the server of this process."""


class _AsgiReply:
    """Filled by the application's task, read by the caller; at most QUEUED pieces lie in between."""

    QUEUED = 8

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_begun = asyncio.Event()
        self.is_read = False
        self._is_whole = False
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(self.QUEUED)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]
            }
            self.has_begun.set()
            return
        if message.get("body"):
            await self._pieces.put(message["body"])
        if not message.get("more_body"):
            self._is_whole = True
            await self._pieces.put(None)

    async def end(self) -> None:
        """The application is done, well or not."""
        self.has_begun.set()
        if not self._is_whole:
            await self._pieces.put(None)

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.is_read:
            piece = await self._pieces.get()
            if piece is not None:
                return piece
            self.is_read = True
        if not self._is_whole:
            raise PeerLost(f"{HERE}: the answer was cut off")
        raise StopAsyncIteration


class AsgiTransport:
    """Straight into the ASGI application of a server in this process, as the user `user`.

    Nothing here can be silent for good, so `idle_s` says nothing.
    """

    name = ""

    def __init__(self, app: Any, user: Any) -> None:
        self._app = app
        self._user = user

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] = {},
        body: Body = None,
        length: int | None = None,
        idle_s: float = READ_IDLE_S,
    ) -> AsyncIterator[Reply]:
        sent = {"accept": "application/json", **headers}
        if isinstance(body, bytes):
            length = len(body)
        if length is not None:
            sent["content-length"] = str(length)
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query_text(query)[1:].encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": None,
            "couchgrass.user": self._user,
        }
        reply = _AsgiReply()
        receive = _Receive(body)
        task = asyncio.create_task(self._run(scope, receive, reply))
        try:
            await reply.has_begun.wait()
            if receive.failed is not None:
                raise receive.failed
            if not reply.status:
                raise PeerLost(f"{HERE}: no answer")
            raise_if_gone(HERE, reply.status)
            yield reply
        finally:
            receive.gone.set()
            if not reply.is_read:
                task.cancel()
            await asyncio.wait({task})

    async def _run(self, scope: dict[str, Any], receive: _Receive, reply: _AsgiReply) -> None:
        try:
            await self._app(scope, receive, reply.send)
        except Exception:  # noqa: BLE001, S110  the edge: the application has logged it
            pass
        await reply.end()


class _Receive:
    """The request's body as ASGI messages, then the caller's leaving.

    `failed`: what the body's stream raised; to the application that is a caller who left.
    """

    def __init__(self, body: Body) -> None:
        self.gone = asyncio.Event()
        self.failed: Exception | None = None
        self._stream = body if isinstance(body, AsyncIterator) else None
        self._whole = b"" if body is None else body if isinstance(body, bytes) else None

    async def __call__(self) -> dict[str, Any]:
        if self._whole is not None:
            body, self._whole = self._whole, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._stream is not None and self.failed is None:
            try:
                piece = await anext(self._stream, None)
            except Exception as failed:  # noqa: BLE001  raised to the caller, whose stream it is
                self.failed = failed
                return {"type": "http.disconnect"}
            if piece is None:
                self._stream = None
            return {"type": "http.request", "body": bytes(piece or b""), "more_body": piece is not None}
        if self.failed is None:
            await self.gone.wait()
        return {"type": "http.disconnect"}
