r"""Passwords and the documents of ``_users`` that hold them.

Pure: salts, the time and the settings are arguments. Hashing is slow on purpose, so `hash_password`,
`verify_password`, `apply_user_doc` and `hash_admin_password` belong on a thread.

A user's *credentials* are the fields of their document, or the same fields read from ``[admins]``::

    {"password_scheme": "pbkdf2", "pbkdf2_prf": "sha256", "salt": …, "iterations": …, "derived_key": HEX}
    {"password_scheme": "simple", "salt": …, "password_sha": HEX}            sha1(password + salt), legacy
    {"password_scheme": "simple+pbkdf2", …}                                  PBKDF2 of the former
    -pbkdf2:PRF-HEX,SALT,ITERATIONS   -pbkdf2-HEX,SALT,ITERATIONS (sha)   -hashed-HEX,SALT    in [admins]

A derived key is as long as its hash. A document without ``pbkdf2_prf`` was hashed with sha1.
Specification: CouchDB 3.5 ``couch_passwords``, ``couch_users_db``, ``couch_auth_cache``,
``couch_httpd_auth``, ``couch_password_hasher`` and the validation function of its ``_design/_auth``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.docdb.access import ADMIN_ROLE, METRICS_ROLE, Security, UserCtx, is_db_admin
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest, Forbidden, NotFound, Unauthorized

USER_ID_PREFIX: Final = "org.couchdb.user:"
WRONG: Final = "Name or password is incorrect."
"""The reason of the 401 for an unknown name and for a wrong password alike."""

SCHEMES: Final = ("simple", "pbkdf2", "simple+pbkdf2")
PRFS: Final[Mapping[str, str]] = {"sha": "sha1", **{p: p for p in ("sha224", "sha256", "sha384", "sha512")}}
"""CouchDB's names for the hashes of PBKDF2, to Python's."""

_ITERATIONS_MAX: Final = 2**31 - 1
"""More than this OpenSSL does not take."""
_ADMIN_HASH: Final = re.compile(r"-(?:hashed|pbkdf2(?::(sha|sha224|sha256|sha384|sha512))?)-(.*)", re.DOTALL)
_PASSWORD_FIELDS: Final = frozenset(
    {"derived_key", "iterations", "password", "password_scheme", "password_sha", "pbkdf2_prf"}
    | {"preserve_salt", "salt"}
)
GENERATED_ITERATIONS: Final = 1000
"""Of a password of so many random bits that nobody guesses it, however fast a guess is. The many that the
settings ask for are against guesses at what people think of."""

_TOTP_STEP_S: Final = 30
_TOTP_LENGTH_MAX: Final = 10
"""A token is made of 31 bits, so more digits say nothing."""


def derive(password: str, salt: str, *, prf: str, iterations: int) -> str:
    """PBKDF2 in hexadecimal; `prf` is a key of `PRFS`."""
    return hashlib.pbkdf2_hmac(PRFS[prf], password.encode(), salt.encode(), iterations).hex()


def hash_password(password: Any, salt: Any, auth: ChttpdAuth) -> dict[str, Any]:
    """A new password's credentials, under the scheme of the settings.

    Raises BadRequest if the settings ask more of a password, Forbidden if it or the salt is no string.
    """
    password, salt = _string(password, "Password"), _string(salt, "Salt")
    _check_requirements(password, auth)
    if auth.password_scheme == "simple":  # noqa: S105
        return {"password_scheme": "simple", "salt": salt, "password_sha": _simple(password, salt)}
    return {
        "password_scheme": "pbkdf2",
        "pbkdf2_prf": auth.pbkdf2_prf,
        "salt": salt,
        "iterations": auth.iterations,
        "derived_key": derive(password, salt, prf=auth.pbkdf2_prf, iterations=auth.iterations),
    }


def verify_password(password: str, credentials: Mapping[str, Any], auth: ChttpdAuth) -> bool:
    """Whether the password is the right one. Compares in constant time.

    Raises Forbidden for credentials that this server is set not to use: too few or too many iterations, or an
    unknown PRF.
    """
    salt = _string(credentials.get("salt", ""), "Salt")
    scheme = credentials.get("password_scheme", "simple")
    if scheme == "simple":
        return _equal(_simple(password, salt), credentials.get("password_sha"))
    if scheme == "simple+pbkdf2":
        password = _simple(password, salt)
    elif scheme != "pbkdf2":
        return False
    prf, iterations = credentials.get("pbkdf2_prf", "sha"), credentials.get("iterations", 10_000)
    if not isinstance(prf, str) or prf not in PRFS:
        raise Forbidden("PRF is invalid")
    if not isinstance(iterations, int) or iterations < max(auth.min_iterations, 1):
        raise Forbidden("Iteration count is too low for this server")
    if iterations > min(auth.max_iterations, _ITERATIONS_MAX):
        raise Forbidden("Iteration count is too high for this server")
    return _equal(derive(password, salt, prf=prf, iterations=iterations), credentials.get("derived_key"))


def needs_upgrade(credentials: Mapping[str, Any], auth: ChttpdAuth) -> bool:
    """Whether to hash the password anew now that the user has just sent it.

    True only for a stored document (it has a ``_rev``) hashed otherwise than the settings now say. The caller
    writes `apply_user_doc` of the document with ``password`` and ``"preserve_salt": true`` added: the salt
    stays, and with it every session.
    """
    if not auth.upgrade_hash_on_auth or "_rev" not in credentials:
        return False
    scheme = credentials.get("password_scheme")
    if auth.password_scheme == "simple":  # noqa: S105
        return bool(scheme != "simple")
    found = (scheme, credentials.get("iterations"), credentials.get("pbkdf2_prf"))
    return found != ("pbkdf2", auth.iterations, auth.pbkdf2_prf)


def is_admin_hash(text: str) -> bool:
    """Whether a value of ``[admins]`` is a hash already; else it is a password to be hashed."""
    return _ADMIN_HASH.match(text) is not None


def hash_admin_password(password: str, salt: str, auth: ChttpdAuth) -> str:
    """What ``[admins]`` keeps of a password."""
    if auth.password_scheme == "simple":  # noqa: S105
        return f"-hashed-{_simple(password, salt)},{salt}"
    key = derive(password, salt, prf=auth.pbkdf2_prf, iterations=auth.iterations)
    return f"-pbkdf2:{auth.pbkdf2_prf}-{key},{salt},{auth.iterations}"


def hash_generated(password: str, salt: str, auth: ChttpdAuth) -> str:
    """The same of a password that was drawn by lot, with as few iterations as the settings allow for it."""
    iterations = min(max(GENERATED_ITERATIONS, auth.min_iterations), auth.iterations)
    return hash_admin_password(password, salt, msgspec.structs.replace(auth, iterations=iterations))


def admin_credentials(text: str) -> dict[str, Any] | None:
    """The credentials in a value of ``[admins]``, with the role ``_admin``; None if it is no hash."""
    found = _ADMIN_HASH.fullmatch(text)
    if found is None:
        return None
    prf, parts = found[1] or "sha", found[2].split(",")
    roles = [ADMIN_ROLE]
    if text.startswith("-hashed-"):
        if len(parts) != 2:
            return None
        return {"roles": roles, "salt": parts[1], "password_scheme": "simple", "password_sha": parts[0]}
    if len(parts) != 3 or not parts[2].isascii() or not parts[2].isdecimal():
        return None
    return {
        "roles": roles,
        "salt": parts[1],
        "iterations": int(parts[2]),
        "password_scheme": "pbkdf2",
        "pbkdf2_prf": prf,
        "derived_key": parts[0],
    }


def login_credentials(admin_hash: str | None, user_doc: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The credentials that count for a name, or None if there is no such user.

    `admin_hash` is its value in ``[admins]``, `user_doc` its document in ``_users``, opened with `conflicts`.
    A server admin keeps the password of ``[admins]`` and has the roles of both.
    Raises Unauthorized for a document in conflict.
    """
    if user_doc is not None and user_doc.get("_conflicts"):
        raise Unauthorized(
            "User document conflicts must be resolved before the document"
            " is used for authentication purposes."
        )
    admin = None if admin_hash is None else admin_credentials(admin_hash)
    if admin is None:
        return None if user_doc is None else dict(user_doc)
    return {**admin, "roles": admin["roles"] + list(user_roles(user_doc or {}))}


def user_roles(credentials: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles in the credentials; what is no string counts for nothing."""
    roles = credentials.get("roles", [])
    return tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()


def check_no_totp(credentials: Mapping[str, Any]) -> None:
    """Raise Unauthorized for a user with a second factor, which Basic authentication can't carry."""
    if "totp" in credentials:
        raise Unauthorized(WRONG)


def check_totp(credentials: Mapping[str, Any], token: str, now: float) -> None:
    """Raise Unauthorized unless the token is right (RFC 6238), 30 s early or late, or none is asked for.

    The field ``totp`` is {"key": BASE32, "algorithm": "sha", "length": 6}.
    """
    if "totp" not in credentials:
        return
    rule = credentials["totp"]
    try:
        key = base64.b32decode(rule["key"])
        algorithm, length = PRFS[rule.get("algorithm", "sha")], rule.get("length", 6)
        steps = [int(now + late) // _TOTP_STEP_S for late in (-_TOTP_STEP_S, 0, _TOTP_STEP_S)]
        if length not in range(1, _TOTP_LENGTH_MAX + 1):
            raise ValueError(length)
        tokens = [_totp(key, step, algorithm=algorithm, length=length) for step in steps]
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as bad:
        raise Unauthorized(WRONG) from bad
    if True not in [_equal(expected, token) for expected in tokens]:
        raise Unauthorized(WRONG)


def user_name(doc_id: str) -> str | None:
    """The user whose document this is; None for any other document of ``_users``."""
    return doc_id.removeprefix(USER_ID_PREFIX) if doc_id.startswith(USER_ID_PREFIX) else None


def check_user_update(doc_id: str, ctx: UserCtx, security: Security) -> None:
    """Raise NotFound if the user may not know that the document of ``_users`` they write to exists.

    Admins, the owner and the anonymous (who may sign up) go on to `apply_user_doc` and `validate_user_doc`.
    """
    if not is_db_admin(ctx, security) and ctx.name is not None and ctx.name != user_name(doc_id):
        raise NotFound("missing")


def apply_user_doc(doc: dict[str, Any], salt: str, auth: ChttpdAuth) -> dict[str, Any]:
    """The document as it is stored: a ``password`` is replaced by its hash. Comes before `validate_user_doc`.

    `salt` is new and random; with ``"preserve_salt": true`` the document's own is used instead.
    Raises what `hash_password` raises.
    """
    if doc.get("password") is None:
        return doc
    if doc.get("preserve_salt") is True:
        salt = doc.get("salt", salt)
    hashed = hash_password(doc["password"], salt, auth)
    return hashed | {key: value for key, value in doc.items() if key not in _PASSWORD_FIELDS}


def visible_user_doc(
    doc_id: str, doc: dict[str, Any], ctx: UserCtx, security: Security, auth: ChttpdAuth
) -> dict[str, Any]:
    """What the user may see of a document of ``_users``: admins and the owner all, others ``public_fields``.

    Raises NotFound if that leaves nothing, and Forbidden for a design document.
    """
    if is_db_admin(ctx, security):
        return doc
    if doc_id.startswith("_design/"):
        raise Forbidden("Only administrators can view design docs in the users database.")
    if ctx.name is not None and ctx.name == user_name(doc_id):
        return doc
    if not any(field in auth.public_fields for field in doc if not field.startswith("_")):
        raise NotFound("missing")
    return {key: doc[key] for key in doc if key.startswith("_") or key in auth.public_fields}


def validate_user_doc(
    new: Mapping[str, Any], old: Mapping[str, Any] | None, ctx: UserCtx, security: Security
) -> None:
    """The rules of ``_users``. `new` has its ``_id`` and, if it deletes, ``_deleted``; `old` is its parent.

    Raises Forbidden with CouchDB's reasons. Not for design and local documents.
    """
    if new.get("_deleted") is True:
        owner = old is not None and ctx.name is not None and old.get("name") == ctx.name
        if not (ctx.is_server_admin or owner):
            raise Forbidden("Only admins may delete other user docs.")
        return
    name, roles = _checked_form(new)
    if old is not None and old.get("name") != name:
        raise Forbidden("Usernames can not be changed.")
    _checked_credentials(new)
    if not is_db_admin(ctx, security):
        _check_by_user(name, roles, old, ctx)
    if any(role.startswith("_") and role != METRICS_ROLE for role in roles):
        raise Forbidden("No system roles (starting with underscore) in users db.")
    if name.startswith("_"):
        raise Forbidden("Username may not start with underscore.")
    if ":" in name:
        raise Forbidden("Character `:` is not allowed in usernames.")


def check_iterations(
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None,
    ctx: UserCtx,
    security: Security,
    auth: ChttpdAuth,
) -> None:
    """Raise Forbidden for a document that would make its user's password slower to check than our own hashes.

    CouchDB takes any number. Whoever may change no more than their own document could then have each attempt
    to sign in as them take minutes, and everybody else's wait for it.
    """
    iterations = new.get("iterations")
    is_new = old is None or old.get("iterations") != iterations
    is_slow = isinstance(iterations, int) and iterations > auth.iterations
    if is_new and is_slow and not is_db_admin(ctx, security):
        raise Forbidden("Iteration count is too high for this server")


def _checked_form(new: Mapping[str, Any]) -> tuple[str, list[str]]:
    name, roles = new.get("name"), new.get("roles")
    if new.get("type") != "user":
        raise Forbidden("doc.type must be user")
    if not _truthy(name):
        raise Forbidden("doc.name is required")
    if not _truthy(roles):
        raise Forbidden("doc.roles must exist")
    if not isinstance(roles, list):
        raise Forbidden("doc.roles must be an array")
    if not all(isinstance(role, str) for role in roles):
        raise Forbidden("doc.roles can only contain strings")
    if not isinstance(name, str) or new.get("_id") != USER_ID_PREFIX + name:
        raise Forbidden("Doc ID must be of the form org.couchdb.user:name")
    return name, roles


def _checked_credentials(new: Mapping[str, Any]) -> None:
    if _truthy(new.get("password_sha")) and not _truthy(new.get("salt")):
        raise Forbidden(
            "Users with password_sha must have a salt.See /_utils/script/couch.js for example code."
        )
    scheme = new.get("password_scheme")
    if _truthy(scheme) and scheme not in SCHEMES:
        raise Forbidden(f"Password scheme `{_shown(scheme)}` not supported.")
    if scheme == "pbkdf2":
        iterations = new.get("iterations")
        if not isinstance(iterations, int | float) or isinstance(iterations, bool):
            raise Forbidden("iterations must be a number.")
        if not isinstance(new.get("derived_key"), str):
            raise Forbidden("derived_key must be a string.")


def _check_by_user(name: str, roles: list[str], old: Mapping[str, Any] | None, ctx: UserCtx) -> None:
    """Who is no admin may change their own document but for its roles, and sign up without any."""
    if old is None:
        if roles:
            raise Forbidden("Only _admin may set roles")
        return
    if ctx.name != name:
        raise Forbidden("You may only update your own user document.")
    if sorted(user_roles(old)) != sorted(roles):
        raise Forbidden("Only _admin may edit roles")


def _truthy(value: Any) -> bool:
    """As JavaScript, in which the rules are written, has it: empty lists and objects count."""
    return isinstance(value, list | dict) or bool(value)


def _check_requirements(password: str, auth: ChttpdAuth) -> None:
    for pattern, reason in auth.password_regexp:
        if re.search(pattern, password) is None:
            raise BadRequest(f"Password does not conform to requirements. {reason}".rstrip())


def _string(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Forbidden(f"{what} value of '{_shown(value)}' is invalid.")
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()


def _simple(password: str, salt: str) -> str:
    return hashlib.sha1((password + salt).encode(), usedforsecurity=False).hexdigest()


def _equal(expected: str, given: Any) -> bool:
    return isinstance(given, str) and hmac.compare_digest(expected.encode(), given.encode())


def _totp(key: bytes, step: int, *, algorithm: str, length: int) -> str:
    mac = hmac.digest(key, step.to_bytes(8), algorithm)
    at = mac[-1] & 15
    number = int.from_bytes(mac[at : at + 4]) & 0x7FFFFFFF
    return str(number % 10**length).zfill(length)
