"""The threads that run JavaScript, and the contexts that they keep.

Each thread has contexts of its own, the ones used last; a program is loaded again when its context was let go
or is of no more use. A call that holds its thread far longer than any limit allows, which only a loop inside
the engine itself can do, costs that thread: another one takes its place and its queue. So few can be lost
before the engine refuses to run anything.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Final

from couchgrass import json
from couchgrass.docdb.javascript.context import Context, ContextBroken, Program
from couchgrass.errors import CouchgrassError, ServiceUnavailable

THREADS: Final = 2
CONTEXTS_MAX: Final = 32
"""Contexts that a thread keeps. An idle one takes about 150 KB."""

KEPT_BYTES_MAX: Final = 64 * 1024 * 1024
"""What these may hold together: each alone may hold as much, if its functions keep what they make."""

CALL_S: Final = 5.0
"""Processor time that one call may take; CouchDB's `os_process_timeout`."""

STUCK_S: Final = 120.0
"""A call that lasts longer on the clock than this is one that the engine can't stop."""

LOST_MAX: Final = 4
"""Threads that may be lost to such calls."""

WAITING_MAX: Final = 10_000
"""Calls that may wait; past it a caller is told 503."""

TEXTS_MAX: Final = 500
TEXT_BYTES_MAX: Final = 1024 * 1024
"""Documents that are given to one call: what its time slice leaves over is parsed in vain."""


class _Call:
    """One operation and who waits for it."""

    __slots__ = ("arguments", "future", "loop", "program")

    def __init__(self, program: Program, arguments: tuple[str, str, str, str]) -> None:
        self.program = program
        self.arguments = arguments
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[bytes] = self.loop.create_future()

    def answer(self, outcome: bytes | CouchgrassError) -> None:
        """Ends the call; from any thread."""
        try:
            self.loop.call_soon_threadsafe(self._answered, outcome)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _answered(self, outcome: bytes | CouchgrassError) -> None:
        if self.future.done():
            return
        if isinstance(outcome, CouchgrassError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class _Worker:
    """One thread, its queue and its contexts."""

    def __init__(self, number: int, call_s: float) -> None:
        self.waiting = 0
        self.began_at: float | None = None
        self.current: _Call | None = None
        self.lost = False
        self.queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._call_s = call_s
        self._contexts: OrderedDict[tuple[str, ...], Context] = OrderedDict()
        self._thread = threading.Thread(target=self._work, name=f"javascript-{number}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self.lost and (call := self.queue.get()) is not None:
            if not call.future.cancelled():
                self.current, self.began_at = call, time.monotonic()
                outcome = self._outcome(call)
                self.current = self.began_at = None
                call.answer(outcome)
            self.waiting -= 1
        self._contexts.clear()

    def _outcome(self, call: _Call) -> bytes | CouchgrassError:
        """Errors are values here."""
        key = call.program.key
        try:
            context = self._contexts.pop(key, None)
            if context is None:
                while len(self._contexts) >= CONTEXTS_MAX:
                    self._contexts.popitem(last=False)
                context = Context(call.program, call_s=self._call_s)
            self._contexts[key] = context
            outcome = context.call(*call.arguments)
            self._make_room()
            return outcome
        except ContextBroken as broken:
            self._contexts.pop(key, None)
            return _without_frames(broken)
        except CouchgrassError as failed:
            return _without_frames(failed)
        except Exception as unexpected:  # noqa: BLE001  the edge of the thread's loop
            self._contexts.pop(key, None)
            return CouchgrassError(f"The function could not be run: {unexpected}")

    def _make_room(self) -> None:
        """Lets go of the contexts used longest ago while all together hold too much."""
        held = sum(context.held_bytes for context in self._contexts.values())
        while held > KEPT_BYTES_MAX and len(self._contexts) > 1:
            held -= self._contexts.popitem(last=False)[1].held_bytes

    def stop(self) -> None:
        """Lets the thread end after what it was given."""
        self.queue.put(None)


class Engine:
    """Runs operations of ``runtime.js``. Its methods run on the event loop; its threads start when needed."""

    def __init__(self, *, threads: int = THREADS, call_s: float = CALL_S, stuck_s: float = STUCK_S) -> None:
        self._threads = threads
        self._call_s = call_s
        self._stuck_s = stuck_s
        self._workers: list[_Worker] = []
        self._lost: list[_Worker] = []

    async def run(
        self, program: Program, operation: str, name: str = "", text: str = "", extra: str = ""
    ) -> bytes:
        """The operation's answer as JSON text. Raises FunctionFailed and its like, ServiceUnavailable."""
        worker = self._free_worker()
        call = _Call(program, (operation, name, text, extra))
        worker.waiting += 1
        worker.queue.put(call)
        try:
            while True:
                done, _ = await asyncio.wait((call.future,), timeout=self._stuck_s)
                if done:
                    return call.future.result()
                self._replace_stuck()
        finally:
            call.future.cancel()  # nobody waits for it any more: it need not begin

    async def run_each(
        self,
        program: Program,
        operation: str,
        name: str,
        texts: Sequence[bytes],
        extra: str = "",
        *,
        decode: Callable[[bytes], list[Any]] = json.decode,
    ) -> list[Any]:
        """The operation's answers for many documents, in their order. `texts` are JSON.

        `decode` is what makes the answers to several of them from JSON.
        """
        answers: list[Any] = []
        while len(answers) < len(texts):
            text = b"[" + b",".join(_some(texts, len(answers))) + b"]"
            answers += decode(await self.run(program, operation, name, text.decode(), extra))
        return answers

    def _free_worker(self) -> _Worker:
        if len(self._lost) >= LOST_MAX:
            self._lost = [worker for worker in self._lost if worker.current is not None]
        if len(self._lost) >= LOST_MAX:
            raise ServiceUnavailable("Functions that can't be stopped hold all threads for JavaScript.")
        if len(self._workers) < self._threads and all(worker.waiting for worker in self._workers):
            self._workers.append(_Worker(len(self._workers), self._call_s))
        worker = min(self._workers, key=lambda one: one.waiting)
        if worker.waiting >= WAITING_MAX:
            raise ServiceUnavailable("Too many calls of functions wait: try again in a moment.")
        return worker

    def _replace_stuck(self) -> None:
        """Gives up threads whose call can't be stopped; what waits behind it goes to a new one."""
        now = time.monotonic()
        for number, worker in enumerate(self._workers):
            call, began_at = worker.current, worker.began_at
            if call is None or began_at is None or now - began_at < self._stuck_s:
                continue
            worker.lost = True
            self._lost.append(worker)
            fresh = self._workers[number] = _Worker(number, self._call_s)
            call.answer(ContextBroken("OS process timed out.", error="os_process_error"))
            while not worker.queue.empty():
                moved = worker.queue.get()
                fresh.waiting += 1
                fresh.queue.put(moved)

    def close(self) -> None:
        """Lets the threads end."""
        for worker in self._workers:
            worker.stop()
        self._workers = []


def _without_frames(error: CouchgrassError) -> CouchgrassError:
    """The error without tracebacks, also of what it came from: their frames would carry the context to
    another thread, and keep its memory until some garbage collection."""
    error.__context__ = None
    return error.with_traceback(None)


def _some(texts: Sequence[bytes], start: int) -> Sequence[bytes]:
    """So many of the texts as one call takes, at least one."""
    size = 0
    for end in range(start, min(len(texts), start + TEXTS_MAX)):
        size += len(texts[end])
        if size > TEXT_BYTES_MAX:
            return texts[start : max(end, start + 1)]
    return texts[start : start + TEXTS_MAX]
