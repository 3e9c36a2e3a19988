"""Runs processes as `restart.py` decides, passes their logs on, and writes down what runs.

A Ctrl-C reaches the supervisor only, and its processes die with it (`serving/children.py`). One is ready when
a line of its stdout ends with ``at URL``.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.region import restart
from couchgrass.region.run.log import Log
from couchgrass.region.run.state_file import (
    REGION_KEPT,
    Kept,
    RegionState,
    Seen,
    remove_state,
    write_state,
)
from couchgrass.serving.children import die_with_us

LINE_BYTES_MAX: Final = 64 * 1024
"""Of a longer line in a log the parts are lines of their own."""

DRAIN_S: Final = 0.25
"""How long the last words of a process are waited for; what it started may hold its pipes open."""

SPAWN_FAILED: Final = 127
"""What a shell answers for a command that can't be run."""

_MARK: Final = " at http"


class Spec(msgspec.Struct, frozen=True):
    """A process to run. `again` is the command for its second and later starts, given the URL that it had the
    first time. `env` is all of its environment."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    again: Callable[[str], Sequence[str]] | None = None

    def __repr__(self) -> str:
        return f"Spec({self.name!r})"


class Told(msgspec.Struct, frozen=True):
    """For the state file. `database_url` is that of a database that is not run here."""

    name: str
    file: str
    data: Path
    database_url: str = ""
    kept: Kept = REGION_KEPT


def _nobody() -> frozenset[str]:
    return frozenset()


def _unheard(seen: Mapping[str, Seen]) -> None:
    """Nobody follows what becomes of the processes."""


class Supervisor:
    """Processes that run together. `ready` gets the URLs when all are ready the first time, `changed` what is
    written down, each time. `held` names those that must not be started for now."""

    def __init__(
        self,
        specs: Sequence[Spec],
        told: Told,
        clock: Clock,
        *,
        ready: Callable[[Mapping[str, str]], None],
        rules: restart.Rules = restart.ALONE,
        log: Log | None = None,
        held: Callable[[], frozenset[str]] = _nobody,
        changed: Callable[[Mapping[str, Seen]], None] = _unheard,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._told = told
        self._clock = clock
        self._rules = rules
        self._log = log or Log()
        self._ready = ready
        self._held = held
        self._changed = changed
        self._events: asyncio.Queue[restart.Event] = asyncio.Queue()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._started_at = clock.now()
        self._shown = False
        self._exit: int | None = None

    async def run(self) -> int:
        """Until it is told to stop or something can't start; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._events.put_nowait, restart.Told())
        state = restart.first(tuple(self._specs), self._clock.monotonic(), self._rules)
        event: restart.Event = restart.Began()
        try:
            while True:
                before = state
                held = self._held_of(state)
                state, commands = restart.step(state, event, self._clock.monotonic(), held)
                if state != before:
                    # Before anything starts: functions read the database's URL there.
                    self._write(state)
                for command in commands:
                    await self._carry_out(command, state)
                if self._exit is not None:
                    return self._exit
                if commands:
                    self._write(state)
                self._show(state)
                event = await self._next(state, held)
        finally:
            await self._end_all()
            self._log.close()
            remove_state(self._told.data, self._told.kept)

    def stop(self) -> None:
        """As a signal does."""
        self._events.put_nowait(restart.Told())

    def _held_of(self, state: restart.State) -> frozenset[str]:
        idle = (restart.Phase.WAITING, restart.Phase.RESTING)
        return self._held() if any(one.phase in idle for one in state.processes.values()) else frozenset()

    async def _next(self, state: restart.State, held: frozenset[str]) -> restart.Event:
        at = restart.next_at(state, self._clock.monotonic(), held)
        left_s = None if at is None else max(0.0, at - self._clock.monotonic())
        try:
            async with asyncio.timeout(left_s):
                return await self._events.get()
        except TimeoutError:
            return restart.Elapsed()

    async def _carry_out(self, command: restart.Command, state: restart.State) -> None:
        match command:
            case restart.Start(name):
                await self._start(self._specs[name], state.processes[name].url)
            case restart.Terminate(name):
                self._signal(name, signal.SIGTERM)
            case restart.Kill(name):
                self._signal(name, signal.SIGKILL)
            case restart.Say(text):
                self._log.add(self._log.own, text)
            case restart.Exit(status):
                self._exit = status

    async def _start(self, spec: Spec, url: str) -> None:
        command = spec.again(url) if url and spec.again is not None else spec.command
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(spec.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                preexec_fn=die_with_us(),
            )
        except OSError as refused:
            self._log.add(self._log.own, f"{spec.name} can't be run: {command[0]}: {refused.strerror}")
            self._events.put_nowait(restart.Ended(spec.name, SPAWN_FAILED))
            return
        self._processes[spec.name] = process
        watch = asyncio.create_task(self._watch(spec, process))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch(self, spec: Spec, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        logs = asyncio.create_task(self._relay(spec.name, process.stderr))
        words = asyncio.create_task(self._listen(spec, process.stdout))
        status = await process.wait()
        await asyncio.wait({logs, words}, timeout=DRAIN_S)
        for task in (logs, words):
            task.cancel()
        if self._processes.get(spec.name) is process:
            del self._processes[spec.name]
        self._events.put_nowait(restart.Ended(spec.name, status))

    async def _listen(self, spec: Spec, stream: asyncio.StreamReader) -> None:
        """Its stdout, and in it the word that it is ready."""
        url = ""
        async for line in _lines(stream):
            _, mark, rest = line.rpartition(_MARK)
            if mark and not url:
                url = f"http{rest.strip()}"
                self._events.put_nowait(restart.Ready(spec.name, url))
            else:
                self._log.add(spec.name, line)

    async def _relay(self, name: str, stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            self._log.add(name, line)

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.returncode is None:
            process.send_signal(number)

    def _write(self, state: restart.State) -> None:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        seen = {}
        for name, process in state.processes.items():
            running = self._processes.get(name)
            seen[name] = Seen(
                process.phase,
                round(now - (monotonic - process.since), 3),
                None if running is None else running.pid,
                process.url,
                process.restarts,
            )
        database = seen.get("database")
        url = self._told.database_url or ("" if database is None else database.url)
        told = self._told
        try:
            write_state(
                told.data,
                RegionState(told.name, told.file, os.getpid(), self._started_at, url, seen),
                told.kept,
            )
        except OSError as refused:
            self._log.add(self._log.own, f"what runs can't be written down: {refused}")
        self._changed(seen)

    def _show(self, state: restart.State) -> None:
        if not self._shown and all(one.phase is restart.Phase.READY for one in state.processes.values()):
            self._shown = True
            self._ready({name: one.url for name, one in state.processes.items()})

    async def _end_all(self) -> None:
        for name in list(self._processes):
            self._signal(name, signal.SIGKILL)
        if self._watches:
            await asyncio.wait(self._watches)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    rest = b""
    while piece := await stream.read(LINE_BYTES_MAX):
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
