"""The names of all that a link leaves on servers: they follow from the two URLs and the database.

So a second run finds what the first one made, and a link can be taken away while one server is gone.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Final

PREFIX: Final = "couchgrass-link-"
PROOF_PREFIX: Final = "couchgrass-link-proof-"

_READABLE_MAX: Final = 40
_DIGEST_CHARS: Final = 16


class End(StrEnum):
    """An end of one job. A key belongs to one end of one job."""

    SOURCE = "source"
    TARGET = "target"


def job_id(source: str, target: str, db: str) -> str:
    """The id of the ``_replicator`` document that brings `db` from one server to another, by their base
    URLs."""
    return f"{PREFIX}{_readable(db)}-{_digest(source, target, db)}"


def note_id(one: str, other: str, db: str) -> str:
    """The id below ``_local/`` of a server's note on one database's link, the same for both directions."""
    return f"{PREFIX}{_readable(db)}-{_digest(*sorted((one, other)), db)}"


def key_name(job: str, end: End) -> str:
    """The name of the ``_users`` account that a job uses at one end, where there are no API keys."""
    return f"{job}-{end.value}"


def proof_id(one: str, other: str, db: str) -> str:
    """The id of the document that proves a link, the same in both directions: one tombstone stays of all
    runs."""
    return PROOF_PREFIX + _digest(*sorted((one, other)), db)


def checkpoint_id(replication_id: str) -> str:
    """The id below ``_local/`` under which a job keeps its checkpoints: its own without the options at the
    end."""
    return replication_id.partition("+")[0]


def _readable(db: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", db)[:_READABLE_MAX]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGEST_CHARS]
