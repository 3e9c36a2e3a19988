"""All documents of one small database in memory, kept fresh by its changes feed.

For what a service asks for all the time and seldom writes: entities, keys, API documents. Reading never
waits. Whoever writes the database, by this service, another one or a replication, is seen within moments.
While the server is away what is known stays; a start without the server goes on from the snapshot file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from couchgrass import json
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import BadRequest, CouchgrassError, FileExists, NotFound, PeerLost
from couchgrass.serving.files import replace_file

log = logging.getLogger("couchgrass.couch")

ROWS_MAX: Final = 200
"""Changes in one answer: 200 documents of a few hundred kilobytes stay below the client's bound."""

POLL_MS: Final = 20_000
"""How long the server may hold a question for changes; less than the client's own limit of 30 s."""

PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Between tries while the server is away; the last one again and again."""

SNAPSHOT_S: Final = 1.0
"""How long changes gather before the snapshot is written anew."""

Doc = Mapping[str, Any]
Heard = Callable[[str, Doc | None], None]
"""Told of each document that came, changed or (None) went."""


class Followed:
    """The documents of `database` by id. `docs` is read at any time; design documents are left out."""

    def __init__(
        self, server: CouchServer, database: str, *, heard: Heard | None = None, snapshot: Path | None = None
    ) -> None:
        self._server = server
        self._database = database
        self._heard = heard
        self._snapshot = snapshot
        self._since: Any = "0"
        self._docs: dict[str, Doc] = {}
        self._following: asyncio.Task[None] | None = None
        self._saving: asyncio.TimerHandle | None = None
        self.is_current = False
        """False while the server is away: what is known may be old."""

    @property
    def docs(self) -> Mapping[str, Doc]:
        return self._docs

    def __getitem__(self, doc_id: str) -> Doc:
        """The document. Raises NotFound."""
        found = self._docs.get(doc_id)
        if found is None:
            raise NotFound(f"{doc_id} is not there")
        return found

    async def start(self, wait_s: float) -> None:
        """Reads everything and begins to follow; makes the database when it is missing.

        Waits `wait_s` for the server, less when there is a snapshot to begin with. Raises PeerLost.
        """
        old = self._load()
        try:
            async with asyncio.timeout(0.5 if old else wait_s):
                await self._until_read()
        except TimeoutError:
            if not old:
                raise PeerLost(f"{self._server.base} is not there: {self._database} can't be read") from None
            log.warning(
                "%s is not there: going on with what was known of %s", self._server.base, self._database
            )
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Ends it."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        if self._saving is not None:
            self._saving.cancel()
            self._save()

    # --- writing -------------------------------------------------------------------------------------

    async def put(self, doc_id: str, doc: Doc) -> str:
        """Writes a document, known here at once; its rev. With `_rev` a change, without a new one. Raises
        Conflict."""
        answer = await self._server.ask("PUT", path(self._database, doc_id), doc)
        rev = str(answer["rev"])
        self._take(doc_id, {**doc, "_id": doc_id, "_rev": rev})
        return rev

    async def delete(self, doc_id: str, rev: str) -> None:
        """Deletes a document, known here at once. Raises Conflict, NotFound."""
        await self._server.ask("DELETE", path(self._database, doc_id), query={"rev": rev})
        self._take(doc_id, None)

    # --- reading -------------------------------------------------------------------------------------

    async def _until_read(self) -> None:
        for pause_s in _pauses():
            try:
                await self._read_all()
            except CouchgrassError as refused:
                if not isinstance(refused, PeerLost) and refused.status < 500:
                    raise
                await asyncio.sleep(pause_s)
            else:
                return

    async def _read_all(self) -> None:
        """Everything from the beginning; what is not there any longer goes."""
        try:
            await self._server.ask("PUT", path(self._database))
        except FileExists:
            pass
        self._since = "0"
        left = set(self._docs)
        while True:
            answer = await self._changes({"feed": "normal"})
            for row in answer["results"]:
                left.discard(row["id"])
                self._row(row)
            if not answer["results"] or answer.get("pending") == 0:
                break
        for doc_id in left:
            self._take(doc_id, None)
        self.is_current = True

    async def _changes(self, more: Mapping[str, str]) -> Any:
        query = {"include_docs": "true", "limit": str(ROWS_MAX), "since": _since_text(self._since), **more}
        answer = await self._server.ask("GET", path(self._database) + "/_changes", query=query)
        self._since = answer["last_seq"]
        return answer

    async def _follow(self) -> None:
        """For as long as it lasts. A server that was away is read from the beginning: it may be another one,
        or its database made anew."""
        while True:
            try:
                if not self.is_current:
                    await self._until_read()
                    log.info("%s is back: %s is followed", self._server.base, self._database)
                for row in (await self._changes({"feed": "longpoll", "timeout": str(POLL_MS)}))["results"]:
                    self._row(row)
            except (CouchgrassError, KeyError, TypeError) as broken:
                if self.is_current:
                    log.warning("%s can't be followed: %s", self._database, broken)
                self.is_current = False
                await asyncio.sleep(PAUSES_S[0])

    def _row(self, row: Any) -> None:
        doc_id: str = row["id"]
        if not doc_id.startswith("_design/"):
            self._take(doc_id, None if row.get("deleted") else row.get("doc"))

    def _take(self, doc_id: str, doc: Doc | None) -> None:
        before = self._docs.get(doc_id)
        if doc is None:
            if before is None:
                return
            del self._docs[doc_id]
        elif before is not None and (before.get("_rev") == doc.get("_rev") or _is_older(doc, before)):
            return
        else:
            self._docs[doc_id] = doc
        if self._heard is not None:
            self._heard(doc_id, doc)
        if self._snapshot is not None and self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SNAPSHOT_S, self._save)

    # --- the snapshot --------------------------------------------------------------------------------

    def _load(self) -> bool:
        """What the last process knew. False when there is nothing to go on with."""
        if self._snapshot is None:
            return False
        try:
            docs = json.decode(self._snapshot.read_bytes())
        except (OSError, BadRequest):
            return False
        if not isinstance(docs, list) or not docs:
            return False
        for doc in docs:
            if isinstance(doc, dict) and isinstance(doc.get("_id"), str):
                self._take(doc["_id"], doc)
        return True

    def _save(self) -> None:
        self._saving = None
        if self._snapshot is None:
            return
        try:
            replace_file(self._snapshot, json.encode(list(self._docs.values())))
        except OSError as failure:
            log.warning("%s can't be written: %s", self._snapshot.name, failure.strerror)


def _pauses() -> Iterator[float]:
    yield from PAUSES_S
    while True:
        yield PAUSES_S[-1]


def _since_text(since: Any) -> str:
    return since if isinstance(since, str) else json.encode(since).decode()


def _is_older(doc: Doc, before: Doc) -> bool:
    """A row that was under way while a newer revision was written here."""
    return _generation(doc) < _generation(before)


def _generation(doc: Doc) -> int:
    number = str(doc.get("_rev", "")).partition("-")[0]
    return int(number) if number.isdigit() else 0
