"""Which regions may get requests: (state, event, now) to (state, verdicts).

Pure; `balancer/envoy/controller.py` asks the regions and carries the verdicts to Envoy. Times are monotonic.

    starting ──ready──► in ◄──ready, for a while without a gap── out
        │               │                                         ▲
        └──lost──► out  └────────────────lost─────────────────────┘

Losing liveness takes a region out, and only readiness brings it back: a region that was away must first have
caught up. So does a region that was started again in between, which its new `incarnation` shows. A region
that falls again and again has to be ready for longer each time. Meanwhile it is in reserve, behind all
others.

*Lost* is a region that says that it is not live, or whose connection is refused: at once. Silence is weaker
evidence, for an overloaded machine is silent too. It counts when it lasts longer than `silence.py` allows,
**and** another region was heard well into it: when all are silent at once it is the balancer that hears
nothing, and all stay as they are. Silence of HOPELESS_S counts in any case.

When no region is in, the live one whose data is the least stale serves as the last resort, until one is
ready; it stays the same one as long as it lives. When none is known to live it is the one that was heard
last before it fell silent: it may be slow only. A drained region gets nothing new, not even as the last
resort: who drained it had a reason, and `undrain` is one command.

Requests under way in a region that is out are ended only when nothing will come of them: it has been silent
for twice as long as it takes to be lost, or it was dead or not live for GRACE_S. A region that lives ends
what it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from couchgrass.silence import Heard, answered

SILENCE_S: Final = 0.75
"""For so long a region may say nothing, where answers come quickly."""

SILENCE_S_MAX: Final = 5.0
"""The same where they come slowly; also how long a single probe is waited for."""

WITNESS_SHARE: Final = 0.5
"""Another region bears witness of a silence if it was heard when so much of the limit had passed."""

HOPELESS_S: Final = 10.0
"""Who is silent for so long is lost also when nobody was heard, and of no use as the last resort."""

SEVER_TIMES: Final = 2.0
"""Requests under way in a silent region are ended after so many times the limit."""

GRACE_S: Final = 2.0
"""A region that is dead, or says that it is not live, may still end what is under way there, for so long."""

STEADY_S: Final = 1.5
STEADY_TIMES_MAX: Final = 8
"""How long a region has to be ready to come back after its first fall; and at most how many times as long,
after many."""

FORGOTTEN_S: Final = 60.0
"""In for so long, a region's falls are forgotten."""

NEVER_ASKED: Final = "not asked yet"
SILENT: Final = "its gateway does not answer in time"


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
"""From OUT the step is taken only when it was ready for long enough."""


class Answer(msgspec.Struct, frozen=True):
    """A region's answer to a probe. `incarnation` is "" for a gateway that has none."""

    live: bool
    ready: bool
    incarnation: str = ""
    lag_s: float | None = None
    reason: str = ""


class Silence(msgspec.Struct, frozen=True):
    """No answer, and it may be anybody's fault. What counts is the time that passes."""


class Absence(msgspec.Struct, frozen=True):
    """Certainly nobody there: the connection was refused, or what came is no answer of a gateway."""

    reason: str


Result = Answer | Silence | Absence


class Probed(msgspec.Struct, frozen=True):
    """A region was asked; the answer took `took_s`."""

    region: str
    result: Result
    took_s: float = 0.0


class Elapsed(msgspec.Struct, frozen=True):
    """Time went by; the balancer comes `late_s` later than it wanted to."""

    late_s: float = 0.0


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


Event = Probed | Elapsed | Drained | Counted | Named


class Regional(msgspec.Struct, frozen=True):
    """One region. `since` is when its stage began, `ready_since` since when all answers say that it is ready,
    without a gap. `answer` is the last one while it is not lost. `is_mute`: it is lost by silence alone."""

    stage: Stage = Stage.STARTING
    since: float = 0.0
    incarnation: str = ""
    answer: Answer | None = None
    reason: str = NEVER_ASKED
    asked: bool = False
    heard: Heard | None = None
    is_mute: bool = False
    ready_since: float | None = None
    falls: int = 0
    drained: bool = False
    is_empty: bool = False
    requests: int = 0

    @property
    def live(self) -> bool:
        """Its last answer said so, and it is not lost."""
        return self.answer is not None and self.answer.live


class State(msgspec.Struct, frozen=True):
    """All regions, in the topology's order. `resort` is the one that serves because none is in. `silence_s`
    and `steady_s` follow from how often regions are asked."""

    regions: dict[str, Regional] = {}
    drained: frozenset[str] = frozenset()
    resort: str = ""
    silence_s: float = SILENCE_S
    steady_s: float = STEADY_S


class Mode(StrEnum):
    """What Envoy is told of a region. RESERVE: ready, but not for long enough to be in; it gets what no other
    region takes, also within a request that another one has just failed."""

    OPEN = "open"
    RESERVE = "reserve"
    DRAINING = "draining"
    CLOSED = "closed"


class Verdict(msgspec.Struct, frozen=True):
    """About one region. `is_hopeless`, when CLOSED: nothing will come of requests under way there.
    `is_empty`, when DRAINING: no request is under way there."""

    region: str
    mode: Mode
    stage: Stage
    reason: str
    since: float
    live: bool = False
    ready: bool = False
    lag_s: float | None = None
    is_hopeless: bool = False
    is_empty: bool = False
    requests: int = 0


def step(state: State, event: Event, now: float) -> tuple[State, tuple[Verdict, ...]]:
    """What an event leads to."""
    match event:
        case Probed(name, result, took_s):
            if name in state.regions:
                one = _probed(state.regions[name], result, took_s, now, state.steady_s)
                state = _with(state, name, one)
        case Elapsed(late_s):
            state = _elapsed(state, late_s, now)
        case Drained(regions):
            state = _drained(state, regions, now)
        case Counted(loads):
            state = _counted(state, loads)
        case Named(regions):
            state = _named(state, regions, now)
    state = msgspec.structs.replace(state, resort=_resort(state, now))
    return state, tuple(_verdict(state, name, one, now) for name, one in state.regions.items())


def steady_needed_s(falls: int, steady_s: float = STEADY_S) -> float:
    """How long a region has to be ready to come back after so many falls. One that was never in has none."""
    return float(steady_s * min(STEADY_TIMES_MAX, 2 ** min(falls - 1, 10))) if falls else 0.0


# --- events ----------------------------------------------------------------------------------------------


def _probed(one: Regional, result: Result, took_s: float, now: float, steady_s: float) -> Regional:
    finding = _finding(one, result)
    changes: dict[str, object] = {"asked": True}
    match result:
        case Answer(incarnation=incarnation):
            reborn = _is_reborn(one, result)
            is_ready = result.live and result.ready
            goes_on = is_ready and one.ready_since is not None and not reborn
            changes |= {
                "answer": result,
                "incarnation": incarnation or one.incarnation,
                "reason": result.reason or ("it was started again" if reborn else ""),
                "heard": answered(one.heard, now, took_s),
                "is_mute": False,
                "ready_since": one.ready_since if goes_on else now if is_ready else None,
            }
        case Absence(reason):
            changes |= {"answer": None, "reason": reason, "is_mute": False, "ready_since": None}
    return _staged(msgspec.structs.replace(one, **changes), finding, now, steady_s)


def _finding(one: Regional, result: Result) -> Finding:
    match result:
        case Answer(live=False) | Absence():
            return Finding.LOST
        case Silence():
            return Finding.UNSURE
        case Answer(ready=ready):
            if one.stage is Stage.IN and _is_reborn(one, result):
                return Finding.LOST
            return Finding.READY if ready else Finding.LIVE


def _elapsed(state: State, late_s: float, now: float) -> State:
    heard = {
        name: msgspec.structs.replace(one, heard=one.heard.stalled(late_s, now))
        for name, one in state.regions.items()
        if one.heard is not None
    }
    state = msgspec.structs.replace(state, regions={**state.regions, **heard})
    regions = {
        name: _silent(one, state, now) if _is_silent(one, state, now) else one
        for name, one in state.regions.items()
    }
    return msgspec.structs.replace(state, regions=regions)


def _silent(one: Regional, state: State, now: float) -> Regional:
    """A region that says nothing for too long: lost, if that is its own silence."""
    one = msgspec.structs.replace(one, ready_since=None)
    assert one.heard is not None
    is_lost = _has_witness(one, state) or one.heard.silent_s(now) > HOPELESS_S
    if not is_lost or one.answer is None:
        return one
    mute = msgspec.structs.replace(one, answer=None, reason=SILENT, is_mute=one.answer.live)
    return _staged(mute, Finding.LOST, now, state.steady_s)


def _is_silent(one: Regional, state: State, now: float) -> bool:
    return one.heard is not None and one.heard.silent_s(now) > _limit_s(one, state)


def _limit_s(one: Regional, state: State) -> float:
    return state.silence_s if one.heard is None else one.heard.limit_s(state.silence_s, SILENCE_S_MAX)


def _has_witness(one: Regional, state: State) -> bool:
    """Another region was heard while this one was not."""
    heard = one.heard
    assert heard is not None
    from_s = heard.at + _limit_s(one, state) * WITNESS_SHARE
    return any(other.heard is not None and other.heard.at >= from_s for other in state.regions.values())


def _is_reborn(one: Regional, answer: Answer) -> bool:
    return bool(one.incarnation) and answer.incarnation not in ("", one.incarnation)


def _staged(one: Regional, finding: Finding, now: float, steady_s: float) -> Regional:
    stage = NEXT[one.stage, finding]
    if one.stage is Stage.OUT and not _is_steady(one, now, steady_s):
        stage = Stage.OUT
    falls = one.falls
    if one.stage is Stage.IN and now - one.since >= FORGOTTEN_S:
        falls = 0
    if stage is one.stage:
        return msgspec.structs.replace(one, falls=falls)
    return msgspec.structs.replace(one, stage=stage, since=now, falls=falls + (one.stage is Stage.IN))


def _is_steady(one: Regional, now: float, steady_s: float) -> bool:
    return one.ready_since is not None and now - one.ready_since >= steady_needed_s(one.falls, steady_s)


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


def _resort(state: State, now: float) -> str:
    """The region that serves because none is in; "" when that is not needed or there is none."""
    usable = {name: one for name, one in state.regions.items() if not one.drained}
    if any(one.stage is Stage.IN for one in usable.values()):
        return ""
    if not state.resort and not all(one.asked for one in usable.values()):
        return ""
    live = {name: one for name, one in usable.items() if one.live}
    if live:
        return state.resort if state.resort in live else min(live, key=lambda name: _staleness(live[name]))
    mute = {
        name: one.heard.at
        for name, one in usable.items()
        if one.is_mute and one.heard is not None and one.heard.silent_s(now) <= HOPELESS_S
    }
    return state.resort if state.resort in mute else max(mute, key=lambda name: mute[name], default="")


def _staleness(one: Regional) -> float:
    lag_s = one.answer.lag_s if one.answer is not None else None
    return float("inf") if lag_s is None else lag_s


def _verdict(state: State, name: str, one: Regional, now: float) -> Verdict:
    answer = one.answer
    if one.drained:
        mode = Mode.DRAINING
    elif one.stage is Stage.IN or name == state.resort:
        mode = Mode.OPEN
    elif one.stage is Stage.OUT and answer is not None and answer.live and answer.ready:
        mode = Mode.RESERVE
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
        is_hopeless=mode is Mode.CLOSED and _is_hopeless(one, state, now),
        is_empty=one.is_empty,
        requests=one.requests,
    )


def _is_hopeless(one: Regional, state: State, now: float) -> bool:
    if one.answer is None and one.is_mute and one.heard is not None:
        return one.heard.silent_s(now) > _limit_s(one, state) * SEVER_TIMES
    return not one.live and one.stage is Stage.OUT and now - one.since >= GRACE_S


def _reason(state: State, name: str, one: Regional) -> str:
    if one.drained:
        return "drained by hand"
    if name == state.resort:
        why = "this one lives" if one.live else "this one was heard last"
        return f"no region is ready; {why} ({one.reason})" if one.reason else "no region is ready"
    if one.stage is Stage.OUT and one.live:
        return one.reason or "it has to be ready for a moment longer"
    return one.reason
