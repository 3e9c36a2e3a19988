"""Files that are locked by whoever has a folder, for as long as that process lives.

Who only looks takes the lock too, for a moment and together with others who look. So it is not said to be
taken before it was so for longer than a look lasts.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TRIES: Final = 10
PAUSE_S: Final = 0.02


def take(file: Path) -> int:
    """The descriptor that holds the lock until it is closed. Raises BlockingIOError when another process has
    it, and OSError. A link in the file's place is not followed: what it leads to is not ours."""
    descriptor = _opened(file)
    for left in reversed(range(TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if not left:
                os.close(descriptor)
                raise
        time.sleep(PAUSE_S)
    raise AssertionError("the last try returns or raises")


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
