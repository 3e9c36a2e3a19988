"""Throttles: how many invocations and trigger fires a minute, and how many at a time, a namespace may have.

OpenWhisk's rules and texts: minutes are those of the clock, each request counts, also one that is refused,
and a sequence counts once. Web actions charge the namespace of the action. Other than there, an answer says
when to try again (`retry_after_s`).

The defaults are ours. OpenWhisk's (60 a minute, 30 at a time) protect a cloud with many tenants; a region
mostly serves one app's web actions, whose visitors must not be told 429 by a number that nobody chose. So
the rate is one that only a runaway loop reaches. What is in flight is bounded by default: each of those
holds a connection and its parameters in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from couchgrass.errors import TooManyRequests

MINUTE_S: Final = 60
CONCURRENT_RETRY_S: Final = 1
"""When to try again after too many at a time: something ends soon, nobody knows when."""


class Throttled(TooManyRequests):
    """A throttle refuses. `retry_after_s` is for the header Retry-After, whole seconds."""

    def __init__(self, reason: str = "", *, retry_after_s: int = CONCURRENT_RETRY_S) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Allowed(msgspec.Struct, frozen=True):
    """A namespace's limits: invocations and trigger fires a minute, invocations at a time."""

    invocations_per_minute: int = 600_000
    fires_per_minute: int = 60_000
    concurrent: int = 1_000


class Throttle:
    """Counts; `now` is in seconds since the epoch. `of`: the namespaces with limits of their own."""

    def __init__(self, allowed: Allowed | None = None, of: Mapping[str, Allowed] | None = None) -> None:
        self._allowed = allowed or Allowed()
        self._of = dict(of or {})
        self._minute = 0
        self._invocations: dict[str, int] = {}
        self._fires: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}

    def allowed(self, namespace: str) -> Allowed:
        """The limits that hold for a namespace."""
        return self._of.get(namespace, self._allowed)

    def in_flight(self, namespace: str) -> int:
        """Invocations that were entered and not left."""
        return self._in_flight.get(namespace, 0)

    def enter(self, namespace: str, now: float) -> None:
        """An invocation begins: `leave` follows, once. Raises Throttled, and then it does not begin."""
        allowed = self.allowed(namespace)
        self._count(self._invocations, namespace, allowed.invocations_per_minute, now)
        running = self._in_flight.get(namespace, 0)
        if running >= allowed.concurrent:
            raise Throttled(
                f"Too many concurrent requests in flight (count: {running}, allowed: {allowed.concurrent}).",
                retry_after_s=CONCURRENT_RETRY_S,
            )
        self._in_flight[namespace] = running + 1

    def leave(self, namespace: str) -> None:
        """An invocation that was entered ended."""
        left = self._in_flight[namespace] - 1
        if left:
            self._in_flight[namespace] = left
        else:
            del self._in_flight[namespace]

    def fire(self, namespace: str, now: float) -> None:
        """A trigger fires. Raises Throttled."""
        self._count(self._fires, namespace, self.allowed(namespace).fires_per_minute, now)

    def _count(self, counts: dict[str, int], namespace: str, allowed: int, now: float) -> None:
        minute = int(now // MINUTE_S)
        if minute != self._minute:
            self._minute = minute
            self._invocations.clear()
            self._fires.clear()
        count = counts[namespace] = counts.get(namespace, 0) + 1
        if count > allowed:
            raise Throttled(
                f"Too many requests in the last minute (count: {count}, allowed: {allowed}).",
                retry_after_s=max(1, int((minute + 1) * MINUTE_S - now + 0.999)),
            )
