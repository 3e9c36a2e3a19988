"""The seam between invocations and what runs them: a cell is one process (or one far runtime) for one action.

It follows OpenWhisk's contract: `init` once with the code, then one `run` at a time. The answers are those
of its HTTP form, status and body, whatever the wire is. After anything but a DONE with status 200 a cell is
done with: `close` it. An application error is a 200 whose body has the key `error`, and leaves it warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

import msgspec

from couchgrass.functions.entity import Limits


class End(Enum):
    """How an `init` or a `run` ended."""

    DONE = "done"
    """There is an answer."""
    DIED = "died"
    """The process ended without one."""
    OUT_OF_MEMORY = "out of memory"
    """It was ended because it took more memory than its limit."""
    TIMED_OUT = "timed out"
    """It was ended, with all its children, because its time was up."""
    TOO_LARGE = "too large"
    """The result is over RESULT_BYTES_MAX; `body` is the first part of it, `size` the whole."""


class Outcome(msgspec.Struct, frozen=True):
    """`status` and `body` (JSON text) as the runtime answered; `took_ms` on the monotonic clock."""

    end: End
    status: int = 0
    body: bytes = b""
    size: int = 0
    took_ms: float = 0.0


class Code(msgspec.Struct, frozen=True):
    """What an action's process is given. `text` is the code as it was put: base64 when `binary`. `digest` is
    the code's SHA-256, under which an unpacked archive may be kept and shared, read-only."""

    name: str
    main: str
    text: bytes
    binary: bool
    digest: str


class LogLines(Protocol):
    """Takes the lines of one activation, in order, within its bound."""

    def add(self, stream: str, at_ns: int, text: bytes) -> None:
        """One line without its end. `stream` is "stdout" or "stderr"; `at_ns` since the epoch. Lines over
        the limit are dropped by the receiver, which says so in the log."""


class Cell(Protocol):
    """One process. Its methods are not called side by side, but `close`, which ends whatever goes on."""

    @property
    def alive(self) -> bool:
        """False once the process has ended."""
        ...

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        """Loads the code. `env`: `__OW_*` and the `init` parameters."""
        ...

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        """Runs it once. `message` is the JSON text of OpenWhisk's /run: value, namespace, action_name,
        action_version, activation_id, transaction_id, deadline (ms, as text), perhaps api_key."""
        ...

    async def close(self) -> None:
        """Ends the process with all its children, at once. May be called at any time, and twice."""
        ...


class Runtimes(Protocol):
    """Where cells come from."""

    async def cell(self, kind: str, limits: Limits, *, name: str, accounts: tuple[str, ...] = ()) -> Cell:
        """A cell of this kind that took no code yet: one that waits, else a new one. `name` ("ns/pkg/act")
        is for its log. `accounts`: the Cloudant accounts that lead to the region's database from there.
        Raises ServiceUnavailable when no process can be had, NotFound for a kind that there is not."""
        ...

    async def close(self) -> None:
        """Ends all cells that wait."""
        ...
