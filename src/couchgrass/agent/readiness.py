"""Whether a region can serve: (state, event, now) to state, and the state to its `Health`.

Pure; `agent/run/checks.py` asks and reports, `agent/run/pulse.py` holds the state.

*Live*: the database and the functions both answer, and both have lately done what they are there for: taken a
write, run an action. That they answer at all is looked at often and has a short bound, so that a process that
was frozen is noticed soon (`silence.py`: own stalls don't count, and on a slow machine the bound is longer);
the work itself may take longer, so that a slow disk takes no region out: a database that answers and whose
writes take seconds is slow, one that says nothing is frozen. A refused connection counts at once, a refusal
of the work when it comes again.

*Ready*: live, and caught up since the database's last start:

              WORKED                 MET
    AWAY ───────────────► BEHIND ───────────────► CAUGHT_UP
      ▲                     │                        │
      └──────── LOST ───────┴──────── LOST ──────────┘

- MET: every link from every peer that can be reached runs, no further behind than `caught_up_s`. One that has
  only just begun has to be at the source's end, or run for that long: the lag of a database's first copying
  counts from the job's start, so it is small at first whatever is missing.
- Apps are there too: a region without any action or any API, in a namespace of the file's apps in which
  another region has some, would answer nothing but 404.
- A peer that does not answer holds nothing back, but not before it had its moment (PEER_S), and not before
  somebody looked at all (LOOK_S).
- Once caught up it stays so: lag under load takes no region out. Only LOST begins anew: nobody listened at
  the database's address, so its process is another one; or it said nothing for AWAY_S, in which the peers
  went on without it. What was looked at before the database was back counts for nothing then.

Each new beginning is another `incarnation`, so that whoever missed the loss still sees it. Times are
monotonic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from couchgrass.agent.seen import Health, Link
from couchgrass.silence import Heard, answered

PEER_S: Final = 3.0
"""How long a peer that does not answer is waited for, from the moment our own database takes a write."""

LOOK_S: Final = 10.0
"""How long the first look at the peers may take; then they count as out of reach."""

AWAY_S: Final = 3.0
"""A database that said nothing for so long missed what its peers did meanwhile."""

REASONS_MAX: Final = 20
REASON_CHARS_MAX: Final = 300
"""A region that begins has as many reasons as links. Health is told four times a second, on one line; who
wants all of them looks at the links."""

RUNNING: Final = "running"


class Check(StrEnum):
    """What is looked at. `*_UP`: does it answer; the others: does it do its work."""

    DATABASE_UP = "database up"
    DATABASE_WRITE = "database write"
    FUNCTIONS_UP = "functions up"
    FUNCTIONS_CANARY = "functions canary"


class Pace(msgspec.Struct, frozen=True):
    """How often the checks of one part are made, how long one may take, and how old the last good one may be;
    that of `up` may be older where answers come slowly, `up_limit_s` at the most. `…_failures_max`: refusals
    in a row that make it fail."""

    up_every_s: float = 0.25
    up_limit_s: float = 3.0
    up_fresh_s: float = 0.65
    up_failures_max: int = 1
    work_every_s: float = 0.25
    work_limit_s: float = 6.0
    work_fresh_s: float = 6.0
    work_failures_max: int = 2


DATABASE: Final = Pace()
FUNCTIONS: Final = Pace(work_every_s=1.0, work_limit_s=4.5, work_fresh_s=10.0)
"""A canary takes 4 s at most; then it says itself that it was not run. One may be: a busy machine starts a
process slowly."""

ELSEWHERE: Final = Pace(
    up_every_s=1.0,
    up_limit_s=10.0,
    up_fresh_s=3.5,
    work_every_s=10.0,
    work_limit_s=10.0,
    work_fresh_s=35.0,
    up_failures_max=2,
)
"""For what is run elsewhere: there may be a network between, and each request may cost money."""


class Phase(StrEnum):
    """How the region stands to its peers."""

    AWAY = "away"
    BEHIND = "behind"
    CAUGHT_UP = "caught up"


class Happening(StrEnum):
    """What moves it."""

    WORKED = "the database took a write"
    MET = "all reachable peers are met"
    LOST = "the database was away"


NEXT: Final[Mapping[tuple[Phase, Happening], Phase]] = {
    (Phase.AWAY, Happening.WORKED): Phase.BEHIND,
    (Phase.AWAY, Happening.LOST): Phase.AWAY,
    (Phase.BEHIND, Happening.WORKED): Phase.BEHIND,
    (Phase.BEHIND, Happening.MET): Phase.CAUGHT_UP,
    (Phase.BEHIND, Happening.LOST): Phase.AWAY,
    (Phase.CAUGHT_UP, Happening.WORKED): Phase.CAUGHT_UP,
    (Phase.CAUGHT_UP, Happening.LOST): Phase.AWAY,
}
"""Whatever is not here can't happen."""


class Answered(msgspec.Struct, frozen=True):
    """A check went well, and took so long."""

    check: Check
    took_s: float = 0.0


class Slow(msgspec.Struct, frozen=True):
    """A check took longer than its limit. It is its silence that counts, not this."""

    check: Check


class Failed(msgspec.Struct, frozen=True):
    """A check was refused. `gone`: nobody listens there."""

    check: Check
    reason: str
    gone: bool = False


class Looked(msgspec.Struct, frozen=True):
    """A look at the links, and at which peers answer, that began at `as_of`. `unplanned`: of these peers it
    is not known yet which links there should be, or what they have of apps. `lacking`: in words, what they
    have of apps and this region has not."""

    as_of: float
    links: tuple[Link, ...] = ()
    reachable: frozenset[str] = frozenset()
    unplanned: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()


class Elapsed(msgspec.Struct, frozen=True):
    """Time went by; the agent comes `late_s` later than it wanted to."""

    late_s: float = 0.0


Event = Answered | Slow | Failed | Looked | Elapsed


class Tried(msgspec.Struct, frozen=True):
    """One check: when it last went well, refusals since then, and what was said."""

    heard: Heard | None = None
    failures: int = 0
    reason: str = ""
    slow: bool = False

    @property
    def good_at(self) -> float | None:
        """When it last went well, own stalls left out."""
        return None if self.heard is None else self.heard.at


class State(msgspec.Struct, frozen=True):
    """All that is known. `lives` counts beginnings; `since`: when each link was first seen running, in one
    go; `looked`: there was a look in this life."""

    region: str
    start: str
    caught_up_s: float
    peers: frozenset[str]
    database: Pace
    functions: Pace
    tried: Mapping[Check, Tried]
    phase: Phase = Phase.AWAY
    lives: int = 1
    began_at: float = 0.0
    looked: bool = False
    links: tuple[Link, ...] = ()
    reachable: frozenset[str] = frozenset()
    unplanned: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()
    since: Mapping[tuple[str, str], float] = {}


def first(
    region: str,
    start: str,
    *,
    caught_up_s: float,
    peers: frozenset[str] = frozenset(),
    database: Pace = DATABASE,
    functions: Pace = FUNCTIONS,
) -> State:
    """Before anything was looked at. `start` is another text at each start of the agent; `peers` are those
    that the region copies from."""
    return State(region, start, caught_up_s, peers, database, functions, {check: Tried() for check in Check})


def step(state: State, event: Event, now: float) -> State:
    """What an event, and the time until it, lead to."""
    match event:
        case Answered(check, took_s):
            state = _answered(state, check, took_s, now)
        case Slow(check):
            state = _with(state, check, msgspec.structs.replace(state.tried[check], slow=True))
        case Failed(check, reason, gone):
            before = state.tried[check]
            failed = Tried(before.heard, before.failures + 1, reason)
            state = _with(state, check, failed)
            if gone and check in _DATABASE:
                state = _moved(state, Happening.LOST, now)
        case Looked():
            state = _looked(state, event, now)
        case Elapsed(late_s):
            state = _elapsed(state, late_s, now)
    if state.phase is Phase.BEHIND and not behind(state, now):
        state = _moved(state, Happening.MET, now)
    return state


def health(state: State, now: float) -> Health:
    """How the region is."""
    wrong = [*faults(state, _DATABASE, now), *faults(state, _FUNCTIONS, now)]
    database = not any(check in _DATABASE for check, _ in wrong)
    functions = not any(check in _FUNCTIONS for check, _ in wrong)
    caught_up = state.phase is Phase.CAUGHT_UP
    reasons = [reason for _, reason in wrong]
    if not caught_up and database:
        reasons += behind(state, now)
    live = database and functions
    return Health(
        region=state.region,
        live=live,
        ready=live and caught_up,
        incarnation=f"{state.start}.{state.lives}",
        database=database,
        functions=functions,
        caught_up=caught_up,
        lag_s=_lag_s(state),
        reasons=_few(reasons),
    )


def _few(reasons: Sequence[str]) -> tuple[str, ...]:
    told = [one[:REASON_CHARS_MAX] for one in reasons[:REASONS_MAX]]
    more = len(reasons) - len(told)
    return (*told, f"and {more} more") if more else tuple(told)


def faults(state: State, checks: tuple[Check, Check], now: float) -> list[tuple[Check, str]]:
    """What is wrong with a part, by the check that shows it: at most one fault."""
    up, work = checks
    pace = _pace(state, up)
    name = up.value.partition(" ")[0]
    for check in checks:
        tried = state.tried[check]
        if tried.failures >= (pace.up_failures_max if check is up else pace.work_failures_max):
            return [(check, f"{name}: {tried.reason}")]
    worked_at = state.tried[work].good_at
    if worked_at is None:
        slow = state.tried[work].slow or state.tried[up].slow
        return [(work, f"{name}: no answer yet" if slow else f"{name}: not looked at yet")]
    heard = state.tried[up].heard or Heard(worked_at)
    heard_at = max(worked_at, heard.at)
    if now - heard_at > heard.limit_s(pace.up_fresh_s, pace.up_limit_s):
        return [(up, f"{name}: no answer for {now - heard_at:.1f} s")]
    if now - worked_at > pace.work_fresh_s:
        what = "no write taken" if work is Check.DATABASE_WRITE else "no action run"
        return [(work, f"{name}: {what} for {now - worked_at:.1f} s")]
    return []


def behind(state: State, now: float) -> list[str]:
    """Why the region does not count as caught up; nothing when it does."""
    if state.phase is Phase.AWAY:
        return ["the database has not taken a write since its start"]
    if state.phase is Phase.CAUGHT_UP or not state.peers:
        return []
    waited_s = now - state.began_at
    if not state.looked:
        return [] if waited_s >= LOOK_S else ["the other regions are not looked at yet"]
    absent = sorted(state.peers - state.reachable) if waited_s < PEER_S else []
    reasons = [f"{peer} does not answer yet" for peer in absent]
    reasons += [f"the databases of {peer} are not looked at yet" for peer in sorted(state.unplanned)]
    reasons += [_unmet(state, link, now) for link in state.links if link.source in state.reachable]
    reasons += state.lacking
    return [reason for reason in reasons if reason]


_DATABASE: Final = (Check.DATABASE_UP, Check.DATABASE_WRITE)
_FUNCTIONS: Final = (Check.FUNCTIONS_UP, Check.FUNCTIONS_CANARY)


def _pace(state: State, check: Check) -> Pace:
    return state.database if check in _DATABASE else state.functions


def _with(state: State, check: Check, tried: Tried) -> State:
    return msgspec.structs.replace(state, tried={**state.tried, check: tried})


def _heard_at(state: State) -> float | None:
    """When the database last said anything."""
    times = [at for check in _DATABASE if (at := state.tried[check].good_at) is not None]
    return max(times, default=None)


def _answered(state: State, check: Check, took_s: float, now: float) -> State:
    if check in _DATABASE:
        heard_at = _heard_at(state)
        if heard_at is not None and now - heard_at > max(AWAY_S, state.database.up_fresh_s):
            state = _moved(state, Happening.LOST, now)
    state = _with(state, check, Tried(answered(state.tried[check].heard, now, took_s)))
    if check is Check.DATABASE_WRITE:
        state = _moved(state, Happening.WORKED, now)
    return state


def _moved(state: State, happening: Happening, now: float) -> State:
    """The table, and what comes with a new beginning or the end of an absence."""
    phase = NEXT[state.phase, happening]
    if phase is state.phase:
        return state
    if phase is Phase.AWAY:
        # What was known of the links is from before: it may not be taken for news.
        return msgspec.structs.replace(
            state,
            phase=phase,
            lives=state.lives + 1,
            looked=False,
            links=(),
            reachable=frozenset(),
            lacking=(),
            since={},
        )
    if phase is Phase.BEHIND:
        return msgspec.structs.replace(state, phase=phase, began_at=now)
    return msgspec.structs.replace(state, phase=phase)


def _looked(state: State, look: Looked, now: float) -> State:
    if state.phase is Phase.AWAY or look.as_of < state.began_at:
        return state
    running = [_key(link) for link in look.links if link.state == RUNNING]
    return msgspec.structs.replace(
        state,
        looked=True,
        links=look.links,
        reachable=look.reachable & state.peers,
        unplanned=look.unplanned & look.reachable & state.peers,
        lacking=look.lacking,
        since={key: state.since.get(key, now) for key in running},
    )


def _elapsed(state: State, late_s: float, now: float) -> State:
    if late_s > AWAY_S:
        # The whole region stood still, and its peers did not.
        state = _moved(state, Happening.LOST, now)
    tried = {
        check: one
        if one.heard is None
        else msgspec.structs.replace(one, heard=one.heard.stalled(late_s, now))
        for check, one in state.tried.items()
    }
    return msgspec.structs.replace(state, tried=tried)


def _key(link: Link) -> tuple[str, str]:
    return link.database, link.source


def _unmet(state: State, link: Link, now: float) -> str:
    """What a link still lacks, "" when it is where it has to be."""
    name = f"{link.database} from {link.source}"
    if link.state != RUNNING:
        return f"{name}: {link.state}" + (f": {link.error}" if link.error else "")
    if link.lag_s is None:
        return f"{name}: has only just begun"
    if link.lag_s > state.caught_up_s:
        return f"{name}: {link.lag_s:.1f} s behind"
    if link.pending != 0 and now - state.since.get(_key(link), now) < state.caught_up_s:
        return f"{name}: {'some' if link.pending is None else link.pending} changes to copy"
    return ""


def _lag_s(state: State) -> float | None:
    """The largest known lag of the links from peers that answer; 0 when there is nothing to copy."""
    links = [link for link in state.links if link.source in state.reachable]
    if not links and state.reachable == state.peers and not state.unplanned:
        return 0.0
    return max((link.lag_s for link in links if link.lag_s is not None), default=None)
