"""A feed: what fires a trigger of whisk.system's alarms or changes, and whether it does so now.

Values and their forms as documents and as answers; pure. Source: the documents and answers of OpenWhisk's
packages. A feed belongs to its trigger: its document is ``feed/namespace/trigger``. How far it has come is
written often and lies in a document of its own, ``position/namespace/trigger``. A position counts only for
the life of the feed that it names: a trigger that was deleted and made anew begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.functions.alarms import Alarm
from couchgrass.functions.changes import Changes
from couchgrass.functions.entity import Identity

FEED: Final = "feed/"
POSITION: Final = "position/"

T = TypeVar("T")


class Feed(msgspec.Struct, frozen=True, omit_defaults=True):
    """`alarm` or `changes` is set. `created` and `changed` in ms; `reason` tells why it is not active."""

    namespace: str
    trigger: str
    subject: str
    uuid: str
    created: int
    changed: int
    alarm: Alarm | None = None
    changes: Changes | None = None
    payload: dict[str, Any] = {}
    active: bool = True
    reason: dict[str, Any] | None = None
    rev: str = ""

    @property
    def key(self) -> str:
        """ "namespace/trigger"."""
        return f"{self.namespace}/{self.trigger}"

    @property
    def owner(self) -> Identity:
        """For whom the trigger is fired."""
        return Identity(self.subject, self.namespace, self.uuid)


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a feed has come: `last` fired (ms), `fired` so often, all changes up to `since`."""

    created: int
    last: int = 0
    fired: int = 0
    since: str | int | None = None
    rev: str = ""


def document(of: Feed | Position, key: str) -> dict[str, Any]:
    """The document that holds it."""
    fields = msgspec.to_builtins(of)
    rev = fields.pop("rev", "")
    lead = FEED if isinstance(of, Feed) else POSITION
    return {"_id": lead + key, **({"_rev": rev} if rev else {}), **fields}


def feed_of(doc: Mapping[str, Any]) -> Feed:
    """The feed in a document. Raises BadRequest for one that holds none."""
    return _read(doc, Feed)


def position_of(doc: Mapping[str, Any]) -> Position:
    """The position in a document. Raises BadRequest for one that holds none."""
    return _read(doc, Position)


def _read(doc: Mapping[str, Any], kind: type[T]) -> T:
    fields = {key: value for key, value in doc.items() if not key.startswith("_")}
    try:
        return msgspec.convert({**fields, "rev": doc.get("_rev", "")}, kind)
    except msgspec.ValidationError as bad:
        raise BadRequest(f"the document {doc.get('_id')} is none of a feed: {bad}") from None


def stopped(feed: Feed, text: str, now: int, status: int | None = None) -> Feed:
    """The feed switched off, for a reason that a person can read. `status`: of the answer that caused it."""
    reason = {"kind": "AUTO", "message": text} | ({} if status is None else {"statusCode": status})
    return msgspec.structs.replace(feed, active=False, changed=now, reason=reason)


def paused(feed: Feed, now: int) -> Feed:
    """The feed switched off by its owner."""
    reason = {"kind": "USER", "message": "Paused"}
    return msgspec.structs.replace(feed, active=False, changed=now, reason=reason)


def resumed(feed: Feed, now: int) -> Feed:
    """The feed switched on. What happened while it was off is not made up for by an alarm."""
    return msgspec.structs.replace(feed, active=True, changed=now, reason=None)


def described(feed: Feed) -> dict[str, Any]:
    """The answer to READ."""
    iso = datetime.fromtimestamp(feed.changed // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status: dict[str, Any] = {"active": feed.active, "dateChanged": feed.changed, "dateChangedISO": iso}
    if feed.reason is not None:
        status["reason"] = feed.reason
    config: dict[str, Any] = {"name": feed.trigger, "namespace": feed.namespace}
    config |= _alarm(feed, feed.alarm) if feed.alarm else _changes(feed.changes) if feed.changes else {}
    return {"config": {key: value for key, value in config.items() if value is not None}, "status": status}


def _alarm(feed: Feed, alarm: Alarm) -> dict[str, Any]:
    config: dict[str, Any] = {"payload": feed.payload}
    if alarm.date:
        return config | {"date": alarm.date, "deleteAfterFire": alarm.delete_after}
    config |= {"startDate": alarm.start or None, "stopDate": alarm.stop or None}
    if alarm.minutes:
        return config | {"minutes": alarm.minutes}
    return config | {"cron": alarm.cron, "timezone": alarm.timezone or None}


def _changes(changes: Changes) -> dict[str, Any]:
    return {
        "host": changes.host,
        "dbname": changes.dbname,
        "username": changes.username or None,
        "since": changes.since,
        "filter": changes.filter or None,
        "query_params": changes.query_params or None,
    }


def trigger_payload(given: Any) -> dict[str, Any]:
    """What an alarm fires with: an object as it is; a text becomes the object's `payload`."""
    if isinstance(given, dict):
        return given
    return {"payload": given} if given else {}


def trigger_name(given: Any, namespace: str) -> tuple[str, str]:
    """(namespace, name) of "/namespace/name" or "name"; "_" stands for the caller's namespace."""
    if not isinstance(given, str) or not given:
        raise BadRequest("no trigger name parameter was provided")
    if not given.startswith("/"):
        return namespace, given
    _, found, name = [*given.split("/", 2), "", ""][:3]
    return (namespace if found == "_" else found), name
