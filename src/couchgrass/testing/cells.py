"""Cells without processes: Python functions on the test's own event loop, quick and well behaved.

For tests of what lies above the seam. Code is Python text whose `main`, async perhaps, takes the parameters;
`print` goes to the log. What it raises is a developer error, as in a real runtime.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

from couchgrass import json
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Code, End, LogLines, Outcome

FAILED = 502


class InlineCell:
    """Runs its code where it is called. `init_env` is what `init` was given."""

    def __init__(self) -> None:
        self.alive = True
        self.init_env: Mapping[str, str] = {}
        self._main: Callable[[Any], Any] | None = None
        self._logs: LogLines | None = None

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        self._logs = logs
        self.init_env = env
        names: dict[str, Any] = {"print": self._print}
        try:
            exec(code.text, names)  # noqa: S102
            self._main = names[code.main or "main"]
        except (SyntaxError, KeyError) as wrong:
            return _failed(f"{type(wrong).__name__}: {wrong}")
        return Outcome(End.DONE, 200, b'{"ok":true}')

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        assert self._main is not None
        self._logs = logs
        try:
            result = self._main(json.decode(message)["value"])
            if inspect.isawaitable(result):
                result = await result
        except ArithmeticError as raised:
            return _failed(str(raised))
        return Outcome(End.DONE, 200, json.encode(result))

    async def close(self) -> None:
        self.alive = False

    def _print(self, *words: Any) -> None:
        assert self._logs is not None
        self._logs.add("stdout", time.time_ns(), " ".join(map(str, words)).encode())


class InlineRuntimes:
    """Makes them, and keeps those it made."""

    def __init__(self) -> None:
        self.cells: list[InlineCell] = []

    async def cell(
        self, kind: str, limits: Limits, *, name: str, accounts: tuple[str, ...] = ()
    ) -> InlineCell:
        self.cells.append(InlineCell())
        return self.cells[-1]

    async def close(self) -> None:
        self.cells.clear()


def _failed(text: str) -> Outcome:
    return Outcome(End.DONE, FAILED, json.encode({"error": text}))
