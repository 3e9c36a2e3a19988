"""What a server notes of one database's link: the keys made there, which nothing else there knows.

A job's document knows the keys of both its ends, but it is on one of the two servers, and that one may be
gone when a link is taken away. So each server keeps the names of its own keys, without their passwords, in a
``_local`` document of its ``_replicator`` database: it is not replicated, starts no job, and only admins can
read it. It is written before a key gets any right and shrinks when the key is gone. Accounts of ``_users``
are not noted: their names follow from the job's (`naming.key_name`).

The checkpoints of a job that is taken away, or that moves to the other server, are noted as well, by its
host, until they are gone from both servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Note(msgspec.Struct, frozen=True):
    """`keys` are names of keys on the server that has the note; `checkpoints` are ids below ``_local/`` of
    jobs that it ran, at both ends."""

    keys: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()

    def plus(self, other: Note) -> Note:
        return Note(_union(self.keys, other.keys), _union(self.checkpoints, other.checkpoints))

    def minus(self, other: Note) -> Note:
        return Note(_without(self.keys, other.keys), _without(self.checkpoints, other.checkpoints))


def read_note(doc: Mapping[str, Any] | None) -> Note:
    """The note in a document; an empty one of none, or of what is no note."""
    doc = doc or {}
    return Note(_names(doc.get("keys")), _names(doc.get("checkpoints")))


def note_doc(db: str, note: Note) -> dict[str, Any]:
    """The document's members, but for ``_id`` and ``_rev``."""
    return {"db": db, "keys": list(note.keys), "checkpoints": list(note.checkpoints)}


def _names(found: Any) -> tuple[str, ...]:
    return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*one, *other}))


def _without(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in one if name not in other)
