"""Keys of namespaces: made of given random bytes, kept as a hash, looked for in a request's header.

A key is "uuid:secret", what wsk calls AUTH. The secret is 64 random letters and digits, so one SHA-256 is
hash enough: nobody can go through the possibilities. The internal key of a namespace has the same uuid and
another secret, which follows from the region's own secret and is stored nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Any, Final

import msgspec

DATABASE: Final = "whisk_subjects"
"""Where subjects are, each in a document of its namespace's name."""

SECRET_LENGTH: Final = 64
RANDOM_BYTES: Final = 16 + SECRET_LENGTH
"""For one key: the uuid, and a byte for each letter of the secret."""

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
HEADER_LENGTH_MAX: Final = 1024
"""A key's header has less than 150."""


class Key(msgspec.Struct, frozen=True, rename={"created_at": "createdAt"}):
    """A new key as its file holds it, in the form of IBM's. The only place where the secret is."""

    name: str
    description: str
    apikey: str
    created_at: str
    uuid: str

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


class Subject(msgspec.Struct, frozen=True):
    """Who has a namespace: its name is the subject's too. `hash` is that of the key's secret."""

    namespace: str
    uuid: str
    hash: str
    created_at: str

    def __repr__(self) -> str:
        return f"Subject({self.namespace!r})"


def new_key(namespace: str, *, random: bytes, created_at: str) -> tuple[Key, Subject]:
    """A key and what is stored of it. `created_at` is a time as text."""
    assert len(random) == RANDOM_BYTES, "a short key could be guessed"
    own = _uuid4(random[:16])
    # A byte has eight more values than four times the letters: the bias takes less than a bit off the whole.
    secret = "".join(_LETTERS[byte % len(_LETTERS)] for byte in random[16:])
    key = Key(namespace, f"Key of the namespace {namespace}", f"{own}:{secret}", created_at, own)
    return key, Subject(namespace, own, secret_hash(secret), created_at)


def _uuid4(random: bytes) -> str:
    """RFC 9562: random but for the bits that say that it is."""
    number = int.from_bytes(random) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def secret_hash(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def internal_secret(region_secret: str, uuid: str) -> str:
    """The secret of a namespace's internal key: as long as any."""
    return hmac.digest(region_secret.encode(), uuid.encode(), "sha256").hex()


def read_basic(authorization: str | None) -> tuple[str, str] | None:
    """(uuid, secret) of an ``Authorization`` header; None when it is not Basic or can't be read."""
    if authorization is None or len(authorization) > HEADER_LENGTH_MAX:
        return None
    scheme, _, coded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, secret = text.partition(":")
    return (name, secret) if colon else None


def is_key(authorization: str) -> bool:
    """Whether an ``Authorization`` header has the form of a key: its name is a uuid, as no user's is."""
    given = read_basic(authorization)
    return given is not None and _UUID.fullmatch(given[0]) is not None


def fits(subject: Subject | None, secret: str, region_secret: str) -> bool:
    """Is it the secret of this subject, its own or the internal one? As long for nobody as for somebody."""
    known = subject or Subject("", "", "0" * 64, "")
    is_own = hmac.compare_digest(secret_hash(secret), known.hash)
    inner = internal_secret(region_secret, known.uuid)
    is_internal = hmac.compare_digest(secret.encode(), inner.encode())
    return subject is not None and (is_own | is_internal)


def document(subject: Subject) -> dict[str, Any]:
    """The subject's document: its id is the namespace."""
    return {"_id": subject.namespace, "entityType": "subject", **msgspec.to_builtins(subject)}


def read_document(doc: dict[str, Any]) -> Subject | None:
    """The subject of a document; None when it is no subject's. Raises ValueError when it can't be read."""
    if doc.get("entityType") != "subject":
        return None
    found = msgspec.convert(doc, Subject)
    if found.namespace != doc.get("_id"):
        raise ValueError(f"it is named {found.namespace}")
    return found
