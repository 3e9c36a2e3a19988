"""Cells that are real processes with the smallest wire: a line of JSON there, a line of JSON back.

The code of an action is Python that defines `main(message)`, which returns (status, body text); `log(text)`
writes to its log, and `hang()` never returns. The time limit counts only for what hangs, from then on: it is
no matter how long an interpreter takes to start on a busy machine. Nothing confines it: for tests of what is
above the seam.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from couchgrass.errors import ServiceUnavailable
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Cell, Code, End, LogLines, Outcome

CHILD = """
import json, os, signal, sys
def hang():
    print(json.dumps("hangs"), flush=True)
    while True: signal.pause()
space = {"os": os, "json": json, "hang": hang}
for line in sys.stdin:
    asked, logs = json.loads(line), []
    space["log"] = logs.append
    if "code" in asked:
        os.environ.update(asked["env"])
        try:
            exec(asked["code"], space)
            status, body = 200, '{"ok":true}'
        except Exception as error:
            status, body = 502, json.dumps({"error": str(error)})
    else:
        status, body = space["main"](asked["message"])
    print(json.dumps([status, body, logs]), flush=True)
"""

HANGS = b'"hangs"\n'
LINE_BYTES_MAX = 4 * 1024 * 1024


class LineCell:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def init(self, code: Code, env: Mapping[str, str], *, timeout_s: float, logs: LogLines) -> Outcome:
        return await self._ask({"code": code.text.decode(), "env": dict(env)}, timeout_s, logs)

    async def run(self, message: bytes, *, timeout_s: float, logs: LogLines) -> Outcome:
        return await self._ask({"message": json.loads(message)}, timeout_s, logs)

    async def close(self) -> None:
        if self.alive:
            self.process.kill()
        await self.process.wait()
        self.process._transport.close()  # type: ignore[attr-defined]

    async def _ask(self, asked: Any, timeout_s: float, logs: LogLines) -> Outcome:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            line = await self.process.stdout.readline()
            if line == HANGS:
                async with asyncio.timeout(timeout_s):
                    line = await self.process.stdout.readline()
        except TimeoutError:
            await self.close()
            return Outcome(End.TIMED_OUT)
        except ConnectionError:
            line = b""
        if not line:
            await self.process.wait()
            return Outcome(End.DIED)
        status, body, lines = json.loads(line)
        for text in lines:
            logs.add("stdout", time.time_ns(), text.encode())
        return Outcome(End.DONE, status, body.encode())


class LineRuntimes:
    """Starts processes and keeps count of them."""

    def __init__(self, at_most: int = 1_000) -> None:
        self.at_most = at_most
        self.cells: list[LineCell] = []

    async def cell(self, kind: str, limits: Limits, *, name: str, accounts: tuple[str, ...] = ()) -> Cell:
        if len(self.cells) >= self.at_most:
            raise ServiceUnavailable("No process can be had.")
        pipe = asyncio.subprocess.PIPE
        self.cells.append(
            LineCell(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-S", "-E", "-c", CHILD, stdin=pipe, stdout=pipe, limit=LINE_BYTES_MAX
                )
            )
        )
        return self.cells[-1]

    async def close(self) -> None:
        for cell in self.cells:
            await cell.close()
