"""A Todo-Backend over a database of the test, as small as can be, with a switch to break it."""

from __future__ import annotations

import asyncio

from couchgrass import json
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.serving.asgi import Answer, Edge, Header, Request

BODY_BYTES_MAX = 10_000


class Todos(Edge):
    """Serves `/todo` from a database, as `region`. While it is `broken` it answers 503; `wait` holds answers
    back until it is set. What it `owes` are refusals that it has to give before it is whole again."""

    def __init__(self, server: CouchServer, database: str, region: str) -> None:
        super().__init__()
        self.broken = False
        self.owes = 0
        self.wait: asyncio.Event | None = None
        self._server = server
        self._database = database
        self._region = region

    async def answer(self, request: Request) -> Answer:
        """The answer of the app."""
        if self.wait is not None:
            await self.wait.wait()
        if self.broken or self.owes:
            self.owes = max(0, self.owes - 1)
            raise ServiceUnavailable("broken")
        if not request.raw_path.startswith(b"/todo"):
            raise NotFound("Not found.")
        doc_id = request.raw_path.decode().removeprefix("/todo").strip("/")
        given = json.decode(await request.body(BODY_BYTES_MAX) or b"{}")
        if request.method == "POST":
            made = await self._server.ask("POST", path(self._database), given)
            return self._shown(201, {**given, "id": made["id"]})
        where = path(self._database, doc_id)
        doc = await self._server.ask("GET", where)
        if request.method == "PATCH":
            await self._server.ask("PUT", where, {**doc, **given})
        elif request.method == "DELETE":
            await self._server.ask("DELETE", where, query={"rev": doc["_rev"]})
        return self._shown(200, {**doc, **given, "id": doc_id})

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        """The status of the error."""
        assert isinstance(error, (NotFound, Conflict, ServiceUnavailable)), error
        return self._shown(error.status, {"error": error.reason})

    async def close(self) -> None:
        """There is nothing to close."""

    def _shown(self, status: int, body: object) -> Answer:
        headers: list[Header] = [
            (b"content-type", b"application/json"),
            (b"x-couchgrass-region", self._region.encode()),
        ]
        return Answer(status, json.encode(body), headers)
