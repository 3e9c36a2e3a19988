"""Starts a program with less than its user may do, where namespaces are refused. Started as a script:

    python -I -S confine.py UID HOME LANDLOCK READABLE... -- PROGRAM ARGUMENT...

UID "-" keeps the one it has. With LANDLOCK "yes" the program and its children may read what is below the
READABLE paths, write below HOME, and signal and trace only each other. In any case they get no new privileges
and a session of their own.

The process itself stays, as the parent of all that the program starts, however those detach themselves (it is
their "subreaper"). It ends them all when the program has ended, when it is told to (SIGTERM), or when its own
parent dies. Standard library only: nothing of ours lies where it runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446
RULESET_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights over files an ABI knows, lowest bits first; from an ABI on."""
DEVICE_CONTROL = 1 << 15
SCOPES = 3
"""No abstract sockets and no signals outside of it; from ABI 6 on."""
SCOPES_SINCE = 6

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """prctl(2). Raises OSError."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _landlock(call: int, *arguments: object) -> int:
    result: int = _libc.syscall(call, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock({call})")
    return result


def abi() -> int:
    """The version of Landlock that the kernel has; 0: none."""
    try:
        return _landlock(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), RULESET_VERSION)
    except OSError:
        return 0


def restrict(readable: list[str], writable: str) -> None:
    """From here on this process and its children reach these paths only. Raises OSError."""
    version = abi()
    rights = (1 << max(bits for since, bits in RIGHTS_BY_ABI.items() if since <= max(version, 1))) - 1
    scopes = SCOPES if version >= SCOPES_SINCE else 0
    size = 24 if scopes else 8
    attributes = struct.pack("=QQQ", rights, 0, scopes)[:size]
    ruleset = _landlock(LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    for path in readable:
        _allow(ruleset, path, EXECUTE | READ_FILE | READ_DIR)
    for path in DEVICES:
        _allow(ruleset, path, (READ_FILE | WRITE_FILE | DEVICE_CONTROL) & rights)
    _allow(ruleset, writable, rights)
    _landlock(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not Path(path).is_dir():
        rights &= ~READ_DIR
    _landlock(LANDLOCK_ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    os.close(opened)


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, found by their parents' ids in /proc."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - names are all that is wanted
        try:
            stat = Path(f"/proc/{name}/stat").read_bytes()
        except OSError:
            continue
        parent = int(stat[stat.rindex(b")") + 4 :].split(maxsplit=1)[0])
        children.setdefault(parent, []).append(int(name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found[1:]


def end_all() -> None:
    """Ends all processes below this one; a process that forks meanwhile is met in the next round."""
    while below := descendants(os.getpid()):
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def start(uid: str, home: str, landlock: bool, readable: list[str], command: list[str]) -> NoReturn:
    """Becomes the program, confined."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if uid != "-":
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if landlock:
        restrict(readable, home)
    os.chdir(home)
    os.execv(command[0], command)  # noqa: S606


def main(arguments: list[str]) -> NoReturn:
    """Starts the program and stays until it has ended."""
    cut = arguments.index("--")
    uid, home, landlock, *readable = arguments[:cut]
    parent = os.getppid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # From the first child on nothing may end this process before `finish` can end the children.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child == 0:
        try:
            start(uid, home, landlock == "yes", readable, arguments[cut + 1 :])
        except OSError as error:
            print(f"confine: {error}", file=sys.stderr, flush=True)
            os._exit(126)
    os.closerange(3, 1 << 16)
    for fd in (1, 2):
        os.dup2(0, fd)

    def finish(*_: object) -> NoReturn:
        end_all()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, finish)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    if os.getppid() != parent:
        finish()
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            end_all()
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
