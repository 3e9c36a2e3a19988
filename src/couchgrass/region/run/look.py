"""Looks at a region that runs: what its supervisor wrote down, and whether each of its URLs answers now."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest, TooLarge
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import RegionState, read_state
from couchgrass.serving.lost import FAILURES
from couchgrass.serving.whole import whole

ANSWER_S: Final = 3.0
ANSWER_BYTES_MAX: Final = 1024 * 1024

_ASKED: Final = {
    "database": "/_up",
    "functions": "/api/v1",
    "gateway": "/.well-known/couchgrass/gateway",
    "agent": "/_couchgrass/status",
    "dashboard": "/config.json",
}
"""What each is asked for. Any answer below 500 shows that it is there."""

CONFINEMENT: Final = "confinement"
"""The key of the functions' answer that says how actions are kept apart."""


class Line(msgspec.Struct, frozen=True):
    """One part of a region. `phase` is "elsewhere" for a database that is not run here. `answers`: its URL
    answers now. `since` is in seconds since the epoch."""

    name: str
    phase: str
    answers: bool
    url: str
    pid: int | None = None
    since: float | None = None
    restarts: int = 0

    @property
    def well(self) -> bool:
        """Ready and answering."""
        return self.answers and self.phase in (Phase.READY.value, "elsewhere")


class Status(msgspec.Struct, frozen=True):
    """What `couchgrass status` shows. `confinement` is "" when functions do not say."""

    data: str
    running: bool
    name: str = ""
    file: str = ""
    pid: int | None = None
    started: float | None = None
    confinement: str = ""
    processes: tuple[Line, ...] = ()

    @property
    def well(self) -> bool:
        """Nothing is wrong."""
        return self.running and all(line.well for line in self.processes)


async def look(data: Path) -> Status:
    """Raises FolderTaken when what runs can't be read."""
    state = read_state(data)
    if state is None:
        return Status(str(data), False)
    lines = _lines(state)
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
        answers = await asyncio.gather(*(_ask(session, line) for line in lines))
    confinement = ""
    for line, (_, told) in zip(lines, answers, strict=True):
        if line.name == "functions" and isinstance(told, dict):
            confinement = str(told.get(CONFINEMENT, ""))
    return Status(
        data=str(data),
        running=True,
        name=state.name,
        file=state.file,
        pid=state.pid,
        started=state.started,
        confinement=confinement,
        processes=tuple(
            msgspec.structs.replace(line, answers=there)
            for line, (there, _) in zip(lines, answers, strict=True)
        ),
    )


def _lines(state: RegionState) -> list[Line]:
    lines = [
        Line(name, seen.phase.value, False, seen.url, seen.pid, seen.since, seen.restarts)
        for name, seen in state.processes.items()
    ]
    if "database" not in state.processes:
        lines.insert(0, Line("database", "elsewhere", False, state.database_url))
    return lines


async def _ask(session: aiohttp.ClientSession, line: Line) -> tuple[bool, Any]:
    """(whether it answers, the JSON that it answered if it did)."""
    if not line.url:
        return False, None
    try:
        async with session.get(line.url + _ASKED.get(line.name, "/"), allow_redirects=False) as answer:
            text = await whole(answer, ANSWER_BYTES_MAX)
            there = answer.status < 500
    except (*FAILURES, TooLarge):
        return False, None
    try:
        return there, json.decode(text)
    except BadRequest:
        return there, None
