"""DIR/holds/REGION: a region that must not be started again for now.

Pure. A drill writes such a file so that a region that it ended stays away. It counts as long as the process
that wrote it lives, and not past `until`, so that a drill that died holds nothing.
"""

from __future__ import annotations

import msgspec


class HoldNote(msgspec.Struct, frozen=True):
    """Who holds, and until when, in seconds since the epoch."""

    pid: int
    until: float


def hold_text(note: HoldNote) -> bytes:
    """What is in the file."""
    return msgspec.json.encode(note) + b"\n"


def read_hold(content: bytes) -> HoldNote | None:
    """None when that is no hold, or only half of one."""
    try:
        return msgspec.json.decode(content, type=HoldNote)
    except msgspec.DecodeError:
        return None


def holds(note: HoldNote | None, now: float, *, lives: bool) -> bool:
    """Whether it counts; `lives`: its process does."""
    return note is not None and lives and now < note.until
