"""Closes Envoy's connections to a region that is silent, from outside.

Envoy gives a region that fails its checks nothing new, but leaves the requests there that are under way: to a
frozen region they would wait until their time limit, since its kernel goes on acknowledging. We are Envoy's
parent, so Linux lets us have duplicates of its sockets (pidfd_getfd, since 5.6); shutting one down ends the
attempt at once, and Envoy makes the next one in another region where the request allows it.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from couchgrass.errors import CouchgrassError

_PIDFD_GETFD: Final = 438
"""Its number, the same on all of Linux' machines."""


class SeverRefused(CouchgrassError):
    """The system does not let us; `reason` says why."""


def sever(pid: int, peers: Set[tuple[str, int]]) -> int:
    """Shuts down the process's connections to these addresses and ports; how many. Raises SeverRefused."""
    severed = 0
    with _process(pid) as process:
        for descriptor in _sockets(pid):
            with _duplicate(process, descriptor) as copy:
                if copy is not None and _peer(copy) in peers:
                    try:
                        copy.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        continue  # It was closing already.
                    severed += 1
    return severed


@contextmanager
def _process(pid: int) -> Iterator[int]:
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError) as refused:
        raise SeverRefused(f"connections can't be closed from outside on this system: {refused}") from refused
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sockets(pid: int) -> Iterator[int]:
    folder = Path(f"/proc/{pid}/fd")
    try:
        links = list(folder.iterdir())
    except OSError as refused:
        raise SeverRefused(f"the connections of process {pid} can't be seen: {refused.strerror}") from refused
    for link in links:
        try:
            if str(link.readlink()).startswith("socket:"):
                yield int(link.name)
        except OSError:
            continue


@contextmanager
def _duplicate(process: int, descriptor: int) -> Iterator[socket.socket | None]:
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
    if copy < 0:
        number = ctypes.get_errno()
        if number in (_EBADF, _ESRCH):
            yield None
            return
        raise SeverRefused(f"connections can't be closed from outside: {os.strerror(number)}")
    with socket.socket(fileno=copy) as found:
        yield found


_ESRCH: Final = 3
_EBADF: Final = 9


def _peer(connection: socket.socket) -> tuple[str, int] | None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        address, port = connection.getpeername()[:2]
    except OSError:
        return None
    return str(address), int(port)
