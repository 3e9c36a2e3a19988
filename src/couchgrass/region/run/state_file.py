"""DATA/region.json: what runs in a region now, for `couchgrass status` and for the region's own processes.

The lock beside it is held as long as the supervisor lives, so that a file that was left by a killed one is
known as old, and two supervisors never share a folder. A supervisor of regions keeps the same under other
names (`Kept`).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from couchgrass.errors import CouchgrassError
from couchgrass.region.config import Region
from couchgrass.region.places import LOCK, STATE
from couchgrass.region.restart import Phase
from couchgrass.serving.files import replace_file
from couchgrass.serving.locks import is_taken, take

VERSION = 1


class Seen(msgspec.Struct, frozen=True):
    """One process. `since` is in seconds since the epoch; `pid` None when there is none."""

    phase: Phase
    since: float
    pid: int | None = None
    url: str = ""
    restarts: int = 0


class RegionState(msgspec.Struct, frozen=True):
    """A region that runs. `file` is the path of its file; `database_url` has no credentials in it, and is ""
    as long as it is not known."""

    name: str
    file: str
    pid: int
    started: float
    database_url: str
    processes: dict[str, Seen]
    version: int = VERSION


class Kept(msgspec.Struct, frozen=True):
    """The names of the two files, and what people are told when the folder is taken."""

    state: str = STATE
    lock: str = LOCK
    taken: str = "is in use by another region: stop it or name another folder"


REGION_KEPT = Kept()


class FolderTaken(CouchgrassError):
    """Another supervisor has the data folder, or it can't be used; `reason` says so."""


class Hold:
    """The lock, held until `close`."""

    def __init__(self, data: Path, kept: Kept = REGION_KEPT) -> None:
        """Makes the folder. Raises FolderTaken."""
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = take(data / kept.lock)
        except BlockingIOError as held:
            raise FolderTaken(f"{data} {kept.taken}") from held
        except OSError as refused:
            raise FolderTaken(f"{data} can't be used: {refused.strerror}") from refused
        try:
            # For whoever finds the lock held and no state beside it.
            os.truncate(self._descriptor, 0)
            os.write(self._descriptor, b"%d\n" % os.getpid())
            # What one that was killed left there would be taken for what runs now.
            remove_state(data, kept)
        except OSError as refused:
            self.close()
            raise FolderTaken(f"{data} can't be used: {refused.strerror}") from refused

    def close(self) -> None:
        """Lets it go."""
        os.close(self._descriptor)


def write_state(data: Path, state: RegionState, kept: Kept = REGION_KEPT) -> None:
    """Raises OSError."""
    replace_file(data / kept.state, msgspec.json.format(msgspec.json.encode(state)) + b"\n")


def remove_state(data: Path, kept: Kept = REGION_KEPT) -> None:
    """At the end of a region."""
    (data / kept.state).unlink(missing_ok=True)


def read_state(data: Path, kept: Kept = REGION_KEPT) -> RegionState | None:
    """What runs; None when nothing does. Raises FolderTaken when the file can't be read."""
    if not is_held(data, kept):
        return None
    try:
        return msgspec.json.decode((data / kept.state).read_bytes(), type=RegionState)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as bad:
        raise FolderTaken(f"{data / kept.state} can't be read: {bad}") from bad


def state_of(region: Region) -> RegionState | None:
    """What runs of the region on this machine; None when it does not: what runs in its folder may be another
    region, when each is on a machine of its own. Raises FolderTaken."""
    state = read_state(Path(region.data))
    return state if state is not None and state.name == region.name else None


def holder(data: Path, kept: Kept = REGION_KEPT) -> int | None:
    """The process that has the folder; None when nobody has."""
    if not is_held(data, kept):
        return None
    try:
        return int((data / kept.lock).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def is_held(data: Path, kept: Kept = REGION_KEPT) -> bool:
    """True when a supervisor has the folder."""
    return is_taken(data / kept.lock)
