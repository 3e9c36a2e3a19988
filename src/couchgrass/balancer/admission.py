"""Which regions may get requests: (state, event, now) to (state, verdicts).

Pure; `balancer/envoy/controller.py` asks the regions and carries the verdicts to Envoy.

    starting ──ready──► in ◄──ready, several times in a row── out
        │               │                                     ▲
        └──lost──► out  └──────────────lost───────────────────┘

Losing liveness takes a region out, and only readiness brings it back: a region that was away must first have
caught up. So does a region that was started again in between, which its new `incarnation` shows. A region
that falls again and again has to be ready for longer each time. When no region is in, the live one whose
data is the least stale serves as the last resort, until one is ready; it stays the same one as long as it
lives. A drained region gets nothing new, not even as the last resort: who drained it had a reason, and
`undrain` is one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

SILENCES_MAX: Final = 2
"""Probes in a row without an answer in time until a region is lost. One may be a hiccup of either side."""

READY_FIRST: Final = 2
READY_MOST: Final = 16
"""Ready answers in a row that bring a region back after its first fall, and at most after many."""

STEADY_S: Final = 60.0
"""In for so long, a region's falls are forgotten."""

NEVER_ASKED: Final = "not asked yet"


class Stage(StrEnum):
    """What the probes of a region have led to."""

    STARTING = "starting"
    IN = "in"
    OUT = "out"


class Finding(StrEnum):
    """What one probe says, with those before it."""

    READY = "ready"
    LIVE = "live"
    LOST = "lost"
    UNSURE = "unsure"


NEXT: Final[dict[tuple[Stage, Finding], Stage]] = {
    (Stage.STARTING, Finding.READY): Stage.IN,
    (Stage.STARTING, Finding.LIVE): Stage.STARTING,
    (Stage.STARTING, Finding.LOST): Stage.OUT,
    (Stage.STARTING, Finding.UNSURE): Stage.STARTING,
    (Stage.IN, Finding.READY): Stage.IN,
    (Stage.IN, Finding.LIVE): Stage.IN,
    (Stage.IN, Finding.LOST): Stage.OUT,
    (Stage.IN, Finding.UNSURE): Stage.IN,
    (Stage.OUT, Finding.READY): Stage.IN,
    (Stage.OUT, Finding.LIVE): Stage.OUT,
    (Stage.OUT, Finding.LOST): Stage.OUT,
    (Stage.OUT, Finding.UNSURE): Stage.OUT,
}
"""From OUT the step is taken only when enough ready answers came in a row."""


class Answer(msgspec.Struct, frozen=True):
    """A region's answer to a probe. `incarnation` is "" for a gateway that has none."""

    live: bool
    ready: bool
    incarnation: str = ""
    lag_s: float | None = None
    reason: str = ""


class Silence(msgspec.Struct, frozen=True):
    """No answer in time."""

    reason: str


class Absence(msgspec.Struct, frozen=True):
    """Nobody there: the connection was refused, or what came is no answer."""

    reason: str


Result = Answer | Silence | Absence


class Probed(msgspec.Struct, frozen=True):
    """A region was asked."""

    region: str
    result: Result


class Drained(msgspec.Struct, frozen=True):
    """These regions are to get nothing new."""

    regions: frozenset[str]


class Load(msgspec.Struct, frozen=True):
    """Envoy's view of a region: requests under way, and whether it gives it new ones."""

    requests: int
    is_open: bool


class Counted(msgspec.Struct, frozen=True):
    """Envoy was asked."""

    loads: Mapping[str, Load]


class Named(msgspec.Struct, frozen=True):
    """The topology has these regions."""

    regions: tuple[str, ...]


Event = Probed | Drained | Counted | Named


class Regional(msgspec.Struct, frozen=True):
    """One region. `since` is when its stage began. `answer` is the last one while it is not lost."""

    stage: Stage = Stage.STARTING
    since: float = 0.0
    incarnation: str = ""
    answer: Answer | None = None
    reason: str = NEVER_ASKED
    asked: bool = False
    silences: int = 0
    ready_row: int = 0
    falls: int = 0
    drained: bool = False
    is_empty: bool = False
    requests: int = 0

    @property
    def live(self) -> bool:
        """Its last answer said so, and it is not lost."""
        return self.answer is not None and self.answer.live


class State(msgspec.Struct, frozen=True):
    """All regions, in the topology's order. `resort` is the one that serves because none is in."""

    regions: dict[str, Regional] = {}
    drained: frozenset[str] = frozenset()
    resort: str = ""


class Mode(StrEnum):
    """What Envoy is told of a region."""

    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class Verdict(msgspec.Struct, frozen=True):
    """About one region. `is_silent`: it did not answer, so what it is doing now will not come to an end.
    `is_empty`, when DRAINING: no request is under way there."""

    region: str
    mode: Mode
    stage: Stage
    reason: str
    since: float
    live: bool = False
    ready: bool = False
    lag_s: float | None = None
    is_silent: bool = False
    is_empty: bool = False
    requests: int = 0


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Verdict, ...]]:
    """What an event leads to; `now` is in seconds of any clock."""
    match event:
        case Probed(name, result):
            if name in state.regions:
                state = _with(state, name, _probed(state.regions[name], result, now))
        case Drained(regions):
            state = _drained(state, regions, now)
        case Counted(loads):
            state = _counted(state, loads)
        case Named(regions):
            state = _named(state, regions, now)
    state = msgspec.structs.replace(state, resort=_resort(state))
    return state, verdicts(state)


def verdicts(state: State) -> tuple[Verdict, ...]:
    """What holds now, in the topology's order."""
    return tuple(_verdict(state, name, one) for name, one in state.regions.items())


def ready_needed(falls: int) -> int:
    """Ready answers in a row that bring a region back after so many falls."""
    return int(min(READY_MOST, READY_FIRST * 2 ** min(max(falls - 1, 0), 10)))


# --- events ----------------------------------------------------------------------------------------------


def _probed(one: Regional, result: Result, now: float) -> Regional:
    finding = _finding(one, result)
    changes: dict[str, object] = {"asked": True}
    match result:
        case Answer(incarnation=incarnation):
            reborn = _is_reborn(one, result)
            changes |= {
                "answer": result,
                "incarnation": incarnation or one.incarnation,
                "reason": result.reason or ("it was started again" if reborn else ""),
                "silences": 0,
                "ready_row": (0 if reborn else one.ready_row) + 1 if result.live and result.ready else 0,
            }
        case Silence(reason) | Absence(reason):
            silences = one.silences + 1 if isinstance(result, Silence) else 0
            changes |= {"silences": silences, "ready_row": 0}
            if finding is Finding.LOST:
                changes |= {"answer": None, "reason": reason}
    return _staged(msgspec.structs.replace(one, **changes), finding, now)


def _finding(one: Regional, result: Result) -> Finding:
    match result:
        case Answer(live=False) | Absence():
            return Finding.LOST
        case Silence():
            return Finding.LOST if one.silences + 1 >= SILENCES_MAX else Finding.UNSURE
        case Answer(ready=ready):
            if one.stage is Stage.IN and _is_reborn(one, result):
                return Finding.LOST
            return Finding.READY if ready else Finding.LIVE


def _is_reborn(one: Regional, answer: Answer) -> bool:
    return bool(one.incarnation) and answer.incarnation not in ("", one.incarnation)


def _staged(one: Regional, finding: Finding, now: float) -> Regional:
    stage = NEXT[one.stage, finding]
    if one.stage is Stage.OUT and one.ready_row < ready_needed(one.falls):
        stage = Stage.OUT
    falls = one.falls
    if one.stage is Stage.IN and now - one.since >= STEADY_S:
        falls = 0
    if stage is one.stage:
        return msgspec.structs.replace(one, falls=falls)
    return msgspec.structs.replace(one, stage=stage, since=now, falls=falls + (stage is Stage.OUT))


def _drained(state: State, drained: frozenset[str], now: float) -> State:
    regions = {
        name: one
        if one.drained is (name in drained)
        else msgspec.structs.replace(one, drained=name in drained, is_empty=False, since=now)
        for name, one in state.regions.items()
    }
    return msgspec.structs.replace(state, regions=regions, drained=drained)


def _counted(state: State, loads: Mapping[str, Load]) -> State:
    regions = {}
    for name, one in state.regions.items():
        load = loads.get(name)
        regions[name] = msgspec.structs.replace(
            one,
            requests=0 if load is None else load.requests,
            # Once empty it stays so: Envoy gives it nothing new.
            is_empty=one.drained
            and (one.is_empty or load is None or (not load.is_open and load.requests == 0)),
        )
    return msgspec.structs.replace(state, regions=regions)


def _named(state: State, names: Iterable[str], now: float) -> State:
    known = state.regions
    regions = {
        name: known[name] if name in known else Regional(since=now, drained=name in state.drained)
        for name in names
    }
    return msgspec.structs.replace(state, regions=regions)


def _with(state: State, name: str, one: Regional) -> State:
    return msgspec.structs.replace(state, regions={**state.regions, name: one})


# --- what holds ------------------------------------------------------------------------------------------


def _resort(state: State) -> str:
    """The region that serves because none is in; "" when that is not needed or there is none."""
    usable = {name: one for name, one in state.regions.items() if not one.drained}
    if any(one.stage is Stage.IN for one in usable.values()):
        return ""
    if not state.resort and not all(one.asked for one in usable.values()):
        return ""
    live = {name: one for name, one in usable.items() if one.live}
    if state.resort in live:
        return state.resort
    return min(live, key=lambda name: _staleness(live[name]), default="")


def _staleness(one: Regional) -> float:
    lag_s = one.answer.lag_s if one.answer is not None else None
    return float("inf") if lag_s is None else lag_s


def _verdict(state: State, name: str, one: Regional) -> Verdict:
    answer = one.answer
    if one.drained:
        mode = Mode.DRAINING
    elif one.stage is Stage.IN or name == state.resort:
        mode = Mode.OPEN
    else:
        mode = Mode.CLOSED
    return Verdict(
        region=name,
        mode=mode,
        stage=one.stage,
        reason=_reason(state, name, one),
        since=one.since,
        live=one.live,
        ready=answer is not None and answer.ready,
        lag_s=None if answer is None else answer.lag_s,
        is_silent=one.silences >= SILENCES_MAX,
        is_empty=one.is_empty,
        requests=one.requests,
    )


def _reason(state: State, name: str, one: Regional) -> str:
    if one.drained:
        return "drained by hand"
    if name == state.resort:
        return f"no region is ready; this one lives ({one.reason})" if one.reason else "no region is ready"
    if one.stage is Stage.OUT and one.live:
        return one.reason or "it has to be ready for a moment longer"
    return one.reason
