"""A drill's requests: what is asked next, and what is known of each document's values.

Pure. The load is that of a Todo-Backend: todos are created, read, changed and removed. A document is in one
request at a time, so its acknowledged values have an order; each write has a value of its own, the number of
its request, in the todo's `order`. That is how a write is found again in a database.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

KEPT_MAX: Final = 500
"""How many documents the requests choose among."""

SHARES: Final = (("GET", 55), ("POST", 20), ("PATCH", 20), ("DELETE", 5))
"""Of the requests, in percent."""


class Method(StrEnum):
    """What a request does: read, create, change, remove."""

    GET = "GET"
    POST = "POST"
    PATCH = "PATCH"
    DELETE = "DELETE"

    @property
    def writes(self) -> bool:
        return self is not Method.GET


class Op(msgspec.Struct, frozen=True):
    """A request. `number` is its value if it writes. `doc` is "" for one that creates."""

    number: int
    method: Method
    doc: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How a request went: times in seconds of one clock, `status` 0 when there was no answer, `doc` the
    document that it was about, `region` who said that it served."""

    op: Op
    began_s: float
    ended_s: float
    status: int
    region: str = ""
    doc: str = ""
    error: str = ""

    @property
    def failed(self) -> bool:
        """Nobody answered, or the answer says that the service failed."""
        return self.status == 0 or self.status >= 500 or self.status == 429

    @property
    def acknowledged(self) -> bool:
        """A write that was said to be done."""
        return self.op.method.writes and 200 <= self.status < 300


class Load:
    """Chooses requests. `pick` draws a number from 0 up to, not including, its argument."""

    def __init__(self, pick: Callable[[int], int]) -> None:
        self._pick = pick
        self._free: list[str] = []
        self._number = 0

    def next(self) -> Op:
        """The next request; one that needs a document while none is free creates one instead."""
        self._number += 1
        draw = self._pick(100)
        method = Method.POST
        for name, share in SHARES:
            if draw < share:
                method = Method(name)
                break
            draw -= share
        if method is Method.POST or not self._free:
            return Op(self._number, Method.POST)
        at = self._pick(len(self._free))
        self._free[at], self._free[-1] = self._free[-1], self._free[at]
        return Op(self._number, method, self._free.pop())

    def done(self, outcome: Outcome) -> None:
        """Gives a request's document back to the load; one whose removal was tried is asked for no more."""
        if not outcome.doc or outcome.op.method is Method.DELETE or outcome.status == 404:
            return
        if len(self._free) < KEPT_MAX:
            self._free.append(outcome.doc)
