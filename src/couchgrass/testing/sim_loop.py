"""An asyncio event loop whose time is a number: when nothing is ready, it jumps to the next timer.

Nothing sleeps, no thread and no socket is there, and the order of events depends on the seed alone: a run of
hours takes milliseconds and can be repeated. The loop is asyncio's own, on a selector that moves the time
instead of waiting. Tasks and futures hash by their number, so that sets of them have one order.

The order of a set of strings differs from process to process (PYTHONHASHSEED); whoever lets it decide what
happens next can't be replayed, which `tests/replication/test_simulation.py` finds out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

EPOCH = 1_700_000_000.0
"""What the wall clock says when a simulation begins: seconds since the Unix epoch."""

EVENTS_MAX = 5_000_000
"""Rounds of the loop after which a simulation is taken to be going in circles."""


class Deadlock(AssertionError):
    """Nothing is ready and no timer runs: nothing can ever happen again."""


class _Jump(selectors.BaseSelector):
    """Takes the place of the selector that waits for sockets: it moves the time on."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise OSError("a simulation has no files and no sockets")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise OSError("a simulation has no files and no sockets")

    def get_map(self) -> Any:
        return {}


class SimTask(asyncio.Task[Any]):
    """A task that hashes by its number."""

    def __init__(self, *args: Any, number: int, **kwargs: Any) -> None:
        self._number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class SimFuture(asyncio.Future[Any]):
    """A future that hashes by its number."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.BaseEventLoop):
    """The loop; `random` is the dice of everything that runs on it."""

    def __init__(self, seed: object = 0) -> None:
        super().__init__()
        self.random = Random(str(seed))  # noqa: S311
        self._elapsed_s = 0.0
        self._rounds = 0
        self._numbers = itertools.count()
        self._clock_resolution = 1e-9
        self._selector = _Jump(self)
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._elapsed_s

    def jump(self, timeout_s: float | None) -> None:
        """The loop has nothing to do for so long; None: forever."""
        self._rounds += 1
        if self._rounds > EVENTS_MAX:
            raise Deadlock(f"{EVENTS_MAX} rounds and no end, {self._elapsed_s:.3f} s into the simulation")
        if timeout_s is None:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise Deadlock(f"nothing ready, no timer, {self._elapsed_s:.3f} s in; tasks: {waiting}")
        self._elapsed_s += timeout_s

    def create_future(self) -> asyncio.Future[Any]:
        return SimFuture(loop=self, number=next(self._numbers))

    def _task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Future[Any]:
        number = next(self._numbers)
        options.setdefault("name", f"sim-{number}")
        return SimTask(coroutine, loop=loop, number=number, **options)

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("a simulation has no threads")

    def _process_events(self, event_list: Any) -> None:
        """There are none; asyncio asks for the method."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is to be woken; asyncio asks for the method."""


def run(main: Callable[[], Coroutine[Any, Any, T]], seed: object = 0) -> T:
    """Runs `main()` on a loop of its own. Raises Deadlock, and what `main` raises."""
    loop = SimLoop(seed)
    try:
        return loop.run_until_complete(main())
    finally:
        _close(loop)


def _close(loop: SimLoop) -> None:
    """Ends what is still there. A task that can't be ended is left: the loop's time is over anyway."""
    left = sorted(asyncio.all_tasks(loop), key=hash)
    for task in left:
        task.cancel()
    with contextlib.suppress(Deadlock):
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def this_loop() -> SimLoop:
    """The simulation's loop that runs now."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop), "not inside a simulation"
    return loop


class SimClock:
    """One node's clock: it is wrong by `skew_s`, and gains `drift` seconds a second."""

    def __init__(self, loop: SimLoop, *, skew_s: float = 0.0, drift: float = 0.0) -> None:
        self._loop = loop
        self.skew_s = skew_s
        self.drift = drift

    def now(self) -> float:
        return EPOCH + self.skew_s + self.monotonic()

    def monotonic(self) -> float:
        return self._loop.time() * (1 + self.drift)
