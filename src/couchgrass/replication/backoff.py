"""How long a replication waits before it tries again.

Pure: the dice are an argument. Two cases. A job that **crashed** waits longer each time, up to half a minute:
whatever is wrong may need a person. A peer that is **away** is only asked whether it is back, which costs
almost nothing, so it is asked every two seconds for as long as it takes: a link that was down for a night
replicates again within seconds. (CouchDB doubles up to hours: its link stays down for about as long again.)
"""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.25
CRASH_MAX_S: Final = 30.0
PROBE_MAX_S: Final = 2.0
"""With the time that a probe and a start take, a job runs within 5 s of its peer's return."""

_DOUBLINGS_MAX: Final = 16
"""More change nothing, and a power of two has to stay a float."""


def delay_s(failures: int, random: float) -> float:
    """Seconds until the next try after `failures` crashes in a row; `random` in [0, 1) spreads out jobs.

    Without a failure there is nothing to wait for. The spread only shortens, by at most half.
    """
    if failures <= 0:
        return 0.0
    return min(CRASH_MAX_S, FIRST_S * 2.0 ** min(failures - 1, _DOUBLINGS_MAX)) * (1 - random / 2)


def probe_delay_s(probes: int) -> float:
    """Seconds until a peer that is away is asked again, after `probes` that found it away."""
    return min(PROBE_MAX_S, FIRST_S * 2.0 ** min(max(probes, 0), _DOUBLINGS_MAX))
