"""A link's keys in a database's security object: put in with exactly the rights they need, and taken out
again.

What a job needs at its ends, and what grants it:

=======================================  ===========================  =====================================
end                                      Cloudant's rights            CouchDB's
=======================================  ===========================  =====================================
source: read, write checkpoints          _reader _replicator          a member
target: also write documents             … _writer                    a member
target, design documents too             … _admin                     an admin of the database
=======================================  ===========================  =====================================

CouchDB has nothing finer than a member, who may read and write all but design documents.

Two traps. A database that names no member is open to everyone who may sign in: a key that was named there
would close it to all others, so nothing is granted, and nothing needs to be. And a database whose only
member was a key would become open when the key is taken out: then it is left to server admins.
Specification: CouchDB's ``_security``, Cloudant's "Authorization" API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

ADMIN_ROLE: Final = "_admin"

Security = Mapping[str, Any]

ADMINS_ONLY: Final[Security] = {
    "admins": {"names": [], "roles": [ADMIN_ROLE]},
    "members": {"names": [], "roles": [ADMIN_ROLE]},
}
"""Of a database that is the platform's own, whatever its server gives to new ones."""


class KeyKind(StrEnum):
    """How a server makes keys: Cloudant's API, or an account in ``_users``."""

    API_KEY = "API key"
    USER = "user"


class Grant(msgspec.Struct, frozen=True):
    """What a key is to be allowed. `design` counts for one that may `write`.

    `is_ours`: a couchgrass server, where CouchDB's and Cloudant's rules are in force side by side.
    """

    kind: KeyKind
    write: bool
    design: bool
    is_ours: bool

    @property
    def roles(self) -> tuple[str, ...]:
        """Cloudant's."""
        writing = ("_writer", *(("_admin",) if self.design else ())) if self.write else ()
        return ("_reader", "_replicator", *writing)


class _Held(msgspec.Struct, frozen=True):
    """Where a security object names a key."""

    cloudant: frozenset[str] | None = None
    admin: bool = False
    member: bool = False


def key_kind(security: Security, *, has_api_keys: bool) -> KeyKind:
    """API keys are not known where a database was told to use ``_users`` alone."""
    if has_api_keys and security.get("couchdb_auth_only") is not True:
        return KeyKind.API_KEY
    return KeyKind.USER


def is_open(security: Security) -> bool:
    """No member is named and Cloudant's rules are not in force: everyone is a member."""
    members = _party(security, "members") or _party(security, "readers")
    cloudant = "cloudant" in security and security.get("couchdb_auth_only") is not True
    return not cloudant and not members.get("names") and not members.get("roles")


def with_key(security: Security, name: str, grant: Grant) -> Security:
    """The security object in which `name` has this grant and no other right. The same object if it has it."""
    if grant.kind is KeyKind.API_KEY and not (grant.is_ours and is_open(security)):
        wanted = _Held(cloudant=frozenset(grant.roles))
    elif grant.write and grant.design:
        wanted = _Held(admin=True)
    else:
        wanted = _Held(member=not is_open(_removed(security, {name})))
    if _held(security, name) == wanted:
        return security
    changed = _removed(security, {name})
    if wanted.cloudant is not None:
        changed["cloudant"] = {**changed.get("cloudant", {}), name: sorted(wanted.cloudant)}
    if wanted.admin:
        _add(changed, "admins", name)
    if wanted.member:
        _add(changed, "members", name)
    return changed


def without_keys(security: Security, names: Iterable[str], *, is_ours: bool) -> Security:
    """The security object without these names, closed if it was closed. The same object if it has none of
    them."""
    gone = {name for name in names if _held(security, name) != _Held()}
    if not gone:
        return security
    changed = _removed(security, gone)
    named = _party(changed, "members") or _party(changed, "readers")
    if is_ours and changed.get("cloudant") == {} and named:
        del changed["cloudant"]
    if is_open(changed) and not is_open(security):
        members = _party(changed, "members")
        changed["members"] = {**members, "roles": [*members.get("roles", []), ADMIN_ROLE]}
    return changed


def _held(security: Security, name: str) -> _Held:
    roles = _party(security, "cloudant").get(name)
    return _Held(
        None if roles is None else frozenset(roles),
        name in _party(security, "admins").get("names", ()),
        any(name in _party(security, party).get("names", ()) for party in ("members", "readers")),
    )


def _removed(security: Security, names: set[str]) -> dict[str, Any]:
    """A copy without the names. A list or party that gets empty by that goes too; ``cloudant`` stays."""
    changed = dict(security)
    if "cloudant" in changed:
        changed["cloudant"] = {
            name: roles for name, roles in _party(changed, "cloudant").items() if name not in names
        }
    for party in ("admins", "members", "readers"):
        listed = _party(changed, party)
        if not names.isdisjoint(listed.get("names", ())):
            kept = [name for name in listed["names"] if name not in names]
            listed = {key: value for key, value in listed.items() if key != "names"}
            changed[party] = {**listed, "names": kept} if kept else listed
            if not changed[party]:
                del changed[party]
    return changed


def _add(security: dict[str, Any], party: str, name: str) -> None:
    party = (
        "readers" if party == "members" and not _party(security, party) and "readers" in security else party
    )
    listed = _party(security, party)
    security[party] = {**listed, "names": [*listed.get("names", []), name]}


def _party(security: Security, party: str) -> Mapping[str, Any]:
    found = security.get(party)
    return found if isinstance(found, dict) else {}
