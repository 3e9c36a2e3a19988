"""What the functions of a region count, and how it is shown as metrics.

Pure. Counting is a few additions to plain integers on the event loop: a warm run pays less than a
microsecond for all of it. Kinds are bounded, since an action of an unknown kind can't be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from couchgrass.exposition import Family, Sample, Spread
from couchgrass.functions.activation import Status
from couchgrass.functions.pool import Pool

_STATUSES: Final = {
    Status.SUCCESS: "success",
    Status.APPLICATION_ERROR: "application_error",
    Status.DEVELOPER_ERROR: "developer_error",
    Status.INTERNAL_ERROR: "internal_error",
}
_PREFIX: Final = "couchgrass_functions"
MB: Final = 1024 * 1024


class Counts:
    """Since the start of the process. Fields are public: what they are about adds to them."""

    __slots__ = ("cold", "ended", "init", "refused", "run", "wait", "warm")

    def __init__(self) -> None:
        self.ended: dict[tuple[str, Status], int] = {}
        self.warm = 0
        self.cold = 0
        self.refused = 0
        self.wait = Spread()
        self.init = Spread()
        self.run = Spread()

    def record(self, kind: str, status: Status) -> None:
        """An activation has ended: of an action, a sequence, a trigger."""
        key = (kind, status)
        self.ended[key] = self.ended.get(key, 0) + 1

    def ran(self, kind: str, status: Status, *, wait_s: float, init_ms: int | None, run_s: float) -> None:
        """An action's process was run, after a wait for it; `init_ms` when it had to be started."""
        self.record(kind, status)
        self.wait.add(wait_s)
        self.run.add(run_s)
        if init_ms is None:
            self.warm += 1
        else:
            self.cold += 1
            self.init.add(init_ms / 1000)


def families(counts: Counts, pool: Pool) -> Iterator[Family]:
    """All of it."""
    ended = [
        Sample(number, {"kind": kind, "status": _STATUSES[status]})
        for (kind, status), number in sorted(counts.ended.items())
    ]
    yield Family(f"{_PREFIX}_activations_total", "counter", "activations that ended", ended)
    starts = [Sample(counts.warm, {"start": "warm"}), Sample(counts.cold, {"start": "cold"})]
    yield Family(f"{_PREFIX}_runs_total", "counter", "runs of an action's process, warm or started", starts)
    yield _one("refused_total", "counter", "runs refused because too many wait", counts.refused)
    for name, desc, spread in (
        ("wait_seconds", "how long runs waited for a process that was theirs", counts.wait),
        ("init_seconds", "how long starts of actions took", counts.init),
        ("run_seconds", "how long runs took", counts.run),
    ):
        yield Family(f"{_PREFIX}_{name}", "histogram", desc, spread.samples())
    yield _one("waiting", "gauge", "runs that wait for a process", pool.waiting)
    yield _one("cells", "gauge", "processes of actions", pool.cells)
    yield _one("idle_cells", "gauge", "those that are warm and have nothing to do", pool.idle)
    yield _one("memory_bytes", "gauge", "the sum of the memory limits of all processes", pool.used_mb * MB)
    yield _one("memory_max_bytes", "gauge", "what that may be at most", pool.memory_mb * MB)


def _one(name: str, kind: str, desc: str, value: float) -> Family:
    return Family(f"{_PREFIX}_{name}", kind, desc, [Sample(value)])
