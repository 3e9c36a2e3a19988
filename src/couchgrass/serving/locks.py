"""Files that are locked by whoever has a folder, for as long as that process lives.

Who only looks takes the lock too, for a moment and together with others who look. On a busy machine the
moment may be long, so whether one has it or some only look is told apart: it is no one's as long as a look
would be let in.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PAUSE_S: Final = 0.02
TRIES: Final = 10
"""How often one who has it is met until it is taken: it may just be ending."""

LOOKS_MAX: Final = 1500
"""The same for those who only look: half a minute, in which even one on a machine out of breath goes on."""


def take(file: Path) -> int:
    """The descriptor that holds the lock until it is closed. Raises BlockingIOError when another process has
    it, and OSError. A link in the file's place is not followed: what it leads to is not ours."""
    descriptor = _opened(file)
    try:
        _wait_for(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _wait_for(descriptor: int) -> None:
    tries = looks = 0
    while not _got(descriptor, fcntl.LOCK_EX):
        if _got(descriptor, fcntl.LOCK_SH):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            looks += 1
        else:
            tries += 1
        if tries == TRIES or looks == LOOKS_MAX:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        time.sleep(PAUSE_S)


def _got(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_taken(file: Path) -> bool:
    """Whether another process has it; False when there is no such file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """For the length of a block, which begins when nobody else is in it. Raises OSError."""
    descriptor = _opened(file)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
