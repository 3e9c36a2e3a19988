"""The command line that starts a cell's process with as little around it as the machine allows.

Three confinements, the best that works is in force (`confinement`):

- BUBBLEWRAP: namespaces. The process sees the interpreter, the system's programs and shared libraries, a few
  files of /etc, an empty home and temp folder, and no process but its own. The network stays.
- LANDLOCK: the kernel lets it read the same paths, write its home, and signal only its own; see confine.py.
- RLIMITS: what the rights of an ordinary user keep it from.

As root, each cell runs as a user of its own; otherwise as we do.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.functions.runtimes import calls, confine
from couchgrass.functions.runtimes.interpreters import Interpreter, find_bubblewrap

MEMORY_MB_MAX: Final = 2048
NICE_MIN: Final = 2
NICE_STEPS_MAX: Final = 5
"""From 2 for an action of 2 GB to 6 for one of 128 MB: each step is a quarter more or less of a share."""

HOME_BYTES: Final = 256 * 1024 * 1024
"""The home lies in memory and holds the unpacked code."""
TEMP_BYTES: Final = 128 * 1024 * 1024
SHARED_BYTES: Final = 64 * 1024 * 1024

UID_INSIDE: Final = 61_000
"""The user in a namespace of users."""

OURS: Final = "/couchgrass"
"""The folder in the sandbox with our script and the preload."""

_PROBE_TIMEOUT_S: Final = 60.0
_CONFINE: Final = Path(confine.__file__)

_NAMESPACES: Final = (
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "action"),
    *("--die-with-parent", "--new-session"),
)
_SYSTEM: Final = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec")
_SHARED: Final = ("zoneinfo", "ca-certificates", "nodejs", "locale", "i18n", "misc")
_TOP: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_ETC: Final = """
    ssl/certs ssl/openssl.cnf ssl/cert.pem pki/tls/certs pki/tls/cert.pem pki/ca-trust/extracted
    ca-certificates resolv.conf hosts host.conf nsswitch.conf gai.conf services protocols mime.types
    localtime timezone ld.so.cache ld.so.conf ld.so.conf.d alternatives
"""


class Confinement(Enum):
    """What keeps an action's process in; see above."""

    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    RLIMITS = "rlimits"


class Sandbox(msgspec.Struct, frozen=True):
    """What the processes of one kind are given. `packages`: a folder with `node_modules` or `site-packages`.
    `memory_mb`: the action's limit, where the interpreter must know it when it starts, else 0."""

    confinement: Confinement
    interpreter: Interpreter
    memory_mb: int = 0
    packages: Path | None = None
    preload: Path | None = None
    env: Mapping[str, str] = {}

    @property
    def key(self) -> object:
        """Equal for sandboxes whose processes are the same."""
        return self.interpreter.name, self.memory_mb, self.packages

    @property
    def installed(self) -> Path | None:
        """The folder of preinstalled packages."""
        folder = None if self.packages is None else self.packages / self.interpreter.packages
        return folder if folder is not None and folder.is_dir() else None


class Place(msgspec.Struct, frozen=True):
    """What one process has of its own: its user (None: ours), its home, and the file descriptors it keeps.
    `passwd_fd` and `group_fd` hold those files' contents, `calls_fd` what `calls.program` gives, for
    BUBBLEWRAP."""

    uid: int | None
    home: str
    requests_fd: int
    answers_fd: int
    passwd_fd: int
    group_fd: int
    calls_fd: int = -1


def environment(sandbox: Sandbox, place: Place) -> dict[str, str]:
    """All that the process finds in its environment."""
    own = sandbox.confinement is Confinement.BUBBLEWRAP
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": place.home,
        "TMPDIR": "/tmp" if own else f"{place.home}/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "USER": "action",
    }
    return {**base, **sandbox.env}


def command(sandbox: Sandbox, place: Place) -> list[str]:
    """The whole command line of one process."""
    if sandbox.confinement is Confinement.BUBBLEWRAP:
        return [*_bubblewrap(sandbox, place), "--", *_program(sandbox, place, ours=Path(OURS))]
    readable = _readable(sandbox) if sandbox.confinement is Confinement.LANDLOCK else []
    confined = "yes" if sandbox.confinement is Confinement.LANDLOCK else "no"
    uid = "-" if place.uid is None else str(place.uid)
    start = [sys.executable, "-I", "-S", str(_CONFINE), uid, place.home, confined, *readable]
    return [*start, "--", *_program(sandbox, place, ours=None)]


def data_bytes_max(memory_mb: int) -> int:
    """RLIMIT_DATA for a memory limit: the watch is exact, this only keeps a process from growing without end
    between two of its looks. Stacks of threads count for it in full."""
    return (2 * memory_mb + 512) * 1024 * 1024


def niceness(memory_mb: int) -> int:
    """How far a process gives way to others: a step more for each halving of its memory, so that of two that
    want the processor the larger action's gets more, and the platform before both. A process that waits has
    the least; once it knows its action it takes the steps itself, which anybody may."""
    halvings = (MEMORY_MB_MAX // max(memory_mb, 1)).bit_length() - 1
    return NICE_MIN + min(max(halvings, 0), NICE_STEPS_MAX)


def memory_flags(sandbox: Sandbox) -> tuple[str, ...]:
    """Node.js has to be told its memory when it starts, else it lets garbage pile up."""
    return (f"--max-old-space-size={sandbox.memory_mb * 3 // 4}",) if sandbox.memory_mb else ()


def _program(sandbox: Sandbox, place: Place, *, ours: Path | None) -> list[str]:
    """The interpreter with our script. `ours`: where that lies; None: where it is."""
    interpreter = sandbox.interpreter
    runner = interpreter.runner[0]
    preload = sandbox.preload
    if ours is not None:
        runner = ours / runner.name
        preload = preload and ours / f"preload{preload.suffix}"
    uid = "-" if place.uid is None or ours is None else str(place.uid)
    fds = [str(place.requests_fd), str(place.answers_fd)]
    start = [str(interpreter.binary), *interpreter.flags, *memory_flags(sandbox), str(runner)]
    return [*start, *fds, place.home, uid, str(preload or "")]


# --- bubblewrap


def _bubblewrap(sandbox: Sandbox, place: Place) -> Iterator[str]:
    yield str(find_bubblewrap())
    yield from _NAMESPACES
    if place.uid is None:
        yield from ("--unshare-user", "--uid", str(UID_INSIDE), "--gid", str(UID_INSIDE))
    else:
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    yield from _memory("/tmp", TEMP_BYTES)  # noqa: S108
    yield from _memory(place.home, HOME_BYTES)
    binds = list(_binds(sandbox, place.home))
    yield from _folders([to for _, to in binds] + ["/etc/passwd"])
    for source, to in binds:
        yield from ("--ro-bind", source, to)
    for masked in _foreign_packages(sandbox.interpreter):
        yield from ("--tmpfs", masked, "--remount-ro", masked)
    for top in filter(os.path.islink, _TOP):
        yield from ("--symlink", str(Path(top).readlink()), top)
    for fd, name in ((place.passwd_fd, "passwd"), (place.group_fd, "group")):
        yield from ("--perms", "0444", "--ro-bind-data", str(fd), f"/etc/{name}")
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from _memory("/dev/shm", SHARED_BYTES)  # noqa: S108
    yield from ("--remount-ro", "/dev")
    yield from ("--remount-ro", "/", "--chdir", place.home)
    if place.calls_fd >= 0 and calls.program(platform.machine()):
        yield from ("--seccomp", str(place.calls_fd))


def _memory(path: str, size: int) -> tuple[str, ...]:
    return ("--perms", "1777", "--size", str(size), "--tmpfs", path)


def _binds(sandbox: Sandbox, home: str) -> Iterator[tuple[str, str]]:
    """(path here, path there) of all that is seen, read-only."""
    for path in _system():
        yield os.path.realpath(path), path
    for root in (*sandbox.interpreter.roots, sandbox.interpreter.binary):
        if not any(root.is_relative_to(path) for path in _SYSTEM):
            yield str(root), str(root)
    for file in sandbox.interpreter.runner:
        yield str(file), f"{OURS}/{file.name}"
    if sandbox.preload is not None:
        yield str(sandbox.preload), f"{OURS}/preload{sandbox.preload.suffix}"
    if (installed := sandbox.installed) is not None:
        yield str(installed), f"{home}/{sandbox.interpreter.packages}"


@cache
def _system() -> tuple[str, ...]:
    """What is seen of the system, where it is there; of the top folders those that are no links."""
    paths = [
        *_SYSTEM,
        *(f"/usr/share/{name}" for name in _SHARED),
        *(f"/etc/{name}" for name in _ETC.split()),
    ]
    paths += [path for path in _TOP if not Path(path).is_symlink()]
    return tuple(path for path in paths if Path(path).exists())


def _folders(paths: Iterable[str]) -> Iterator[str]:
    """Makes the folders above the paths, so that every user may pass through them."""
    above = {str(folder) for path in paths for folder in Path(path).parents} - {"/", "/tmp"}  # noqa: S108
    for folder in sorted(above):
        if not any(Path(folder).is_relative_to(path) for path in _SYSTEM):
            yield from ("--perms", "0755", "--dir", folder)


def _foreign_packages(interpreter: Interpreter) -> Iterator[str]:
    """Packages of the interpreter and of the system, which are not the action's."""
    for root in (*interpreter.roots, Path("/usr/lib")):
        for name in ("site-packages", "dist-packages"):
            yield from map(str, filter(Path.is_dir, root.glob(f"python3*/{name}")))


# --- Landlock


def _readable(sandbox: Sandbox) -> list[str]:
    """What may be read: the same as is seen through bubblewrap, under its own names."""
    interpreter = sandbox.interpreter
    paths = [*_system(), *_TOP, *map(str, (*interpreter.roots, interpreter.binary, *interpreter.runner))]
    paths += [str(path) for path in (sandbox.preload, sandbox.installed) if path is not None]
    return sorted({os.path.realpath(path) for path in paths if Path(path).exists()})


# --- which


@cache
def confinement() -> Confinement:
    """The best confinement that works here; tried once, by starting a process. May block for a while."""
    if find_bubblewrap() is not None and _namespaces_work():
        return Confinement.BUBBLEWRAP
    return Confinement.LANDLOCK if confine.abi() else Confinement.RLIMITS


def _namespaces_work() -> bool:
    from couchgrass.functions.runtimes.interpreters import python

    sandbox = Sandbox(Confinement.BUBBLEWRAP, python())
    passwd, group = os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)
    uid = UID_INSIDE if os.geteuid() == 0 else None
    place = Place(uid=uid, home="/action", requests_fd=-1, answers_fd=-1, passwd_fd=passwd, group_fd=group)
    start = [*_bubblewrap(sandbox, place), "--", str(sandbox.interpreter.binary), "-I", "-S", "-c", "0"]
    try:
        tried = subprocess.run(  # noqa: S603
            start,
            pass_fds=(passwd, group),
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            env={},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        os.close(passwd)
        os.close(group)
    return tried.returncode == 0
