"""Starts the processes of cells, on threads of its own, and clears away what they leave.

The threads stay for as long as the cells: a process in namespaces dies with the thread that started it.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from couchgrass.errors import ServiceUnavailable
from couchgrass.functions.runtimes import calls
from couchgrass.functions.runtimes.confine import descendants
from couchgrass.functions.runtimes.sandbox import (
    HOME_BYTES,
    MEMORY_MB_MAX,
    UID_INSIDE,
    Confinement,
    Place,
    Sandbox,
    command,
    data_bytes_max,
    environment,
    niceness,
)

T = TypeVar("T")

MB: Final = 1024 * 1024
PROCESSES_MAX: Final = 256
"""Processes and threads of one cell."""
FILES_OPEN_MAX: Final = 1024
_WAITS: Final = 'read -r start; exec "$@" < /dev/null'
"""Waits for the end of its input: until then its limits are set, which the program inherits."""
_OWN: Final = (b"RssAnon:", b"RssShmem:")
_THREADS: Final = 2
_UIDS: Final = range(0x7000_0000, 0x7100_0000)
"""Users that no system gives out. So many that two platforms on one machine do not meet."""
_UIDS_OF_FEW: Final = range(61_000, 65_000)
"""The same where we are root of a namespace that has 65,536 users."""


class Process:
    """A started process and our ends of its pipes. `pid` is what we started, the parent of all the others;
    `init_pid`, once it is settled, the first process of its namespace, 0 for one that has none."""

    def __init__(
        self, started: subprocess.Popen[bytes], place: Place, sandbox: Sandbox, fds: list[int]
    ) -> None:
        self.sandbox = sandbox
        self.place = place
        self.pid = started.pid
        self.init_pid = 0
        self.pidfd = os.pidfd_open(started.pid)
        self.requests_fd, self.answers_fd, self.stdout_fd, self.stderr_fd = fds
        self._started = started
        for fd in fds:
            os.set_blocking(fd, False)

    @property
    def has_namespaces(self) -> bool:
        """Whether it has process ids and a file system of its own."""
        return self.sandbox.confinement is Confinement.BUBBLEWRAP

    def settle(self) -> bool:
        """Finds the interpreter among the processes, once it has said hello. False: it is gone."""
        below = _below(self.pid) or descendants(self.pid)
        if not below:
            return False
        self.init_pid = below[0] if self.has_namespaces else 0
        if self.has_namespaces and self.place.uid is None:
            _limit(below[-1], {resource.RLIMIT_NPROC: PROCESSES_MAX})
        return True

    def kill(self) -> None:
        """Ends it with all its children: the namespace with its first process, or by confine.py."""
        how = signal.SIGKILL if self.has_namespaces else signal.SIGTERM
        try:
            signal.pidfd_send_signal(self.pidfd, how)
        except ProcessLookupError:
            return

    def reap(self) -> int:
        """Its exit status, 128 and the signal for one that was killed; once it has ended."""
        status = self._started.wait()
        return status if status >= 0 else 128 - status

    def close(self) -> None:
        """Gives the file descriptors back."""
        for fd in (self.pidfd, self.requests_fd, self.answers_fd, self.stdout_fd, self.stderr_fd):
            os.close(fd)

    def usage(self) -> tuple[int, int]:
        """(bytes of memory that are its own, number of processes) of all its processes; blocks a little."""
        folder, pids = Path("/proc"), descendants(self.pid) if not self.init_pid else []
        if self.init_pid:
            folder = Path("/proc", str(self.init_pid), "root", "proc")
            try:
                pids = [int(name) for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208
            except OSError:
                pids = []
        sizes = [_own_bytes(folder / str(pid) / "status") for pid in pids]
        return sum(sizes), len(sizes)


def _below(pid: int) -> list[int]:
    """As `descendants`, by the kernel's own lists: at a fraction of its time, but one may be missing where
    processes come and go meanwhile, and all where the kernel keeps no such lists."""
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, children.read_bytes().split())
            except OSError:
                continue
    return found[1:]


def _limits(sandbox: Sandbox, uid: int | None) -> dict[int, int]:
    """What is set before the program starts. The number of processes counts for a user: as an ordinary one we
    have others, so there it is set in the namespace, where these do not count."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: HOME_BYTES,
        resource.RLIMIT_NOFILE: FILES_OPEN_MAX,
    }
    if uid is not None:
        limits[resource.RLIMIT_NPROC] = PROCESSES_MAX
    if sandbox.memory_mb:
        limits[resource.RLIMIT_DATA] = data_bytes_max(sandbox.memory_mb)
    return limits


def _limit(pid: int, limits: dict[int, int]) -> None:
    try:
        for which, limit in limits.items():
            resource.prlimit(pid, which, (limit, limit))
    except ProcessLookupError:
        return


def _own_bytes(status: Path) -> int:
    """Memory that is a process's own, or that it has asked for to share it, such as a shared mapping."""
    try:
        lines = status.read_bytes().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(_OWN))


class Spawner:
    """Starts processes, each as a user of its own when we are root."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="cells")
        self._uids: set[int] = set()
        self._range = _UIDS if _has_user(_UIDS[-1]) else _UIDS_OF_FEW
        self._next_uid = secrets.randbelow(len(self._range))

    async def off_loop(self, call: Callable[[], T]) -> T:
        """Runs it on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def spawn(self, sandbox: Sandbox) -> Process:
        """Starts a process. Raises ServiceUnavailable."""
        uid = self._uid()
        starting = self._pool.submit(_spawn, sandbox, uid)
        try:
            return await asyncio.wrap_future(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(self._abandon)
            raise
        except OSError as error:
            self._uids.discard(uid or 0)
            raise ServiceUnavailable(f"no process for an action can be started: {error.strerror}") from error

    def _uid(self) -> int | None:
        if os.geteuid() != 0:
            return None
        for _ in self._range:
            self._next_uid = (self._next_uid + 1) % len(self._range)
            uid = self._range[self._next_uid]
            if uid not in self._uids:
                self._uids.add(uid)
                return uid
        raise ServiceUnavailable("there are too many processes of actions")

    def _abandon(self, starting: Future[Process]) -> None:
        """Ends a process that nobody waits for any more."""
        if starting.cancelled() or starting.exception() is not None:
            return
        process = starting.result()
        process.kill()
        process.reap()
        process.close()
        _clear(process)
        self._uids.discard(process.place.uid or 0)

    async def clear(self, process: Process) -> None:
        """After its end: takes away its home and gives its user back."""
        if not process.has_namespaces:
            await self.off_loop(lambda: _clear(process))
        self._uids.discard(process.place.uid or 0)

    def close(self) -> None:
        """Lets the threads go; once all processes have ended."""
        self._pool.shutdown(wait=False)


def _has_user(uid: int) -> bool:
    """Whether the id is one of this namespace of users."""
    lines = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    spans = [list(map(int, line.split())) for line in lines]
    return any(first <= uid < first + count for first, _, count in spans)


def _clear(process: Process) -> None:
    if not process.has_namespaces:
        shutil.rmtree(process.place.home, ignore_errors=True)


def _spawn(sandbox: Sandbox, uid: int | None) -> Process:
    """Blocks until the program has started."""
    home = _home(sandbox, uid)
    (requests_r, requests_w), (answers_r, answers_w) = os.pipe(), os.pipe()
    (stdout_r, stdout_w), (stderr_r, stderr_w) = os.pipe(), os.pipe()
    passwd, group = _stub(f"action:x:{{}}:{{}}::{home}:/bin/sh\n", uid), _stub("action:x:{}:\n", uid)
    refused = _held(calls.program(platform.machine()))
    place = Place(
        uid=uid,
        home=home,
        requests_fd=requests_r,
        answers_fd=answers_w,
        passwd_fd=passwd,
        group_fd=group,
        calls_fd=refused,
    )
    ours = [requests_w, answers_r, stdout_r, stderr_r]
    try:
        started = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _WAITS, "sh", *command(sandbox, place)],
            stdin=subprocess.PIPE,
            stdout=stdout_w,
            stderr=stderr_w,
            env=environment(sandbox, place),
            cwd="/",
            pass_fds=(requests_r, answers_w, passwd, group, refused),
            start_new_session=True,
        )
    except OSError:
        for fd in ours:
            os.close(fd)
        raise
    finally:
        for fd in (requests_r, answers_w, stdout_w, stderr_w, passwd, group, refused):
            os.close(fd)
    _limit(started.pid, _limits(sandbox, uid))
    # On top of ours, as nice() would: a lower one than ours is not for everybody to give.
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, started.pid, own + niceness(MEMORY_MB_MAX))
    assert started.stdin is not None
    started.stdin.close()
    return Process(started, place, sandbox, ours)


def _stub(line: str, uid: int | None) -> int:
    """A file that names the one user there is."""
    return _held(line.replace("{}", str(uid or UID_INSIDE)).encode())


def _held(content: bytes) -> int:
    """A file in memory."""
    fd = os.memfd_create("held")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _home(sandbox: Sandbox, uid: int | None) -> str:
    """The process's home: in its own file system, or a new folder here."""
    if sandbox.confinement is Confinement.BUBBLEWRAP:
        return sandbox.interpreter.home
    home = Path(tempfile.mkdtemp(prefix="couchgrass-cell-"))
    (home / "tmp").mkdir()
    if sandbox.installed is not None:
        (home / sandbox.interpreter.packages).symlink_to(sandbox.installed)
    if uid is not None:
        for folder in (home, home / "tmp"):
            os.chown(folder, uid, uid)
    return str(home)
