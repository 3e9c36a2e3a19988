"""Decides what it takes for the links from one region to another to be as the topology says.

Pure: a comparison of what is wanted with what was looked at, for one ordered pair of regions. The steps are
what `couchgrass topology plan` shows as drift, and what the agent and `couchgrass topology apply` do. Nothing
that is right is written again, so a plan for links that are right is empty; and two who apply the same plan
at the same time end up with the same.

The order is what makes it safe to be cut off: the key, then for each database the replica with its rights,
the key's right at the source, and last the job, so that no job begins with a refusal. What could not be
looked at, since a region does not answer, is left as it is. Databases are never deleted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from couchgrass.agent.jobs import Link, difference, job_of, key_name, link_of
from couchgrass.linking.job import Job, Key, Server
from couchgrass.linking.naming import PREFIX as KEY_PREFIX
from couchgrass.linking.naming import End
from couchgrass.linking.security import Security, is_open, with_key, without_keys
from couchgrass.topology.links import USERS, Way, Wishes, is_expired

_PARTIES: Final = ("admins", "members", "readers")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, of one way.

    `source_dbs` is None while the source does not answer. `jobs` are the documents of this way in the
    target's `_replicator`, by database. `securities` are security objects at the source, and `own` those at
    the target, as far as they were looked at. `keys` are the keys that are kept for the two ends, tried.
    `fresh` are databases of the target that were made a moment ago and nobody was given a right to; `resting`
    such as were deleted there a moment ago, which are not made again at once.
    """

    way: Way
    source: Server
    target: Server
    source_dbs: frozenset[str] | None
    target_dbs: frozenset[str]
    jobs: Mapping[str, Mapping[str, Any]] = {}
    securities: Mapping[str, Security] = {}
    own: Mapping[str, Security] = {}
    keys: Mapping[End, Key] = {}
    fresh: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """All but the jobs' documents, which have passwords in them."""
        shown = {one: getattr(self, one) for one in self.__struct_fields__} | {"jobs": sorted(self.jobs)}
        return f"Facts({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class MakeKey(msgspec.Struct, frozen=True):
    """The target's key at one end of the way is made, or its account is given its password again."""

    way: Way
    end: End
    why: str

    what = "make key"


class CreateDatabase(msgspec.Struct, frozen=True):
    """The replica is made at the target, with the source's rights but those of links."""

    link: Link
    why: str

    what = "create database"


class CopyRights(msgspec.Struct, frozen=True):
    """A replica that is there but for its rights gets the source's."""

    link: Link
    why: str

    what = "copy rights"


class GrantKey(msgspec.Struct, frozen=True):
    """The key gets exactly the rights in the database that it needs at this end."""

    link: Link
    end: End
    why: str

    what = "grant"


class Revoke(msgspec.Struct, frozen=True):
    """Keys lose all rights in a database of `region`."""

    region: str
    database: str
    names: tuple[str, ...]
    why: str

    what = "revoke"


class WriteJob(msgspec.Struct, frozen=True):
    """The job's document is written, in place of `old`."""

    link: Link
    old: Mapping[str, Any] | None
    why: str

    @property
    def what(self) -> str:
        return "write job" if self.old is None else "mend job"

    def __repr__(self) -> str:
        return f"WriteJob({self.link!r}, {self.why!r})"


class RemoveJob(msgspec.Struct, frozen=True):
    """A job's document is deleted at the link's target, which is `region`."""

    region: str
    database: str
    id: str
    why: str

    what = "remove job"


class DropKey(msgspec.Struct, frozen=True):
    """The account of a reader that is no more is deleted in `region`."""

    region: str
    reader: str
    name: str
    why: str

    what = "delete key"


Step = MakeKey | CreateDatabase | CopyRights | GrantKey | Revoke | WriteJob | RemoveJob | DropKey


class Drift(msgspec.Struct, frozen=True):
    """A step as it is told: in which region what is to be done, for which database, and why."""

    region: str
    database: str
    what: str
    why: str


def plan(wishes: Wishes, facts: Facts, now_s: float) -> tuple[Step, ...]:
    """The steps for one way; none when all is right, or when nothing can be said."""
    names = sorted({*(facts.source_dbs or ()), *facts.jobs})
    wanted = [name for name in names if _is_wanted(wishes, facts, name, now_s)]
    steps: list[Step] = []
    for name in sorted(set(names).difference(wanted)):
        steps += _unwanted(facts, name)
    if facts.way in wishes.all_ways:
        # Before there is a database that needs it, since it takes a while: the first one is linked at once.
        needed = job_of(Link(facts.way, ""), facts.source, facts.target).key_ends
        steps += _keys(facts, needed)
    for name in wanted:
        steps += _database(facts, Link(facts.way, name))
    return tuple(steps)


def _is_wanted(wishes: Wishes, facts: Facts, name: str, now_s: float) -> bool:
    if not wishes.wants(facts.way, name) or is_expired(name, now_s):
        return False
    # Deleted at both ends: it is over.
    return facts.source_dbs is None or name in facts.source_dbs or name in facts.target_dbs


def _unwanted(facts: Facts, name: str) -> Iterator[Step]:
    if name in facts.jobs:
        yield RemoveJob(facts.way.target, name, str(facts.jobs[name]["_id"]), "the topology has no such link")
    security = facts.securities.get(name)
    names = {key_name(facts.way.target), *(key.name for end, key in facts.keys.items() if end is End.SOURCE)}
    held = tuple(sorted(one for one in names if security is not None and _holds(security, one)))
    if held:
        yield Revoke(facts.way.source, name, held, f"{facts.way.target} does not copy it")


def _keys(facts: Facts, needed: Iterable[End]) -> Iterator[Step]:
    for end in needed:
        key = facts.keys.get(end)
        reachable = end is End.TARGET or facts.source_dbs is not None
        if reachable and (key is None or not key.signs_in):
            yield MakeKey(facts.way, end, "there is none" if key is None else "it does not sign in")


def _database(facts: Facts, link: Link) -> Iterator[Step]:
    name = link.database
    doc = facts.jobs.get(name)
    is_there = facts.source_dbs is not None and name in facts.source_dbs
    if name not in facts.target_dbs:
        if not is_there or name in facts.resting:
            return
        yield CreateDatabase(link, f"{link.way.source} has it")
    elif is_there and name in facts.fresh and not is_pristine(facts.securities.get(name, {})):
        yield CopyRights(link, f"it was made a moment ago, and {link.way.source} has rights for it")
    job = job_of(link, facts.source, facts.target)
    if is_there:
        yield from _grants(facts, link, job)
    if doc is None:
        if is_there:
            yield WriteJob(link, None, "there is none")
        return
    why = difference(doc, job, facts.keys if name != USERS else {})
    knows_keys = name == USERS or all(end in facts.keys for end in job.key_ends)
    if not knows_keys and facts.source_dbs is None:
        return
    if why or not knows_keys:
        yield WriteJob(link, doc, why or "it has another key")


def _grants(facts: Facts, link: Link, job: Job) -> Iterator[Step]:
    if link.database == USERS:
        return  # only server admins read it: the region's own account is used
    for end in job.key_ends:
        known = facts.securities if end is End.SOURCE else facts.own
        security = known.get(link.database)
        key = facts.keys.get(end)
        if end is End.TARGET and link.database not in facts.target_dbs:
            yield GrantKey(link, end, "the key has no right there")
        elif security is not None:
            held = key is not None and _holds(security, key.name)
            if key is None or with_key(security, key.name, job.grant(end, security)) is not security:
                yield GrantKey(
                    link, end, "the key has a right too many" if held else "the key has no right there"
                )


def _holds(security: Security, name: str) -> bool:
    return without_keys(security, (name,), is_ours=False) is not security


# --- what is left of regions that are gone ---------------------------------------------------------------


def strays(region: str, wishes: Wishes, docs: Iterable[Mapping[str, Any]]) -> tuple[RemoveJob, ...]:
    """Jobs of ours in this region that come from regions of which it copies nothing any more, or that are
    another region's."""
    sources = wishes.into(region)
    steps = []
    for doc in docs:
        link = link_of(doc)
        if link is not None and (link.way.target != region or link.way.source not in sources):
            why = (
                f"it is the job of {link.way.target}"
                if link.way.target != region
                else (f"nothing is copied from {link.way.source}")
            )
            steps.append(RemoveJob(region, link.database, str(doc["_id"]), why))
    return tuple(steps)


def stray_keys(
    region: str, wishes: Wishes, readers: Mapping[str, str], securities: Mapping[str, Security]
) -> tuple[Step, ...]:
    """Keys in this region of others that copy nothing from here any more. `readers` are the names of the
    keys that are noted here, by the region that each was made for."""
    steps: list[Step] = []
    for reader, name in sorted(readers.items()):
        if reader == region or Way(region, reader) in wishes.all_ways:
            continue
        why = f"{reader} copies nothing from here" + (
            "" if reader in wishes.regions else ": it is not in the file"
        )
        steps += [
            Revoke(region, database, (name,), why)
            for database, security in sorted(securities.items())
            if _holds(security, name)
        ]
        steps.append(DropKey(region, reader, name, why))
    return tuple(steps)


def drift(step: Step) -> Drift:
    """A step in words."""
    match step:
        case MakeKey(way, end, why):
            region = way.source if end is End.SOURCE else way.target
            return Drift(region, "", f"{step.what} {key_name(way.target)}", why)
        case CreateDatabase(link, why) | CopyRights(link, why):
            return Drift(link.way.target, link.database, step.what, why)
        case GrantKey(link, end, why):
            region = link.way.source if end is End.SOURCE else link.way.target
            return Drift(region, link.database, f"{step.what} {key_name(link.way.target)}", why)
        case WriteJob(link, _, why):
            return Drift(link.way.target, link.database, f"{step.what} from {link.way.source}", why)
        case Revoke(region, database, names, why):
            return Drift(region, database, f"{step.what} {', '.join(names)}", why)
        case RemoveJob(region, database, job, why):
            return Drift(region, database, f"{step.what} {job}", why)
        case DropKey(region, _, name, why):
            return Drift(region, "", f"{step.what} {name}", why)


def copied(source: Security, own: Security) -> Security:
    """The rights of a replica: the source's, without the keys of links there, with those of links here."""
    rights = dict(without_keys(source, _link_keys(source), is_ours=True))
    keys = _link_keys(own)
    for party in ("admins", "members"):
        held = [name for name in _party(own, party).get("names", ()) if name in keys]
        if held and not (party == "members" and is_open(rights)):
            there = _party(rights, party)
            rights[party] = {**there, "names": [*there.get("names", []), *held]}
    return rights


def is_pristine(security: Security) -> bool:
    """A security object in which nobody but links has been named: that of a database that a server admin has
    made."""
    parties = [_party(security, party) for party in _PARTIES]
    roles = {role for party in parties for role in party.get("roles", ())}
    names = {name for party in parties for name in party.get("names", ())}
    return names <= _link_keys(security) and roles <= {"_admin"} and not security.get("cloudant")


def _link_keys(security: Security) -> set[str]:
    names = [name for party in _PARTIES for name in _party(security, party).get("names", ())]
    names += _party(security, "cloudant")
    return {name for name in names if isinstance(name, str) and name.startswith(KEY_PREFIX)}


def _party(security: Security, party: str) -> Mapping[str, Any]:
    found = security.get(party)
    return found if isinstance(found, dict) else {}
