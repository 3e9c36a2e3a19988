"""What one batch of changes takes: what to ask for, how to cut it up, and what each refusal means.

A batch is a run of rows of the source's changes feed. The target says which of its revisions it lacks, those
are fetched in portions that fit into memory, and written in requests that fit the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum

import msgspec

from couchgrass.docdb.wire import Change, Missing, Seq, Wanted
from couchgrass.errors import (
    CouchgrassError,
    MissingStub,
    PeerLost,
    ServiceUnavailable,
    StorageFull,
    TooManyRequests,
)

FETCH_BYTES = 4 * 1024 * 1024
"""About how much one request is to bring."""

WRITE_BYTES_MAX = 4 * 1024 * 1024
"""What one ``_bulk_docs`` holds at most, unless one document alone is larger."""

FIRST_DOC_BYTES = 2048
"""How large a document is taken to be before one was seen."""


class Batch(msgspec.Struct, frozen=True):
    """Rows that are copied together. `number` counts them; `seq` is what the source's checkpoint may be set
    to once this and all batches before it are done, None when no row has a sequence. `seen_s`: when the first
    of them came, on a monotonic clock.
    """

    number: int
    revs: Mapping[str, Sequence[str]]
    rows: int
    seq: Seq | None
    seen_s: float


def batch_of(number: int, rows: Sequence[Change], seen_s: float, end: Seq | None = None) -> Batch:
    """Rows as a batch. `end` is what the feed said after the last of them, if it said something.

    A document that is listed twice is asked for once. Rows without an id are nothing, as in CouchDB. Where
    the peer leaves out sequences (``seq_interval``), the last one given counts.
    """
    revs: dict[str, list[str]] = {}
    for row in rows:
        if row.id:
            listed = revs.setdefault(row.id, [])
            for leaf in row.changes:
                if leaf.rev not in listed:
                    listed.append(leaf.rev)
    seq = end
    if seq is None:
        seq = next((row.seq for row in reversed(rows) if bytes(row.seq) != b"null"), None)
    return Batch(number, revs, len(rows), seq, seen_s)


def wanted_of(missing: Mapping[str, Missing]) -> list[Wanted]:
    """What the target lacks, leaf by leaf, with what it has of each document."""
    return [
        Wanted(doc_id, rev, tuple(one.possible_ancestors))
        for doc_id, one in missing.items()
        for rev in one.missing
    ]


class Sizes:
    """How large a job's documents are, as far as was seen: a mean that follows quickly upwards."""

    def __init__(self) -> None:
        self.doc_bytes = float(FIRST_DOC_BYTES)

    def seen(self, docs: int, size: int) -> None:
        """Learns from an answer."""
        if docs:
            mean = size / docs
            self.doc_bytes = max(64.0, mean if mean > self.doc_bytes else 0.7 * self.doc_bytes + 0.3 * mean)

    def portion(self, most: int) -> int:
        """How many documents to ask for at a time."""
        return max(1, min(most, int(FETCH_BYTES / self.doc_bytes)))


def writes(docs: Iterable[bytes], docs_max: int) -> Iterator[list[bytes]]:
    """Documents in portions for ``_bulk_docs``."""
    portion: list[bytes] = []
    size = 0
    for doc in docs:
        if portion and (len(portion) >= docs_max or size + len(doc) > WRITE_BYTES_MAX):
            yield portion
            portion, size = [], 0
        portion.append(doc)
        size += len(doc)
    if portion:
        yield portion


class Verdict(Enum):
    """What becomes of a document that was refused."""

    LETTER = "it is put on the list of dead letters, and the job goes on"
    WHOLE = "it is fetched again with all its attachments"
    AGAIN = "the target can't take it now: the job stops and comes back"


TRANSIENT = frozenset(
    {
        "internal_server_error",
        "unknown_error",
        "timeout",
        "service unavailable",
        "service_unavailable",
        "too_many_requests",
        "insufficient_storage",
        "os_process_error",
        "peer_lost",
        "nodedown",
    }
)
"""Errors of single rows that say nothing about the document."""


def verdict(error: str) -> Verdict:
    """What a refused document's `error` means. What we don't know is kept as a letter: nothing is dropped,
    and one document that nobody takes must not keep all others back."""
    if error in TRANSIENT:
        return Verdict.AGAIN
    return Verdict.WHOLE if error == "missing_stub" else Verdict.LETTER


def verdict_of(refused: CouchgrassError) -> Verdict:
    """The same for a request about one document."""
    if isinstance(refused, PeerLost | ServiceUnavailable | StorageFull | TooManyRequests):
        return Verdict.AGAIN
    if isinstance(refused, MissingStub):
        return Verdict.WHOLE
    return Verdict.LETTER if 400 <= refused.status < 500 else verdict(refused.error)
