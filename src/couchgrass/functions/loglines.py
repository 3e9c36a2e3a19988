"""The log lines of one activation, as OpenWhisk writes them, within the action's limit.

A line is ``2026-01-01T00:00:00.000000000Z stdout: text``, the time stamp padded to 30. Once a line does not
fit, it and all that follow are dropped, and the last line says so. A line counts as long as it is written
here and one more: so many empty lines take no more memory than a few long ones. With a limit of 0 nothing is
kept, nor said about it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

MB: Final = 1024 * 1024
_SECOND_NS: Final = 1_000_000_000


class LogLines:
    """Takes lines in order; see `cell.LogLines` for who gives them."""

    def __init__(self, limit_mb: int) -> None:
        self.truncated = False
        self._limit = limit_mb * MB
        self._left = self._limit
        self._lines: list[str] = []
        self._second = -1
        self._stamp = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines so far."""
        return tuple(self._lines)

    def add(self, stream: str, at_ns: int, text: bytes) -> None:
        """One line without its end. What is no UTF-8 is replaced. `at_ns`: since the epoch."""
        if self.truncated:
            return
        line = f"{self._time(at_ns):<30} {stream}: {text.decode('utf-8', 'replace')}"
        size = len(line) if line.isascii() else len(line.encode())
        self._left -= size + 1
        if self._left >= 0:
            self._lines.append(line)
            return
        self.truncated = True
        if self._limit:
            self.note(
                at_ns,
                f"Logs were truncated because the total bytes size exceeds the limit of {self._limit} bytes.",
            )

    def note(self, at_ns: int, text: str) -> None:
        """A line of the platform's own, which counts for nothing. Goes to stderr, as upstream's do."""
        if self._limit:
            self._lines.append(f"{self._time(at_ns):<30} stderr: {text}")

    def _time(self, at_ns: int) -> str:
        second, rest = divmod(at_ns, _SECOND_NS)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{rest:09d}Z"
