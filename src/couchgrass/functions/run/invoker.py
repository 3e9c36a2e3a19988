"""Runs one action in one process: takes a cell from the pool, tells it what to do, makes the record.

The pool (functions/pool.py) decides who gets which cell; this is the loop around it that does what it says.
A warm run costs no task and no timer: ask, run, free, put. A cell is used again only after an answer with
status 200. A warm cell that is found dead before it took the run is replaced, since nothing ran; one that
dies later has taken the run, which is not repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions import pool
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Action, Identity, Limits
from couchgrass.functions.kinds import cell_kind
from couchgrass.functions.loglines import LogLines
from couchgrass.functions.metrics import Counts
from couchgrass.functions.pool import Close, Command, Pool, Refuse, Run, Start, Wanted, Why
from couchgrass.functions.response import Response, failed
from couchgrass.functions.run import response
from couchgrass.functions.runtimes.cell import Cell, Code, End, Outcome, Runtimes
from couchgrass.functions.store.activations import Activations

log = logging.getLogger("couchgrass.functions")

TICK_S: Final = 0.05
"""How often the pool looks at those that wait."""

REST_S: Final = 30.0
"""How often the pool looks for idle cells while nobody waits."""

CLOSE_S: Final = 10.0
"""How long `close` waits for what runs, after its cells were ended."""

SHUTTING_DOWN: Final = 503
"""A runtime that takes no more runs; OpenWhisk gives the run to another one."""


class Job(msgspec.Struct):
    """One invocation of an action. `value`: the merged parameters, a JSON object or array. `init_env`: what
    the process is started with besides `__OW_*`. `identity`: the owner of the activation. `annotations`: more
    of them for the record (causedBy, binding). `accounts`: see `Runtimes.cell`. `durable`: the caller has
    nothing but the id, so the record must come even if this process is killed. `canary`: a look at ourselves,
    which leaves no record, is not counted and takes none of the pool's memory."""

    action: Action
    value: Any
    init_env: dict[str, str]
    identity: Identity
    activation_id: str
    transaction_id: str
    cause: str | None = None
    annotations: dict[str, Any] = {}
    api_key: str | None = None
    accounts: tuple[str, ...] = ()
    durable: bool = False
    canary: bool = False


class _Turn:
    """What is known of one run so far. Times are monotonic, but `wall_ms`, which is that of `began`."""

    __slots__ = ("asked", "began", "init_ms", "job", "logs", "over", "timed_out", "wall_ms")

    def __init__(self, job: Job, clock: Clock) -> None:
        self.job = job
        self.asked = self.began = self.over = clock.monotonic()
        self.wall_ms = int(clock.now() * 1000)
        self.init_ms: int | None = None
        self.timed_out = False
        self.logs = LogLines(job.action.limits.logs)

    def begin(self, clock: Clock) -> None:
        """It has its process."""
        self.began = self.over = clock.monotonic()
        self.wall_ms = int(clock.now() * 1000)


class Invoker:
    """Belongs to one event loop. `env`: of every process, such as ``__OW_API_HOST``."""

    def __init__(
        self,
        runtimes: Runtimes,
        code: Callable[[Action], Awaitable[Code]],
        activations: Activations,
        clock: Clock,
        *,
        memory_mb: int,
        waiting_max: int = pool.WAITING_MAX,
        eager: int = pool.EAGER,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._runtimes = runtimes
        self._code = code
        self._activations = activations
        self._clock = clock
        self._env = dict(env or {})
        self._pool = Pool(memory_mb, waiting_max=waiting_max, eager=eager)
        self._cells: dict[int, Cell] = {}
        self._seats: dict[int, asyncio.Future[Command]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_ticket = 0
        self._under_way = 0
        self._stopping: asyncio.Event | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self.counts = Counts()

    @property
    def pool(self) -> Pool:
        """To look at, not to tell."""
        return self._pool

    async def run(self, job: Job) -> Activation:
        """Runs it and records it. Raises ServiceUnavailable when the queue is at its bound or the server
        stops: then nothing ran, and there is no record. Whatever the action does is in the activation."""
        if self._stopping is not None:
            raise ServiceUnavailable(response.STOPPED)
        turn = _Turn(job, self._clock)
        self._last_ticket += 1
        ticket = self._last_ticket
        wanted = _wanted(job)
        commands = self._pool.ask(ticket, wanted, turn.asked)
        if commands and isinstance(last := commands[-1], Refuse) and last.why is Why.FULL:
            self._do(commands)
            self.counts.refused += 1
            raise ServiceUnavailable(response.OVERLOADED)
        if not job.canary:
            self._activations.begin(_activation(turn), durable=job.durable)
        self._under_way += 1
        ended = _CANCELLED
        try:
            ended = await self._turn(turn, ticket, wanted, commands)
        except Exception:
            # The edge: a fault of ours is the platform's error, not the caller's.
            log.exception("%s: activation %s failed", job.action.path, job.activation_id)
            ended = failed(Status.INTERNAL_ERROR, response.NO_RESPONSE)
        finally:
            activation = _activation(turn, ended)
            if not job.canary:
                self._activations.put(activation)
                self.counts.ran(
                    job.action.exec.kind,
                    ended.status,
                    wait_s=turn.began - turn.asked,
                    init_ms=turn.init_ms,
                    run_s=turn.over - turn.began,
                )
            self._under_way -= 1
            if self._stopping is not None and not self._under_way:
                self._stopping.set()
        return activation

    async def close(self) -> None:
        """Ends all cells and what runs in them, in a bounded time. The records say why."""
        if self._stopping is not None:
            return
        self._stopping = asyncio.Event()
        if self._timer is not None:
            self._timer.cancel()
        for ticket in list(self._seats):
            self._pool.cancel(ticket, self._clock.monotonic())
            self._do([Refuse(ticket, Why.LATE)])
        for number in list(self._cells):
            self._do(self._pool.end(number, self._clock.monotonic()))
        if self._under_way:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._stopping.wait()
            except TimeoutError:
                log.error("%d activations did not end in time", self._under_way)
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- one run --------------------------------------------------------------------------------------

    async def _turn(self, turn: _Turn, ticket: int, wanted: Wanted, commands: list[Command]) -> Response:
        """Until a cell took the run: more than once only if a warm one was dead, or shutting down."""
        while True:
            match await self._seat(ticket, commands):
                case Refuse(why=Why.LARGE):
                    return failed(Status.INTERNAL_ERROR, response.NO_RESOURCES)
                case Refuse():
                    stopped = self._stopping is not None
                    text = response.STOPPED if stopped else response.OVERLOADED
                    return failed(Status.INTERNAL_ERROR, text)
                case Start(_, number):
                    return await self._cold(turn, number)
                case Run(_, number):
                    if (ended := await self._warm(turn, number)) is not None:
                        return ended
            if self._stopping is not None:
                return failed(Status.INTERNAL_ERROR, response.STOPPED)
            commands = self._pool.ask(ticket, wanted, self._clock.monotonic(), again=True)

    async def _seat(self, ticket: int, commands: list[Command]) -> Command:
        """Does the commands, and waits for the one that is about this ticket."""
        if len(commands) == 1 and isinstance(commands[0], Run) and commands[0].ticket == ticket:
            return commands[0]
        seat: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self._seats[ticket] = seat
        self._do(commands)
        try:
            return await seat
        except asyncio.CancelledError:
            now = self._clock.monotonic()
            if self._seats.pop(ticket, None) is not None:
                self._do(self._pool.cancel(ticket, now))
            elif not seat.cancelled() and isinstance(taken := seat.result(), Run | Start):
                self._do(self._pool.end(taken.cell, now))
            raise

    async def _warm(self, turn: _Turn, number: int) -> Response | None:
        """None: the cell did not take the run."""
        cell = self._cells.get(number)
        if cell is None or not cell.alive:
            self._do(self._pool.end(number, self._clock.monotonic()))
            return None
        turn.begin(self._clock)
        outcome = await self._run(turn, cell, number)
        if outcome.end is End.DONE and outcome.status == SHUTTING_DOWN:
            return None
        return self._ended(turn, outcome, response.of_run(outcome, turn.job.action.limits.timeout))

    async def _cold(self, turn: _Turn, number: int) -> Response:
        try:
            failure = await self._start(turn, number)
        except BaseException:
            self._do(self._pool.end(number, self._clock.monotonic()))
            raise
        if failure is not None:
            self._do(self._pool.end(number, self._clock.monotonic()))
            return failure
        self._do(self._pool.ready(number, self._clock.monotonic()))
        outcome = await self._run(turn, self._cells[number], number)
        return self._ended(turn, outcome, response.of_run(outcome, turn.job.action.limits.timeout))

    async def _start(self, turn: _Turn, number: int) -> Response | None:
        """A process with its code, ready to run; else why not."""
        job, action = turn.job, turn.job.action
        try:
            code = await self._code(action)
        except CouchgrassError as refused:
            log.error("%s: its code can't be had: %s", action.path, refused)
            removed = isinstance(refused, NotFound)
            return failed(Status.INTERNAL_ERROR, response.REMOVED if removed else response.NOT_FETCHED)
        try:
            cell = await self._runtimes.cell(
                cell_kind(action.exec), action.limits, name=action.path, accounts=job.accounts
            )
        except CouchgrassError as refused:
            log.error("%s: no process can be had: %s", action.path, refused)
            return failed(Status.INTERNAL_ERROR, response.NO_RESOURCES)
        self._cells[number] = cell
        if self._stopping is None:
            turn.begin(self._clock)
            timeout_ms = action.limits.timeout
            env = self._init_env(turn)
            outcome = await cell.init(code, env, timeout_s=timeout_ms / 1000, logs=turn.logs)
            turn.over = self._clock.monotonic()
            turn.init_ms = int((turn.over - turn.began) * 1000)
            failure = response.of_init(outcome, timeout_ms)
            if failure is not None:
                return self._ended(turn, outcome, failure)
        if self._stopping is not None:
            return failed(Status.INTERNAL_ERROR, response.STOPPED)
        return None

    async def _run(self, turn: _Turn, cell: Cell, number: int) -> Outcome:
        """One run; then the cell is free for the next, or ended."""
        keep = False
        try:
            outcome = await cell.run(
                _message(turn.job, self._clock.now()),
                timeout_s=turn.job.action.limits.timeout / 1000,
                logs=turn.logs,
            )
            keep = outcome.end is End.DONE and outcome.status == 200 and self._stopping is None
        finally:
            now = turn.over = self._clock.monotonic()
            if commands := self._pool.free(number, now) if keep else self._pool.end(number, now):
                self._do(commands)
        return outcome

    def _ended(self, turn: _Turn, outcome: Outcome, ended: Response) -> Response:
        """Notes what is said of an outcome besides its response."""
        if outcome.end is End.DONE:
            return ended
        turn.timed_out = outcome.end is End.TIMED_OUT
        if outcome.end is End.DIED and self._stopping is not None:
            return failed(Status.INTERNAL_ERROR, response.STOPPED)
        if ended.status is Status.DEVELOPER_ERROR:
            turn.logs.note(int(self._clock.now() * 1e9), response.LOGS_MISSING)
        return ended

    def _init_env(self, turn: _Turn) -> dict[str, str]:
        job = turn.job
        known = _message_fields(job, self._clock.now())
        own = {f"__OW_{name.upper()}": text for name, text in known.items()}
        if job.api_key is not None:
            own["__OW_API_KEY"] = job.api_key
        return {**self._env, **job.init_env, **own}

    # --- what the pool commands -----------------------------------------------------------------------

    def _do(self, commands: Iterable[Command]) -> None:
        todo = list(commands)
        for command in todo:
            if isinstance(command, Close):
                task = asyncio.get_running_loop().create_task(self._close_cell(command.cell))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                continue
            seat = self._seats.pop(command.ticket, None)
            if seat is not None and not seat.done():
                seat.set_result(command)
            elif isinstance(command, Run):  # its caller has just gone
                todo += self._pool.free(command.cell, self._clock.monotonic())
            elif isinstance(command, Start):
                todo += self._pool.end(command.cell, self._clock.monotonic())
        self._arm()

    async def _close_cell(self, number: int) -> None:
        cell = self._cells.pop(number, None)
        try:
            if cell is not None:
                await cell.close()
        except Exception:
            log.exception("a process was not ended")  # the edge of a task: its memory counts as free
        finally:
            self._do(self._pool.closed(number, self._clock.monotonic()))

    def _arm(self) -> None:
        """Sees to it that the pool hears of the time, soon while somebody waits."""
        wanted_s = TICK_S if self._pool.waiting else REST_S
        if self._timer is not None:
            if wanted_s >= self._timer_s:
                return
            self._timer.cancel()
            self._timer = None
        if self._stopping is None and (self._pool.waiting or self._pool.cells):
            self._timer_s = wanted_s
            self._timer = asyncio.get_running_loop().call_later(wanted_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._do(self._pool.tick(self._clock.monotonic()))


def _wanted(job: Job) -> Wanted:
    """A process is kept for one namespace, action, version, and what it was started with."""
    action = job.action
    env = tuple(sorted(job.init_env.items())) if job.init_env else ()
    version = action.rev or (action.version, action.exec.digest)
    path = action.path
    namespace = job.identity.namespace
    key = (namespace, path, version, action.exec.kind, action.limits, job.accounts, env)
    return Wanted(key, namespace, path, 0 if job.canary else action.limits.memory, action.updated)


def _message_fields(job: Job, now: float) -> dict[str, str]:
    return {
        "namespace": job.identity.namespace,
        "action_name": f"/{job.action.path}",
        "action_version": job.action.version,
        "activation_id": job.activation_id,
        "transaction_id": job.transaction_id,
        "deadline": str(int(now * 1000) + job.action.limits.timeout),
    }


def _message(job: Job, now: float) -> bytes:
    """The JSON text of OpenWhisk's /run."""
    fields: dict[str, Any] = {"value": job.value, **_message_fields(job, now)}
    if job.api_key is not None:
        fields["api_key"] = job.api_key
    return json.encode(fields)


def _activation(turn: _Turn, ended: Response | None = None) -> Activation:
    """The record, or what it is before the end."""
    job, action = turn.job, turn.job.action
    annotations: dict[str, Any] = {
        "path": action.path,
        "kind": action.exec.kind,
        "timeout": turn.timed_out,
        "limits": _limits(action.limits),
        **job.annotations,
    }
    if ended is not None:
        annotations["waitTime"] = int((turn.began - turn.asked) * 1000)
        if turn.init_ms is not None:
            annotations["initTime"] = turn.init_ms
    return Activation(
        job.identity.namespace,
        action.name,
        job.identity.subject,
        job.activation_id,
        turn.wall_ms,
        action.version,
        annotations,
        end=None if ended is None else turn.wall_ms + int((turn.over - turn.began) * 1000),
        cause=job.cause,
        status=None if ended is None else ended.status,
        result=_NOTHING if ended is None else ended.result,
        logs=() if ended is None else turn.logs.lines,
    )


_NOTHING: Final = msgspec.Raw(b"{}")
_CANCELLED: Final = failed(Status.INTERNAL_ERROR, response.CANCELLED)


@lru_cache(maxsize=1_000)
def _limits(limits: Limits) -> dict[str, int]:
    """Shared by all records: nobody changes it."""
    known: dict[str, int] = msgspec.to_builtins(limits)
    return known
