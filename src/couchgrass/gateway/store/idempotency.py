"""Idempotency keys and their answers in the region's database; see `couchgrass.gateway.idempotency`.

A document that is made before anything is forwarded, and can be made once only: that is the lock. Databases
are made when they are first needed, for server admins alone, since answers lie in them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.couch.mirror import DATABASE_MISSING
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, FileExists, NotFound, PeerLost
from couchgrass.gateway.idempotency import (
    PREFIX,
    Entry,
    Kept,
    Reservation,
    database_of,
    databases_of,
    from_document,
    is_over,
    to_document,
)
from couchgrass.linking.security import ADMINS_ONLY

log = logging.getLogger("couchgrass.gateway")

TRIES_MAX: Final = 3
"""A reservation that is in the way may be gone when it is looked at."""

ROWS_MAX: Final = 1000
"""Changes that are looked through at a time."""


class Held(msgspec.Struct, frozen=True):
    """A reservation of ours, as it stands in a database."""

    database: str
    rev: str
    reservation: Reservation


class Found(msgspec.Struct, frozen=True):
    """What stands there already."""

    database: str
    entry: Entry


class IdempotencyKeys:
    """All methods raise PeerLost and whatever else the database refuses, unless they say otherwise."""

    def __init__(self, server: CouchServer) -> None:
        self._server = server
        self._made: set[str] = set()
        self._since: dict[str, str] = {}

    async def reserve(self, wanted: Reservation, now: float) -> Held | Found:
        """Reserves the key, or says who has it. `now` in seconds since the epoch."""
        today, *others = databases_of(now)
        for database in others:
            if (found := await self.look(database, wanted.id)) is not None:
                return found
        for _ in range(TRIES_MAX):
            try:
                return Held(today, await self._put(today, to_document(wanted)), wanted)
            except Conflict:
                if (found := await self.look(today, wanted.id)) is not None:
                    return found
        raise PeerLost(f"{today}: a key is there and is not")

    async def look(self, database: str, doc_id: str) -> Found | None:
        """What a database has for a key."""
        try:
            found = await self._server.ask("GET", path(database, doc_id), query={"conflicts": "true"})
            return Found(database, from_document(found))
        except NotFound:
            return None
        except BadRequest as strange:
            raise PeerLost(f"{database}: {strange.reason}") from strange

    async def take_over(self, found: Found, wanted: Reservation) -> Held:
        """Reserves a key whose reservation has run out. Raises Conflict when somebody else did."""
        document = to_document(wanted, rev=found.entry.rev)
        return Held(found.database, await self._put(found.database, document), wanted)

    async def answer(self, held: Held, answer: Kept) -> None:
        """Puts the answer in the reservation's place. Raises Conflict when that is ours no more."""
        await self._put(held.database, to_document(held.reservation, answer, held.rev))

    async def release(self, held: Held) -> None:
        """Takes the reservation away. Raises Conflict when it is ours no more."""
        try:
            await self._server.ask(
                "DELETE", path(held.database, held.reservation.id), query={"rev": held.rev}
            )
        except NotFound:
            return

    async def again(self, reservation: Reservation, now: float) -> Held | None:
        """A reservation that may or may not have been written: as it stands, None when it does not."""
        for database in databases_of(now):
            found = await self.look(database, reservation.id)
            if found is not None and found.entry.answer is None and found.entry.reservation == reservation:
                return Held(database, found.entry.rev, reservation)
        return None

    async def _put(self, database: str, document: Mapping[str, Any]) -> str:
        for left in (1, 0):
            if database not in self._made:
                await self._make(database)
            try:
                answer = await self._server.ask("PUT", path(database, document["_id"]), document)
                return str(answer["rev"])
            except NotFound as missing:
                self._made.discard(database)
                if not left or not DATABASE_MISSING.search(missing.reason):
                    raise PeerLost(f"{database}: {missing.reason}") from missing
        raise AssertionError("the last try returns or raises")

    async def _make(self, database: str) -> None:
        """Makes the database when it is missing, and sees to it that nobody but server admins reads it. Who
        is named there already was let in by an admin: the links between regions."""
        try:
            await self._server.ask("PUT", path(database))
        except FileExists:
            pass
        security = await self._server.ask("GET", path(database, "_security"))
        members = security.get("members") or {}
        if not (members.get("names") or members.get("roles")):
            await self._server.ask("PUT", path(database, "_security"), {**security, **ADMINS_ONLY})
        self._made.add(database)

    # --- upkeep --------------------------------------------------------------------------------------

    async def tidy(self, now: float, ahead_s: float) -> int:
        """Deletes the databases whose days are over; once keys are in use, makes the one that is needed in
        `ahead_s`, so that regions have it in step by then. Returns how many keys were found since the last
        time of which two regions took the request."""
        query = {"startkey": _text(PREFIX), "endkey": _text(PREFIX + "~")}
        names = [str(name) for name in await self._server.ask("GET", "/_all_dbs", query=query)]
        for name in names:
            if is_over(name, now):
                log.info("the database %s is over and goes", name)
                await self._delete(name)
        if database_of(now) in names and (next_one := database_of(now + ahead_s)) not in names:
            await self._make(next_one)
        return sum([await self._conflicts(name) for name in names if name in databases_of(now)])

    async def _delete(self, database: str) -> None:
        self._made.discard(database)
        self._since.pop(database, None)
        try:
            await self._server.ask("DELETE", path(database))
        except NotFound:
            return

    async def _conflicts(self, database: str) -> int:
        found = 0
        while True:
            query = {
                "style": "all_docs",
                "limit": str(ROWS_MAX),
                "since": self._since.get(database, "0"),
            }
            page = await self._server.ask("GET", path(database, "_changes"), query=query)
            for row in page["results"]:
                if len(row["changes"]) > 1 and await self._is_conflict(database, row["id"]):
                    found += 1
            self._since[database] = _since(page["last_seq"])
            if len(page["results"]) < ROWS_MAX:
                return found

    async def _is_conflict(self, database: str, doc_id: str) -> bool:
        try:
            there = await self.look(database, doc_id)
        except CouchgrassError:
            return False
        if there is None or not there.entry.conflicts:
            return False
        log.warning("%s: two regions took the request of the key %s: it ran twice", database, doc_id)
        return True


def _text(value: str) -> str:
    return json.encode(value).decode()


def _since(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()
