"""How one change wakes many that wait for it, at a bounded cost.

Whoever waits hangs an alarm on the bell and takes it off when done, both in constant time; an alarm is a
plain call that must be quick and must not fail. Waking a thousand feeds takes the event loop tens of
milliseconds, so a bell with many alarms rings less often: the first change rings it at once, and those that
follow within the pause ring it together, once. So the feeds take at most about half of the loop's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE_PER_ALARM_S = 100e-6
"""What waking one feed costs, from its alarm to its rows at the socket, twice over."""

Alarm = Callable[[], None]


class Bell:
    """`pause_s` is the least time between two rings. `rings` counts them."""

    __slots__ = ("_alarms", "_loop", "_pause_s", "_rung_at", "_timer", "rings")

    def __init__(self, loop: asyncio.AbstractEventLoop, pause_s: float = 0.0) -> None:
        self.rings = 0
        self._loop = loop
        self._pause_s = pause_s
        self._alarms: dict[int, Alarm] = {}
        self._rung_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._alarms)

    def hang(self, alarm: Alarm) -> int:
        """From now on each ring calls `alarm`. The number takes it off again."""
        self._alarms[id(alarm)] = alarm
        return id(alarm)

    def take_off(self, number: int) -> None:
        self._alarms.pop(number, None)

    def ring(self) -> None:
        """Something changed: rings now, or at the end of the pause."""
        if not self._alarms or self._timer is not None:
            return
        due = self._rung_at + self._pause_s + len(self._alarms) * PAUSE_PER_ALARM_S
        if self._loop.time() >= due:
            self.ring_now()
        else:
            self._timer = self._loop.call_at(due, self.ring_now)

    def ring_now(self) -> None:
        """Rings without a pause, for what can't wait, such as the end of the database."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.rings += 1
        self._rung_at = self._loop.time()
        for alarm in list(self._alarms.values()):
            alarm()
