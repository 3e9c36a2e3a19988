"""The rules of documents in replicator databases: whose they are, for whom they may run, what others see.

Pure. A *replicator database* is ``_replicator`` and each database whose last path segment is that. Its
documents describe replications and hold credentials, so each has an ``owner``. Only he, an admin of the
database and the replicator itself (`REPLICATOR_ROLE`, which no user's document can give) may change one, and
see all of it.

Specification: CouchDB 3.5 ``couch_replicator_docs``; for ``user_ctx`` the validation function of CouchDB 2.
Stricter than CouchDB: what counts is also the owner of the document that is replaced, or else anyone could
take over or delete another's; credentials are also hidden where a URL is inside of an object, and in the URLs
of proxies; and who owns a document without a name, as anonymous ones are, does not see its credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from couchgrass.docdb.access import Security, UserCtx, is_db_admin
from couchgrass.errors import BadRequest, Forbidden

REPLICATOR: Final = "_replicator"
REPLICATOR_ROLE: Final = "_replicator"
DEAD_LETTER: Final = "_local/dead-letter-"
"""How the ids of the documents begin in which the replicator keeps what targets refused."""

Check = Callable[[Mapping[str, Any]], None]
"""Raises BadRequest for a document that describes no replication."""

_OTHERS: Final = "Can't update replication documents from other users."
_NO_ONE: Final = object()
_URLS: Final = ("source", "target", "proxy", "source_proxy", "target_proxy")
_SECRET_MEMBERS: Final = frozenset({"headers", "auth"})
_CREDENTIALS: Final = re.compile(
    r"^([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#]*@|[^/?#]*:(?![0-9]*(?:[/?#]|$)).*@)"
)
"""What stands before the host. A password may hold a slash that should have been escaped; what follows a
colon and is not the number of a port is taken for one."""


def is_replicator_db(name: str) -> bool:
    """A database whose documents describe replications?"""
    return name == REPLICATOR or name.endswith("/" + REPLICATOR)


def sees_all(ctx: UserCtx, security: Security) -> bool:
    """Whether the user sees every document of the database with its credentials."""
    return REPLICATOR_ROLE in ctx.roles or is_db_admin(ctx, security)


def check_may_change(old: Mapping[str, Any], ctx: UserCtx) -> None:
    """Raise Forbidden unless this stored document is the user's own. Not for who `sees_all`."""
    if old.get("owner", _NO_ONE) != ctx.name:
        raise Forbidden(_OTHERS)


def check_may_write_local(doc_id: str) -> None:
    """Raise Forbidden for a local document of the replicator's own. Not for who `sees_all`."""
    if doc_id.startswith(DEAD_LETTER):
        raise Forbidden(_OTHERS)


def owner_of(new: Mapping[str, Any], ctx: UserCtx, security: Security) -> Any:
    """The owner that a new version of a document is to have. Raises Forbidden for somebody else.

    An admin of the database may leave it to another; who leaves it out is the owner.
    """
    named = new.get("owner", _NO_ONE)
    if named is _NO_ONE or named == ctx.name:
        return ctx.name
    if not is_db_admin(ctx, security):
        raise Forbidden(_OTHERS)
    return ctx.name if named is None else named


def check_user_ctx(new: Mapping[str, Any], ctx: UserCtx) -> None:
    """Raise Forbidden if ``user_ctx`` would give the replication more rights than the user has.

    Only a server admin may name another user, or roles that he has not: an admin of the database may not.
    """
    named = new.get("user_ctx")
    if named is None or ctx.is_server_admin:
        return
    if type(named) is not dict:
        raise Forbidden("The `user_ctx` property must be an object.")
    if named.get("name") not in (None, ctx.name):
        raise Forbidden("The given `user_ctx.name` is not your own.")
    roles = named.get("roles") or []
    if type(roles) is not list or not all(type(role) is str for role in roles):
        raise Forbidden("The `user_ctx.roles` property must be an array of strings.")
    for role in roles:
        if role not in ctx.roles:
            raise Forbidden(f"Invalid role (`{role}`) in the `user_ctx`.")


def with_user_ctx(new: dict[str, Any], ctx: UserCtx) -> bool:
    """Has the document say as whom its replication uses databases of this server. True when it did not yet.

    A document that says nothing was written by a server admin, and runs with his rights.
    """
    if ctx.is_server_admin or new.get("user_ctx") is not None:
        return False
    new["user_ctx"] = {"name": ctx.name, "roles": list(ctx.roles)}
    return True


def check_form(new: Mapping[str, Any], check: Check) -> None:
    """Raise Forbidden, as CouchDB does, for what describes no replication, unless it has failed already."""
    if new.get("_replication_state") == "failed":
        return
    try:
        check(new)
    except BadRequest as bad:
        raise Forbidden(bad.reason) from bad


def visible(doc: dict[str, Any], ctx: UserCtx) -> dict[str, Any]:
    """The document as a user sees it who does not see all: `doc` itself if it is his, else no credentials."""
    if ctx.name is not None and doc.get("owner") == ctx.name:
        return doc
    return {key: _without_credentials(value) if key in _URLS else value for key, value in doc.items()}


def _without_credentials(value: Any) -> Any:
    if type(value) is str:
        return _CREDENTIALS.sub(r"\1", value)
    if type(value) is dict:
        return {
            key: _without_credentials(member) if key == "url" else member
            for key, member in value.items()
            if key not in _SECRET_MEMBERS
        }
    return value
