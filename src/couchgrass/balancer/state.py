"""What a balancer says of itself: DATA/balancer.json, and the same at /_couchgrass/balancer.

Pure. `couchgrass drain`, `couchgrass status` and others read it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from couchgrass.balancer.admission import Mode, Stage, Verdict
from couchgrass.balancer.order import Order, standing_by

LOCK: Final = "balancer.lock"
ACCESS_LOG: Final = "access.log"
STATE_PATH: Final = "/_couchgrass/balancer"


class Doing(StrEnum):
    """What a region is to the balancer."""

    SERVING = "serving"
    STANDBY = "standby"
    OUT = "out"
    DRAINING = "draining"
    DRAINED = "drained"
    STARTING = "starting"


class RegionSeen(msgspec.Struct, frozen=True):
    """One region. `since`: seconds since the epoch. `requests`: under way there now, of this balancer."""

    state: Doing
    reason: str
    since: float
    live: bool
    ready: bool
    lag_s: float | None
    requests: int


class BalancerState(msgspec.Struct, frozen=True):
    """A balancer that runs. `envoy`: "running", or what is the matter with it. `policy` as in the file."""

    pid: int
    url: str
    metrics_url: str
    started: float
    policy: str
    envoy: str
    envoy_restarts: int
    regions: dict[str, RegionSeen]


class DrainedFile(msgspec.Struct, frozen=True):
    """DATA/drained.json: which regions were drained by hand."""

    regions: tuple[str, ...] = ()


def seen_of(verdicts: Iterable[Verdict], order: Order, epoch: float = 0.0) -> dict[str, RegionSeen]:
    """The regions, as people see them. `epoch`: when the verdicts' clock was 0."""
    verdicts = tuple(verdicts)
    waiting = standing_by(order, (one.region for one in verdicts if one.mode is Mode.OPEN))
    return {
        one.region: RegionSeen(
            state=_doing(one, one.region in waiting),
            reason=one.reason,
            since=round(epoch + one.since, 3),
            live=one.live,
            ready=one.ready,
            lag_s=one.lag_s,
            requests=one.requests,
        )
        for one in verdicts
    }


def _doing(one: Verdict, is_waiting: bool) -> Doing:
    match one.mode:
        case Mode.DRAINING:
            return Doing.DRAINED if one.is_empty else Doing.DRAINING
        case Mode.OPEN:
            return Doing.STANDBY if is_waiting else Doing.SERVING
        case Mode.RESERVE:
            return Doing.OUT
        case Mode.CLOSED:
            return Doing.STARTING if one.stage is Stage.STARTING else Doing.OUT
