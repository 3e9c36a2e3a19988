"""The feeds' documents, and what a feed's action answers: CREATE, READ, UPDATE, DELETE, PAUSE, UNPAUSE.

Source: the actions of OpenWhisk's packages of alarms and for Cloudant. Whoever owns the trigger may do it:
the `authKey` must be one of the trigger's namespace, and the trigger must be there. The documents are in the
region's database `whisk_feeds`; what fires is whatever follows them (``feeding.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from couchgrass.clock import Clock
from couchgrass.couch.auth import basic
from couchgrass.couch.mirror import AWAY
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    FileExists,
    Forbidden,
    NotFound,
    PeerLost,
    ServiceUnavailable,
)
from couchgrass.functions import alarms, changes
from couchgrass.functions.cloudant import account_of
from couchgrass.functions.entity import Identity
from couchgrass.functions.feed import (
    FEED,
    POSITION,
    Feed,
    Position,
    described,
    document,
    feed_of,
    paused,
    position_of,
    resumed,
    trigger_name,
    trigger_payload,
)
from couchgrass.functions.run.needs import Lookup

DATABASE: Final = "whisk_feeds"
TRIES_MAX: Final = 5
"""How often a document is read and written again that somebody else wrote meanwhile."""

SUCCESS: Final = {"status": "success"}
NOT_AUTHENTICATED: Final = "Trigger authentication request failed."
CHANGES: Final = "changes"

Identify = Callable[[str], Identity | None]
"""Whose key an ``Authorization`` is."""


class Latest(Protocol):
    """Where a database is now."""

    async def latest(self, feed: changes.Changes) -> str | int:
        """Its last sequence. Raises what the database refuses, and PeerLost."""
        ...


class FeedDocuments:
    """Reads and writes them."""

    def __init__(self, server: CouchServer, database: str = DATABASE) -> None:
        self._server = server
        self.database = database

    async def open(self) -> None:
        """Makes the database if it is not there."""
        with suppress(FileExists):
            await self._server.ask("PUT", path(self.database))

    async def feed(self, key: str) -> Feed | None:
        """The feed of the trigger "namespace/name"."""
        doc = await self.get(FEED + key)
        return None if doc is None else feed_of(doc)

    async def position(self, feed: Feed) -> Position:
        """How far it has come; a new position where that is not known, or of another life of the feed."""
        doc = await self.get(POSITION + feed.key)
        if doc is None:
            return Position(feed.created)
        found = position_of(doc)
        return found if found.created == feed.created else Position(feed.created, rev=found.rev)

    async def get(self, doc_id: str) -> dict[str, Any] | None:
        """A document; None when there is none."""
        try:
            found: dict[str, Any] = await self._server.ask("GET", path(self.database, doc_id))
        except NotFound:
            return None
        return found

    async def put(self, doc: Mapping[str, Any]) -> str:
        """Writes it, into a database that is made if need be; its new revision. Raises Conflict."""
        where = path(self.database, doc["_id"])
        try:
            answer = await self._server.ask("PUT", where, doc)
        except NotFound:
            await self.open()
            answer = await self._server.ask("PUT", where, doc)
        return str(answer["rev"])

    async def put_position(self, feed: Feed, position: Position) -> Position:
        """Writes it; with its new revision."""
        rev = await self.put(document(position, feed.key))
        return msgspec.structs.replace(position, rev=rev)

    async def delete(self, doc_id: str) -> None:
        """Deletes it, whatever its revision."""
        for _ in range(TRIES_MAX):
            doc = await self.get(doc_id)
            if doc is None:
                return
            try:
                await self._server.ask("DELETE", path(self.database, doc_id), query={"rev": doc["_rev"]})
            except Conflict:
                continue
            except NotFound:
                return
        raise Conflict(f"the document {doc_id} is written all the time")

    async def change(self, key: str, change: Callable[[Feed], Feed]) -> None:
        """Writes what becomes of a feed, read anew when it was written meanwhile. Nothing when it is gone."""
        for _ in range(TRIES_MAX):
            feed = await self.feed(key)
            if feed is None:
                return
            try:
                await self.put(document(change(feed), key))
                return
            except Conflict:
                continue
        raise Conflict(f"the feed of {key} is written all the time")

    async def since(self, seq: Any, timeout_ms: int) -> tuple[Any, list[dict[str, Any]]]:
        """(sequence, rows with documents) of what was written after `seq`; waits for it that long."""
        query = {
            "feed": "longpoll",
            "include_docs": "true",
            "since": str(seq),
            "timeout": str(timeout_ms),
        }
        answer = await self._server.ask("GET", path(self.database) + "/_changes", query=query)
        return answer["last_seq"], answer["results"]


def zone(name: str) -> ZoneInfo:
    """The time zone of this name. Raises KeyError."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # a folder of zones, a name that is none
        raise KeyError(name) from None


class Feeds:
    """Answers the actions of feeds."""

    def __init__(
        self, documents: FeedDocuments, entities: Lookup, *, identify: Identify, latest: Latest, clock: Clock
    ) -> None:
        self._documents = documents
        self._entities = entities
        self._identify = identify
        self._latest = latest
        self._clock = clock

    async def answer(self, identity: Identity, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the feed `name` (alarm, interval, once, changes) answers. Raises what the family has, and
        ServiceUnavailable when the region's database is away."""
        try:
            return await self._answered(identity, name, given)
        except PeerLost as lost:
            raise ServiceUnavailable(AWAY) from lost

    async def _answered(self, identity: Identity, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        event = given.get("lifecycleEvent")
        owner, namespace, trigger = self._owner(identity, name, given, is_delete=event == "DELETE")
        key = f"{namespace}/{trigger}"
        match event:
            case "CREATE":
                return await self._create(
                    Feed(namespace, trigger, owner.subject, owner.uuid, 0, 0), name, given
                )
            case "DELETE":
                return await self._delete(key)
            case "READ" | "UPDATE" | "PAUSE" | "UNPAUSE":
                feed = await self._documents.feed(key)
                if feed is None or (feed.changes is not None) != (name == CHANGES):
                    raise NotFound(f"could not find trigger /{key} in the database")
                return described(feed) if event == "READ" else await self._change(feed, event, given)
            case _:
                raise BadRequest("unsupported lifecycleEvent")

    def _owner(
        self, identity: Identity, name: str, given: Mapping[str, Any], *, is_delete: bool
    ) -> tuple[Identity, str, str]:
        """Who owns the trigger, its namespace, its name."""
        key = given.get("authKey")
        if not key and name != CHANGES:
            raise BadRequest("no authKey parameter was provided")
        user, _, password = str(key or "").partition(":")
        owner = self._identify(basic(user, password)) if key else identity
        if owner is None:
            raise Forbidden(NOT_AUTHENTICATED)
        namespace, trigger = trigger_name(given.get("triggerName"), owner.namespace)
        if namespace != owner.namespace:
            raise Forbidden(NOT_AUTHENTICATED)
        try:
            self._entities.trigger(namespace, trigger)
        except NotFound:
            if not is_delete:
                raise NotFound(NOT_AUTHENTICATED) from None
        return owner, namespace, trigger

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    async def _create(self, blank: Feed, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        now = self._now()
        if name == CHANGES:
            asked = changes.created(given)
            asked = msgspec.structs.replace(asked, since=await self._begin(asked))
            feed = msgspec.structs.replace(blank, changes=asked, created=now, changed=now)
        else:
            alarm = alarms.created(name, given, now, zone)
            payload = trigger_payload(given.get("trigger_payload"))
            feed = msgspec.structs.replace(blank, alarm=alarm, payload=payload, created=now, changed=now)
        try:
            await self._documents.put(document(feed, feed.key))
        except Conflict:
            kind = "cloudant" if name == CHANGES else "alarm"
            raise Conflict(f"error creating {kind} trigger.") from None
        return SUCCESS

    async def _begin(self, asked: changes.Changes) -> str:
        """Where it begins. It is looked up now, so that no change after this answer is missed."""
        try:
            latest = await self._latest.latest(asked)
        except CouchgrassError as refused:
            # Where the region has its database is nobody's business.
            is_ours = isinstance(refused, PeerLost) and account_of(asked.host) is not None
            reason = AWAY if is_ours else refused.reason
            raise BadRequest(f"error connecting to database {asked.dbname}: {reason}") from None
        return str(latest) if asked.since == changes.NOW else asked.since

    async def _change(self, feed: Feed, event: str, given: Mapping[str, Any]) -> dict[str, Any]:
        now = self._now()
        match event:
            case "PAUSE":
                after = paused(feed, now)
            case "UNPAUSE":
                after = resumed(feed, now)
            case _ if feed.changes is not None:
                if not feed.active:
                    raise BadRequest(f"{given.get('triggerName')} cannot be updated because it is disabled")
                after = msgspec.structs.replace(
                    feed, changes=changes.updated(feed.changes, given), changed=now
                )
            case _:
                assert feed.alarm is not None
                alarm = alarms.updated(feed.alarm, given, now, zone)
                payload = feed.payload
                if given.get("trigger_payload"):
                    payload = trigger_payload(given["trigger_payload"])
                after = msgspec.structs.replace(resumed(feed, now), alarm=alarm, payload=payload)
        await self._documents.put(document(after, feed.key))
        return SUCCESS

    async def _delete(self, key: str) -> dict[str, Any]:
        if await self._documents.feed(key) is None:
            raise NotFound(f"could not find trigger /{key} in the database")
        await self._documents.delete(FEED + key)
        await self._documents.delete(POSITION + key)
        return SUCCESS
