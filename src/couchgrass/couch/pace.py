"""How fast a server lets itself be asked: slower after each 429, faster again while it answers.

Additive increase, multiplicative decrease of the rate, shared by all who ask the same server, as CouchDB's
replicator does it (``couch_replicator_rate_limiter``).
"""

from __future__ import annotations

import asyncio

STEP_S = 0.02
FACTOR = 1.5
PAUSE_S_MAX = 5.0
RELIEF = 0.9
TOO_MANY = 429


class Pace:
    """`pause_s` is what each request waits before it is sent; 0 while nobody complains."""

    def __init__(self) -> None:
        self.pause_s = 0.0

    async def turn(self) -> None:
        """Waits for the pause."""
        if self.pause_s:
            await asyncio.sleep(self.pause_s)

    def heard(self, status: int) -> None:
        """Learns from an answer."""
        if status == TOO_MANY:
            self.pause_s = min(self.pause_s * FACTOR + STEP_S, PAUSE_S_MAX)
        elif self.pause_s:
            self.pause_s = self.pause_s * RELIEF if self.pause_s > STEP_S / 2 else 0.0
