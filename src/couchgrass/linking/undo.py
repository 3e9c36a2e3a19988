"""Decides what it takes to take a link away: its jobs, keys and checkpoints. Databases and documents stay.

The jobs go first, so that none runs into a key that is gone. Whoever is cut off after that finds the rest by
the servers' notes and the names of the accounts. The checkpoints go last, when no job is left that would
write them again; they stay noted until they are gone from both servers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from couchgrass.linking.job import Side, keys_of
from couchgrass.linking.naming import PREFIX, End, checkpoint_id
from couchgrass.linking.note import Note
from couchgrass.linking.security import without_keys
from couchgrass.linking.steps import AddNote, CutNote, DropCheckpoint, DropKey, RemoveJob, Revoke, Step


class Found(msgspec.Struct, frozen=True):
    """A job's document, on the server `host`. `replication_id` is what its checkpoints are named after."""

    host: Side
    doc: Mapping[str, Any]
    source: Side
    replication_id: str | None = None

    def side(self, end: End) -> Side:
        """The server at this end."""
        other = Side.B if self.source is Side.A else Side.A
        return self.source if end is End.SOURCE else other


class Remains(msgspec.Struct, frozen=True):
    """All that is left of one database's link, on the servers that answer.

    `securities` has the databases that are there, `users` the accounts of ``_users`` that exist, of those
    whose names a link may have made, `notes` what the servers noted.
    """

    jobs: tuple[Found, ...] = ()
    securities: Mapping[Side, Mapping[str, Any]] = {}
    users: Mapping[Side, tuple[str, ...]] = {}
    notes: Mapping[Side, Note] = {}

    def keys(self, side: Side) -> tuple[str, ...]:
        """Those on this server that have an account there, or rights in the database, or are noted."""
        users, noted = self.users.get(side, ()), self.notes.get(side, Note()).keys
        named = {
            key.name for job in self.jobs for end, key in keys_of(job.doc).items() if job.side(end) is side
        }
        with_rights = (name for name in named if self.has_rights(side, (name,)))
        return tuple(sorted({*users, *noted, *with_rights}))

    def has_rights(self, side: Side, names: Iterable[str]) -> bool:
        security = self.securities.get(side)
        return security is not None and without_keys(security, names, is_ours=False) is not security

    def checkpoints(self, hosts: Iterable[Side] = Side) -> tuple[str, ...]:
        """The ids of those of the jobs on these servers, and of the jobs that they have noted."""
        ids = {
            checkpoint_id(job.replication_id)
            for job in self.jobs
            if job.replication_id is not None and job.host in hosts
        }
        noted = (self.notes[side].checkpoints for side in hosts if side in self.notes)
        return tuple(sorted(ids.union(*noted)))


def undo(db: str, remains: Remains, reachable: Iterable[Side]) -> tuple[Step, ...]:
    """The steps for one database; none when nothing is left."""
    answering = sorted(set(reachable))
    first: list[Step] = []
    keys: list[Step] = []
    last: list[Step] = []
    for side in answering:
        noted, names = remains.notes.get(side, Note()), remains.keys(side)
        unnoted = Note(
            tuple(name for name in names if not name.startswith(PREFIX)),
            remains.checkpoints([side]),
        ).minus(noted)
        if unnoted != Note():
            first.append(AddNote(side, db, unnoted))
        if remains.has_rights(side, names):
            keys.append(Revoke(side, db, names))
        keys += [DropKey(side, db, name) for name in names]
        # One may be written between our look and the end of its job.
        last += [DropCheckpoint(side, db, checkpoint) for checkpoint in remains.checkpoints()]
    if len(answering) == len(Side):
        noted_of = {side: Note(checkpoints=remains.checkpoints([side])) for side in answering}
        last += [CutNote(side, db, note) for side, note in noted_of.items() if note != Note()]
    first += [RemoveJob(job.host, db, str(job.doc["_id"])) for job in remains.jobs]
    return (*first, *keys, *last)
