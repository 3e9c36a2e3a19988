"""The views of design documents, made when they are asked for and kept in memory.

A view's rows are what its map function emits for each document. They are made by running it over all
documents once, and brought up to date with those that changed since before each answer. Nothing is stored:
after a start of the server, or when other views needed the room, it begins anew. What all views together take
is bounded; a view that alone takes more is refused.

Views that are defined the same share their rows, whatever else their design document says.
Specification: ``couch_mrview_updater`` and ``couch_index_updater`` of CouchDB 3.5.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb import collation
from couchgrass.docdb.document import is_design
from couchgrass.docdb.http.doc_read import Opened, Options, document
from couchgrass.docdb.javascript.context import Program
from couchgrass.docdb.javascript.engine import Engine
from couchgrass.docdb.reduce import Emitted
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.view_rows import ViewRows
from couchgrass.docdb.update import Leaf
from couchgrass.errors import NotFound, StorageFull

VIEW_BYTES_MAX: Final = 256 * 1024 * 1024
"""What all views together may take of memory."""

STEP_ROWS: Final = 1000
"""Changed documents that are read and mapped at a time."""

_PURGED: Final = "SELECT seq,id FROM purges WHERE seq>? ORDER BY seq"
_decode_emitted: Final = msgspec.json.Decoder(list[list[tuple[msgspec.Raw, msgspec.Raw]]]).decode


class View(NamedTuple):
    """What decides about a view's rows."""

    name: str
    map: str
    lib: Any = None
    collation: str | None = None
    include_design: bool = False
    local_seq: bool = False

    @property
    def signature(self) -> str:
        """The same for views that have the same rows."""
        return hashlib.blake2b(json.encode(self[1:]), digest_size=16).hexdigest()

    @property
    def sort_key(self) -> Callable[[Any], bytes]:
        """How its keys are ordered."""
        return collation.raw_sort_key if self.collation == "raw" else collation.sort_key


class _Step(NamedTuple):
    """Documents that changed: all of them, and the texts of those that the map is to see."""

    doc_ids: Sequence[str]
    mapped: Sequence[tuple[str, bytes]]
    last: int | None


def _place(row: tuple[bytes, bytes, bytes]) -> tuple[bytes, bytes]:
    """Rows of one document with the same key are in the order of their values, in raw collation."""
    return row[0], collation.raw_sort_key(json.decode(row[2]))


def view_of(ddoc: Mapping[str, Any], name: str) -> View:
    """A view of a design document. Raises NotFound."""
    views = ddoc.get("views")
    view = views.get(name) if type(views) is dict and name != "lib" else None
    if type(views) is not dict or type(view) is not dict or "map" not in view:
        raise NotFound("missing_named_view")
    design, own = _options(ddoc), _options(view)
    return View(
        name,
        view["map"],
        views.get("lib"),
        own.get("collation", design.get("collation")),
        design.get("include_design") is True,
        design.get("local_seq") is True,
    )


def _options(of: Mapping[str, Any]) -> Mapping[str, Any]:
    options = of.get("options")
    return options if type(options) is dict else {}


class ViewIndex:
    """The rows of one view, as of sequence `seq`."""

    def __init__(self, database: Database, view: View) -> None:
        self.database = database
        self.view = view
        self.rows = ViewRows()
        self.seq = 0
        self.purge_seq = database.totals.purge_seq
        self.waiting = 0
        self.is_complete = False
        self._is_empty = True
        self._lock = asyncio.Lock()
        self._options = Options(conflicts=True, deleted_conflicts=True, local_seq=view.local_seq)

    async def refresh(self, engine: Engine, program: Program, name: str, grown: Callable[[], None]) -> None:
        """Takes in what changed until now. Raises what the map function raises that is to stop it.

        `name` is what `program` calls the view; who made the index may have called it otherwise. `grown` is
        called after each step, and raises when the rows take too much room.
        """
        self.waiting += 1
        try:
            async with self._lock:
                if self.purge_seq != self.database.totals.purge_seq:
                    await self._forget_purged()
                target = self.database.totals.seq
                if self.seq < target:
                    await self._take_in(engine, program, name, target, grown)
                self.is_complete = True
        finally:
            self.waiting -= 1

    async def _take_in(
        self, engine: Engine, program: Program, name: str, target: int, grown: Callable[[], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        is_first, self._is_empty = self._is_empty, False
        ahead = asyncio.ensure_future(self._read(self.seq, target))
        try:
            while True:
                step = await ahead
                if step.last is None:
                    self.seq = target
                    return
                ahead = asyncio.ensure_future(self._read(step.last, target))
                texts = [text for _, text in step.mapped]
                emitted = await engine.run_each(program, "map", name, texts, decode=_decode_emitted)
                # In the first round each document comes once, so there is nothing to take away.
                doc_ids = () if is_first else step.doc_ids
                await loop.run_in_executor(None, self._store, doc_ids, step.mapped, emitted)
                self.seq = step.last
                grown()
        finally:
            ahead.cancel()

    async def _read(self, since: int, target: int) -> _Step:
        def read(connection: apsw.Connection) -> _Step:
            found = reads.change_rows(connection, since, target, limit=STEP_ROWS)
            if not self.view.include_design:
                found_mapped = [row for row in found if not row.deleted and not is_design(row.id)]
            else:
                found_mapped = [row for row in found if not row.deleted]
            mapped = [
                (row.id, document(Opened(row, Leaf(row.rev, False, row.body, row.atts)), self._options))
                for row in found_mapped
            ]
            return _Step([row.id for row in found], mapped, found[-1].seq if found else None)

        return await self.database.scan(read)

    def _store(
        self,
        doc_ids: Sequence[str],
        mapped: Sequence[tuple[str, bytes]],
        emitted: Sequence[Sequence[tuple[msgspec.Raw, msgspec.Raw]]],
    ) -> None:
        sort_key = self.view.sort_key
        rows: list[Emitted] = []
        for (doc_id, _), pairs in zip(mapped, emitted, strict=True):
            own = [(sort_key(json.decode(bytes(key))), bytes(key), bytes(value)) for key, value in pairs]
            if len(own) > 1:
                own.sort(key=_place)
            rows += [
                Emitted(sort, doc_id, number, key, value) for number, (sort, key, value) in enumerate(own)
            ]
        self.rows.replace(doc_ids, rows)

    async def _forget_purged(self) -> None:
        """Takes away what was purged. If more was purged than is remembered, all begins anew."""
        known, newest = self.purge_seq, self.database.totals.purge_seq
        purged = await self.database.scan(lambda connection: list(connection.execute(_PURGED, (known,))))
        if not purged or purged[0][0] > known + 1:
            self.rows, self.seq, self._is_empty = ViewRows(), 0, True
        else:
            # A document of which something is left has a new sequence, so it is mapped again below.
            self.rows.replace([doc_id for _, doc_id in purged], ())
        self.purge_seq = max(newest, *(seq for seq, _ in purged), known)


class Views:
    """The views of one server."""

    def __init__(self, engine: Engine, *, bytes_max: int = VIEW_BYTES_MAX) -> None:
        self._engine = engine
        self._bytes_max = bytes_max
        self._kept: OrderedDict[tuple[str, str], ViewIndex] = OrderedDict()

    async def fresh(self, database: Database, view: View, program: Program) -> ViewIndex:
        """The view's rows with all changes until now. Raises StorageFull, or the map function's error."""
        self._forget_closed()
        index = self._kept.get(_key(database, view))
        if index is None or index.database is not database:
            index = self._kept[_key(database, view)] = ViewIndex(database, view)
        self._kept.move_to_end(_key(database, view))
        await index.refresh(self._engine, program, view.name, lambda: self._bound(index))
        return index

    def kept(self, database: Database, view: View) -> ViewIndex | None:
        """The rows as they are; None when they were never made, or not to the end."""
        index = self._kept.get(_key(database, view))
        return index if index is not None and index.database is database and index.is_complete else None

    def _forget_closed(self) -> None:
        for key, index in list(self._kept.items()):
            if index.database.closed:
                del self._kept[key]

    def _bound(self, grown: ViewIndex) -> None:
        """Lets go of the views used longest ago until there is room. Raises StorageFull."""
        taken = sum(index.rows.bytes for index in self._kept.values())
        for key, index in list(self._kept.items()):
            if taken > self._bytes_max and index is not grown:
                taken -= index.rows.bytes
                del self._kept[key]
        if grown.rows.bytes > self._bytes_max:
            self._kept.pop(_key(grown.database, grown.view), None)
            raise StorageFull(
                f"The rows of this view take more than {self._bytes_max} bytes. This version keeps views in "
                "memory only; stored indexes come later."
            )


def _key(database: Database, view: View) -> tuple[str, str]:
    return database.about.uuid, view.signature
