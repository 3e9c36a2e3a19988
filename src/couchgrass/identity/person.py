"""What a person types: addresses and passwords; and the document that a user is."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from couchgrass.errors import BadRequest
from couchgrass.identity.claims import User

EMAIL_CHARS_MAX: Final = 254
PASSWORD_CHARS_MIN: Final = 8
PASSWORD_CHARS_MAX: Final = 256
NAME_CHARS_MAX: Final = 200
MEMBER: Final = "couchgrass_identity"
"""The member of a `_users` document that holds what a user may change: the user has the right to write it."""

SUB_ROLE: Final = "sub:"
"""Begins the one role of a user, whose rest is the `sub`. CouchDB lets people write their own document, all
but its name and its roles: so who they are stands in these two. A database may name the role as a member."""


def email(text: str) -> str:
    """An address in its one form: NFC, lower case. Raises BadRequest.

    Only what would break something is refused: whether an address exists, only a letter to it can show.
    """
    found = unicodedata.normalize("NFC", text.strip()).lower()
    local, at, domain = found.rpartition("@")
    broken = any(unicodedata.category(char)[0] in "CZ" or char in ":/\\" for char in found)
    if not (local and at and domain) or broken or len(found) > EMAIL_CHARS_MAX:
        raise BadRequest("That is no e-mail address")
    return found


def password(text: str) -> str:
    """A password that may be set. Raises BadRequest."""
    if not PASSWORD_CHARS_MIN <= len(text) <= PASSWORD_CHARS_MAX:
        raise BadRequest(f"A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters")
    return text


def account(tenant: str, address: str) -> str:
    """The user's name in the database: no tenant's users meet those of another."""
    return f"{tenant}/{address}"


def doc_id(tenant: str, address: str) -> str:
    """The id of the user's document in `_users`."""
    return f"org.couchdb.user:{account(tenant, address)}"


def new_doc(tenant: str, user: User, text: str) -> dict[str, Any]:
    """The document of a new user; the database hashes the password. The user has no right to any database."""
    return {
        "type": "user",
        "name": account(tenant, user.email),
        "roles": [SUB_ROLE + user.sub],
        "password": text,
        MEMBER: {"name": user.name[:NAME_CHARS_MAX], "generation": user.generation},
    }


def user_of(tenant: str, doc: Mapping[str, Any]) -> User | None:
    """The user of a document; None when it is not one of this tenant's."""
    known, account_name, roles = doc.get(MEMBER), doc.get("name"), doc.get("roles")
    if not (isinstance(known, Mapping) and isinstance(account_name, str) and isinstance(roles, list)):
        return None
    subs = [role for role in roles if isinstance(role, str) and role.startswith(SUB_ROLE)]
    name, generation = known.get("name", ""), known.get("generation")
    prefix = account(tenant, "")
    if not account_name.startswith(prefix) or len(subs) != 1 or not isinstance(generation, int):
        return None
    return User(
        sub=subs[0].removeprefix(SUB_ROLE),
        email=account_name.removeprefix(prefix),
        name=name[:NAME_CHARS_MAX] if isinstance(name, str) else "",
        generation=generation,
    )
