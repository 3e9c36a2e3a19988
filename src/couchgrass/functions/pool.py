"""How invocations share the machine's memory: who gets a process, when one is started, when one is ended.

A pure state machine. What happens is told to a `Pool` by a method with the time (seconds, monotonic), and
what is to be done comes back as commands. Every number of a cell and of a ticket (an invocation that wants a
cell) is one that was never used before.

    ask ──► Run (a warm cell of this action)           Run ──► free (take the next)  or  end (done with it)
        ──► wait ──► Run, Start, Refuse                Start ──► ready ──► free  or  end
    cancel: no longer wanted while it waits            Close ──► closed (only now its memory is free again)

Rules
- A cell belongs to one action in one version. A warm one is taken before one is started, the last used first,
  so that those that are too many fall idle and go.
- An action grows when its invocations would wait for its own cells for more than a part of what a start
  takes; the starts under way double with what is ready. Short runs share few cells, long ones get many.
- Memory is the sum of the limits of all cells, from Start to closed, and never over the capacity. Cells that
  wait without code (stems) are the runtimes' own and not counted: they hold no user's memory.
- Room is made by ending the cell that was idle longest. An action that has cells gets another one only while
  several times that much is left to others (the dynamic threshold of switches' shared buffers), so a slow
  action can't take all. An action without a cell waits for memory in turn, namespace by namespace, and when
  nothing is idle, an action with more than one cell, or whose cell had its turn, has to give one up.
- A cell without memory is the platform's own (its canary). It waits for none, and makes no room by going.
- The queue is bounded, and nobody can fill it: an action may take half of it, a namespace two thirds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from enum import Enum
from typing import Final

import msgspec

IDLE_S: Final = 600.0
"""A cell that nobody needed for so long is ended; OpenWhisk's own."""

WAITING_MAX: Final = 10_000
"""Invocations that wait, in all: a few seconds of the load that is aimed at."""

WAIT_S_MAX: Final = 300.0
"""The longest that an invocation waits for a cell: that of the longest run."""

EAGER: Final = 4
"""Cells of one action that are started without a look at how long its runs take."""

START_S: Final = 0.1
"""What a start is taken to last until one of this action was seen."""

WAIT_S_MIN: Final = 0.01
"""However fast starts are: a shorter wait is not worth the memory of another cell."""

START_SHARE: Final = 0.25
"""The share of a start that a wait has to take to be worth it: what waits now pays the start, and those that
come later have the cell."""

TURN_S: Final = 0.5
"""An action's only cell may work so long before it yields to one that has none: ten starts or so, so that
not much time goes into starting when many take turns."""

ACTION_SHARE: Final = 4
NAMESPACE_SHARE: Final = 8
"""How many times the memory that is left over an action, a namespace may hold."""

_RECENT: Final = 0.2
"""The weight of the last observation in a moving average."""


class Wanted(msgspec.Struct, frozen=True):
    """What a ticket wants a cell of. `key` is the action in one version with all that its process is started
    with; `path` the action in any version, `made` when this version was made: cells of older ones go.
    `memory_mb` is 0 for what is the platform's own."""

    key: Hashable
    namespace: str
    path: str
    memory_mb: int
    made: int = 0


class Why(Enum):
    """Why a ticket is refused."""

    FULL = "the queue is at its bound"
    LATE = "it waited too long"
    LARGE = "it is larger than the pool"


class Run(msgspec.Struct, frozen=True, gc=False):
    """Run the ticket in this warm cell."""

    ticket: int
    cell: int


class Start(msgspec.Struct, frozen=True, gc=False):
    """Start this cell and run the ticket in it."""

    ticket: int
    cell: int


class Close(msgspec.Struct, frozen=True, gc=False):
    """End the cell, then tell `closed`."""

    cell: int


class Refuse(msgspec.Struct, frozen=True, gc=False):
    """The ticket gets no cell."""

    ticket: int
    why: Why


Command = Run | Start | Close | Refuse


class _State(Enum):
    STARTING = 0
    BUSY = 1
    IDLE = 2
    CLOSING = 3


class _Namespace:
    """`busy_mb`: of its cells that start or work. `claims`: its actions that want memory, in turn."""

    __slots__ = ("actions", "busy_mb", "claims", "name", "newest", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.actions = 0
        self.busy_mb = 0
        self.waiting = 0
        self.claims: OrderedDict[_Action, None] = OrderedDict()
        self.newest: dict[str, _Action] = {}


class _Action:
    """One action in one version. `cells` counts those that are not closing."""

    __slots__ = (
        "cells",
        "idle",
        "namespace",
        "outdated",
        "run_s",
        "start_s",
        "starting",
        "waiting",
        "wanted",
    )

    def __init__(self, wanted: Wanted, namespace: _Namespace) -> None:
        self.wanted = wanted
        self.namespace = namespace
        self.cells = 0
        self.starting = 0
        self.idle: dict[int, _Cell] = {}
        self.waiting: OrderedDict[int, float] = OrderedDict()
        self.run_s: float | None = None
        self.start_s = START_S
        self.outdated = False

    @property
    def claims(self) -> bool:
        """It waits for memory."""
        return self in self.namespace.claims


class _Cell:
    """`since`: it has its code; `began`: its present start or run, or its idleness."""

    __slots__ = ("action", "began", "number", "since", "state")

    def __init__(self, number: int, action: _Action, now: float) -> None:
        self.number = number
        self.action = action
        self.state = _State.STARTING
        self.since = self.began = now


class Pool:
    """See the top of the file. Methods return commands in the order in which they are to be done."""

    def __init__(self, memory_mb: int, *, waiting_max: int = WAITING_MAX, eager: int = EAGER) -> None:
        self.memory_mb = memory_mb
        self.used_mb = 0
        self._waiting_max = waiting_max
        self._eager = eager
        self._idle_mb = 0
        self._closing_mb = 0
        self._cells: dict[int, _Cell] = {}
        self._actions: dict[Hashable, _Action] = {}
        self._namespaces: dict[str, _Namespace] = {}
        self._tickets: dict[int, _Action] = {}
        self._queued: dict[_Action, None] = {}
        self._idle: OrderedDict[int, _Cell] = OrderedDict()
        self._ring: OrderedDict[_Namespace, None] = OrderedDict()
        self._last_cell = 0

    @property
    def waiting(self) -> int:
        """Tickets that wait for a cell."""
        return len(self._tickets)

    @property
    def cells(self) -> int:
        """Cells from Start to closed."""
        return len(self._cells)

    @property
    def idle(self) -> int:
        """Warm cells with nothing to do."""
        return len(self._idle)

    # --- events ---------------------------------------------------------------------------------------

    def ask(self, ticket: int, wanted: Wanted, now: float, *, again: bool = False) -> list[Command]:
        """A ticket wants a cell. `again`: it had one that was dead before it took the run; it comes first now
        and is not refused."""
        out: list[Command] = []
        action = self._actions.get(wanted.key)
        if action is None:
            if wanted.memory_mb > self.memory_mb:
                return [Refuse(ticket, Why.LARGE)]
            if self.waiting >= self._waiting_max and not again:
                return [Refuse(ticket, Why.FULL)]
            action = self._known(wanted, out)
        if action.idle:
            number, cell = action.idle.popitem()
            del self._idle[number]
            memory_mb = wanted.memory_mb
            self._idle_mb -= memory_mb
            action.namespace.busy_mb += memory_mb
            cell.state = _State.BUSY
            cell.began = now
            out.append(Run(ticket, number))
            return out
        room = self._waiting_max - len(self._tickets)
        if not again and (len(action.waiting) >= room or action.namespace.waiting >= 2 * room):
            self._forget_if_unused(action)
            out.append(Refuse(ticket, Why.FULL))
            return out
        self._tickets[ticket] = action
        self._queued[action] = None
        action.namespace.waiting += 1
        action.waiting[ticket] = now
        if again:
            action.waiting.move_to_end(ticket, last=False)
        self._grow(action, now, out)
        return out

    def ready(self, number: int, now: float) -> list[Command]:
        """A started cell has its code and begins with the run."""
        cell = self._cells[number]
        action = cell.action
        action.start_s += _RECENT * (now - cell.began - action.start_s)
        action.starting -= 1
        cell.state = _State.BUSY
        cell.since = cell.began = now
        out: list[Command] = []
        self._grow(action, now, out)
        return out

    def free(self, number: int, now: float) -> list[Command]:
        """The run in a cell ended well: it can take the next."""
        cell = self._cells[number]
        action = cell.action
        took_s = now - cell.began
        action.run_s = took_s if action.run_s is None else action.run_s + _RECENT * (took_s - action.run_s)
        out: list[Command] = []
        if self._ring and self._has_to_yield(cell, now):
            self._close(cell, out)
        elif action.waiting:
            cell.began = now
            out.append(Run(self._next(action), number))
        elif action.outdated:
            self._close(cell, out)
        else:
            cell.state = _State.IDLE
            cell.began = now
            action.idle[number] = self._idle[number] = cell
            memory_mb = action.wanted.memory_mb
            self._idle_mb += memory_mb
            action.namespace.busy_mb -= memory_mb
        if action.waiting or self._ring:
            self._grow(action, now, out)
        return out

    def end(self, number: int, now: float) -> list[Command]:
        """A cell is done with, whatever it did. Told again, or for one that closes, it means nothing."""
        cell = self._cells.get(number)
        out: list[Command] = []
        if cell is not None and cell.state is not _State.CLOSING:
            self._close(cell, out)
            self._grow(cell.action, now, out)
        return out

    def closed(self, number: int, now: float) -> list[Command]:
        """The process of a cell is gone, and its memory free."""
        cell = self._cells.pop(number)
        self.used_mb -= cell.action.wanted.memory_mb
        self._closing_mb -= cell.action.wanted.memory_mb
        out: list[Command] = []
        self._serve(now, out)
        return out

    def cancel(self, ticket: int, now: float) -> list[Command]:
        """A ticket is not wanted any more. Means nothing for one that does not wait."""
        out: list[Command] = []
        if (action := self._tickets.get(ticket)) is not None:
            self._unqueue(action, ticket)
            self._forget_if_unused(action)
            self._serve(now, out)
        return out

    def tick(self, now: float) -> list[Command]:
        """Time went by: ends what was idle for long, refuses what waited for long, looks who has to grow."""
        out: list[Command] = []
        while self._idle and now - (cell := next(iter(self._idle.values()))).began >= IDLE_S:
            self._close(cell, out)
        for action in list(self._queued):
            while action.waiting and now - next(iter(action.waiting.values())) >= WAIT_S_MAX:
                out.append(Refuse(self._next(action), Why.LATE))
            self._forget_if_unused(action)
            self._grow(action, now, out)
        return out

    # --- growth and memory ----------------------------------------------------------------------------

    def _grow(self, action: _Action, now: float, out: list[Command]) -> None:
        if action.waiting and not action.claims and self._wants_more(action, now):
            if action.wanted.memory_mb:
                self._claim(action)
            else:
                self._start(action, now, out)
        self._serve(now, out)

    def _wants_more(self, action: _Action, now: float) -> bool:
        """A start is worth it, by what waits for the cells that there are."""
        cells = action.cells
        if cells == 0:
            return True
        if action.starting >= max(self._eager, cells - action.starting) or not self._may_grow(action):
            return False
        if cells < self._eager or action.run_s is None:
            return True
        worth_s = max(WAIT_S_MIN, action.start_s * START_SHARE)
        if len(action.waiting) * action.run_s > cells * worth_s:
            return True
        return now - next(iter(action.waiting.values())) > worth_s

    def _may_grow(self, action: _Action) -> bool:
        """Enough is left to others when this action, which has cells and none idle, gets another one."""
        need = action.wanted.memory_mb
        left = self.memory_mb - self.used_mb + self._idle_mb - need
        return (action.cells + 1) * need <= ACTION_SHARE * left and (
            action.namespace.busy_mb + need <= NAMESPACE_SHARE * left
        )

    def _serve(self, now: float, out: list[Command]) -> None:
        """Gives memory to those that claim it, in turn. Who comes first is waited for."""
        while self._ring:
            action = self._head()
            if action.cells and not self._may_grow(action):
                self._unclaim(action)
                continue
            need = action.wanted.memory_mb
            if self.memory_mb - self.used_mb < need:
                while self._idle_mb and self.memory_mb - self.used_mb + self._closing_mb < need:
                    self._close(
                        next(cell for cell in self._idle.values() if cell.action.wanted.memory_mb), out
                    )
                return
            self._unclaim(action)
            if action.namespace in self._ring:
                self._ring.move_to_end(action.namespace)
            self._start(action, now, out)
            if action.waiting and self._wants_more(action, now):
                self._claim(action)

    def _start(self, action: _Action, now: float, out: list[Command]) -> None:
        self._last_cell += 1
        cell = self._cells[self._last_cell] = _Cell(self._last_cell, action, now)
        action.cells += 1
        action.starting += 1
        self.used_mb += action.wanted.memory_mb
        action.namespace.busy_mb += action.wanted.memory_mb
        out.append(Start(self._next(action), cell.number))

    def _has_to_yield(self, cell: _Cell, now: float) -> bool:
        """An action without any cell needs the memory of this one, which has just ended a run."""
        head = self._head()
        coming_mb = self.memory_mb - self.used_mb + self._closing_mb
        has_none_to_give = not cell.action.wanted.memory_mb
        if has_none_to_give or head.cells or self._idle_mb or coming_mb >= head.wanted.memory_mb:
            return False
        return cell.action.cells > 1 or now - cell.since >= TURN_S

    def _close(self, cell: _Cell, out: list[Command]) -> None:
        action, memory_mb = cell.action, cell.action.wanted.memory_mb
        if cell.state is _State.IDLE:
            del action.idle[cell.number], self._idle[cell.number]
            self._idle_mb -= memory_mb
        else:
            action.namespace.busy_mb -= memory_mb
            action.starting -= cell.state is _State.STARTING
        cell.state = _State.CLOSING
        action.cells -= 1
        self._closing_mb += memory_mb
        self._forget_if_unused(action)
        out.append(Close(cell.number))

    # --- the queue ------------------------------------------------------------------------------------

    def _head(self) -> _Action:
        return next(iter(next(iter(self._ring)).claims))

    def _claim(self, action: _Action) -> None:
        action.namespace.claims[action] = None
        self._ring[action.namespace] = None

    def _unclaim(self, action: _Action) -> None:
        claims = action.namespace.claims
        claims.pop(action, None)
        if not claims:
            self._ring.pop(action.namespace, None)

    def _next(self, action: _Action) -> int:
        """Takes the ticket that comes first out of the queue."""
        ticket = next(iter(action.waiting))
        self._unqueue(action, ticket)
        return ticket

    def _unqueue(self, action: _Action, ticket: int) -> None:
        del action.waiting[ticket], self._tickets[ticket]
        action.namespace.waiting -= 1
        if not action.waiting:
            del self._queued[action]
            self._unclaim(action)

    # --- what is known of actions ---------------------------------------------------------------------

    def _known(self, wanted: Wanted, out: list[Command]) -> _Action:
        """A new entry. Idle cells of older versions are ended, and the others when their run ends."""
        namespace = self._namespaces.get(wanted.namespace)
        if namespace is None:
            namespace = self._namespaces[wanted.namespace] = _Namespace(wanted.namespace)
        namespace.actions += 1
        action = self._actions[wanted.key] = _Action(wanted, namespace)
        before = namespace.newest.get(wanted.path)
        action.outdated = before is not None and before.wanted.made > wanted.made
        if not action.outdated:
            namespace.newest[wanted.path] = action
        if before is not None and before.wanted.made < wanted.made:
            before.outdated = True
            for cell in list(before.idle.values()):
                self._close(cell, out)
        return action

    def _forget_if_unused(self, action: _Action) -> None:
        if action.cells or action.waiting or self._actions.get(action.wanted.key) is not action:
            return
        del self._actions[action.wanted.key]
        namespace = action.namespace
        namespace.actions -= 1
        if namespace.newest.get(action.wanted.path) is action:
            del namespace.newest[action.wanted.path]
        if not namespace.actions:
            del self._namespaces[namespace.name]
