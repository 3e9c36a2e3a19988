"""Who may do what: the user of a request, a database's security object, and the decision.

Pure. Which right a request needs (CouchDB 3.5's rules, with Cloudant's roles beside them):

====================================================================  ============================
request                                                               right
====================================================================  ============================
``/``, ``/_up``, ``/_uuids``, ``/_session``, ``/favicon.ico``,        none; see `check_anonymous`
GET ``/_utils…``
``/_replicate``, where a replicator answers                           `check_signed_in`
``/_node/…/_stats``, ``_system``, ``_prometheus``                     `check_metrics`
``/_all_dbs``, ``/_dbs_info``                                         SERVER_ADMIN, unless the setting
                                                                      ``admin_only_all_dbs`` is false
every other ``/_…``: ``/_scheduler``, ``/_active_tasks``,             SERVER_ADMIN
``/_db_updates``, ``/_api/v2/api_keys``, …
PUT, DELETE ``/db``; ``_purge``, ``_purged_infos_limit``              SERVER_ADMIN
``_all_docs`` and ``_changes`` of ``_users`` and ``_replicator``      SERVER_ADMIN
the same of ``…/_replicator``; views, ``_local_docs`` of both         DB_ADMIN
``/db/_compact``, ``_view_cleanup``                                   `check_maintenance`
GET, HEAD, POST that reads: documents, attachments, ``_local``,       READ
``_all_docs``, ``_changes``, ``_bulk_get``, ``_revs_diff``, …,
``_revs_limit``, ``/db`` itself; ``_ensure_full_commit``
GET a design document                                                 READ_DESIGN
write a document or an attachment, each one of ``_bulk_docs``         WRITE
write a ``_local`` document (a checkpoint)                            REPLICATE
write a ``_design`` document or its attachment                        DB_ADMIN
change another's document in a replicator database                    DB_ADMIN, see `replicator_doc`
GET ``_security``                                                     READ_SECURITY
PUT ``_security``, ``_revs_limit``; ``_index``                        DB_ADMIN
====================================================================  ============================

What grants a right:

* the role ``_admin``: everything; nothing else grants SERVER_ADMIN.
* the role ``couchgrass_account``, which only a server admin can give: PUT of a new database, which is the
  user's own then, its admin and only member; DELETE of a database whose admin the user is. It makes a user
  what the owner of an account is at Cloudant. Names of the region's own databases (`PLATFORM`) are not for
  accounts: functions, gateway and sign-in believe what stands in those.
* ``admins`` of the security object, by name or role: everything else.
* ``members``: all but DB_ADMIN. If no member is named, everyone is a member, unless ``cloudant`` is in force.
* ``cloudant``, unless ``couchdb_auth_only`` is true: ``_reader`` READ and READ_DESIGN; ``_writer`` WRITE;
  ``_replicator`` what ``_reader`` has and REPLICATE; ``_design`` READ_DESIGN; ``_security`` READ_SECURITY;
  ``_admin`` everything but SERVER_ADMIN; ``_shards`` and ``_db_updates`` are kept but grant nothing here.
  The rights of ``nobody`` are everyone's: a key has no fewer rights than a request without one.

Specification: CouchDB 3.5 ``couch_db``, ``chttpd_auth_request``, ``chttpd_auth``; Cloudant's API.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import msgspec

from couchgrass.docdb.session import mac_matches
from couchgrass.docdb.settings import Chttpd, ChttpdAuth
from couchgrass.errors import BadRequest, Forbidden, Unauthorized

ADMIN_ROLE: Final = "_admin"
METRICS_ROLE: Final = "_metrics"
ACCOUNT_ROLE: Final = "couchgrass_account"
NOBODY: Final = "nobody"

PLATFORM: Final = ("_", "whisk_", "couchgrass_")
"""What the names of databases begin with that the server and the region keep for themselves."""

_COMMA: Final = re.compile(r"\s*,\s*")


class Right(IntEnum):
    """Each is a bit, so that a set of rights is a plain integer, which is cheap to test."""

    READ = 1
    READ_DESIGN = 2
    READ_SECURITY = 4
    WRITE = 8
    REPLICATE = 16
    DB_ADMIN = 32
    SERVER_ADMIN = 64


MEMBER: Final = Right.READ | Right.READ_DESIGN | Right.READ_SECURITY | Right.WRITE | Right.REPLICATE
DATABASE: Final = MEMBER | Right.DB_ADMIN
EVERYTHING: Final = DATABASE | Right.SERVER_ADMIN

CLOUDANT_ROLES: Final[Mapping[str, int]] = {
    "_reader": Right.READ | Right.READ_DESIGN,
    "_writer": int(Right.WRITE),
    "_replicator": Right.READ | Right.READ_DESIGN | Right.REPLICATE,
    "_admin": DATABASE,
    "_design": int(Right.READ_DESIGN),
    "_security": int(Right.READ_SECURITY),
    "_shards": 0,
    "_db_updates": 0,
}
"""What each of Cloudant's roles grants."""

_CLOUDANT_REASONS: Final[Mapping[Right, str]] = {
    Right.READ: "_reader access is required for this request",
    Right.READ_DESIGN: "one of _reader, _design is required for this request",
    Right.READ_SECURITY: "one of _admin, _security is required for this request",
    Right.WRITE: "_writer access is required for this request",
    Right.REPLICATE: "_replicator access is required for this request",
    Right.DB_ADMIN: "_admin access is required for this request",
}


class UserCtx(msgspec.Struct, frozen=True):
    """The user of a request; `name` is None if it is anonymous. `handler`: cookie, default, proxy or jwt."""

    name: str | None = None
    roles: tuple[str, ...] = ()
    handler: str | None = None

    @property
    def is_server_admin(self) -> bool:
        return ADMIN_ROLE in self.roles


ANONYMOUS: Final = UserCtx()


class Security(msgspec.Struct, frozen=True):
    """A security object, read for quick decisions. `document` is the JSON object as it was put.

    `cloudant` maps a key's name to its rights; it is None where CouchDB's rules alone are in force.
    """

    document: Mapping[str, Any]
    admin_names: frozenset[str] = frozenset()
    admin_roles: frozenset[str] = frozenset()
    member_names: frozenset[str] = frozenset()
    member_roles: frozenset[str] = frozenset()
    cloudant: Mapping[str, int] | None = None

    @property
    def is_public(self) -> bool:
        """No member is named, so everyone is one."""
        return not self.member_names and not self.member_roles and self.cloudant is None


def default_security(setting: str) -> dict[str, Any]:
    """The security object of a new database; `setting` is ``[couchdb] default_security``."""
    if setting != "admin_only":
        return {}
    return {"members": {"roles": [ADMIN_ROLE]}, "admins": {"roles": [ADMIN_ROLE]}}


def owned_security(name: str) -> dict[str, Any]:
    """The security object of a database that an account made."""
    return {"members": {"names": [name], "roles": []}, "admins": {"names": [name], "roles": []}}


def is_account(ctx: UserCtx, db_name: str) -> bool:
    """May this user, who is no server admin, have a database of this name?"""
    return ACCOUNT_ROLE in ctx.roles and ctx.name is not None and not db_name.startswith(PLATFORM)


def parse_security(document: Any) -> Security:
    """Check and read a security object, as a client put it. Raises BadRequest with CouchDB's words."""
    if not isinstance(document, dict):
        raise BadRequest
    admin_names, admin_roles = _names_and_roles(document.get("admins", {}))
    # "readers" is what "members" was called before CouchDB 1.2.
    member_names, member_roles = _names_and_roles(document.get("members", document.get("readers", {})))
    couchdb_auth_only = document.get("couchdb_auth_only", False)
    if not isinstance(couchdb_auth_only, bool):
        raise BadRequest("couchdb_auth_only must be a boolean")
    cloudant = _cloudant(document["cloudant"]) if "cloudant" in document else None
    return Security(
        document,
        admin_names,
        admin_roles,
        member_names,
        member_roles,
        None if couchdb_auth_only else cloudant,
    )


def rights(ctx: UserCtx, security: Security) -> int:
    """All rights of the user on the database, as bits of `Right`."""
    name, roles = ctx.name, ctx.roles
    if ADMIN_ROLE in roles:
        return EVERYTHING
    if name in security.admin_names or not security.admin_roles.isdisjoint(roles):
        return DATABASE
    granted = 0
    if security.is_public or name in security.member_names or not security.member_roles.isdisjoint(roles):
        granted = MEMBER
    if security.cloudant is not None:
        granted |= security.cloudant.get(NOBODY, 0)
        if name is not None:
            granted |= security.cloudant.get(name, 0)
    return granted


def allows(ctx: UserCtx, security: Security, right: Right) -> None:
    """Return if the user has the right on the database; else raise Unauthorized (401) or Forbidden (403)."""
    if right is Right.SERVER_ADMIN:
        check_server_admin(ctx)
    elif not rights(ctx, security) & right:
        raise _refusal(ctx, security, right)


def is_db_admin(ctx: UserCtx, security: Security) -> bool:
    """An admin of the database, which a server admin is of every one."""
    return bool(rights(ctx, security) & Right.DB_ADMIN)


def check_maintenance(ctx: UserCtx, security: Security) -> None:
    """For ``_compact`` and ``_view_cleanup``: DB_ADMIN, where CouchDB says 401 to members too."""
    allows(ctx, security, Right.READ)
    if not is_db_admin(ctx, security):
        raise Unauthorized("You are not a server or db admin.")


def check_server_admin(ctx: UserCtx) -> None:
    """Raise Unauthorized unless the user is a server admin."""
    if ADMIN_ROLE not in ctx.roles:
        raise Unauthorized("You are not a server admin.")


def check_metrics(ctx: UserCtx) -> None:
    """Raise Unauthorized unless the user may read the server's statistics."""
    if ADMIN_ROLE not in ctx.roles and METRICS_ROLE not in ctx.roles:
        raise Unauthorized("You are not a server admin or read-only metrics user")


def check_signed_in(ctx: UserCtx) -> None:
    """Raise Unauthorized if the request is anonymous."""
    if ctx.name is None:
        raise Unauthorized("You are not an authenticated user")


def check_anonymous(method: str, path: str, setting: Chttpd) -> None:
    """Raise Unauthorized if an anonymous request may not even be looked at. `path` starts with a slash.

    With ``require_valid_user`` none may but the attempt to log in; ``require_valid_user_except_for_up`` says
    the same but leaves ``/_up`` open, whatever the first setting says.
    """
    required = setting.require_valid_user or setting.require_valid_user_except_for_up
    if not required or (method == "POST" and path == "/_session"):
        return
    if path == "/_up" and setting.require_valid_user_except_for_up:
        return
    raise Unauthorized("Authentication required.")


def parse_basic(header: str) -> tuple[str, str] | None:
    """Name and password of a Basic ``Authorization`` header (RFC 7617, UTF-8).

    None for another or no scheme, for what can't be decoded, and for ``_:_``, which is how CouchDB's clients
    say that they are logged out: all of these are anonymous requests.
    """
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        return None
    name, colon, password = text.partition(":")
    if not colon or (name, password) == ("_", "_"):
        return None
    return name, password


def verify_proxy(headers: Mapping[str, str], auth: ChttpdAuth) -> UserCtx | None:
    """The user whom a trusted proxy names in its headers; None if it names none or its token is wrong.

    `headers` are keyed by lower-case name. With ``proxy_use_secret`` the token must be the hexadecimal HMAC
    of the name under the server's secret; unlike in CouchDB, an empty secret then lets no one in. The caller
    asks this only if ``proxy`` is among the authentication handlers, which it is not by default.
    """
    name = headers.get(auth.x_auth_username.lower())
    if name is None:
        return None
    if auth.proxy_use_secret:
        try:
            token = bytes.fromhex(headers.get(auth.x_auth_token.lower(), ""))
        except ValueError:
            return None
        key = auth.secret.encode()
        if not key or not mac_matches(name.encode(), token, key, auth.hash_algorithms):
            return None
    return UserCtx(name, split_roles(headers.get(auth.x_auth_roles.lower(), "")), "proxy")


def split_roles(text: str) -> tuple[str, ...]:
    """Roles as a comma-separated text; empty ones at its end don't count."""
    roles = _COMMA.split(text)
    while roles and not roles[-1]:
        roles.pop()
    return tuple(roles)


def _refusal(ctx: UserCtx, security: Security, right: Right) -> Unauthorized | Forbidden:
    if security.cloudant is not None:
        reason = _CLOUDANT_REASONS[right]
    elif right is Right.DB_ADMIN:
        reason = "You are not a db or server admin."
    elif ctx.name is None:
        reason = "You are not authorized to access this db."
    else:
        reason = "You are not allowed to access this db."
    return Unauthorized(reason) if ctx.name is None else Forbidden(reason)


def _names_and_roles(party: Any) -> tuple[frozenset[str], frozenset[str]]:
    if not isinstance(party, dict):
        raise BadRequest("admins or members must be a JSON list of strings")
    return _strings(party.get("names", []), "names"), _strings(party.get("roles", []), "roles")


def _strings(value: Any, what: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequest(f"{what} must be a JSON list of strings")
    return frozenset(value)


def _cloudant(value: Any) -> dict[str, int]:
    """Rights by name. A role that does not exist is refused: it would grant less than its writer believes."""
    if not isinstance(value, dict):
        raise BadRequest("cloudant must be a JSON object of lists of roles")
    granted = {}
    for name, roles in value.items():
        granted[name] = 0
        for role in sorted(_strings(roles, f"cloudant.{name}")):
            if role not in CLOUDANT_ROLES:
                raise BadRequest(f"`{role}` is not one of {', '.join(CLOUDANT_ROLES)}")
            granted[name] |= CLOUDANT_ROLES[role]
    return granted
