"""All entities of a region: in memory without their code, durable in the region's database.

Reads of entities never wait, and go on while the database is away. A write is in the database, and on its
disk, before it is in memory; while the database is away it is refused. Two writers of one entity: the one who
has not seen the other's gets a Conflict.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from couchgrass.clock import Clock
from couchgrass.couch.mirror import START_S, Mirror
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions.catalog import NOT_THERE, Catalog
from couchgrass.functions.documents import (
    CODE_INLINE_BYTES_MAX,
    DATABASE,
    PIECE_PREFIX,
    Pieces,
    document,
    entity_id,
    new_pieces,
    read_document,
)
from couchgrass.functions.entity import Action, Entity, Package, Rule, Trigger
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.store.code_cache import CodeCache, is_digest
from couchgrass.functions.store.pieces import PieceStore

RACE: Final = "Concurrent modification to resource detected."

E = TypeVar("E", Action, Package, Trigger, Rule)

log = logging.getLogger(__name__)


class _Shown:
    """What the mirror shows: the entities, and where the code of some is."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.pieces: dict[str, Pieces] = {}

    def take(self, doc: Mapping[str, Any]) -> None:
        id = str(doc["_id"])
        if id.startswith((PIECE_PREFIX, "_design/")):
            return
        try:
            found = None if doc.get("_deleted") else read_document(doc)
        except ValueError as wrong:
            log.warning("the document %s is no entity that can be read: %s", id, wrong)
            found = None
        if found is None:
            self.remove(id)
        else:
            self.put(*found)

    def put(self, entity: Entity, pieces: Pieces | None) -> None:
        self.remove(entity_id(entity))
        self.catalog.put(entity)
        if pieces is not None:
            self.pieces[entity_id(entity)] = pieces

    def remove(self, id: str) -> None:
        self.catalog.remove(id)
        self.pieces.pop(id, None)

    def keep_only(self, ids: frozenset[str]) -> None:
        for entity in self.catalog:
            if entity_id(entity) not in ids:
                self.remove(entity_id(entity))

    def documents(self) -> Iterable[Mapping[str, Any]]:
        pieces = dict(self.pieces)
        return (document(entity, pieces=pieces.get(entity_id(entity))) for entity in self.catalog)


class Entities:
    """Made by `open`. What is read raises NotFound, and Conflict for a name that another kind has."""

    def __init__(
        self, shown: _Shown, mirror: Mirror, pieces: PieceStore, cache: CodeCache, clock: Clock
    ) -> None:
        self._shown = shown
        self._mirror = mirror
        self._pieces = pieces
        self._cache = cache
        self._clock = clock
        self._sweeping: asyncio.Task[None] | None = None
        catalog = shown.catalog
        self.action = catalog.action
        self.package = catalog.package
        self.trigger = catalog.trigger
        self.rule = catalog.rule
        self.actions = catalog.actions
        self.packages = catalog.packages
        self.triggers = catalog.triggers
        self.rules = catalog.rules
        self.rules_of = catalog.rules_of

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        *,
        database: str = DATABASE,
        cache: Path,
        clock: Clock,
        start_s: float = START_S,
    ) -> Entities:
        """`server` is open, and stays so for longer. `cache` is a folder for what may be lost.

        While the database is away it is waited for, `start_s` at most, and then what was last known of it
        is taken. Raises ServiceUnavailable when nothing is known.
        """
        shown = _Shown()
        mirror = Mirror(server, database, shown, snapshot=cache / f"{database}.json", start_s=start_s)
        code_cache = CodeCache(cache / "code")
        await code_cache.open()
        await mirror.open()
        pieces = PieceStore(server.transport(), database, mirror, notes=cache / "pieces")
        entities = cls(shown, mirror, pieces, code_cache, clock)
        if mirror.is_live:
            # Both before anything is put, which notes and names others.
            used = [pieces.lead for pieces in shown.pieces.values()]
            entities._sweeping = asyncio.create_task(entities._sweep(entities._pieces.notes.all(), used))
        return entities

    async def close(self) -> None:
        """Nothing is lost when it is not called."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        await self._mirror.close()

    @property
    def is_live(self) -> bool:
        """False while the database is away, so that what is read may be old and writes are refused."""
        return self._mirror.is_live

    async def put(self, entity: E, code: bytes | None = None) -> E:
        """Writes it; the entity with its new `rev`. Its old `rev` names the one that it takes the place of,
        "" none. `code` None leaves an action's as it is: then it has the digest that it had.

        Raises Conflict when the one that is there is another, TooLarge, ServiceUnavailable: then it may be
        written or not.
        """
        id = entity_id(entity)
        old = self._shown.pieces.get(id)
        inline, pieces = None, None
        if isinstance(entity, Action) and entity.exec.digest:
            inline, pieces = await self._place(entity, code, old)
        doc = document(entity, code=inline, pieces=pieces)
        if leaves := old if old != pieces else None:
            self._pieces.notes.add(leaves)
        try:
            answer = await self._mirror.ask("PUT", id, body=doc)
        except CouchgrassError as refused:
            if not isinstance(refused, ServiceUnavailable):
                await self._take_back(pieces if pieces != old else None, leaves)
            raise (Conflict(RACE) if isinstance(refused, Conflict) else refused) from refused
        written = msgspec.structs.replace(entity, rev=str(answer["rev"]))
        if self._mirror.wrote(id, written.rev):
            self._shown.put(written, pieces)
        if pieces is not None:
            self._pieces.notes.remove(pieces)
        if leaves is not None:
            await self._pieces.remove(leaves)
        return written

    async def delete(self, entity: Entity) -> None:
        """Raises Conflict when the one that is there is another, NotFound, ServiceUnavailable."""
        id = entity_id(entity)
        old = self._shown.pieces.get(id)
        if old is not None:
            self._pieces.notes.add(old)
        try:
            answer = await self._mirror.ask("DELETE", id, query={"rev": entity.rev})
        except Conflict as refused:
            await self._take_back(None, old)
            raise Conflict(RACE) from refused
        except NotFound as refused:
            await self._take_back(None, old)
            raise NotFound(NOT_THERE) from refused
        if self._mirror.wrote(id, str(answer["rev"])):
            self._shown.remove(id)
        if old is not None:
            await self._pieces.remove(old)

    async def code(self, action: Action) -> Code:
        """Raises NotFound when this version of the action is not there any more, or has no code, and
        ServiceUnavailable when the code is nowhere but in a database that is away."""
        text = await self._text(action)
        exec = action.exec
        return Code(action.name, exec.main or "main", text, exec.binary, exec.digest)

    async def _place(
        self, action: Action, code: bytes | None, old: Pieces | None
    ) -> tuple[bytes | None, Pieces | None]:
        """Where the code is to be: in the document, or in pieces, which are written then."""
        known = self._shown.catalog.get(entity_id(action))
        is_same = isinstance(known, Action) and known.exec.digest == action.exec.digest
        if is_same and old is not None and known is not None and known.rev == action.rev:
            return None, old
        text = await self._text(action) if code is None else code
        await self._cache.put(action.exec.digest, text)
        if len(text) <= CODE_INLINE_BYTES_MAX:
            return text, None
        now_ms = int(self._clock.now() * 1000)
        pieces = new_pieces(len(text), now_ms=now_ms, random=secrets.token_bytes(8))
        await self._pieces.put(pieces, text)
        return None, pieces

    async def _text(self, action: Action) -> bytes:
        digest = action.exec.digest
        if not digest:
            raise NotFound(NOT_THERE)
        text = await self._cache.get(digest)
        if text is not None:
            return text
        try:
            text = await self._fetched(action)
        except NotFound as missing:
            raise NotFound(NOT_THERE) from missing
        if not await is_digest(text, digest):
            log.warning("the code of %s is not what its digest says", action.path)
            raise NotFound(NOT_THERE)
        await self._cache.put(digest, text)
        return text

    async def _fetched(self, action: Action) -> bytes:
        """From the database, at the action's own revision, which may not be the latest any more."""
        doc = await self._mirror.ask("GET", entity_id(action), query={"rev": action.rev})
        if doc.get("pieces") is not None:
            return await self._pieces.get(msgspec.convert(doc["pieces"], Pieces))
        code = doc.get("code")
        if not isinstance(code, str):
            raise NotFound(NOT_THERE)
        return code.encode()

    async def _take_back(self, new: Pieces | None, old: Pieces | None) -> None:
        """After a write that was refused: what it would have named goes, what it would have left stays."""
        if old is not None:
            self._pieces.notes.remove(old)
        if new is not None:
            await self._pieces.remove(new)

    async def _sweep(self, noted: Iterable[Pieces], used: Iterable[str]) -> None:
        if removed := await self._pieces.sweep(noted, used):
            log.info("%d pieces of code that no action has were removed", removed)
