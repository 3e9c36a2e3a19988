"""How fast a server lets itself be asked: slower after each 429, faster again while it answers.

Additive increase, multiplicative decrease of the rate, shared by all who ask the same server, as CouchDB's
replicator does it (``couch_replicator_rate_limiter``). A ``Retry-After`` is kept to, within reason.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from couchgrass.clock import Clock, SystemClock

STEP_S = 0.02
FACTOR = 1.5
PAUSE_S_MAX = 5.0
RELIEF = 0.9

RETRY_AFTER_S_MAX = 30.0
"""The longest ``Retry-After`` that is kept to. Who asks for more is asked again after this; a link that says
nothing for minutes looks broken."""

TOO_MANY, UNAVAILABLE = 429, 503


class Pace:
    """`pause_s` is what each request waits before it is sent; 0 while nobody complains."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.pause_s = 0.0
        self._clock = clock or SystemClock()
        self._not_before_s = 0.0

    async def turn(self) -> None:
        """Waits for the pause."""
        if wait_s := self.wait_s():
            await asyncio.sleep(wait_s)

    def wait_s(self) -> float:
        """How long a request has to wait now."""
        if not self._not_before_s:
            return self.pause_s
        left_s = self._not_before_s - self._clock.monotonic()
        if left_s <= 0:
            self._not_before_s = 0.0
        return max(self.pause_s, left_s)

    def heard(self, status: int, retry_after: str | None = None) -> None:
        """Learns from an answer and its ``Retry-After``."""
        if status == TOO_MANY:
            self.pause_s = min(self.pause_s * FACTOR + STEP_S, PAUSE_S_MAX)
        elif self.pause_s and status != UNAVAILABLE:
            self.pause_s = self.pause_s * RELIEF if self.pause_s > STEP_S / 2 else 0.0
        if retry_after is not None and status in (TOO_MANY, UNAVAILABLE):
            seconds = min(self._seconds(retry_after), RETRY_AFTER_S_MAX)
            self._not_before_s = max(self._not_before_s, self._clock.monotonic() + seconds)

    def _seconds(self, retry_after: str) -> float:
        """A number of seconds or a date (RFC 9110 section 10.2.3); 0 for anything else."""
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
