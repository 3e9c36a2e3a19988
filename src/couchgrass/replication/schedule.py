"""Which replications run now. Pure: jobs and the time in, who starts and who stops out.

- All jobs that can run do, while they fit into `max_jobs`; then nobody is ever stopped.
- Past it they take turns. Those that wait longest start; continuous ones that have run longest stop for
  them, at most `max_churn` a turn. One-shot jobs run to their end, unless
  they crash.
- A crashed job keeps its turn while it waits for its next try.
- When `max_jobs` was lowered, as many continuous jobs stop at once as are too many.

So each waiting job starts after a bounded number of turns: it waits longer than whatever was stopped for it.
Only one-shot jobs that never end can keep others waiting.

Specification: CouchDB 3.5 ``couch_replicator_scheduler`` (``reschedule``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec


class Running(msgspec.Struct, frozen=True):
    """It is its turn since `since_s`."""

    since_s: float


class Waiting(msgspec.Struct, frozen=True):
    """Waits since `since_s`, when it was added or stopped."""

    since_s: float


State: TypeAlias = Running | Waiting


class Job(msgspec.Struct, frozen=True):
    """What a turn knows of a job. All times are on one clock, the one of `now_s`."""

    id: str
    state: State
    continuous: bool = True


class Turn(msgspec.Struct, frozen=True):
    """Ids: stop these first, then start those."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


def turn(
    jobs: Iterable[Job], *, max_jobs: int, max_churn: int, now_s: float, least_run_s: float = 0.0
) -> Turn:
    """Who starts and who stops at `now_s`. A job runs `least_run_s` before it stops for another's sake."""
    running: list[tuple[float, str, bool]] = []
    ready: list[tuple[float, str]] = []
    for job in jobs:
        match job.state:
            case Running(since_s):
                running.append((since_s, job.id, job.continuous))
            case Waiting(since_s):
                ready.append((since_s, job.id))
    running.sort()
    ready.sort()
    stoppable = [(since_s, id) for since_s, id, continuous in running if continuous]
    excess = max(0, len(running) - max_jobs)
    over = [id for _, id in stoppable[:excess]]
    tired = [id for since_s, id in stoppable[excess:] if now_s - since_s >= least_run_s]
    free = max(0, max_jobs - len(running))
    churn = max(0, min(len(ready) - free, len(tired), max_churn)) if len(over) == excess else 0
    return Turn(
        start=tuple(id for _, id in ready[: free + churn]),
        stop=(*over, *tired[:churn]),
    )
