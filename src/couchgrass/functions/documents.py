"""Entities as documents of the region's database.

The id is OpenWhisk's: "ns/name", "ns/pkg/name". A trigger, a rule, a package and an action without a package
share one space of names, so a name is taken for all of them; `entityType` says which it is. A document has
the members of the entity's value, but `rev`, which is its own.

Code of up to CODE_INLINE_BYTES_MAX is the member `code`. Larger code is in documents of its own, its pieces:
`pieces` tells their lead and how many there are. An id with a colon is never an entity's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from couchgrass.functions.entity import Action, Entity, Package, Rule, Trigger

TYPES: Final[Mapping[str, type[Entity]]] = {
    "action": Action,
    "package": Package,
    "trigger": Trigger,
    "rule": Rule,
}
_NAMES: Final = {kind: name for name, kind in TYPES.items()}

CODE_INLINE_BYTES_MAX: Final = 64 * 1024
"""Sources of a file are smaller, archives larger. A document of ten thousand is still soon read."""

PIECE_BYTES: Final = 8 * 1024 * 1024
"""Cloudant takes attachments of up to 10 MB; a CouchDB takes more."""

DATABASE: Final = "whisk_whisks"
"""Where a region keeps its entities."""

PIECE_PREFIX: Final = "code:"
"""The ids of pieces begin with it."""


class Pieces(msgspec.Struct, frozen=True):
    """Where large code is: in `count` documents. `lead` is "code:", ms since the epoch, ":", random."""

    lead: str
    count: int

    def ids(self) -> list[str]:
        """The ids of the documents, in order."""
        return [f"{self.lead}:{number}" for number in range(self.count)]


def new_pieces(size: int, *, now_ms: int, random: bytes) -> Pieces:
    """For code of this size."""
    return Pieces(f"{PIECE_PREFIX}{now_ms}:{random.hex()}", -(-size // PIECE_BYTES))


def entity_id(entity: Entity) -> str:
    """The id of the entity's document."""
    return entity.path if isinstance(entity, Action) else f"{entity.namespace}/{entity.name}"


def type_of(entity: Entity) -> str:
    """ "action", "package", "trigger" or "rule"."""
    return _NAMES[type(entity)]


def document(entity: Entity, *, code: bytes | None = None, pieces: Pieces | None = None) -> dict[str, Any]:
    """The document, with `_rev` if the entity takes the place of one. `code` or `pieces` of an action."""
    members: dict[str, Any] = msgspec.to_builtins(entity)
    rev = members.pop("rev")
    found = {"_id": entity_id(entity), "entityType": type_of(entity), **members}
    if rev:
        found["_rev"] = rev
    if code is not None:
        found["code"] = code.decode()
    if pieces is not None:
        found["pieces"] = msgspec.to_builtins(pieces)
    return found


def read_document(doc: Mapping[str, Any]) -> tuple[Entity, Pieces | None] | None:
    """The entity of a document, and where its code is if that is large. None: it is no entity's.

    Raises ValueError when it says that it is one and can't be read.
    """
    kind = TYPES.get(str(doc.get("entityType")))
    if kind is None:
        return None
    members = {key: value for key, value in doc.items() if key != "code"}
    entity = msgspec.convert({**members, "rev": doc.get("_rev", "")}, kind)
    if entity_id(entity) != doc.get("_id"):
        raise ValueError(f"it is named {entity_id(entity)}")
    pieces = doc.get("pieces")
    return entity, None if pieces is None else msgspec.convert(pieces, Pieces)
