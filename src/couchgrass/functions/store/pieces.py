"""Large code in the database: pieces, each a document of its own with one attachment.

They are written before the action that names them, and removed after it names others or is gone. A crash in
between leaves pieces that no action names. So before pieces are written, and before the action that names
them is changed, they are noted on this host's disk: at a start what is noted and not named is removed, and
nothing else. Pieces that another region wrote may be here before their action, and are never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from couchgrass.couch.answers import refusal
from couchgrass.couch.mirror import AWAY, Mirror
from couchgrass.couch.server import path
from couchgrass.couch.transport import Transport, whole
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable, TooLarge
from couchgrass.functions.documents import PIECE_BYTES, Pieces

ATTACHMENT: Final = "code"
OCTETS: Final = "application/octet-stream"
"""Of a text type the database would pack it, which takes long."""

ANSWER_BYTES_MAX: Final = 64 * 1024

log = logging.getLogger(__name__)


class Notes:
    """Pieces that may have to be removed, each an empty file. Lost with the folder, it costs only space."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pieces: Pieces) -> None:
        """They are noted, also when this process is killed now."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file(pieces).touch(mode=0o600)
        except OSError as refused:
            log.warning("what a crash would leave behind can't be noted: %s", refused)

    def remove(self, pieces: Pieces) -> None:
        """Nothing happens when they are not noted."""
        try:
            self._file(pieces).unlink(missing_ok=True)
        except OSError as refused:
            log.warning("a note of pieces stays: %s", refused)

    def all(self) -> list[Pieces]:
        """In no order."""
        try:
            names = [file.name.rpartition(":") for file in self._folder.iterdir()]
        except OSError:
            return []
        return [Pieces(lead, int(count)) for lead, _, count in names if lead and count.isdecimal()]

    def _file(self, pieces: Pieces) -> Path:
        return self._folder / f"{pieces.lead}:{pieces.count}"


class PieceStore:
    """The pieces in one database. `notes`: a folder of this host's."""

    def __init__(self, transport: Transport, database: str, mirror: Mirror, *, notes: Path) -> None:
        self.notes = Notes(notes)
        self._transport = transport
        self._database = database
        self._mirror = mirror

    async def put(self, pieces: Pieces, text: bytes) -> None:
        """All of them are on the server's disk when this returns, and noted until an action names them.
        Raises TooLarge, ServiceUnavailable."""
        self.notes.add(pieces)
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

    async def remove(self, pieces: Pieces) -> bool:
        """Never fails: what can't be removed now stays noted for the next start, and then it is False."""
        done = [await self._remove_one(id) for id in pieces.ids()]
        if all(done):
            self.notes.remove(pieces)
        else:
            self.notes.add(pieces)
        return all(done)

    async def _remove_one(self, id: str) -> bool:
        try:
            rev = (await self._mirror.ask("GET", id))["_rev"]
            await self._mirror.ask("DELETE", id, query={"rev": str(rev)})
        except NotFound:
            return True
        except CouchgrassError as refused:
            log.warning("code that is no action's is left for the next start: %s", refused.reason)
            return False
        return True

    async def sweep(self, noted: Iterable[Pieces], used: Iterable[str]) -> int:
        """Removes the noted pieces that have none of the used leads; how many."""
        kept, removed = frozenset(used), 0
        for pieces in noted:
            if pieces.lead in kept:
                self.notes.remove(pieces)
            elif await self.remove(pieces):
                removed += pieces.count
        return removed
