"""One JavaScript context: the functions of one design document, with bounds on memory, stack and time.

Nothing in it reaches the outside: the engine has no files, no network and no modules but those of the design
document. A context belongs to the thread that made it. One that ran out of time or memory is of no more use.
"""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import quickjs

from couchgrass.errors import BadRequest, CouchgrassError, Forbidden, NotFound, Unauthorized

log = logging.getLogger("couchgrass.javascript")

MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
"""What one context may hold, as CouchDB gives each of its JavaScript processes."""

STACK_BYTES_MAX: Final = 1024 * 1024
"""Well inside of what threads have. A document at the limit of its depth takes less."""

SLACK: Final = 1.1
"""So many times a call's limit is the engine's: other threads always work a little beside a loop that never
ends, and that is to bring it no second run."""

OTHERS_MAX: Final = 6
"""How much more than a call's own processor time the whole process may take meanwhile."""

SLICE_MS: Final = 25
"""A call on many documents comes back after about so long, for the others that wait for the thread."""

LOG_LINES_MAX: Final = 100
LOG_CHARS_MAX: Final = 2000
"""What is kept of what functions log in one call."""

_RUNTIME: Final = (Path(__file__).parent / "runtime.js").read_text(encoding="utf-8")
_START: Final = f"{_RUNTIME}(globalThis, {SLICE_MS}, {LOG_LINES_MAX}, {LOG_CHARS_MAX})"
_LONE_SURROGATE: Final = re.compile(r"(\\\\)|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class FunctionFailed(CouchgrassError):
    """A design document's function could not be run or failed; `error` and `reason` are CouchDB's for it."""


class ContextBroken(CouchgrassError):
    """The context is of no more use: its function took too long or too much memory."""


class _TimedOut(ContextBroken):
    """The engine stopped a function at its limit."""


class Program(msgspec.Struct, frozen=True):
    """A design document to run: `key` names it and its revision, `source` is its JSON text."""

    key: tuple[str, ...]
    source: str


class _Reply(msgspec.Struct, gc=False):
    """What an operation answered."""

    ok: msgspec.Raw = msgspec.Raw(b"null")
    error: list[Any] | None = None
    log: list[str] = []


_decode_reply: Final = msgspec.json.Decoder(_Reply).decode


class Context:
    """The functions of `program`. `call_s` is the processor time that one call may take.

    The engine can only measure that of the whole process. So a call that it stopped before the thread itself
    had worked so long runs once more, in a new context, with what the others took added to its limit.
    `held_bytes` is what it held after its last call.
    """

    def __init__(self, program: Program, *, call_s: float, memory_bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self.program = program
        self._call_s = call_s
        self._memory_bytes_max = memory_bytes_max
        self.held_bytes = 0
        self._load(SLACK * call_s)

    def _load(self, limit_s: float) -> None:
        self._context = quickjs.Context()
        self._context.set_memory_limit(self._memory_bytes_max)
        self._context.set_max_stack_size(STACK_BYTES_MAX)
        self._context.set_time_limit(limit_s)
        self._dispatch = self._context.eval(_START)
        self.call("load", "", self.program.source)

    def call(self, operation: str, name: str = "", text: str = "", extra: str = "") -> bytes:
        """Runs one of the operations in ``runtime.js``; its answer as JSON text.

        Raises ContextBroken, or what `error_of` makes of the function's own error.
        """
        own_s, all_s = time.thread_time(), time.process_time()
        try:
            return self._call(operation, name, text, extra)
        except _TimedOut:
            own_s, all_s = time.thread_time() - own_s, time.process_time() - all_s
            if operation == "load" or own_s >= self._call_s:
                raise
        self._load(self._call_s * min(OTHERS_MAX, 1.5 * all_s / max(own_s, 0.001)))
        try:
            return self._call(operation, name, text, extra)
        finally:
            self._context.set_time_limit(SLACK * self._call_s)

    def _call(self, operation: str, name: str, text: str, extra: str) -> bytes:
        try:
            answered = self._dispatch(operation, name, text, extra)
        except quickjs.JSException as failed:
            raise _broken(str(failed)) from None
        except UnicodeDecodeError:
            raise FunctionFailed("A function made text that is no Unicode", error="invalid_json") from None
        finally:
            self.held_bytes = self._context.memory()["malloc_size"]
        reply = _decoded(answered)
        for line in reply.log:
            # As one line: else a function could make up lines of ours.
            log.info("%r: %r", "/".join(self.program.key), line)
        if reply.error is not None:
            raise error_of(*reply.error)
        return bytes(reply.ok)


def error_of(error: str, reason: Any) -> CouchgrassError:
    """An error that a function named. Few names have a status of their own, as in CouchDB."""
    kind = _NAMED.get(error)
    return FunctionFailed(reason, error=error) if kind is None else kind(reason)


_NAMED: Final[dict[str, type[CouchgrassError]]] = {
    "bad_request": BadRequest,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "unauthorized": Unauthorized,
}


def _decoded(answered: Any) -> _Reply:
    try:
        return _decode_reply(answered)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # Half of a surrogate pair is no character and can't be stored: it becomes U+FFFD, as in CouchDB.
        return _decode_reply(_LONE_SURROGATE.sub(lambda found: found[1] or "\ufffd", answered))
    except (msgspec.DecodeError, RecursionError, TypeError):
        raise FunctionFailed("A function made a value that is no JSON", error="invalid_json") from None


def _broken(message: str) -> ContextBroken:
    first = message.partition("\n")[0]
    if first == "InternalError: interrupted":
        return _TimedOut("OS process timed out.", error="os_process_error")
    if first in ("null", "InternalError: out of memory"):
        return ContextBroken("out of memory", error="os_process_error")
    return ContextBroken(first, error="os_process_error")
