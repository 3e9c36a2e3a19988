"""A server that answers as the test says, for what the agent asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from couchgrass.errors import CouchgrassError
from couchgrass.serving.asgi import Answer, Edge, Request

Respond = Callable[[Request], Awaitable[Answer]]


class Peer(Edge):
    """Counts what it was asked, as "METHOD path"."""

    def __init__(self, respond: Respond) -> None:
        super().__init__()
        self.respond = respond
        self.asked: list[str] = []

    async def answer(self, request: Request) -> Answer:
        self.asked.append(f"{request.method} {request.raw_path.decode()}")
        return await self.respond(request)

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status, error.reason.encode())

    async def close(self) -> None:
        """Nothing began."""
