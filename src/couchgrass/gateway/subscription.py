"""Subscriptions: the API keys of callers, and their secrets. Only hashes are stored.

A key is for one API or, with an empty base path, for all of a namespace. Keys that are made here are random,
so a plain SHA-256 hides them well enough.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest, Unauthorized
from couchgrass.gateway.api import Api, normal_base_path

TYPE: Final = "subscription"
KEY_CHARS_MIN: Final = 16
"""Of a key that was brought along: shorter ones can be guessed."""
KEY_CHARS_MAX: Final = 512
NAME_CHARS_MAX: Final = 256


class Subscription(msgspec.Struct, frozen=True):
    """One key. `name` is for people; `created` in milliseconds since the epoch."""

    namespace: str
    base_path: str
    name: str
    key_hash: str
    secret_hash: str = ""
    created: int = 0
    rev: str = ""

    @property
    def id(self) -> str:
        """The document's id."""
        return f"{TYPE}/{self.key_hash}"


def hashed(namespace: str, text: str) -> str:
    """A key or secret as it is stored; the same key in another namespace has another hash."""
    return hashlib.sha256(f"{namespace}\0{text}".encode()).hexdigest()


def new_subscription(
    namespace: str, base_path: str, name: str, *, key: str, secret: str = "", created: int = 0
) -> Subscription:
    """Raises BadRequest for a key or name that is none."""
    for text in (key, secret) if secret else (key,):
        if not KEY_CHARS_MIN <= len(text) <= KEY_CHARS_MAX or not text.isascii() or not text.isprintable():
            raise BadRequest(f"A key has {KEY_CHARS_MIN} to {KEY_CHARS_MAX} printable ASCII characters")
    if len(name) > NAME_CHARS_MAX:
        raise BadRequest(f"A name has at most {NAME_CHARS_MAX} characters")
    return Subscription(
        namespace=namespace,
        base_path=normal_base_path(base_path) if base_path else "",
        name=name,
        key_hash=hashed(namespace, key),
        secret_hash=hashed(namespace, secret) if secret else "",
        created=created,
    )


def is_for(subscription: Subscription, api: Api) -> bool:
    """The key is good for the API."""
    return subscription.namespace == api.namespace and subscription.base_path in ("", api.base_path)


def check(subscription: Subscription | None, api: Api, secret: str | None = None) -> Subscription:
    """The subscription when it is good for the API, and the secret is its own where one is asked for.

    Raises Unauthorized.
    """
    if subscription is None or not is_for(subscription, api):
        raise Unauthorized("The API key is not known")
    if secret is not None:
        given = hashed(api.namespace, secret)
        if not subscription.secret_hash or not hmac.compare_digest(given, subscription.secret_hash):
            raise Unauthorized("Secret mismatch or not subscribed to this api.")
    return subscription


def to_document(subscription: Subscription) -> dict[str, Any]:
    """As it is stored."""
    document: dict[str, Any] = {
        "_id": subscription.id,
        "type": TYPE,
        "namespace": subscription.namespace,
        "basePath": subscription.base_path,
        "name": subscription.name,
        "secretHash": subscription.secret_hash,
        "created": subscription.created,
    }
    if subscription.rev:
        document["_rev"] = subscription.rev
    return document


def from_document(document: dict[str, Any]) -> Subscription | None:
    """None for a document that is no subscription."""
    texts = [
        document.get(name, "") for name in ("_id", "namespace", "basePath", "name", "secretHash", "_rev")
    ]
    if document.get("type") != TYPE or not all(isinstance(text, str) for text in texts):
        return None
    doc_id, namespace, base_path, name, secret_hash, rev = texts
    created = document.get("created")
    return Subscription(
        namespace=namespace,
        base_path=base_path,
        name=name,
        key_hash=doc_id.removeprefix(f"{TYPE}/"),
        secret_hash=secret_hash,
        created=created if isinstance(created, int) else 0,
        rev=rev,
    )
