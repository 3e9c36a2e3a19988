"""Decides what it takes to make a link, or to repair one: a comparison of what is wanted with what is there.

Nothing that is right is written again: a plan for a link that works is empty. Databases are made only where
the other side has them, so that a misspelt name makes none.

The order within a plan is what makes it safe to be cut off: databases, then keys with their rights, then the
document that starts the job, so that a job does not begin with a refusal and wait for its next try. A job
that moves to the other server is ended first, and its old keys go last, when it has surely saved its
checkpoint. What a run that was cut off has left is found by the servers' notes on their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from couchgrass.errors import Conflict, NotFound
from couchgrass.linking.job import Job, Key, Server, Side, has_failed, is_right, keys_of
from couchgrass.linking.naming import PREFIX, End, checkpoint_id, key_name
from couchgrass.linking.note import Note
from couchgrass.linking.security import key_kind, with_key
from couchgrass.linking.steps import (
    AddNote,
    CreateDatabase,
    DropKey,
    MakeKey,
    RemoveJob,
    Revoke,
    SetRights,
    Step,
    WriteJob,
)


class Wish(msgspec.Struct, frozen=True):
    """What the command line asks for. `push`: a job lives on its source's server, else on its target's."""

    one_way: bool = False
    push: bool = False
    selector: Mapping[str, Any] | None = None
    design: bool = True


class DbFacts(msgspec.Struct, frozen=True):
    """A database on one server; `security` is None when there is no such database."""

    security: Mapping[str, Any] | None = None

    @property
    def exists(self) -> bool:
        return self.security is not None


class JobFacts(msgspec.Struct, frozen=True):
    """The documents with a job's id on either server, and the keys in them, tried."""

    docs: Mapping[Side, Mapping[str, Any]] = {}
    keys: Mapping[End, Key] = {}
    """Those of the document on the job's host."""
    replication_ids: Mapping[Side, str] = {}
    """Those of documents that are not on the job's host, as far as their servers tell."""


class LinkFacts(msgspec.Struct, frozen=True):
    """All that is there of one database's link. `there` is the job from A to B; `notes` are the servers'."""

    dbs: Mapping[Side, DbFacts]
    there: JobFacts = JobFacts()
    back: JobFacts = JobFacts()
    notes: Mapping[Side, Note] = {}


def jobs_of(wish: Wish, a: Server, b: Server, db: str) -> tuple[Job, ...]:
    """The jobs of a link: there, and back unless it is one way."""
    pairs = ((a, b),) if wish.one_way else ((a, b), (b, a))
    return tuple(
        Job(db, source, target, source if wish.push else target, wish.selector, wish.design)
        for source, target in pairs
    )


def plan(wish: Wish, a: Server, b: Server, db: str, facts: LinkFacts) -> tuple[Step, ...]:
    """The steps for one database; none when all is right.

    Raises NotFound when there is nothing to link, Conflict when it would silently become another kind of
    link.
    """
    _check(wish, a, b, db, facts)
    both = tuple(zip(jobs_of(wish, a, b, db), (facts.there, facts.back), strict=False))
    known = {side: _known(both, side) for side in Side}
    steps: list[Step] = [CreateDatabase(side, db) for side in Side if not facts.dbs[side].exists]
    for side, names in known.items():
        new = Note(tuple(name for name in names if not name.startswith(PREFIX)))
        new = new.minus(facts.notes.get(side, Note()))
        if new.keys:
            steps.append(AddNote(side, db, new))
    for job, found in both:
        steps += _job(job, facts.dbs, found)
    for side, names in known.items():
        for name in facts.notes.get(side, Note()).keys:
            if name not in names:
                steps += _dropped(side, db, name)
    return tuple(steps)


def _known(both: Iterable[tuple[Job, JobFacts]], side: Side) -> tuple[str, ...]:
    """The keys on this server that the jobs' documents name."""
    names = {
        key.name
        for job, found in both
        for doc in found.docs.values()
        for end, key in keys_of(doc).items()
        if job.server(end).side is side
    }
    return tuple(sorted(names))


def _dropped(side: Side, db: str, name: str) -> tuple[Step, Step]:
    return Revoke(side, db, (name,)), DropKey(side, db, name)


def _check(wish: Wish, a: Server, b: Server, db: str, facts: LinkFacts) -> None:
    has_a, has_b = facts.dbs[Side.A].exists, facts.dbs[Side.B].exists
    if not has_a and not has_b:
        raise NotFound(f"'{db}' is neither on {a.base} nor on {b.base}: create it on one of them first")
    if wish.one_way and not has_a:
        raise NotFound(f"'{db}' is not on {a.base}, from where it is to be copied: is the name right?")
    if wish.one_way and facts.back.docs:
        raise Conflict(f"'{db}' is linked both ways: take that away first with couchgrass unlink")


def _job(job: Job, dbs: Mapping[Side, DbFacts], found: JobFacts) -> Iterator[Step]:
    strays = [side for side in found.docs if side is not job.host.side]
    for side in strays:
        if side in found.replication_ids:
            yield AddNote(side, job.db, Note(checkpoints=(checkpoint_id(found.replication_ids[side]),)))
        yield RemoveJob(side, job.db, job.id, f"it moves to {job.host.base}")
    doc = found.docs.get(job.host.side)
    replaced = keys_of(doc) if doc is not None else {}
    kept = {end: key for end, key in found.keys.items() if key.signs_in and end in job.key_ends}
    for end in job.key_ends:
        db = dbs[job.server(end).side]
        security = db.security or {}
        if end not in kept:
            kind = key_kind(security, has_api_keys=job.server(end).has_api_keys)
            yield MakeKey(job, end, kind, replaced[end].name if end in replaced else None)
        elif not db.exists or with_key(security, kept[end].name, job.grant(end, security)) is not security:
            # The rights of a database that was deleted and is made again went with it.
            yield SetRights(job, end, kept[end].name)
    why = _why(job, doc, len(kept))
    if why:
        yield WriteJob(job, kept, doc, why)
    for end in replaced.keys() - set(job.key_ends):
        yield from _dropped(job.server(end).side, job.db, replaced[end].name)
    for side in strays:
        for end, key in sorted(keys_of(found.docs[side]).items()):
            # An account that the job has on its new host too is not another one.
            if end not in job.key_ends or key.name != key_name(job.id, end):
                yield from _dropped(job.server(end).side, job.db, key.name)


def _why(job: Job, doc: Mapping[str, Any] | None, kept: int) -> str:
    """Why the job's document is to be written; "" if it is right."""
    if doc is None:
        return "created"
    if not is_right(doc, job):
        return "changed to what was asked for"
    if kept < len(job.key_ends):
        return "given a new key"
    return "started again, it had failed" if has_failed(doc) else ""
