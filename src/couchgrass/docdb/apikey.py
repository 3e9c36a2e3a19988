"""Cloudant's API keys: a made-up name with a made-up password, to be named in a database's security object.

Pure: the random bytes are an argument. A key is an ordinary user, stored as a document of ``_users`` with its
password hashed; it has no role, and so no right but what the ``cloudant`` member of a security object or its
``members`` and ``admins`` give it (see `couchgrass.docdb.access`).
Specification: Cloudant's API: ``POST /_api/v2/api_keys`` answers 201 with `ApiKey.answer`;
``PUT /_api/v2/db/DB/_security`` stores what `merge_security` makes and answers `OK`; GET answers the security
object as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.docdb.access import parse_security
from couchgrass.docdb.password import USER_ID_PREFIX, apply_user_doc
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest

NAME_PREFIX: Final = "apikey-"
RANDOM_BYTES: Final = 36
"""16 for the name, 20 for the password: 160 bits can't be guessed."""
_NAME_BYTES: Final = 16

OK: Final[Mapping[str, Any]] = {"ok": True}


class ApiKey(msgspec.Struct, frozen=True):
    """A new key. The password is known only until it has been told; its hash is what stays."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"ApiKey({self.name!r})"

    def answer(self) -> dict[str, Any]:
        """The body that tells the key to whoever asked for it."""
        return {"password": self.password, "ok": True, "key": self.name}


def new_key(random: bytes) -> ApiKey:
    """A key made of `RANDOM_BYTES` random bytes: both parts in lower-case hexadecimal."""
    assert len(random) == RANDOM_BYTES, "a short key could be guessed"
    return ApiKey(NAME_PREFIX + random[:_NAME_BYTES].hex(), random[_NAME_BYTES:].hex())


def user_doc(key: ApiKey, salt: str, auth: ChttpdAuth) -> dict[str, Any]:
    """The document of ``_users`` that makes the key known. Hashes, so it belongs on a thread.

    What ``password_regexp`` asks of people's passwords is not asked of a random one.
    """
    doc = {
        "_id": USER_ID_PREFIX + key.name,
        "type": "user",
        "name": key.name,
        "roles": [],
        "password": key.password,
    }
    return apply_user_doc(doc, salt, msgspec.structs.replace(auth, password_regexp=()))


def merge_security(current: Mapping[str, Any], body: Any) -> dict[str, Any]:
    """The security object after ``PUT /_api/v2/db/DB/_security`` with this body.

    `body` must have ``cloudant``; of the other members those that it has replace the current ones, the rest
    stay. An ``_id``, which old answers of Cloudant have, is dropped. Raises BadRequest.
    """
    if not isinstance(body, dict):
        raise BadRequest("Request body must be a JSON object")
    if "cloudant" not in body:
        raise BadRequest("cloudant must be a JSON object of lists of roles")
    merged = {**current, **{key: value for key, value in body.items() if key != "_id"}}
    parse_security(merged)
    return merged
