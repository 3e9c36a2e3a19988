"""Where dead letters are kept: in memory for the job that runs, and durably before a checkpoint passes them.

On a server they are ``_local`` documents of its ``_replicator`` database: those are not replicated, not
listed, and last as long as the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from couchgrass import json
from couchgrass.couch.answers import decoded, refusal
from couchgrass.couch.transport import Transport, whole
from couchgrass.docdb.replicator_doc import DEAD_LETTER, REPLICATOR
from couchgrass.errors import CouchgrassError, NotFound, PeerLost
from couchgrass.replication.deadletter import LETTERS_MAX, Letter

PAGE = 1000
ANSWER_BYTES_MAX = 64 * 1024 * 1024

log = logging.getLogger("couchgrass.replication")

_letter = msgspec.json.Decoder(Letter)


class LetterStore(Protocol):
    """The dead letters of one job, on the disk when a call returns. Raises PeerLost when they can't be."""

    async def load(self) -> list[Letter]: ...

    async def add(self, letters: Sequence[Letter]) -> None: ...

    async def remove(self, letters: Sequence[Letter]) -> None: ...


class TooManyLetters(CouchgrassError):
    """The job has more dead letters than it may: something is wrong with the job."""

    status = 403
    error = "too_many_dead_letters"


class LetterBox:
    """The letters of a job while it runs."""

    def __init__(self, store: LetterStore) -> None:
        self._store = store
        self._letters: dict[str, Letter] | None = None
        self.names: frozenset[str] = frozenset()
        """The documents that have one."""

    def __len__(self) -> int:
        return len(self._letters or {})

    async def open(self) -> None:
        """Reads them, once."""
        if self._letters is None:
            self._letters = {letter.key: letter for letter in await self._store.load()}
            self._name()

    def letters(self) -> list[Letter]:
        """All of them, oldest first."""
        return sorted((self._letters or {}).values(), key=lambda letter: (letter.time, letter.id, letter.rev))

    def _name(self) -> None:
        self.names = frozenset(letter.id for letter in (self._letters or {}).values())

    async def add(self, letters: Iterable[Letter]) -> int:
        """Keeps them; how many of them are new. Raises TooManyLetters past LETTERS_MAX, and keeps none."""
        assert self._letters is not None, "open comes first"
        fresh = [letter for letter in letters if letter.key not in self._letters]
        if len(self._letters) + len(fresh) > LETTERS_MAX:
            raise TooManyLetters(
                f"more than {LETTERS_MAX} documents are refused, the last one: {fresh[-1].reason}"
            )
        if fresh:
            await self._store.add(fresh)
            self._letters.update((letter.key, letter) for letter in fresh)
            self._name()
        return len(fresh)

    async def remove(self, letters: Sequence[Letter]) -> None:
        """They are done with."""
        assert self._letters is not None, "open comes first"
        if letters:
            await self._store.remove(letters)
            for letter in letters:
                self._letters.pop(letter.key, None)
            self._name()


class LocalStore:
    """In the ``_local`` documents of a database, reached through `transport`."""

    def __init__(self, transport: Transport, job: str, database: str = REPLICATOR) -> None:
        self._transport = transport
        self._path = f"/{database}"
        self._prefix = f"{DEAD_LETTER}{job}-"

    async def _ask(self, path: str, body: Any) -> Any:
        headers = {"content-type": "application/json"}
        async with self._transport.request(
            "POST", self._path + path, headers=headers, body=json.encode(body)
        ) as reply:
            text = await whole(reply, ANSWER_BYTES_MAX)
            if reply.status >= 300:
                raise refusal(reply.status, text, "The list of dead letters")
            return decoded(text, "The list of dead letters")

    async def load(self) -> list[Letter]:
        found: list[Letter] = []
        start = self._prefix
        while True:
            query = {"start_key": start, "end_key": self._prefix + "~", "limit": PAGE, "include_docs": True}
            try:
                rows = (await self._ask("/_local_docs/queries", {"queries": [query]}))["results"][0]["rows"]
            except NotFound:
                return []
            found += filter(None, map(_read, rows))
            if len(rows) < PAGE:
                return found
            start = rows[-1]["id"] + "\0"

    async def add(self, letters: Sequence[Letter]) -> None:
        docs = [{"_id": self._prefix + letter.key, "letter": letter} for letter in letters]
        await self._write(docs)

    async def remove(self, letters: Sequence[Letter]) -> None:
        docs = [{"_id": self._prefix + letter.key, "_rev": "0-1", "_deleted": True} for letter in letters]
        await self._write(docs)

    async def _write(self, docs: Sequence[Any]) -> None:
        try:
            rows = await self._ask("/_bulk_docs", {"docs": docs})
        except NotFound as gone:
            raise PeerLost(
                f"The list of dead letters can't be written: {gone.reason} (_replicator)"
            ) from gone
        failed = next((row for row in rows if "error" in row), None)
        if failed is not None:
            raise PeerLost(f"The list of dead letters can't be written: {failed.get('reason')}")


def _read(row: Mapping[str, Any]) -> Letter | None:
    """The letter in a row; None, and a word in the log, when somebody has written something else there."""
    try:
        return _letter.decode(json.encode(row["doc"]["letter"]))
    except (KeyError, msgspec.ValidationError) as bad:
        log.error("%s is no dead letter: %r", row.get("id"), bad)
        return None
