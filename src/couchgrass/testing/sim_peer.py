"""A simulated database as a replicator at another simulated node sees it: `Peer` over `sim_network`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Attachment
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.render import doc_json, revisions
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.revtree import missing
from couchgrass.docdb.update import Leaf
from couchgrass.docdb.wire import (
    Change,
    Changes,
    FeedEnd,
    FeedEvent,
    Fetched,
    Heartbeat,
    Info,
    Missing,
    NotThere,
    Opened,
    Part,
    Refusal,
    Seq,
    Wanted,
)
from couchgrass.errors import CouchgrassError, PeerLost, TooLarge
from couchgrass.testing.sim_database import Doc, SimDatabase
from couchgrass.testing.sim_network import Network, Node

T = TypeVar("T")

HEARTBEAT_S = 20.0
SILENT_S = 65.0
"""A live feed that says nothing for so long is broken; both as in `couchgrass.couch.feed`."""

FEED_END_CHANCE = 0.1
"""How often a silent feed ends instead of sending a heartbeat."""

CHUNK_BYTES = 64
ANSWER_BYTES_MAX = 32_000_000
NO_SEQ = msgspec.Raw(b"null")

Step = Callable[[str, str], None]
"""Told of (call, phase): "before" it is sent, when it is "done" at the server, "after" the answer came."""


class Served(msgspec.Struct, frozen=True):
    """A leaf on its way: its text, and the attachments whose bytes follow."""

    rev: str
    doc: bytes
    follow: Sequence[tuple[Attachment, bytes]]


class SimPeer:
    """The database `database` at `home`, for a caller at the node `caller`.

    `dead`: the caller was killed; nothing that is left of it reaches anybody any more.
    """

    def __init__(
        self, network: Network, home: Node, database: str, caller: str, *, step: Step | None = None
    ) -> None:
        self.network = network
        self.home = home
        self.database = database
        self.caller = caller
        self.dead = False
        self._step = step or (lambda call, phase: None)

    @property
    def name(self) -> str:
        return f"{self.home.name}/{self.database}"

    async def is_there(self, timeout_s: float) -> bool:
        """Whether the server answers at all. No step of a replicator."""

        async def serve() -> None:
            return None

        try:
            async with asyncio.timeout(timeout_s):
                await self.network.ask(self.caller, self.home, "ping", serve)
        except (PeerLost, TimeoutError):
            return False
        return True

    # --- the database itself ---

    async def info(self) -> Info:
        return await self._read(
            "info", lambda db: Info(db.created, msgspec.Raw(json.encode(db.text_of(db.visible.seq))))
        )

    async def create(self, params: Mapping[str, Any]) -> None:
        async def serve() -> None:
            self.home.create(self.database).sync()
            self.home.ring()

        await self._ask("create", serve)

    async def commit(self) -> str:
        return await self._write("commit", lambda db: db.created)

    async def rules(self) -> bytes:
        return await self._read("rules", SimDatabase.rules)

    async def local(self, doc_id: str) -> dict[str, Any] | None:
        def read(database: SimDatabase) -> dict[str, Any] | None:
            found = database.visible.locals.get(doc_id)
            if found is None:
                return None
            rev = f"0-{found.count}"
            return {"_id": f"_local/{doc_id}", "_rev": rev, **json.decode(found.body)}

        return await self._read("local", read)

    async def put_local(self, doc_id: str, doc: Mapping[str, Any]) -> str:
        text = json.encode(doc)
        return await self._write("put_local", lambda db: db.put_local(doc_id, json.decode(text)))

    # --- changes ---

    async def changes(self, since: Seq, filter: Filter, limit: int, *, seq_interval: int = 1) -> Changes:
        def read(database: SimDatabase) -> Changes:
            rows = list(database.changes(database.number_of(_text(since)), filter))
            page = rows[:limit]
            last = page[-1][0] if len(page) < len(rows) else database.visible.seq
            shown = [
                change
                if at % seq_interval == 0
                else msgspec.structs.replace(change, seq=msgspec.Raw(b"null"))
                for at, (_, change) in enumerate(page, 1)
            ]
            last_seq = msgspec.Raw(json.encode(database.text_of(last)))
            return Changes(shown, last_seq, len(rows) - len(page))

        return await self._read("changes", read)

    async def pending(self, since: Seq, filter: Filter) -> int | None:
        return await self._read(
            "pending", lambda db: len(list(db.changes(db.number_of(_text(since)), filter)))
        )

    @asynccontextmanager
    async def feed(self, since: Seq, filter: Filter) -> AsyncGenerator[AsyncIterator[FeedEvent]]:
        def opened(database: SimDatabase) -> tuple[SimDatabase, int, int]:
            list(database.changes(database.visible.seq, filter))  # a filter that can't be run is refused here
            return database, database.number_of(_text(since)), self.home.life

        events = self._events(*await self._read("feed", opened), filter)
        try:
            yield events
        finally:
            await events.aclose()

    async def _events(
        self, database: SimDatabase, number: int, life: int, filter: Filter
    ) -> AsyncGenerator[FeedEvent]:
        looked = number
        while True:
            self._still(life, database)
            upto = database.visible.seq
            rows: list[tuple[int, Change]] = list(database.changes(looked, filter))
            for _, change in rows:
                await self._arrive(life, database)
                yield change
            looked = max(looked, upto)
            if rows or upto != database.visible.seq or await self.home.wait(HEARTBEAT_S):
                await self._arrive(life, database)
                continue
            await self._arrive(life, database)
            if self.network.loop.random.random() < FEED_END_CHANCE:
                yield FeedEnd(msgspec.Raw(json.encode(database.text_of(looked))))
                return
            yield Heartbeat()

    async def _arrive(self, life: int, database: SimDatabase | None = None) -> None:
        """A piece of an answer that is being sent for long. Raises PeerLost when it breaks off."""
        await self.network.travel(self.home.name, self.caller, SILENT_S)
        self._still(life, database)
        if self.network.unlucky():
            raise PeerLost("the answer broke off")

    def _still(self, life: int, database: SimDatabase | None) -> None:
        """Raises PeerLost unless both ends and the database are what they were."""
        gone = database is not None and self.home.databases.get(self.database) is not database
        if self.dead or self.home.life != life or gone:
            raise PeerLost("the answer broke off")

    # --- leaves out ---

    async def revs_diff(self, revs: Mapping[str, Sequence[str]]) -> dict[str, Missing]:
        def read(database: SimDatabase) -> dict[str, Missing]:
            found = {}
            for doc_id, names in revs.items():
                doc = database.visible.docs.get(doc_id)
                unknown, leaves = missing(doc.tree if doc else None, map(parse_rev, names))
                if unknown:
                    found[doc_id] = Missing([str(rev) for rev in unknown], [str(leaf) for leaf in leaves])
            return found

        return await self._read("revs_diff", read)

    async def bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
        def read(database: SimDatabase) -> list[Fetched | NotThere]:
            found: list[Fetched | NotThere] = []
            for one in wanted:
                doc, leaves = database.leaves_of(one.id, one.rev)
                if doc is None or not leaves:
                    found.append(NotThere(one.id, one.rev))
                    continue
                found += [Fetched(one.id, one.rev, _document(doc, leaf), bool(leaf.atts)) for leaf in leaves]
            if sum(len(one.doc) for one in found if isinstance(one, Fetched)) > ANSWER_BYTES_MAX:
                raise TooLarge("the answer is too large")
            return found

        return await self._read("bulk_get", read)

    async def open_revs(self, doc_id: str, wanted: Sequence[Wanted]) -> AsyncIterator[Opened | NotThere]:
        def read(database: SimDatabase) -> tuple[int, list[tuple[str, Served | None]]]:
            known = {rev for one in wanted for rev in one.known}
            found: list[tuple[str, Served | None]] = []
            for one in wanted:
                doc, leaves = database.leaves_of(doc_id, one.rev)
                if doc is None or not leaves:
                    found.append((one.rev, None))
                else:
                    found += [(one.rev, _served(database, doc, leaf, known)) for leaf in leaves]
            return self.home.life, found

        life, found = await self._read("open_revs", read)
        for asked, served in found:
            if served is None:
                yield NotThere(doc_id, asked)
                continue
            parts = [
                Part(one.name, one.content_type, one.encoded_length, one.encoding) for one, _ in served.follow
            ]
            yield Opened(doc_id, asked, served.doc, parts, self._chunks(served, life))

    async def _chunks(self, served: Served, life: int) -> AsyncIterator[bytes]:
        for _, data in served.follow:
            for start in range(0, len(data), CHUNK_BYTES):
                await self._arrive(life)
                yield data[start : start + CHUNK_BYTES]

    # --- leaves in ---

    async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
        def write(database: SimDatabase) -> list[Refusal]:
            if sum(map(len, docs)) > database.request_bytes_max:
                raise TooLarge("the request entity is too large")
            refusals = []
            for doc in docs:
                try:
                    database.replicate(doc)
                except CouchgrassError as refused:
                    members = json.decode(doc)
                    doc_id, rev = members.get("_id", ""), members.get("_rev", "")
                    refusals.append(Refusal(doc_id, rev, refused.error, refused.reason))
            return refusals

        return await self._write("bulk_docs", write)

    async def put_opened(self, opened: Opened) -> None:
        received = b"".join([bytes(chunk) async for chunk in opened.chunks])
        lengths = [part.length for part in opened.parts]
        if sum(lengths) != len(received):
            raise PeerLost(f"{len(received)} bytes of attachments came instead of {sum(lengths)}")
        following, start = [], 0
        for length in lengths:
            following.append(received[start : start + length])
            start += length
        await self._write("put_opened", lambda db: db.replicate(opened.doc, following))

    # --- the way there and back ---

    async def _read(self, what: str, read: Callable[[SimDatabase], T]) -> T:
        async def serve() -> T:
            return read(self.home.database(self.database))

        return await self._ask(what, serve)

    async def _write(self, what: str, operation: Callable[[SimDatabase], T]) -> T:
        return await self._ask(what, lambda: self.home.write(self.database, operation))

    async def _ask(self, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        async def served() -> T:
            outcome = await serve()
            self._tell(what, "done")
            return outcome

        self._tell(what, "before")
        if self.dead:
            raise PeerLost("the caller was killed")
        answer = await self.network.ask(self.caller, self.home, what, served)
        self._tell(what, "after")
        if self.dead:
            raise PeerLost("the caller was killed")
        return answer

    def _tell(self, what: str, phase: str) -> None:
        if not self.dead:
            self._step(what, phase)


def _text(since: Seq) -> str:
    return bytes(since).decode()


def _document(doc: Doc, leaf: Leaf, follow: frozenset[str] = frozenset()) -> bytes:
    """The leaf as JSON text with its history; the attachments in `follow` follow, the rest are stubs."""
    rev = parse_rev(leaf.rev)
    tail = revisions(rev.pos, doc.tree.path(rev))
    members = [
        att.follows_json(one) if one.name in follow else att.stub_json(one, encoding_info=True)
        for one in att.decode(leaf.atts or b"").values()
    ]
    if members:
        tail += b"," + att.attachments_json(members)
    return doc_json(doc.row.id, leaf.rev, leaf.deleted, leaf.body, tail)


def _served(database: SimDatabase, doc: Doc, leaf: Leaf, known: set[str]) -> Served:
    """The leaf with the bytes of what is newer than its newest known ancestor."""
    rev = parse_rev(leaf.rev)
    path = {f"{rev.pos - back}-{rev_id}": rev.pos - back for back, rev_id in enumerate(doc.tree.path(rev))}
    newest = max((path[name] for name in known if name in path), default=0)
    held = att.decode(leaf.atts or b"").values()
    follow = [(one, database.blobs[one.blob]) for one in held if one.revpos > newest]
    return Served(leaf.rev, _document(doc, leaf, frozenset(one.name for one, _ in follow)), follow)
