"""Decides what it takes to make a link, or to repair one: a comparison of what is wanted with what is there.

Nothing that is right is written again: a plan for a link that works is empty. Databases are made only where
the other side has them, so that a misspelt name makes none.

The order within a plan is what makes it safe to be cut off: databases, then keys with their rights, then the
document that starts the job, so that a job does not begin with a refusal and wait for its next try.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from couchgrass.errors import Conflict, NotFound
from couchgrass.linking.job import Job, Key, Server, Side, has_failed, is_right, keys_of
from couchgrass.linking.naming import End
from couchgrass.linking.security import key_kind, with_key
from couchgrass.linking.steps import (
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


class LinkFacts(msgspec.Struct, frozen=True):
    """All that is there of one database's link. `there` is the job from A to B."""

    dbs: Mapping[Side, DbFacts]
    there: JobFacts = JobFacts()
    back: JobFacts = JobFacts()


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
    steps: list[Step] = [CreateDatabase(side, db) for side in Side if not facts.dbs[side].exists]
    for job, found in zip(jobs_of(wish, a, b, db), (facts.there, facts.back), strict=False):
        steps += _job(job, facts.dbs, found)
    return tuple(steps)


def _check(wish: Wish, a: Server, b: Server, db: str, facts: LinkFacts) -> None:
    has_a, has_b = facts.dbs[Side.A].exists, facts.dbs[Side.B].exists
    if not has_a and not has_b:
        raise NotFound(f"'{db}' is neither on {a.base} nor on {b.base}: create it on one of them first")
    if wish.one_way and not has_a:
        raise NotFound(f"'{db}' is not on {a.base}, from where it is to be copied: is the name right?")
    if wish.one_way and facts.back.docs:
        raise Conflict(f"'{db}' is linked both ways: take that away first with couchgrass unlink")


def _job(job: Job, dbs: Mapping[Side, DbFacts], found: JobFacts) -> Iterator[Step]:
    for side, stray in found.docs.items():
        if side is not job.host.side:
            yield from _retired(job, stray, side)
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
        side = job.server(end).side
        yield Revoke(side, job.db, (replaced[end].name,))
        yield DropKey(side, job.db, replaced[end].name)


def _why(job: Job, doc: Mapping[str, Any] | None, kept: int) -> str:
    """Why the job's document is to be written; "" if it is right."""
    if doc is None:
        return "created"
    if not is_right(doc, job):
        return "changed to what was asked for"
    if kept < len(job.key_ends):
        return "given a new key"
    return "started again, it had failed" if has_failed(doc) else ""


def _retired(job: Job, stray: Mapping[str, Any], side: Side) -> Iterator[Step]:
    """The job moves to the other server: the document that is left behind, and its keys, go."""
    for end, key in sorted(keys_of(stray).items()):
        yield Revoke(job.server(end).side, job.db, (key.name,))
        yield DropKey(job.server(end).side, job.db, key.name)
    yield RemoveJob(side, job.db, job.id, f"it moves to {job.host.base}")
