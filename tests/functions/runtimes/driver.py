"""Drives real cells from tests that are not async: an event loop that runs while something is asked of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes import interpreters
from couchgrass.functions.runtimes.cell import Cell, Code, End, Outcome
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.runtimes.sandbox import Confinement

T = TypeVar("T")

TIMEOUT_S = 60.0
"""For what is not meant to time out."""
KINDS = ("python:3", "nodejs:20")


class Logs:
    """The lines of one activation."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, bytes]] = []

    def add(self, stream: str, at_ns: int, text: bytes) -> None:
        self.lines.append((stream, at_ns, text))

    def of(self, stream: str) -> list[str]:
        return [text.decode("utf-8", "replace") for each, _, text in self.lines if each == stream]

    @property
    def text(self) -> str:
        return "\n".join([*self.of("stdout"), *self.of("stderr")])


@dataclass
class Ran:
    """One action that was loaded, and perhaps run once."""

    cell: Cell
    init: Outcome
    init_logs: Logs
    outcome: Outcome = field(default_factory=lambda: Outcome(End.DIED))
    logs: Logs = field(default_factory=Logs)

    @property
    def body(self) -> Any:
        return json.loads(self.outcome.body)


def readable_python() -> Path | None:
    """An interpreter that every user can start: ours when it is one, else the system's."""
    ours = interpreters.python().binary
    if all(folder.stat().st_mode & 0o001 for folder in ours.parents):
        return None
    return Path("/usr/bin/python3")


class Driver:
    """Runtimes of one confinement, and the loop that they live on."""

    def __init__(self, confined: Confinement | None = None, **options: Any) -> None:
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        if confined not in (None, Confinement.BUBBLEWRAP) and os.geteuid() == 0:
            options.setdefault("python", readable_python())
        options.setdefault("stems", {"python": 1, "nodejs": 1})
        self.given: list[Cell] = []
        self.runtimes = self.run(LocalRuntimes.open(confined=confined, **options))

    def run(self, awaitable: Awaitable[T]) -> T:
        async def whole() -> T:
            return await awaitable

        return self.runner.run(whole())

    def until(self, condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        """Lets the loop run until the condition holds."""

        async def wait() -> None:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(0.005)

        self.run(wait())

    def end_all(self) -> None:
        """Closes the cells that were asked for."""
        for cell in self.given:
            self.run(cell.close())
        self.given.clear()

    def close(self) -> None:
        self.run(self.runtimes.close())
        self.runner.close()

    def load(
        self,
        kind: str,
        code: str | bytes,
        *,
        main: str = "",
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        accounts: tuple[str, ...] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> Ran:
        """A cell with this code in it; bytes are an archive."""
        binary = isinstance(code, bytes)
        text = base64.b64encode(code) if isinstance(code, bytes) else code.encode("utf-8", "surrogatepass")
        cell = self.run(self.runtimes.cell(kind, limits or Limits(), name="ns/act", accounts=accounts))
        self.given.append(cell)
        logs = Logs()
        value = Code("act", main, text, binary, hashlib.sha256(text).hexdigest())
        init = self.run(cell.init(value, env or {}, timeout_s=timeout_s, logs=logs))
        return Ran(cell, init, logs)

    def again(self, ran: Ran, value: Any = None, *, timeout_s: float = TIMEOUT_S, **more: str) -> Ran:
        """Runs it once."""
        message = json.dumps({"value": {} if value is None else value, **more}).encode()
        ran.logs = Logs()
        ran.outcome = self.run(ran.cell.run(message, timeout_s=timeout_s, logs=ran.logs))
        return ran

    def do(self, kind: str, code: str | bytes, value: Any = None, **options: Any) -> Ran:
        """Loads it and runs it once; `timeout_s` is for the run."""
        timeout_s = options.pop("timeout_s", TIMEOUT_S)
        ran = self.load(kind, code, **options)
        assert ran.init.status == 200, (ran.init, ran.init_logs.text)
        return self.again(ran, value, timeout_s=timeout_s)

    def end(self, ran: Ran) -> None:
        self.run(ran.cell.close())


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A zip with these files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return held.getvalue()
