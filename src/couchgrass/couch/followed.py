"""All documents of one small database in memory, kept fresh by its changes feed.

For settings that are read at every request and written seldom. Reading is a look into `docs`; writing goes to
the database, and what was written is in `docs` when the write returns. While the database is away, what was
there last stays there, after a restart what the file `cache` holds. Whenever the database comes back all
documents are read again, so nothing depends on how it counts its changes.

One thing is asked at a time: ``_all_docs``, then ``_changes`` with ``feed=longpoll``, again and again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from couchgrass import json
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import BadRequest, CouchgrassError, FileExists, NotFound

log = logging.getLogger("couchgrass.couch")

Doc = dict[str, Any]
Changed = Callable[[Mapping[str, Doc | None]], None]
"""Is told of documents that are new or changed, and of those that are gone (None), by id."""

PAGE: Final = 500
"""Documents in one answer."""

POLL_MS: Final = 15_000
"""How long the database holds a question back that it has no answer to. Below `CouchServer`'s time limit."""

PAUSE_S: Final = 0.1
PAUSE_MAX_S: Final = 5.0
"""How soon an absent database is asked again, at first and at most."""

SAVE_S: Final = 2.0
"""How long after a change the file is written; further changes go with it."""

CLOSE_S: Final = 2.0


class Followed:
    """The documents of a database, by id; design documents are left out. Made by `open`."""

    def __init__(self, server: CouchServer, database: str, cache: Path | None, changed: Changed) -> None:
        self.docs: dict[str, Doc] = {}
        self.is_loaded = False
        """There were documents to begin with: those of the database, or of the file."""
        self.is_current = False
        """The database is there, and all it had was read."""
        self._server = server
        self._path = path(database)
        self._cache = cache
        self._changed = changed
        self._written: dict[str, int] = {}
        self._settled = asyncio.Event()
        self._save_due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        database: str,
        *,
        cache: Path | None = None,
        changed: Changed = lambda _: None,
        wait_s: float = 5.0,
    ) -> Self:
        """Begins to follow. Returns once the documents were read, or the database was found away.

        The database is made when it is not there. `cache` is a file of our own, readable by us alone.
        """
        followed = cls(server, database, cache, changed)
        followed._load()
        followed._tasks = [asyncio.create_task(followed._follow())]
        if cache is not None:
            followed._tasks.append(asyncio.create_task(followed._save_when_due()))
        with suppress(TimeoutError):
            await asyncio.wait_for(followed._settled.wait(), wait_s)
        return followed

    async def close(self) -> None:
        """Stops following; what is not saved yet is saved."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        if self._save_due.is_set():
            await self._save()

    # --- writing -----------------------------------------------------------------------------------

    async def put(self, doc: Mapping[str, Any]) -> Doc:
        """Writes a document with its `_id`, and the `_rev` that it replaces if there is one; gives it back
        with its new `_rev`. Raises Conflict, PeerLost and what else the database refuses it with."""
        answer = await self._server.ask("PUT", self._path + path(doc["_id"]), dict(doc))
        written = {**doc, "_rev": str(answer["rev"])}
        self._note(doc["_id"], written["_rev"], written)
        return written

    async def delete(self, doc_id: str, rev: str) -> None:
        """Deletes a document; it is well when it is gone already. Raises Conflict, PeerLost."""
        try:
            answer = await self._server.ask("DELETE", self._path + path(doc_id), query={"rev": rev})
        except NotFound:
            self._note(doc_id, rev, None)
            return
        self._note(doc_id, str(answer["rev"]), None)

    async def fresh(self, doc_id: str) -> Doc | None:
        """A document as the database has it now; None when it has none."""
        try:
            found: Doc = await self._server.ask("GET", self._path + path(doc_id))
        except NotFound:
            return None
        return found

    def _note(self, doc_id: str, rev: str, doc: Doc | None) -> None:
        """What was written counts at once; rows of the feed that are older don't undo it."""
        generation = _generation(rev)
        known = self._written.get(doc_id, 0)
        if generation >= known and generation >= _generation(self.docs.get(doc_id, {}).get("_rev", "")):
            self._written[doc_id] = generation
            self._apply({doc_id: doc})

    # --- following ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        pause_s = PAUSE_S
        while True:
            try:
                since = await self._read_all()
                if not self.is_current:
                    log.info("%s of %s is followed", self._path, self._server.base)
                self.is_current = self.is_loaded = True
                self._settled.set()
                pause_s = PAUSE_S
                while True:
                    since = await self._read_changes(since)
            except (CouchgrassError, KeyError, TypeError, ValueError) as lost:
                if self.is_current:
                    log.warning("%s of %s can't be followed: %s", self._path, self._server.base, lost)
                self.is_current = False
                self._settled.set()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _read_all(self) -> str:
        """Reads all documents; from where to go on. What we hold and the database has not is gone."""
        # What is read from here on has all that was written before.
        self._written.clear()
        since = await self._since()
        found: dict[str, Doc | None] = {}
        query = {"include_docs": "true", "limit": str(PAGE)}
        while True:
            rows = (await self._server.ask("GET", self._path + "/_all_docs", query=query))["rows"]
            for row in rows:
                if isinstance(row.get("doc"), dict):
                    found[row["id"]] = row["doc"]
            if len(rows) < PAGE:
                break
            query["startkey"] = json.encode(rows[-1]["id"]).decode()
            query["skip"] = "1"
        gone = {doc_id: None for doc_id in self.docs if doc_id not in found and doc_id not in self._written}
        self._take({**found, **gone})
        return since

    async def _since(self) -> str:
        try:
            info = await self._server.ask("GET", self._path)
        except NotFound:
            with suppress(FileExists):
                await self._server.ask("PUT", self._path)
            info = await self._server.ask("GET", self._path)
        return _text(info["update_seq"])

    async def _read_changes(self, since: str) -> str:
        query = {
            "feed": "longpoll",
            "include_docs": "true",
            "since": since,
            "limit": str(PAGE),
            "timeout": str(POLL_MS),
        }
        page = await self._server.ask("GET", self._path + "/_changes", query=query)
        self._take(
            {row["id"]: None if row.get("deleted") else row.get("doc") for row in page["results"]},
            {row["id"]: _generation(row["changes"][0]["rev"]) for row in page["results"]},
        )
        return _text(page["last_seq"])

    def _take(self, found: Mapping[str, Doc | None], generations: Mapping[str, int] | None = None) -> None:
        news: dict[str, Doc | None] = {}
        for doc_id, doc in found.items():
            if doc_id.startswith("_design/"):
                continue
            known = self.docs.get(doc_id)
            generation = _generation(doc["_rev"]) if doc is not None else (generations or {}).get(doc_id, 0)
            if doc_id in self._written:
                if generation < self._written[doc_id]:
                    continue
                del self._written[doc_id]
            if doc != known:
                news[doc_id] = doc
        if news:
            self._apply(news)

    def _apply(self, news: Mapping[str, Doc | None]) -> None:
        for doc_id, doc in news.items():
            if doc is None:
                self.docs.pop(doc_id, None)
            else:
                self.docs[doc_id] = doc
        self._save_due.set()
        self._changed(news)

    # --- the file ----------------------------------------------------------------------------------

    def _load(self) -> None:
        if self._cache is None:
            return
        try:
            found = json.decode(self._cache.read_bytes())
        except (OSError, BadRequest):
            return
        if isinstance(found, dict) and all(isinstance(doc, dict) for doc in found.values()):
            self.docs = found
            self.is_loaded = True
            self._changed(dict(found))

    async def _save_when_due(self) -> None:
        while True:
            await self._save_due.wait()
            await asyncio.sleep(SAVE_S)
            await self._save()

    async def _save(self) -> None:
        if self._cache is None:
            return
        self._save_due.clear()
        try:
            await asyncio.to_thread(_replace, self._cache, json.encode(self.docs))
        except OSError as refused:
            log.warning("%s can't be written: %s", self._cache, refused.strerror or refused)


def _replace(file: Path, content: bytes) -> None:
    """All or nothing. It may be lost by a power cut: the database has it all."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    beside.rename(file)


def _generation(rev: str) -> int:
    number = rev.partition("-")[0]
    return int(number) if number.isdigit() else 0


def _text(seq: Any) -> str:
    return seq if isinstance(seq, str) else json.encode(seq).decode()
