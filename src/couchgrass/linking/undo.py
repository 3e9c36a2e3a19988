"""Decides what it takes to take a link away: its jobs, keys and checkpoints. Databases and documents stay.

What a key may do goes before the job's document does, since that alone knows the key: whoever is cut off in
between finds it again. The checkpoints go last, when no job is left that would write them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from couchgrass.linking.job import Side, keys_of
from couchgrass.linking.naming import End
from couchgrass.linking.security import without_keys
from couchgrass.linking.steps import DropCheckpoint, DropKey, RemoveJob, Revoke, Step


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
    whose names a link may have made.
    """

    jobs: tuple[Found, ...] = ()
    securities: Mapping[Side, Mapping[str, Any]] = {}
    users: Mapping[Side, tuple[str, ...]] = {}
    checkpoints: frozenset[tuple[Side, str]] = frozenset()


def undo(db: str, remains: Remains, reachable: Iterable[Side]) -> tuple[Step, ...]:
    """The steps for one database; none when nothing is left."""
    answering = set(reachable)
    steps: list[Step] = []
    for side in sorted(answering):
        names = set(remains.users.get(side, ()))
        held = {
            key.name for job in remains.jobs for end, key in keys_of(job.doc).items() if job.side(end) is side
        }
        security = remains.securities.get(side)
        if security is not None and without_keys(security, names | held, is_ours=False) is not security:
            steps.append(Revoke(side, db, tuple(sorted(names | held))))
        steps += [DropKey(side, db, name) for name in sorted(names | held)]
    steps += [RemoveJob(job.host, db, str(job.doc["_id"])) for job in remains.jobs]
    steps += [
        DropCheckpoint(side, db, checkpoint)
        for side, checkpoint in sorted(remains.checkpoints)
        if side in answering
    ]
    return tuple(steps)


def checkpoint_id(replication_id: str) -> str:
    """The id below ``_local/`` under which a job keeps its checkpoints: its own without the options at the
    end."""
    return replication_id.partition("+")[0]
