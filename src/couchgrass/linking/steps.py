"""What is to be done on servers to make or to take away a link: values, in the order of their doing.

`plan` and `undo` make them, `apply.run` is the only one that writes. Each can be done again without harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from couchgrass.linking.job import Job, Key, Side
from couchgrass.linking.naming import End
from couchgrass.linking.security import KeyKind


class CreateDatabase(msgspec.Struct, frozen=True):
    """Made if it is not there."""

    side: Side
    db: str


class MakeKey(msgspec.Struct, frozen=True):
    """A new key for one end of a job, its rights in the database, in place of the key `replaces`."""

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
    """The account of a key is deleted, where the server has one."""

    side: Side
    db: str
    name: str


class DropCheckpoint(msgspec.Struct, frozen=True):
    """The job's ``_local`` document is deleted."""

    side: Side
    db: str
    id: str


Step = CreateDatabase | MakeKey | SetRights | WriteJob | RemoveJob | Revoke | DropKey | DropCheckpoint


class Done(msgspec.Struct, frozen=True):
    """What was done, as a line for people: `where` is a server's URL."""

    db: str
    where: str
    text: str
