"""What may be used once: the codes that were redeemed, until they would have expired anyway."""

from __future__ import annotations

from typing import Final

USED_MAX: Final = 100_000
"""Codes live for a minute: that many in one is an attack, and then the oldest are the next to expire."""


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
