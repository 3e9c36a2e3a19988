"""A cell that is a process of this machine: the controller's side of wire.py.

All of it happens on the event loop, in callbacks of the pipes and of the process's end. What came out of the
action before its answer is in the pipes when the answer is read, so they are emptied then, without waiting.
What comes between two requests is dropped. The cell is not trusted: at the first thing that it should not
send it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes import wire
from couchgrass.functions.runtimes.cell import Code, End, LogLines, Outcome
from couchgrass.functions.runtimes.sandbox import NICE_MIN, data_bytes_max, niceness
from couchgrass.functions.runtimes.spawn import MB, Process
from couchgrass.functions.runtimes.watch import Watch

READ_BYTES: Final = 32 * 1024
"""What is read at a time; small, as it may be thousands of lines."""
DRAIN_BYTES_MAX: Final = 1024 * 1024
"""What is read of a pipe at an answer; a child that goes on writing doesn't hold it up."""
LINE_BYTES_MAX: Final = 64 * 1024
"""A longer line is cut into several."""
WORDS_BYTES_MAX: Final = 2000
LAST_WORDS_S: Final = 1.0
"""How long a process that closed its pipe has until it has ended by itself: how it ends tells why."""

_ABORTED: Final = frozenset({128 + 4, 128 + 5, 128 + 6, 128 + 11})
_OUT_OF_MEMORY: Final = (b"out of memory", b"bad_alloc", b"Cannot allocate memory")

_check_answer = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw]).decode


class Init(msgspec.Struct, frozen=True):
    """The JSON of an INIT. `kind_version`: the first number of the kind's version, 0 for none."""

    code: str
    main: str
    binary: bool
    env: Mapping[str, str]
    accounts: tuple[str, ...]
    log_bytes_max: int
    data_bytes_max: int
    kind_version: int
    nice: int
    """Steps by which it gives way to others from now on."""


class Words:
    """The log of a process that starts."""

    def __init__(self) -> None:
        self.text = b""

    def add(self, stream: str, at_ns: int, text: bytes) -> None:
        """Keeps the last of it."""
        self.text = (self.text + text + b"\n")[-WORDS_BYTES_MAX:]


class RawLines:
    """What comes through the process's own stdout or stderr, as lines."""

    def __init__(self, stream: str, fd: int) -> None:
        self.stream = stream
        self.fd = fd
        self.says_out_of_memory = False
        self._rest = b""

    def read(self, logs: LogLines | None, bytes_max: int) -> bool:
        """Reads what is there, up to about `bytes_max`; None drops it. False: there will be no more."""
        taken = 0
        while taken < bytes_max:
            try:
                received = os.read(self.fd, READ_BYTES)
            except BlockingIOError:
                return True
            if not received:
                return False
            taken += len(received)
            if logs is not None:
                self._take(received, logs)
        return True

    def _take(self, received: bytes, logs: LogLines) -> None:
        self.says_out_of_memory |= any(words in received for words in _OUT_OF_MEMORY)
        *lines, rest = (self._rest + received).split(b"\n")
        now = time.time_ns()
        for line in lines:
            logs.add(self.stream, now, line)
        while len(rest) > LINE_BYTES_MAX:
            logs.add(self.stream, now, rest[:LINE_BYTES_MAX])
            rest = rest[LINE_BYTES_MAX:]
        self._rest = rest

    def end_line(self, logs: LogLines | None) -> None:
        """Gives the line that has no end."""
        if self._rest and logs is not None:
            logs.add(self.stream, time.time_ns(), self._rest)
        self._rest = b""


class ProcessCell:
    """One process. Made on the event loop; `ready` before anything else, then `limit`."""

    def __init__(self, process: Process, watch: Watch, on_end: Callable[[ProcessCell], None]) -> None:
        self.process = process
        self.memory_bytes_max = 0
        self.path = ""
        """Its action's, for the log."""
        self._watch = watch
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._reader = wire.Reader()
        self._raw = (RawLines("stdout", process.stdout_fd), RawLines("stderr", process.stderr_fd))
        self._has_raw = select.poll()
        self._hello: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pending: asyncio.Future[Outcome] | None = None
        self._words = Words()
        self._logs: LogLines | None = self._words
        self._number = 0
        self._asked_at = 0.0
        self._deaf: list[RawLines] = []
        self._unsent: bytes | memoryview = b""
        self._condemned = False
        self._garbled = False
        self._limits = Limits()
        self._kind_version = 0
        self._accounts: tuple[str, ...] = ()
        self._loop.add_reader(process.answers_fd, self._on_answers)
        for raw in self._raw:
            self._loop.add_reader(raw.fd, self._on_raw, raw)
            self._has_raw.register(raw.fd, select.POLLIN)
        self._loop.add_reader(process.pidfd, self._on_exit)

    # --- the seam

    @property
    def alive(self) -> bool:
        return not self._condemned

    async def ready(self, timeout_s: float) -> bool:
        """Waits for its hello. False: it did not start."""
        await asyncio.wait((self._hello, self._ended), timeout=timeout_s, return_when="FIRST_COMPLETED")
        return self._hello.done() and self.alive

    def limit(self, limits: Limits, kind: str, accounts: tuple[str, ...]) -> None:
        """Gives it the limits of its action."""
        version = kind.partition(":")[2].partition(".")[0]
        self._limits, self._accounts = limits, accounts
        self._kind_version = int(version) if version.isdecimal() else 0
        self.memory_bytes_max = limits.memory * MB

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        spec = Init(
            code=code.text.decode("utf-8", "replace"),
            main=code.main,
            binary=code.binary,
            env=env,
            accounts=self._accounts,
            log_bytes_max=self._limits.logs * MB + 1,
            data_bytes_max=data_bytes_max(self._limits.memory),
            kind_version=self._kind_version,
            nice=niceness(self._limits.memory) - NICE_MIN,
        )
        return await self._ask(wire.INIT, msgspec.json.encode(spec), timeout_s, logs)

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        return await self._ask(wire.RUN, message, timeout_s, logs)

    async def close(self) -> None:
        self.end(End.DIED)
        await asyncio.shield(self._ended)

    def end(self, how: End) -> None:
        """Kills it with all its children; what goes on ends like this."""
        self._condemned = True
        self._watch.discard(self)
        if not self._ended.done():
            self.process.kill()
        self._drain()
        self._settle(Outcome(how, took_ms=self._took_ms()))

    def discard(self) -> None:
        """Ends it without waiting for that."""
        self.end(End.DIED)

    @property
    def last_words(self) -> str:
        """What a process said that did not start."""
        return self._words.text.decode("utf-8", "replace").strip()

    # --- asking

    async def _ask(self, kind: bytes, text: bytes, timeout_s: float, logs: LogLines) -> Outcome:
        if self._condemned:
            return Outcome(End.DIED)
        assert self._pending is None, "a cell does one thing at a time"
        while self._deaf:
            raw = self._deaf.pop()
            if raw.read(None, DRAIN_BYTES_MAX):
                self._loop.add_reader(raw.fd, self._on_raw, raw)
        self._number += 1
        self._logs = logs
        pending: asyncio.Future[Outcome] = self._loop.create_future()
        self._pending = pending
        self._asked_at = self._loop.time()
        timer = self._loop.call_later(timeout_s, self.end, End.TIMED_OUT)
        self._watch.add(self)
        self._send(wire.request(kind, self._number, text))
        try:
            return await pending
        except asyncio.CancelledError:
            self.end(End.DIED)
            raise
        finally:
            timer.cancel()
            if self._condemned:
                self._watch.discard(self)
            else:
                self._watch.rest(self)

    def _settle(self, outcome: Outcome) -> None:
        """Gives what is asked its outcome, when there is something."""
        pending, self._pending, self._logs = self._pending, None, None
        if pending is not None and not pending.done():
            pending.set_result(outcome)

    def _took_ms(self) -> float:
        return (self._loop.time() - self._asked_at) * 1000

    def _send(self, frame: bytes) -> None:
        self._unsent = self._written(frame)
        if self._unsent:
            self._loop.add_writer(self.process.requests_fd, self._on_writable)

    def _on_writable(self) -> None:
        self._unsent = self._written(self._unsent)
        if not self._unsent:
            self._loop.remove_writer(self.process.requests_fd)

    def _written(self, frame: bytes | memoryview) -> bytes | memoryview:
        """Writes what the pipe takes; gives the rest."""
        try:
            written = os.write(self.process.requests_fd, frame)
            return b"" if written == len(frame) else memoryview(frame)[written:]
        except BlockingIOError:
            return frame
        except OSError:
            return b""

    # --- what comes

    def _on_answers(self) -> None:
        try:
            more = self._read_answers()
        except wire.Garbled:
            self._loop.remove_reader(self.process.answers_fd)
            self._garbled = True
            self.end(End.DIED)
            return
        if not more:
            self._loop.remove_reader(self.process.answers_fd)
            self._condemned = True
            self._loop.call_later(LAST_WORDS_S, self._after_last_words)

    def _after_last_words(self) -> None:
        """It goes on living without its pipe. One that complained of its memory is about to end, however slow
        the machine, and its status will tell; the time of the run bounds that too."""
        if self._pending is None or not self._says_out_of_memory:
            self.end(End.DIED)

    @property
    def _says_out_of_memory(self) -> bool:
        return any(raw.says_out_of_memory for raw in self._raw)

    def _read_answers(self) -> bool:
        """Reads once. False: there will be no more. Raises Garbled."""
        try:
            received = os.read(self.process.answers_fd, READ_BYTES)
        except BlockingIOError:
            return True
        for frame in self._reader.frames(received):
            self._take(frame)
        return bool(received)

    def _take(self, frame: wire.Frame) -> None:
        match frame:
            case wire.Line(number=number) if number == self._number and self._pending is not None:
                assert self._logs is not None
                self._logs.add(frame.stream, frame.at_ns, frame.text)
            case wire.Answer(number=number) if number == self._number and self._pending is not None:
                self._answer(frame)
            case wire.Memory(number=number) if number == self._number and self._pending is not None:
                self.end(End.OUT_OF_MEMORY)
            case wire.Hello() if not self._hello.done():
                self._hello.set_result(None)
                self._logs = None
            case _:
                raise wire.Garbled("nobody asked")

    def _answer(self, answer: wire.Answer) -> None:
        if answer.size > RESULT_BYTES_MAX:
            outcome = Outcome(End.TOO_LARGE, answer.status, answer.body, answer.size, self._took_ms())
        else:
            # What nests too deeply is an answer too, though none that is of use: see run/response.py.
            try:
                with contextlib.suppress(RecursionError):
                    _check_answer(answer.body)
            except msgspec.DecodeError as error:
                raise wire.Garbled("the body is no object or array") from error
            outcome = Outcome(End.DONE, answer.status, answer.body, len(answer.body), self._took_ms())
        self._drain_raw()
        self._settle(outcome)

    def _on_raw(self, raw: RawLines) -> None:
        """Between two requests nobody listens: who goes on writing has to wait."""
        if self._logs is None or not raw.read(self._logs, READ_BYTES):
            self._loop.remove_reader(raw.fd)
            self._deaf.append(raw)

    def _drain_raw(self) -> None:
        has_raw = self._has_raw.poll(0)  # one system call instead of two, for mostly there is nothing
        for raw in self._raw:
            if has_raw:
                raw.read(self._logs, DRAIN_BYTES_MAX)
            raw.end_line(self._logs)

    def _drain(self) -> None:
        """Takes what is in the pipes: into the log while something goes on, else it is dropped."""
        if self._ended.done():
            return
        pending = self._pending
        try:
            # Behind what it should not have sent nothing counts, a right answer neither.
            for _ in range(0 if self._garbled else DRAIN_BYTES_MAX // READ_BYTES):
                if not self._read_answers() or self._pending is not pending:
                    break
        except wire.Garbled:
            self._condemned = True
        self._drain_raw()

    def _on_exit(self) -> None:
        """The process has ended."""
        if self._ended.done():
            return
        self._condemned = True
        self._watch.discard(self)
        status = self.process.reap()
        self._drain()
        how = End.OUT_OF_MEMORY if self._says_out_of_memory and status in _ABORTED else End.DIED
        self._settle(Outcome(how, took_ms=self._took_ms()))
        for fd in (
            self.process.answers_fd,
            self.process.stdout_fd,
            self.process.stderr_fd,
            self.process.pidfd,
        ):
            self._loop.remove_reader(fd)
        self._loop.remove_writer(self.process.requests_fd)
        self.process.close()
        self._ended.set_result(None)
        self._on_end(self)
