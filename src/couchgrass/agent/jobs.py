"""What a link between regions leaves on servers: the names, and the documents that describe its jobs.

Pure. A job's document lives with the target, whose agent keeps it. Its id is made of the two regions' names
and the database's, never of URLs, so that a region that moves keeps its links; and a member of ours in it
says the same in plain words. By these two it is known again: nothing else in `_replicator` is ours.

One key for each ordered pair: an account at the source, by which the target's region reads there. Its
password is in a `_local` document of the target's own `_replicator`, which only admins read and which is
never replicated: whoever keeps the link, the region's agent or `couchgrass topology apply`, finds the same.
At the source another `_local` document notes for whom there is a key, so that it is found when that region
is gone from the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.identity import person
from couchgrass.linking import job as linking_job
from couchgrass.linking.address import database_url
from couchgrass.linking.job import Job, Key, Server, is_right, keys_of
from couchgrass.linking.naming import PREFIX as KEY_PREFIX
from couchgrass.linking.naming import End
from couchgrass.topology.links import USERS, Way

PREFIX: Final = "couchgrass-topology-"
MEMBER: Final = "couchgrass"
KEPT_KEY: Final = "couchgrass-topology-key-"
"""Begins the id (below `_local/`) under which a target keeps its key at a source."""

READER: Final = "couchgrass-topology-reader-"
"""Begins the id (below `_local/`) under which a source notes the key of one of its readers."""

_READABLE_MAX: Final = 40
_DIGEST_CHARS: Final = 16

APP_USERS: Final[Mapping[str, Any]] = {
    "$or": [
        {
            person.MEMBER: {"$type": "object"},
            "roles": {"$elemMatch": {"$regex": f"^{person.SUB_ROLE}"}},
        },
        {"_deleted": True, "_id": {"$regex": r"^org\.couchdb\.user:[^/]+/[^/]+@[^/]+$"}},
    ]
}
"""Of `_users` the documents of people who sign in at apps, and the ends of such: the accounts of regions,
links and databases are each server's own. Of a deleted one there is no more than its id."""


class Link(msgspec.Struct, frozen=True):
    """One database one way."""

    way: Way
    database: str


def job_id(link: Link) -> str:
    """The id of the link's document in `_replicator`."""
    readable = re.sub(r"[^a-z0-9_-]", "-", link.database)[:_READABLE_MAX]
    digest = hashlib.sha256("\n".join((*link.way, link.database)).encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{PREFIX}{link.way.source}-{link.way.target}-{readable}-{digest}"


def key_name(reader: str) -> str:
    """The account with which a region uses another one's database."""
    return KEY_PREFIX + reader


def link_of(doc: Mapping[str, Any]) -> Link | None:
    """The link that a document of `_replicator` belongs to; None for one that is not ours."""
    told = doc.get(MEMBER)
    if not str(doc.get("_id", "")).startswith(PREFIX) or not isinstance(told, Mapping):
        return None
    source, target, database = (told.get(name) for name in ("source", "target", "database"))
    if not (isinstance(source, str) and isinstance(target, str) and isinstance(database, str)):
        return None
    link = Link(Way(source, target), database)
    return link if job_id(link) == doc["_id"] else None


def job_of(link: Link, source: Server, target: Server) -> Job:
    """The link's job. It is hosted by the target."""
    selector = APP_USERS if link.database == USERS else None
    return Job(link.database, source, target, target, selector, name=job_id(link))


def document(link: Link, job: Job, keys: Mapping[End, Key], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """The job's document, with ours in it. What was tuned by hand in `old` stays."""
    told = {"source": link.way.source, "target": link.way.target, "database": link.database}
    return {**linking_job.document(job, keys, old), MEMBER: told}


def difference(doc: Mapping[str, Any], job: Job, keys: Mapping[End, Key]) -> str:
    """In words, what is wrong with a job's document; "" when it is right. `keys` are those that it is to
    have, as far as they are known."""
    if not is_right(doc, job):
        return (
            "an end has another address now" if is_right(_moved(doc, job), job) else "it was changed by hand"
        )
    held = keys_of(doc)
    for end in job.key_ends:
        key = keys.get(end)
        if key is not None and (end not in held or _login(held[end]) != _login(key)):
            return "it has another key"
    return "it had failed" if linking_job.has_failed(doc) else ""


def _moved(doc: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """The document with its ends where the job's are."""
    moved = dict(doc)
    for end in job.key_ends:
        found = doc.get(end.value)
        if isinstance(found, Mapping):
            moved[end.value] = {**found, "url": database_url(job.server(end).base, job.db)}
    return moved


def _login(key: Key) -> tuple[str, str]:
    return key.name, key.password
