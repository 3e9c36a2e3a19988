"""One direction of a link: a ``_replicator`` document, who hosts it, and the keys at its ends.

Where the host is a couchgrass server, its own database is named, not addressed: it is reached directly,
with an admin's rights (``user_ctx``), and needs no key. Apache CouchDB and Cloudant take URLs only. A key's
password is nowhere but in the job's document.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from couchgrass.linking.address import database_url
from couchgrass.linking.naming import End, job_id
from couchgrass.linking.security import Grant, key_kind

REPLICATOR: Final = "_replicator"

_WHICH_DOCUMENTS: Final = ("doc_ids", "filter", "query_params", "selector", "since_seq", "winning_revs_only")
"""Fields that make a job leave documents out. They follow the command, the other ones may be tuned by
hand."""

_OURS: Final = frozenset({"source", "target", "continuous", "user_ctx", "create_target", *_WHICH_DOCUMENTS})

NO_DESIGN: Final[Mapping[str, Any]] = {"$not": {"_id": {"$regex": "^_design/"}}}


class Side(StrEnum):
    """Which of the two servers, as they were named on the command line."""

    A = "a"
    B = "b"


class Server(msgspec.Struct, frozen=True):
    """What is known of a server. `admin` is the name that we are signed in with."""

    side: Side
    base: str
    admin: str = ""
    is_ours: bool = False
    has_api_keys: bool = False
    uuid: str | None = None


class Key(msgspec.Struct, frozen=True):
    """A key as a job's document has it. `signs_in`: the server takes it."""

    name: str
    password: str
    signs_in: bool = False

    def __repr__(self) -> str:
        return f"Key({self.name!r}, signs_in={self.signs_in})"


class Job(msgspec.Struct, frozen=True):
    """From `source` to `target`, run by `host`, which is one of them. `name` is its id where that does not
    follow from the two URLs."""

    db: str
    source: Server
    target: Server
    host: Server
    selector: Mapping[str, Any] | None = None
    design: bool = True
    name: str = ""

    @property
    def id(self) -> str:
        return self.name or job_id(self.source.base, self.target.base, self.db)

    def server(self, end: End) -> Server:
        return self.source if end is End.SOURCE else self.target

    def is_local(self, end: End) -> bool:
        """The host reaches this end by the database's name."""
        return self.host.is_ours and self.server(end) == self.host

    @property
    def key_ends(self) -> tuple[End, ...]:
        """The ends that need a key."""
        return tuple(end for end in End if not self.is_local(end))

    def grant(self, end: End, security: Mapping[str, Any]) -> Grant:
        """What the key of this end is to be allowed in a database with this security object."""
        server = self.server(end)
        kind = key_kind(security, has_api_keys=server.has_api_keys)
        return Grant(kind, end is End.TARGET, self.design, server.is_ours)


def effective_selector(selector: Mapping[str, Any] | None, *, design: bool) -> Mapping[str, Any] | None:
    """The selector that a job is given; without design documents they are left out by it."""
    if design:
        return selector
    return NO_DESIGN if selector is None else {"$and": [selector, NO_DESIGN]}


def document(job: Job, keys: Mapping[End, Key], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """The job's document. What was tuned by hand in `old` stays; so does its ``_rev``."""
    kept = {
        name: value
        for name, value in (old or {}).items()
        if name not in _OURS and (not name.startswith("_") or name == "_rev")
    }
    doc = {
        **kept,
        "_id": job.id,
        **{end.value: _endpoint(job, end, keys.get(end)) for end in End},
        "continuous": True,
    }
    selector = effective_selector(job.selector, design=job.design)
    if selector is not None:
        doc["selector"] = selector
    if any(job.is_local(end) for end in End):
        doc["user_ctx"] = {"name": job.host.admin, "roles": ["_admin"]}
    return doc


def _endpoint(job: Job, end: End, key: Key | None) -> Any:
    if job.is_local(end):
        return job.db
    assert key is not None, "a remote end has a key"
    basic = {"username": key.name, "password": key.password}
    return {"url": database_url(job.server(end).base, job.db), "auth": {"basic": basic}}


def is_right(doc: Mapping[str, Any], job: Job) -> bool:
    """Whether a document is what the job's should be, but for its keys and what may be tuned by hand."""
    blank = {end: Key("", "") for end in End}
    return _shape(doc) == _shape(document(job, blank, None))


def _shape(doc: Mapping[str, Any]) -> dict[str, Any]:
    shape = {name: doc.get(name) for name in _WHICH_DOCUMENTS}
    for end in End:
        found = doc.get(end.value)
        shape[end.value] = found.get("url") if isinstance(found, dict) else found
    user = doc.get("user_ctx")
    shape["user_ctx"] = user.get("roles") if isinstance(user, dict) else None
    shape["continuous"] = doc.get("continuous")
    return shape


def has_failed(doc: Mapping[str, Any]) -> bool:
    """The server gave the job up: it looks at it again only when the document is written."""
    return doc.get("_replication_state") == "failed"


def keys_of(doc: Mapping[str, Any]) -> dict[End, Key]:
    """The keys that a job's document holds, by end."""
    keys = {}
    for end in End:
        found = doc.get(end.value)
        auth = found.get("auth") if isinstance(found, dict) else None
        basic = auth.get("basic") if isinstance(auth, dict) else None
        if isinstance(basic, dict) and basic.get("username"):
            keys[end] = Key(str(basic["username"]), str(basic.get("password", "")))
    return keys


def database_of(doc: Mapping[str, Any]) -> str | None:
    """The name of the database that a job's document is about; None if it names two."""
    names = set()
    for end in End:
        found = doc.get(end.value)
        url = found.get("url") if isinstance(found, dict) else found
        if not isinstance(url, str):
            return None
        names.add(_name_in(url))
    return names.pop() if len(names) == 1 else None


def _name_in(url: str) -> str:
    return unquote(url.rstrip("/").rpartition("/")[2]) if url.startswith(("http://", "https://")) else url
