"""Dead letters: documents that the target refuses. They are kept, shown, and tried again; never dropped.

A letter ends when the target has the revision after all, or a successor of it, or when the source itself does
not know it any more. It is tried again when somebody asks, when the target's rules change (a design document,
``_security``), when the document changes, and from time to time, since not every rule can be seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

LETTERS_MAX = 10_000
"""A job with more of them stops: something is wrong with the job, not with its documents."""

RULES_S = 10.0
"""How often the target's rules are looked at while there are letters."""

AGAIN_S = 600.0
"""How often all letters are tried again, whatever the rules."""

REASON_CHARS_MAX = 1000


class Letter(msgspec.Struct, frozen=True):
    """One leaf that was refused: what the target said, and when (seconds since the epoch)."""

    id: str
    rev: str
    error: str
    reason: str
    time: float

    @property
    def key(self) -> str:
        """Names the leaf, in 32 hex digits."""
        return hashlib.blake2b(msgspec.json.encode([self.id, self.rev]), digest_size=16).hexdigest()

    def shown(self, at: str) -> dict[str, Any]:
        """As people see it; `at` is its time as text."""
        return {"id": self.id, "rev": self.rev, "error": self.error, "reason": self.reason, "time": at}


def letter(doc_id: str, rev: str, error: str, reason: str, now: float) -> Letter:
    """A letter with a reason of bounded length."""
    return Letter(doc_id, rev, error, reason[:REASON_CHARS_MAX], now)


def by_document(letters: Iterable[Letter]) -> dict[str, list[str]]:
    """The revisions of each document, as ``_revs_diff`` takes them."""
    found: dict[str, list[str]] = {}
    for one in letters:
        found.setdefault(one.id, []).append(one.rev)
    return found


def settled(letters: Iterable[Letter], still: Mapping[str, Iterable[str]]) -> list[Letter]:
    """Those of the letters whose revision is not in `still` (id to revisions): they are done with."""
    return [one for one in letters if one.rev not in set(still.get(one.id, ()))]
