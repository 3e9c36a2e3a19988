"""Large code in the database: pieces, each a document of its own with one attachment.

They are written before the action that names them, and removed after it names others or is gone. What a crash
leaves behind is swept at a start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from couchgrass import json
from couchgrass.couch.answers import refusal
from couchgrass.couch.server import path
from couchgrass.couch.transport import Transport, whole
from couchgrass.errors import CouchgrassError, NotFound, PeerLost, ServiceUnavailable, TooLarge
from couchgrass.functions.documents import (
    PIECE_BYTES,
    PIECE_PREFIX,
    PIECE_PREFIX_END,
    Pieces,
    is_old,
    lead_of,
)
from couchgrass.functions.store.mirror import AWAY, Mirror

ATTACHMENT: Final = "code"
OCTETS: Final = "application/octet-stream"
"""Of a text type the database would pack it, which takes long."""

ANSWER_BYTES_MAX: Final = 64 * 1024
SWEEP_ROWS: Final = 1000

log = logging.getLogger(__name__)


class PieceStore:
    """The pieces in one database."""

    def __init__(self, transport: Transport, database: str, mirror: Mirror) -> None:
        self._transport = transport
        self._database = database
        self._mirror = mirror

    async def put(self, pieces: Pieces, text: bytes) -> None:
        """All of them are on the server's disk when this returns. Raises TooLarge, ServiceUnavailable."""
        for number, id in enumerate(pieces.ids()):
            await self._put_one(id, text[number * PIECE_BYTES : (number + 1) * PIECE_BYTES])

    async def _put_one(self, id: str, text: bytes) -> None:
        where = path(self._database, id, ATTACHMENT)
        try:
            async with self._transport.request(
                "PUT", where, headers={"content-type": OCTETS}, body=text
            ) as reply:
                answer = await whole(reply, ANSWER_BYTES_MAX)
                if reply.status >= 300:
                    raise refusal(reply.status, answer, self._transport.name)
        except TooLarge:
            raise
        except CouchgrassError as refused:
            log.warning("code can't be written: %s", refused.reason)
            raise ServiceUnavailable(AWAY) from refused

    async def get(self, pieces: Pieces) -> bytes:
        """Raises NotFound when they are not (all) there, ServiceUnavailable."""
        return b"".join([await self._get_one(id) for id in pieces.ids()])

    async def _get_one(self, id: str) -> bytes:
        where = path(self._database, id, ATTACHMENT)
        try:
            async with self._transport.request("GET", where, headers={"accept": "*/*"}) as reply:
                text = await whole(reply, PIECE_BYTES)
                if reply.status != 200:
                    raise refusal(reply.status, text, self._transport.name)
                return text
        except NotFound:
            raise
        except CouchgrassError as refused:
            log.warning("code can't be read: %s", refused.reason)
            raise ServiceUnavailable(AWAY) from refused

    async def remove(self, pieces: Pieces) -> None:
        """Never fails: what can't be removed now is swept at a start."""
        for id in pieces.ids():
            await self._remove_one(id)

    async def _remove_one(self, id: str, rev: str | None = None) -> None:
        try:
            if rev is None:
                rev = (await self._mirror.ask("GET", id))["_rev"]
            await self._mirror.ask("DELETE", id, query={"rev": str(rev)})
        except NotFound:
            return
        except CouchgrassError as refused:
            log.warning("code that is no action's is left for the next start: %s", refused.reason)

    async def sweep(self, used: Iterable[str], *, now_ms: int) -> int:
        """Removes old pieces with other leads than the used ones; how many. Raises ServiceUnavailable."""
        kept, removed, start = frozenset(used), 0, PIECE_PREFIX
        while True:
            rows = await self._rows(start)
            for row in rows:
                lead = lead_of(row["id"])
                if lead not in kept and is_old(lead, now_ms=now_ms):
                    await self._remove_one(row["id"], row["value"]["rev"])
                    removed += 1
            if len(rows) < SWEEP_ROWS:
                return removed
            start = rows[-1]["id"] + "\0"

    async def _rows(self, start: str) -> list[Any]:
        query = {
            "startkey": json.encode(start).decode(),
            "endkey": json.encode(PIECE_PREFIX_END).decode(),
            "limit": str(SWEEP_ROWS),
        }
        rows = (await self._mirror.ask("GET", "_all_docs", query=query))["rows"]
        if not isinstance(rows, list):
            raise PeerLost("the answer of _all_docs can't be understood")
        return rows
