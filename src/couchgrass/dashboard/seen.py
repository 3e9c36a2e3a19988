"""What the dashboard's server knows: the JSON of its answers below /_dashboard/.

Pure. `web/src/api/dashboard.ts` has the same values under the same names. Rates are per second, of the last
seconds; `at`, `since` and the like are seconds since the epoch; None is what is not known.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Tone = Literal["good", "bad", "warn", "plain"]
RegionState = Literal["ready", "live", "down"]
Past = list[float | None]


class Rates(msgspec.Struct, frozen=True):
    """Of a region: requests at its gateway and those answered with 5xx, activations, and those of them that
    had to wait for a new process."""

    requests_s: float | None = None
    errors_s: float | None = None
    activations_s: float | None = None
    cold_s: float | None = None


class RegionNow(msgspec.Struct, frozen=True):
    """One region. `state`: "ready" takes requests, "live" could, but has not caught up, "down" can't.
    `since`: when the dashboard first saw this state. `coordinates`: degrees north and east. `here`: on the
    dashboard's machine."""

    name: str
    location: str
    coordinates: tuple[float, float] | None
    here: bool
    state: RegionState
    since: float
    reasons: tuple[str, ...]
    lag_s: float | None
    database_url: str
    functions_url: str
    gateway_url: str
    dashboard_url: str
    rates: Rates


class LinkNow(msgspec.Struct, frozen=True):
    """One database's way from `source` to `target`, as its agent sees it (`agent/seen.py`). `rate_s`:
    documents written a second."""

    database: str
    source: str
    target: str
    state: str
    job: str
    lag_s: float | None
    pending: int | None
    rate_s: float | None
    dead_letters: int
    error: str
    peer_reachable: bool


class Admitted(msgspec.Struct, frozen=True):
    """A region as the balancer sees it. `state`: "serving", "standby", "out", "draining", "drained",
    "starting". `requests`: under way now. `weight`: None where the policy knows none."""

    state: str
    reason: str
    since: float
    requests: int
    requests_s: float | None
    weight: int | None


class BalancerNow(msgspec.Struct, frozen=True):
    """The balancer. `here`: it is on the dashboard's machine; elsewhere nobody asks it."""

    url: str
    answers: bool
    here: bool
    policy: str
    regions: dict[str, Admitted]


class Overview(msgspec.Struct, frozen=True):
    """All that can be seen now, by the dashboard of `region`. `wrong`: in words, what is. `links_left_out`:
    how many links are not in `links`, for there are too many."""

    at: float
    region: str
    wrong: tuple[str, ...]
    regions: tuple[RegionNow, ...]
    links: tuple[LinkNow, ...]
    balancer: BalancerNow | None
    links_left_out: int = 0


class RegionPast(msgspec.Struct, frozen=True):
    """A region's last hour. `up`: 1 ready, 0.5 live, 0 down."""

    up: Past
    requests_s: Past
    errors_s: Past
    activations_s: Past
    cold_s: Past
    lag_s: Past


class LinkPast(msgspec.Struct, frozen=True):
    """Of all databases between two regions: the largest lag, and sums."""

    lag_s: Past
    pending: Past
    rate_s: Past


class AdmittedPast(msgspec.Struct, frozen=True):
    """A region at the balancer. `up`: 1 serving, 0.5 ready to, 0 not."""

    requests_s: Past
    up: Past


class Event(msgspec.Struct, frozen=True):
    """Something changed. `region`: which, "" when it is not about one."""

    at: float
    region: str
    text: str
    tone: Tone


class History(msgspec.Struct, frozen=True):
    """The last hour, a value for each step, the last one at `end`. Links are by pair, "london>dallas".
    `events`: the newest last."""

    step_s: float
    end: float
    regions: dict[str, RegionPast]
    links: dict[str, LinkPast]
    balancer: dict[str, AdmittedPast]
    events: tuple[Event, ...]


class DrillAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a drill, as of `couchgrass drill`. `how` "": the usual one; `region` "": the one that
    serves."""

    fault: str = "region"
    how: str = ""
    region: str = ""
    load: float = 200.0
    seconds: float = 20.0


class DrillRun(msgspec.Struct, frozen=True):
    """One drill. `ended` None: it runs. `kept`: whether all promises were; None while that is not known."""

    id: str
    fault: str
    how: str
    region: str
    load: float
    seconds: float
    began: float
    ended: float | None
    kept: bool | None
    broken_promises: tuple[str, ...]


class DrillSeen(DrillRun, frozen=True):
    """The same, with what it said so far, and its reports as `couchgrass drill --json` writes them."""

    log: tuple[str, ...] = ()
    reports: msgspec.Raw = msgspec.Raw(b"[]")


class Drills(msgspec.Struct, frozen=True):
    """All drills that are kept, the newest first. Not `available`: `why` says why none can be started."""

    available: bool
    why: str
    drills: tuple[DrillRun, ...]
