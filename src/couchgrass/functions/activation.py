"""An activation: the record of one run of an action, a sequence or a trigger.

Source: OpenWhisk's activation record. Times are in milliseconds since the epoch, durations in milliseconds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import msgspec

RESULT_BYTES_MAX: Final = 1024 * 1024
"""The largest result; OpenWhisk's own."""


class Status(IntEnum):
    """How it ended; the numbers are OpenWhisk's `statusCode` in lists."""

    SUCCESS = 0
    APPLICATION_ERROR = 1
    DEVELOPER_ERROR = 2
    INTERNAL_ERROR = 3


STATUS_TEXTS: Final = {
    Status.SUCCESS: "success",
    Status.APPLICATION_ERROR: "application error",
    Status.DEVELOPER_ERROR: "action developer error",
    Status.INTERNAL_ERROR: "whisk internal error",
}


class Activation(msgspec.Struct, frozen=True):
    """`result` is JSON text. `end` and `status` are None while it runs. `logs` are whole lines, as
    ``2026-01-01T00:00:00.000000000Z stdout: text`` (time stamp padded to 30)."""

    namespace: str
    name: str
    subject: str
    activation_id: str
    start: int
    version: str
    annotations: dict[str, Any]
    end: int | None = None
    cause: str | None = None
    status: Status | None = None
    result: msgspec.Raw = msgspec.Raw(b"{}")
    logs: tuple[str, ...] = ()
    publish: bool = False

    @property
    def duration(self) -> int | None:
        """None while it runs."""
        return None if self.end is None else self.end - self.start
