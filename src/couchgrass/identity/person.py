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
"""The member of a `_users` document that holds what this service knows of the user."""


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
    known = {
        "tenant": tenant,
        "sub": user.sub,
        "name": user.name[:NAME_CHARS_MAX],
        "generation": user.generation,
    }
    return {
        "type": "user",
        "name": account(tenant, user.email),
        "roles": [],
        "password": text,
        MEMBER: {**known, "email": user.email},
    }


def user_of(tenant: str, doc: Mapping[str, Any]) -> User | None:
    """The user of a document; None when it is not one of this tenant's."""
    known = doc.get(MEMBER)
    if not isinstance(known, Mapping) or known.get("tenant") != tenant:
        return None
    sub, address, generation = known.get("sub"), known.get("email"), known.get("generation")
    if not isinstance(sub, str) or not isinstance(address, str) or not isinstance(generation, int):
        return None
    return User(sub=sub, email=address, name=str(known.get("name", "")), generation=generation)
