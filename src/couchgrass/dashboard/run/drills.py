"""Drills that people start from the dashboard: `couchgrass drill`, each a process of its own.

A drill may end the very region whose dashboard started it. So its process is in a session of its own, is no
child that dies with us, writes to files, and holds a lock that it was handed: whoever finds that taken knows
that it runs. All that is told of drills is read from their folders (`dashboard/drilled.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.dashboard.drilled import (
    ASKED,
    DRILLS_KEPT,
    LOCK,
    LOG,
    LOG_BYTES_SHOWN,
    PAGE,
    REPORT,
    REPORT_BYTES_MAX,
    Asked,
    Reported,
    Running,
    check,
    is_id,
    lines,
    options,
    run_of,
)
from couchgrass.dashboard.seen import DrillAsked, DrillRun, Drills, DrillSeen
from couchgrass.errors import Conflict, CouchgrassError, NotFound
from couchgrass.serving.files import replace_file
from couchgrass.serving.locks import is_taken, take

COMMAND: Final = (sys.executable, "-m", "couchgrass", "drill")

COLUMNS: Final = "120"
"""How wide its tables may be."""


NOTE_BYTES: Final = 128
"""More than it takes to say which drill runs."""


class DrillFolder:
    """The drills in `folder`. `regions` are those that can be broken, `why_not` says why no drill can be
    started now, "" when one can. `command` is what is run, with options."""

    def __init__(
        self,
        folder: Path,
        regions: Sequence[str],
        why_not: Callable[[], str],
        clock: Clock,
        *,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._folder = folder
        self._regions = tuple(regions)
        self._why_not = why_not
        self._clock = clock
        self._command = tuple(command)
        self._ended: dict[str, DrillRun] = {}
        """What does not change any more."""
        self._lock = threading.Lock()

    async def list(self) -> Drills:
        """All of them."""
        return await asyncio.to_thread(self._list)

    async def seen(self, name: str) -> DrillSeen:
        """One. Raises NotFound."""
        return await asyncio.to_thread(self._seen, name)

    async def page(self, name: str) -> bytes:
        """Its report for people. Raises NotFound when there is none, or not yet."""
        return await asyncio.to_thread(self._page, name)

    async def start(self, asked: DrillAsked) -> str:
        """Its id. Raises BadRequest, and Conflict when one runs or none can."""
        check(asked, self._regions)
        return await asyncio.to_thread(self._start, asked)

    async def end(self, name: str) -> bool:
        """Tells one that runs to end, which it does when what it broke is healed: True. One that has ended
        is removed: False. Raises NotFound, and Conflict in the moment of its start."""
        return await asyncio.to_thread(self._end, name)

    # --- on threads ------------------------------------------------------------------------------------

    def _list(self) -> Drills:
        why = self._why_not()
        # In this order: what is in the list and does not run then has ended.
        names, running = self._names(), self._running()
        self._ended = {name: run for name, run in self._ended.items() if name in names}
        found = [self._run(name, running) for name in reversed(names)]
        return Drills(not why, why, tuple(one for one in found if one is not None))

    def _seen(self, name: str) -> DrillSeen:
        run = self._found(name)
        reports = _read(self._folder / name / REPORT, REPORT_BYTES_MAX)
        try:
            told = msgspec.json.decode(reports or b"[]", type=msgspec.Raw)
        except msgspec.DecodeError:
            told = msgspec.Raw(b"[]")  # it is being written
        return DrillSeen(
            **msgspec.structs.asdict(run),
            log=lines(_tail(self._folder / name / LOG)),
            reports=told,
        )

    def _page(self, name: str) -> bytes:
        self._found(name)
        page = _read(self._folder / name / PAGE, REPORT_BYTES_MAX)
        if not page:
            raise NotFound("This drill has no report yet: its log says how far it is.")
        return page

    def _start(self, asked: DrillAsked) -> str:
        if why := self._why_not():
            raise Conflict(why)
        with self._lock:
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                lock = take(self._folder / LOCK)
            except BlockingIOError as held:
                raise Conflict("A drill runs already; one at a time.") from held
            except OSError as refused:
                raise CouchgrassError(f"{self._folder} can't be used: {refused.strerror}") from refused
            try:
                return self._begin(asked, lock)
            except OSError as refused:
                raise CouchgrassError(f"The drill can't be started: {refused.strerror}") from refused
            finally:
                os.close(lock)

    def _begin(self, asked: DrillAsked, lock: int) -> str:
        """The lock goes to the new process: it is held for as long as that lives. Raises OSError."""
        now = self._clock.now()
        name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{secrets.token_hex(4)}"
        for old in self._names()[: 1 - DRILLS_KEPT]:
            self._remove(old)
        # Before its folder is there, which would look like that of one that has ended.
        _note(lock, Running(name))
        try:
            (self._folder / name).mkdir(mode=0o700)
            replace_file(self._folder / name / ASKED, msgspec.json.encode(Asked(asked, now)) + b"\n")
            child = self._spawn(self._folder / name, asked, lock)
        except OSError:
            self._remove(name)
            raise
        # Somebody has to hear of its end; nobody waits for that.
        threading.Thread(target=child.wait, daemon=True).start()
        _note(lock, Running(name, child.pid))
        return name

    def _spawn(self, folder: Path, asked: DrillAsked, lock: int) -> subprocess.Popen[bytes]:
        command = [*self._command, "--dir", str(self._folder.parent), *options(asked)]
        command += ["--json", str(folder / REPORT), "--html", str(folder / PAGE)]
        log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - our own command, its options are checked
                command,
                env={**os.environ, "COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
                umask=0o077,
            )
        finally:
            os.close(log)

    def _end(self, name: str) -> bool:
        self._found(name)
        running = self._running()
        if running is not None and running.id == name:
            if running.pid is None:
                raise Conflict("It is being started.")
            with contextlib.suppress(ProcessLookupError):
                # To the command it is what Ctrl-C is; a Ctrl-C itself is ignored by what a shell has begun
                # in its background.
                os.kill(running.pid, signal.SIGTERM)
            return True
        self._remove(name)
        return False

    def _remove(self, name: str) -> None:
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._ended.pop(name, None)

    def _names(self) -> Sequence[str]:
        """The oldest first."""
        try:
            return sorted(one.name for one in self._folder.iterdir() if is_id(one.name))
        except OSError:
            return []

    def _found(self, name: str) -> DrillRun:
        is_there = is_id(name) and (self._folder / name / ASKED).exists()
        run = self._run(name, self._running()) if is_there else None
        if run is None:
            raise NotFound("There is no such drill.")
        return run

    def _run(self, name: str, running: Running | None) -> DrillRun | None:
        if name in self._ended and (self._folder / name).is_dir():
            return self._ended[name]
        folder = self._folder / name
        try:
            noted = msgspec.json.decode(_read(folder / ASKED, LOG_BYTES_SHOWN), type=Asked)
        except msgspec.DecodeError:
            return None
        if running is not None and running.id == name:
            return run_of(name, noted, None, None)
        ended = max(_changed_at(folder / REPORT), _changed_at(folder / LOG), noted.began)
        try:
            reports = msgspec.json.decode(_read(folder / REPORT, REPORT_BYTES_MAX), type=list[Reported])
        except msgspec.DecodeError:
            reports = []
        run = run_of(name, noted, ended, reports)
        self._ended[name] = run
        return run

    def _running(self) -> Running | None:
        """The drill that runs now, whoever started it."""
        place = self._folder / LOCK
        if not is_taken(place):
            return None
        try:
            return msgspec.json.decode(_read(place, LOG_BYTES_SHOWN), type=Running)
        except msgspec.DecodeError:
            return None


def _note(lock: int, running: Running) -> None:
    """Whole for whoever reads it meanwhile."""
    os.pwrite(lock, msgspec.json.encode(running).ljust(NOTE_BYTES), 0)


def _read(file: Path, bytes_max: int) -> bytes:
    """What is in it, b"" when it can't be read or is larger."""
    try:
        with file.open("rb") as opened:
            content = opened.read(bytes_max + 1)
    except OSError:
        return b""
    return content if len(content) <= bytes_max else b""


def _tail(file: Path) -> bytes:
    """The end of it, a byte more than is shown when there is more."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - LOG_BYTES_SHOWN - 1))
            return opened.read(LOG_BYTES_SHOWN + 1)
    except OSError:
        return b""


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
