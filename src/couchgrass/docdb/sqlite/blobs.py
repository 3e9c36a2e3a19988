"""Operations on the bytes of attachments that no document names yet, or no more.

A blob is stored before the document that will name it, when it is large. Its number is taken in an
operation of its own: once that is on the disk, the number is nobody else's, whatever becomes of the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from couchgrass.docdb.sqlite.schema import CHUNK_BYTES, CHUNKS_PER_BLOB_BITS
from couchgrass.docdb.sqlite.transaction import Transaction

CHUNKS_AT_ONCE = 32
"""Chunks (8 MiB) that one operation deletes, so that the other writers need not wait long."""


def new_blob(transaction: Transaction) -> int:
    """An operation that takes a number for a blob."""
    return transaction.new_blob()


def add_chunks(blob: int, first: int, data: bytes) -> Callable[[Transaction], None]:
    """An operation that stores `data` as the chunks from number `first` on.

    All chunks of a blob but its last have CHUNK_BYTES, so all but the last `data` is a multiple of that.
    """

    def operation(transaction: Transaction) -> None:
        for number, start in enumerate(range(0, len(data), CHUNK_BYTES), first):
            transaction.add_chunk(blob, number, data[start : start + CHUNK_BYTES])

    return operation


def delete_some(blob: int) -> Callable[[Transaction], bool]:
    """An operation that deletes CHUNKS_AT_ONCE of a blob's chunks. True when there may be more."""

    def operation(transaction: Transaction) -> bool:
        first, end = blob << CHUNKS_PER_BLOB_BITS, (blob + 1) << CHUNKS_PER_BLOB_BITS
        transaction.connection.execute(
            "DELETE FROM chunks WHERE chunk IN "
            "(SELECT chunk FROM chunks WHERE chunk>=? AND chunk<? ORDER BY chunk LIMIT ?)",
            (first, end, CHUNKS_AT_ONCE),
        )
        return transaction.connection.changes() == CHUNKS_AT_ONCE

    return operation
