"""An API as it is kept: the client's document as a text, so that it comes back exactly as it went in."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest

DATABASE: Final = "whisk_apis"
"""Where a region keeps its APIs and their subscriptions."""

TYPE: Final = "api"
TEXT_BYTES_MAX: Final = 1024 * 1024
"""Of a document; OpenWhisk's limit for what is sent to an action."""


class StoredApi(msgspec.Struct, frozen=True):
    """`base_path` is in its normal form; `text` is JSON. Times are in milliseconds since the epoch."""

    namespace: str
    base_path: str
    title: str
    text: str
    created: int
    updated: int
    rev: str = ""

    @property
    def id(self) -> str:
        """The document's id: one API a base path. A namespace has no slash in it, a base path begins with
        one."""
        return id_of(self.namespace, self.base_path)

    @property
    def document(self) -> dict[str, Any]:
        """The swagger or OpenAPI document."""
        found: dict[str, Any] = json.decode(self.text)
        return found


def id_of(namespace: str, base_path: str) -> str:
    """The id of the document of an API."""
    return f"{TYPE}/{namespace}{base_path}"


def text_of(document: dict[str, Any]) -> str:
    """Raises BadRequest for one that is too large."""
    text = json.encode(document)
    if len(text) > TEXT_BYTES_MAX:
        raise BadRequest(f"An API's document has at most {TEXT_BYTES_MAX} bytes")
    return text.decode()


def to_document(api: StoredApi) -> dict[str, Any]:
    """As it is stored."""
    document: dict[str, Any] = {
        "_id": api.id,
        "type": TYPE,
        "namespace": api.namespace,
        "basePath": api.base_path,
        "title": api.title,
        "document": api.text,
        "created": api.created,
        "updated": api.updated,
    }
    if api.rev:
        document["_rev"] = api.rev
    return document


def from_document(document: dict[str, Any]) -> StoredApi | None:
    """None for a document that is no API of this form."""
    texts = [document.get(name, "") for name in ("namespace", "basePath", "title", "document", "_rev")]
    times = [document.get(name, 0) for name in ("created", "updated")]
    if document.get("type") != TYPE or not all(isinstance(text, str) for text in texts):
        return None
    if not all(isinstance(time, int) for time in times):
        return None
    namespace, base_path, title, text, rev = texts
    api = StoredApi(namespace, base_path, title, text, times[0], times[1], rev)
    return api if api.id == document.get("_id") else None
