"""Whose sessions are known: a few seconds without asking again, and longer while the database is silent.

Pure: `now` is in seconds, monotonic. When a region's database dies, those who were signed in must be able to
watch it; whoever was not verified before is nobody then.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from typing import Final, NamedTuple

from couchgrass.dashboard.who import Who

FRESH_S: Final = 5.0
"""How long a look counts: so late does a change of somebody's roles, or of their password, at the most."""

KEPT_S: Final = 600.0
"""How long somebody stays who they were while the database is silent; CouchDB's sessions last as long."""

SILENT_S: Final = 1.0
"""How long a database that did not answer is not asked again."""

SESSIONS_MAX: Final = 1000
"""Of those who may see how all is; and as many of all others, who may be anybody with made-up sessions."""


class _Entry(NamedTuple):
    who: Who
    at: float


class Known:
    """Bounded: the ones that were verified the longest ago make room, and nobody else's do it for those who
    may see how all is. `secret` is of this process alone: no
    session is held in a form that is good for anything."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._watchers: OrderedDict[bytes, _Entry] = OrderedDict()
        self._others: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lost_at: float | None = None

    def __len__(self) -> int:
        return len(self._watchers) + len(self._others)

    def key(self, session: str, authorization: str) -> bytes:
        """What stands for a cookie's session and an `Authorization` header."""
        return hmac.digest(self._secret, f"{session}\n{authorization}".encode(), "sha256")

    def fresh(self, key: bytes, now: float) -> Who | None:
        """Who it is, when that was asked a moment ago."""
        entry = self._entry(key)
        return entry.who if entry is not None and now - entry.at < FRESH_S else None

    def kept(self, key: bytes, now: float) -> Who | None:
        """Who it was, for as long as that may count without the database."""
        entry = self._entry(key)
        return entry.who if entry is not None and now - entry.at < KEPT_S else None

    def is_silent(self, now: float) -> bool:
        """The database did not answer a moment ago."""
        return self._lost_at is not None and now - self._lost_at < SILENT_S

    def answered(self, key: bytes, who: Who, now: float) -> None:
        """The database said so."""
        self._lost_at = None
        self.forget(key)
        entries = self._watchers if who.may_watch else self._others
        entries[key] = _Entry(who, now)
        while len(entries) > SESSIONS_MAX:
            entries.popitem(last=False)

    def lost(self, now: float) -> None:
        """The database did not answer."""
        self._lost_at = now

    def forget(self, key: bytes) -> None:
        """The session has ended."""
        self._watchers.pop(key, None)
        self._others.pop(key, None)

    def _entry(self, key: bytes) -> _Entry | None:
        return self._watchers.get(key) or self._others.get(key)
