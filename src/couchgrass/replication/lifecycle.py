"""The states of a job, as a table: (state, event) to the next state. CouchDB's names.

    pending ──start──► running ──end──► completed
       ▲                 │  │
       └─────stop────────┘  crash
       ▲                    ▼
       └──────stop─────  crashing ──start──► running

A job that crashes is not given up, unless it was asked for by ``_replicate`` once. A document that can't be
understood has no job; it is ``failed``, or ``error`` while it is tried again.
"""

from __future__ import annotations

from enum import Enum

from couchgrass.replication.status import Event, State


class Happening(Enum):
    """What happens to it; the values are the words of CouchDB's job history."""

    ADDED = "added"
    STARTED = "started"
    STOPPED = "stopped"
    CRASHED = "crashed"
    COMPLETED = "completed"


NEXT: dict[tuple[State, Happening], State] = {
    (State.PENDING, Happening.STARTED): State.RUNNING,
    (State.CRASHING, Happening.STARTED): State.RUNNING,
    (State.RUNNING, Happening.STOPPED): State.PENDING,
    (State.CRASHING, Happening.STOPPED): State.PENDING,
    (State.RUNNING, Happening.CRASHED): State.CRASHING,
    (State.CRASHING, Happening.CRASHED): State.CRASHING,
    (State.RUNNING, Happening.COMPLETED): State.COMPLETED,
}
"""Whatever is not here can't happen."""

HEALTHY_S = 60.0
"""A run that lasted so long ends a row of crashes."""


class Life:
    """The state of one job and its newest history, oldest first. `crashes` counts those in a row."""

    def __init__(self, now: float, history_max: int = 20) -> None:
        self.state = State.PENDING
        self.history = [Event(now, Happening.ADDED.value)]
        self.history_max = history_max
        self.crashes = 0
        self.error: str | None = None
        self.since = now

    def note(self, event: Happening, now: float, reason: str | None = None) -> State:
        """Something happened: the state after it."""
        self.state = NEXT[self.state, event]
        self.since = now
        self.history.append(Event(now, event.value, reason))
        del self.history[: -self.history_max]
        if event is Happening.CRASHED:
            self.crashes += 1
            self.error = reason
        elif event is Happening.COMPLETED:
            self.crashes, self.error = 0, None
        return self.state

    def recovered(self) -> None:
        """The job does well: what went wrong before does not count any more."""
        self.crashes, self.error = 0, None
