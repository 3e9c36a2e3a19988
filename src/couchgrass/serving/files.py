"""Files that only their owner can read, replaced whole and durably."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from couchgrass.errors import CouchgrassError

SECRET_CHARS_MIN: Final = 16
"""Less than any secret that is made here; what is shorter could be guessed."""


class SecretRefused(CouchgrassError):
    """A file that was to hold a secret holds none, or a piece of one."""


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in place of the file, durably and readable by its owner only. Raises OSError.

    Written beside, synced, renamed over the old one, and the folder synced: after a crash there is the old
    or the new one.
    """
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def put_file(path: Path, content: bytes) -> None:
    """`replace_file`, in a folder that is made for its owner alone when it is missing. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, content)


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file, without the line's end; `make` makes it when there is none yet. Of several that
    make it at the same time one does, and all have that one. Raises OSError, and SecretRefused for a file
    that was cut off: who guesses the rest of it could sign in."""
    if not path.exists():
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        replace_file(beside, make().encode() + b"\n")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(beside)
        beside.unlink()
    secret = path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
    if len(secret) < SECRET_CHARS_MIN:
        raise SecretRefused(f"{path} holds no secret: remove it, and it is made again")
    return secret
