"""What is to be done on servers to make or to take away a link: values, in the order of their doing.

`plan` and `undo` make them, `apply.run` is the only one that writes. Each can be done again without harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from couchgrass.linking.job import Job, Key, Side
from couchgrass.linking.naming import End
from couchgrass.linking.note import Note
from couchgrass.linking.security import KeyKind


class CreateDatabase(msgspec.Struct, frozen=True):
    """Made if it is not there."""

    side: Side
    db: str


class MakeKey(msgspec.Struct, frozen=True):
    """A new key for one end of a job, noted, with its rights in the database, in place of the key
    `replaces`."""

    job: Job
    end: End
    kind: KeyKind
    replaces: str | None = None


class SetRights(msgspec.Struct, frozen=True):
    """An existing key gets exactly the rights that it needs."""

    job: Job
    end: End
    name: str


class WriteJob(msgspec.Struct, frozen=True):
    """The job's document, with the keys `kept` and those that were made before. `why` is for people."""

    job: Job
    kept: Mapping[End, Key]
    old: Mapping[str, Any] | None
    why: str


class RemoveJob(msgspec.Struct, frozen=True):
    """A job's document is deleted, and the job has ended when this is done."""

    side: Side
    db: str
    id: str
    why: str = ""


class Revoke(msgspec.Struct, frozen=True):
    """Names leave a database's security object."""

    side: Side
    db: str
    names: tuple[str, ...]


class DropKey(msgspec.Struct, frozen=True):
    """The account of a key is deleted, where the server has one, and it leaves the server's note."""

    side: Side
    db: str
    name: str


class DropCheckpoint(msgspec.Struct, frozen=True):
    """The job's ``_local`` document is deleted."""

    side: Side
    db: str
    id: str


class AddNote(msgspec.Struct, frozen=True):
    """The server's note on the link gets more in it."""

    side: Side
    db: str
    note: Note


class CutNote(msgspec.Struct, frozen=True):
    """This leaves the server's note on the link; one that is empty is deleted."""

    side: Side
    db: str
    note: Note


Step = (
    CreateDatabase
    | MakeKey
    | SetRights
    | WriteJob
    | RemoveJob
    | Revoke
    | DropKey
    | DropCheckpoint
    | AddNote
    | CutNote
)


class Deed(StrEnum):
    """What kind of thing was done, as it is counted: a noun and what became of it."""

    DATABASE_CREATED = "database created"
    KEY_MADE = "key made"
    KEY_CORRECTED = "key corrected"
    JOB_WRITTEN = "job written"
    JOB_REMOVED = "job removed"
    KEY_REVOKED = "key revoked"
    KEY_DELETED = "key deleted"
    CHECKPOINT_DELETED = "checkpoint deleted"
    KEY_NOTED = "key noted"


class Done(msgspec.Struct, frozen=True):
    """What was done, as a line for people: `where` is a server's URL. `count` is for `deed`."""

    db: str
    where: str
    text: str
    deed: Deed
    count: int = 1


def counted(done: Iterable[Done]) -> str:
    """All that was done, in numbers: ``2 databases created, 1 key made``."""
    total: Counter[Deed] = Counter()
    for one in done:
        total[one.deed] += one.count
    shown = []
    for deed in Deed:
        if total[deed]:
            noun, _, became = deed.value.partition(" ")
            shown.append(f"{total[deed]:,} {noun}{'' if total[deed] == 1 else 's'} {became}")
    return ", ".join(shown)
