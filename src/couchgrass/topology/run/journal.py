"""The log of `up`: a file that does not grow without end, and its last lines at hand."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

BYTES_MAX: Final = 16 * 1024 * 1024
"""A file that is larger becomes FILE.1, in place of the one before."""

TAIL_LINES: Final = 200


class Journal:
    """Appends to the file, which only its owner can read. For one thread."""

    def __init__(self, place: Path, *, bytes_max: int = BYTES_MAX) -> None:
        """Raises OSError."""
        self.place = place
        self._bytes_max = bytes_max
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._file = self._opened()

    def write(self, text: str) -> None:
        """One line with its end."""
        self._tail.append(text.rstrip("\n"))
        self._file.write(text.encode(errors="replace"))
        if self._file.tell() > self._bytes_max:
            self.place.replace(self.place.with_name(f"{self.place.name}.1"))
            # Not before there is another one: a log that is full must not be the end of it.
            full, self._file = self._file, self._opened()
            full.close()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def last(self, count: int) -> list[str]:
        """The last lines, of this run only."""
        return list(self._tail)[-count:]

    def _opened(self) -> BinaryIO:
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.place, how, 0o600)
        return os.fdopen(descriptor, "ab")
