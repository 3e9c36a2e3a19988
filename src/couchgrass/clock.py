"""Time as an argument: pure code is handed a Clock, tests hand it one that they move."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where code that needs the time gets it."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
