"""New ids for documents, by the algorithm that ``[uuids] algorithm`` names.

- ``sequential``: 26 random hexadecimal digits, then 6 that grow by a random step; a new start before they
  run over. Ids of one server come in order, which is what an index likes best.
- ``random``: 128 random bits.
- ``utc_random``: the time in microseconds as 14 digits, then 18 random ones.
- ``utc_id``: the same time, then the server's ``utc_id_suffix``.

A time is never used twice by one source, even if the clock stands still or goes back.
Specification: CouchDB 3.5 ``couch_uuids``.
"""

from __future__ import annotations

import random
import secrets
import threading

from couchgrass.clock import Clock
from couchgrass.docdb.settings import Uuids

_STEP_MAX = 0xFFD
_SEQUENCE_END = 0xFFF000


class UuidSource:
    """Makes ids. For any thread: large bulk bodies are taken apart on threads, and need ids there."""

    __slots__ = ("_clock", "_last_us", "_prefix", "_sequence", "_turn")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_us = 0
        self._prefix = ""
        self._sequence = _SEQUENCE_END
        self._turn = threading.Lock()

    def one(self, setting: Uuids) -> str:
        """One id."""
        match setting.algorithm:
            case "sequential":
                return self._sequential()
            case "random":
                return secrets.token_hex(16)
            case "utc_random":
                return f"{self._time_us():014x}{secrets.token_hex(9)}"
            case "utc_id":
                return f"{self._time_us():014x}{setting.utc_id_suffix}"

    def many(self, setting: Uuids, count: int) -> list[str]:
        """`count` ids."""
        return [self.one(setting) for _ in range(count)]

    def _sequential(self) -> str:
        with self._turn:
            if self._sequence >= _SEQUENCE_END:
                self._prefix = secrets.token_hex(13)
                self._sequence = 0
            self._sequence += 1 + int(random.random() * _STEP_MAX)  # noqa: S311 (the prefix is secret)
            return f"{self._prefix}{self._sequence:06x}"

    def _time_us(self) -> int:
        with self._turn:
            self._last_us = max(int(self._clock.now() * 1_000_000), self._last_us + 1)
            return self._last_us
