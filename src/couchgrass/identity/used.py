"""What may be used once: codes until they would have expired anyway, refresh tokens of public clients.

Pure. It is this process's memory: what another region redeemed, or this one before it was started again, is
not in it. A code lives for a minute and is worth nothing without its verifier or its client's secret.
"""

from __future__ import annotations

from typing import Final

USED_MAX: Final = 100_000
"""Codes live for a minute: that many in one is an attack, and then the oldest are the next to expire. Of
refresh tokens the ones used longest ago are forgotten first. Some 20 MB each."""

GRACE_S: Final = 30.0
"""How long a refresh token may be used again: an answer gets lost, and two windows of an app ask at once."""


class UsedUp:
    """Remembers ids until their time."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def use(self, jti: str, until: float, now: float) -> bool:
        """True the first time. `until` and `now` in seconds since the epoch."""
        while self._until and (len(self._until) >= USED_MAX or next(iter(self._until.values())) <= now):
            del self._until[next(iter(self._until))]
        if self._until.get(jti, 0.0) > now:
            return False
        self._until[jti] = until
        return True


class Rotation:
    """Each refresh token is good for one other. Whoever comes with a used one shows that two have it, one of
    them a thief: then the whole session is over (RFC 9700 4.14.2)."""

    def __init__(self) -> None:
        self._used_at: dict[str, float] = {}
        self._over: dict[str, None] = {}

    def end(self, session: str) -> None:
        """Nothing of this session is redeemed any longer."""
        self._over[session] = None
        if len(self._over) > USED_MAX:
            del self._over[next(iter(self._over))]

    def is_over(self, session: str) -> bool:
        """Was it ended?"""
        return session in self._over

    def use(self, jti: str, session: str, now: float) -> bool:
        """True when the token `jti` of the session may be redeemed. `now` in seconds since the epoch."""
        if session in self._over:
            return False
        if self._used_at.setdefault(jti, now) + GRACE_S < now:
            self.end(session)
        if len(self._used_at) > USED_MAX:
            del self._used_at[next(iter(self._used_at))]
        return session not in self._over
