"""A supervisor's log: lines of its processes, each with the name of the one that said it.

A thread writes it, so that a terminal or a pipe that nobody reads holds up no process; what does not fit into
the queue meanwhile is counted and said later.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import Final, Protocol

LINES_MAX: Final = 10_000
CLOSE_S: Final = 1.0
"""How long the end waits for lines that are not written yet."""


class Stream(Protocol):
    """Where the lines go."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> None: ...


class Log:
    """`add` never waits. One for a supervisor, whose own lines are under the name `own`. Without a `stream`
    they go to stderr."""

    def __init__(self, own: str = "region", stream: Stream | None = None) -> None:
        self.own = own
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def add(self, name: str, text: str) -> None:
        """One line of `name`."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"{self.own:<9} | {self._dropped} lines of the log were dropped\n")
                self._dropped = 0
            self._lines.put_nowait(f"{name:<9} | {text}\n")
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Writes what there is, if somebody reads it."""
        try:
            self._lines.put(None, timeout=CLOSE_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_S)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                stream = self._stream or sys.stderr
                stream.write(line)
                if self._lines.empty():
                    stream.flush()
            except (OSError, ValueError):
                # Nobody will read it any more.
                continue
