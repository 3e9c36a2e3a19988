"""When processes are started, started again, and ended: (state, event, now) to (state, commands).

Pure; `region/run/supervisor.py` carries out the commands and reports what happens. The processes are those of
a region, or regions themselves: `Rules` say how they hang together.

    waiting ──► starting ──► ready          all start at once; who needs another one waits for it itself
                 ▲   │         │
                 │   ▼         ▼            whatever ends is started again, each time a little later;
                resting ◄── (it ended)      READY_MAX_S without a word and it is killed first
    told to stop: the last one first, ready ──► stopping ──► killed (after STOP_S) ──► stopped

A process that ends by itself with an error in its very first start will not do better the next time: a port
is taken, a folder is another's. Then all stop and it is said. Once it was ready, it is never given up.
One that is held (`held`, its name) is not started; when that ends it is, at once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

FIRST_S: Final = 0.1
REST_MAX_S: Final = 10.0
HEALTHY_S: Final = 60.0
"""Ready for so long, a process is well again and its next fall is the first."""

HELD_LOOK_S: Final = 0.1
"""How often it is to be looked whether one is still held."""

READY_MAX_S: Final = 120.0
"""How long a start may take; a large database looks through its files."""

STOP_S: Final = 12.0
"""How long a process may take to stop; they promise to take about half of it."""

HURRIED_S: Final = 3.0
"""The same when they are told a second time."""

_DOUBLINGS_MAX: Final = 16


class Phase(StrEnum):
    """What a process is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTING = "resting"
    STOPPING = "stopping"
    KILLED = "killed"
    STOPPED = "stopped"


class Process(msgspec.Struct, frozen=True):
    """One process. `since`: monotonic seconds at which its phase began. `failures`: falls in a row."""

    phase: Phase
    since: float
    restarts: int = 0
    failures: int = 0
    was_ready: bool = False
    url: str = ""


class Rules(msgspec.Struct, frozen=True):
    """How processes hang together. `whole` is what people are told that they are. `groups`: the ones that
    stop together, the last group first; empty: each alone."""

    whole: str = "the region"
    groups: tuple[tuple[str, ...], ...] = ()
    ready_max_s: float = READY_MAX_S
    stop_s: float = STOP_S
    hurried_s: float = HURRIED_S


ALONE: Final = Rules()
"""Each stops before the one that stands before it."""


class State(msgspec.Struct, frozen=True):
    """The processes; they stop in the other order."""

    processes: dict[str, Process]
    rules: Rules = ALONE
    stopping: bool = False
    hurried: bool = False
    failed: bool = False


class Began(msgspec.Struct, frozen=True):
    """They are to run."""


class Ready(msgspec.Struct, frozen=True):
    """A process serves at `url`."""

    name: str
    url: str


class Ended(msgspec.Struct, frozen=True):
    """A process ended; `status` is negative for a signal."""

    name: str
    status: int


class Elapsed(msgspec.Struct, frozen=True):
    """Time went by."""


class Told(msgspec.Struct, frozen=True):
    """They are told to stop, for the first or another time."""


Event = Began | Ready | Ended | Elapsed | Told


class Start(msgspec.Struct, frozen=True):
    """Start it."""

    name: str


class Terminate(msgspec.Struct, frozen=True):
    """Ask it to end; asked twice, it hurries."""

    name: str


class Kill(msgspec.Struct, frozen=True):
    """End it."""

    name: str


class Say(msgspec.Struct, frozen=True):
    """Tell people."""

    text: str


class Exit(msgspec.Struct, frozen=True):
    """All is over."""

    status: int


Command = Start | Terminate | Kill | Say | Exit


def first(names: tuple[str, ...], now: float, rules: Rules = ALONE) -> State:
    """The state before anything runs."""
    return State({name: Process(Phase.WAITING, now) for name in names}, rules)


def rest_s(failures: int) -> float:
    """How long a process rests after so many falls in a row."""
    return min(REST_MAX_S, FIRST_S * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS_MAX))


def step(
    state: State, event: Event, now: float, held: frozenset[str] = frozenset()
) -> tuple[State, list[Command]]:
    """What an event, and the time until it, lead to."""
    commands: list[Command] = []
    match event:
        case Ready(name, url):
            state = _became_ready(state, name, url, now, commands)
        case Ended(name, status):
            state = _ended(state, name, status, now, commands)
        case Told():
            state = _told(state, now, commands)
        case Began() | Elapsed():
            pass
    if state.stopping:
        return _stop_on(state, now, commands), commands
    return _run_on(state, now, held, commands), commands


def next_at(state: State, now: float = 0.0, held: frozenset[str] = frozenset()) -> float | None:
    """When `Elapsed` is due, unless something else happens before; None: never."""
    times = []
    for name, process in state.processes.items():
        at = _due_at(state, process)
        if name in held and process.phase in (Phase.WAITING, Phase.RESTING):
            at = now + HELD_LOOK_S
        if at is not None:
            times.append(at)
    return min(times, default=None)


def _due_at(state: State, process: Process) -> float | None:
    match process.phase:
        case Phase.STARTING:
            return process.since + state.rules.ready_max_s
        case Phase.RESTING:
            return process.since + rest_s(process.failures)
        case Phase.READY if process.failures:
            return process.since + HEALTHY_S
        case Phase.STOPPING:
            return process.since + (state.rules.hurried_s if state.hurried else state.rules.stop_s)
        case _:
            return None


def _with(state: State, name: str, process: Process) -> State:
    return msgspec.structs.replace(state, processes={**state.processes, name: process})


def _moved(process: Process, phase: Phase, now: float) -> Process:
    return msgspec.structs.replace(process, phase=phase, since=now)


def _became_ready(state: State, name: str, url: str, now: float, commands: list[Command]) -> State:
    process = state.processes[name]
    if process.phase is not Phase.STARTING:
        return state
    commands.append(Say(f"{name} is ready at {url}"))
    ready = msgspec.structs.replace(process, phase=Phase.READY, since=now, was_ready=True, url=url)
    return _with(state, name, ready)


def _ended(state: State, name: str, status: int, now: float, commands: list[Command]) -> State:
    process = state.processes[name]
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    if state.stopping:
        if process.phase is Phase.KILLED:
            commands.append(Say(f"{name} did not stop in time and was killed"))
        return _with(state, name, _moved(process, Phase.STOPPED, now))
    if process.phase is Phase.STARTING and not process.was_ready and not process.restarts and status > 0:
        commands.append(Say(f"{name} could not start, its own words are above; {state.rules.whole} stops"))
        state = _with(state, name, _moved(process, Phase.STOPPED, now))
        return msgspec.structs.replace(state, stopping=True, failed=True)
    recovered = process.phase is Phase.READY and now - process.since >= HEALTHY_S
    failures = 1 if recovered else process.failures + 1
    commands.append(Say(f"{name} {how}; it is started again in {rest_s(failures):g} s"))
    resting = msgspec.structs.replace(process, phase=Phase.RESTING, since=now, failures=failures)
    return _with(state, name, resting)


def _told(state: State, now: float, commands: list[Command]) -> State:
    if not state.stopping:
        commands.append(Say("stopping; a second signal hurries it"))
        return msgspec.structs.replace(state, stopping=True)
    if not state.hurried:
        commands.append(Say("stopping at once"))
        for name, process in state.processes.items():
            if process.phase in (Phase.STARTING, Phase.READY, Phase.STOPPING):
                commands.append(Terminate(name))
                state = _with(state, name, _moved(process, Phase.STOPPING, now))
    return msgspec.structs.replace(state, hurried=True)


def _run_on(state: State, now: float, held: frozenset[str], commands: list[Command]) -> State:
    for name, process in state.processes.items():
        due_at = _due_at(state, process)
        due = due_at is not None and now >= due_at
        match process.phase:
            case Phase.WAITING | Phase.RESTING if name in held:
                pass
            case Phase.WAITING:
                commands.append(Start(name))
                process = _moved(process, Phase.STARTING, now)
            case Phase.RESTING if due:
                commands.append(Start(name))
                process = _moved(
                    msgspec.structs.replace(process, restarts=process.restarts + 1), Phase.STARTING, now
                )
            case Phase.STARTING if due:
                commands += [Say(f"{name} was not ready within {state.rules.ready_max_s:g} s"), Kill(name)]
                process = _moved(process, Phase.KILLED, now)
            case Phase.READY if due:
                process = msgspec.structs.replace(process, failures=0)
            case _:
                pass
        state = _with(state, name, process)
    return state


def _stop_on(state: State, now: float, commands: list[Command]) -> State:
    """The last that run are stopped first; those before them go on until they are gone."""
    for group in reversed(state.rules.groups or tuple((name,) for name in state.processes)):
        for name in group:
            state = _with(state, name, _stop_one(state, name, now, commands))
        if not state.hurried and any(state.processes[name].phase is not Phase.STOPPED for name in group):
            return state
    if all(process.phase is Phase.STOPPED for process in state.processes.values()):
        commands.append(Exit(1 if state.failed else 0))
    return state


def _stop_one(state: State, name: str, now: float, commands: list[Command]) -> Process:
    process = state.processes[name]
    match process.phase:
        case Phase.WAITING | Phase.RESTING:
            return _moved(process, Phase.STOPPED, now)
        case Phase.STARTING | Phase.READY:
            commands.append(Terminate(name))
            return _moved(process, Phase.STOPPING, now)
        case Phase.STOPPING if now >= (_due_at(state, process) or now):
            commands.append(Kill(name))
            return _moved(process, Phase.KILLED, now)
        case _:
            return process
