"""How long somebody who is asked all the time may say nothing until that means something.

Pure. Silence counts from the last answer that arrived, whatever became of single questions. Two things make
it longer without being the other one's fault:

- time in which the listener itself could not run: nobody can be heard then (`stalled`);
- a machine, or a peer, that is slow to answer now: who answered after 0.4 s just now is not gone after 0.8 s.
  So the limit is SLOW_TIMES what recent answers took, if that is more than `base_s`, up to `most_s`.

Where all is quick, the limit is `base_s`.
"""

from __future__ import annotations

from typing import Final

import msgspec

SLOW_TIMES: Final = 4.0
"""A limit is so many times what the slowest of the recent answers took."""

FADING: Final = 0.8
"""What is left of a slow answer's time with each that follows; of 1 s, after three seconds, 0.07 s."""

LATE_S: Final = 0.02
"""Coming to oneself later than this is a stall; less is the grain of timers."""


class Heard(msgspec.Struct, frozen=True):
    """When one was heard last, on a monotonic clock, own stalls left out, and what answers took lately."""

    at: float
    slow_s: float = 0.0

    def silent_s(self, now: float) -> float:
        """For how long it has said nothing."""
        return now - self.at

    def limit_s(self, base_s: float, most_s: float) -> float:
        """For how long it may."""
        return max(base_s, min(most_s, self.slow_s * SLOW_TIMES))

    def stalled(self, late_s: float, now: float) -> Heard:
        """The listener could not run for so long."""
        if late_s < LATE_S:
            return self
        return Heard(min(now, self.at + late_s), self.slow_s)


def answered(before: Heard | None, now: float, took_s: float) -> Heard:
    """An answer arrived, which took so long."""
    slow_s = 0.0 if before is None else before.slow_s * FADING
    return Heard(now, max(took_s, slow_s))
