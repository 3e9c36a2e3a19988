"""Decides what it takes to take a link away: its jobs, keys and checkpoints. Databases and documents stay.

The jobs go first, so that none runs into a key that is gone, and each saves its last checkpoint. Whoever is
cut off after that finds the rest by the servers' notes and the names of the accounts. The checkpoints go
last, when no job is left that would write them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from couchgrass.linking.job import Side, keys_of
from couchgrass.linking.naming import PREFIX, End
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
    checkpoints: frozenset[tuple[Side, str]] = frozenset()
    notes: Mapping[Side, Note] = {}


def undo(db: str, remains: Remains, reachable: Iterable[Side]) -> tuple[Step, ...]:
    """The steps for one database; none when nothing is left."""
    answering = sorted(set(reachable))
    notes = {side: remains.notes.get(side, Note()) for side in answering}
    first: list[Step] = []
    keys: list[Step] = []
    last: list[Step] = []
    for side in answering:
        noted = notes[side]
        held = _held(remains, side)
        names = sorted({*held, *remains.users.get(side, ()), *noted.keys})
        unnoted = Note(
            tuple(name for name in held if not name.startswith(PREFIX)),
            _unreached_checkpoints(remains, side, answering),
        ).minus(noted)
        if unnoted != Note():
            first.append(AddNote(side, db, unnoted))
        security = remains.securities.get(side)
        if security is not None and without_keys(security, names, is_ours=False) is not security:
            keys.append(Revoke(side, db, tuple(names)))
        keys += [DropKey(side, db, name) for name in names]
        if noted.checkpoints and len(answering) == len(Side):
            last.append(CutNote(side, db, Note(checkpoints=noted.checkpoints)))
    first += [RemoveJob(job.host, db, str(job.doc["_id"])) for job in remains.jobs]
    checkpoints = [
        DropCheckpoint(side, db, checkpoint)
        for side, checkpoint in sorted(remains.checkpoints)
        if side in answering
    ]
    return (*first, *keys, *checkpoints, *last)


def _held(remains: Remains, side: Side) -> tuple[str, ...]:
    """The keys on this server that the jobs' documents name."""
    names = {
        key.name for job in remains.jobs for end, key in keys_of(job.doc).items() if job.side(end) is side
    }
    return tuple(sorted(names))


def _unreached_checkpoints(remains: Remains, side: Side, answering: Sequence[Side]) -> tuple[str, ...]:
    """Those that the jobs on this server have on one that is gone."""
    if len(answering) == len(Side):
        return ()
    ids = {
        checkpoint_id(job.replication_id)
        for job in remains.jobs
        if job.host is side and job.replication_id is not None
    }
    return tuple(sorted(ids))


def checkpoint_id(replication_id: str) -> str:
    """The id below ``_local/`` under which a job keeps its checkpoints: its own without the options at the
    end."""
    return replication_id.partition("+")[0]
