"""Attachments on their way in: hashed, packed and stored while they arrive, in bounded memory.

Small ones stay in memory and go along with the document, in one commit. Larger ones are written in
operations of WRITE_BYTES before the document that will name them; `Database.uploading` keeps compaction
from taking them for garbage until then. If the request fails they are deleted again; what a crash
leaves behind, no document names, and compaction sweeps it.

Hashing and packing run on threads, so that a fast upload leaves the event loop to the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Follows, Fresh
from couchgrass.docdb.attachment_bytes import Compressor, Digest, PackedDigest, Sink, is_compressible
from couchgrass.docdb.http.doc_read import leaf_of
from couchgrass.docdb.http.doc_write import THREAD_BYTES_MIN, store_one
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.rev import Rev
from couchgrass.docdb.sqlite.blobs import add_chunks, delete_some, new_blob
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.docdb.sqlite.reads import row_of
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES
from couchgrass.errors import BadRequest, CouchgrassError

log = logging.getLogger("couchgrass.http")

Bytes = bytes | memoryview

SMALL_BYTES_MAX = 64 * 1024
"""Attachments below this, as stored, go along with the document."""

HELD_BYTES_MAX = 1024 * 1024
"""Small ones of one request that wait in memory; past it even a small one is written first."""

UNIT_BYTES = 256 * 1024
"""Arriving pieces are gathered up to this before a thread takes them: a hop costs more than a small one."""

WRITE_BYTES = 2 * CHUNK_BYTES
"""One operation, a whole number of chunks: each waits for the disk once."""

WRITES_MAX = 2
"""Operations of one upload that may wait for the disk while the next bytes arrive."""


class Uploads:
    """The attachments that one request brings; an async context around the whole write.

    `receive` each, then `commit` the document that names them. Leaving the context without a commit
    deletes what was stored.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._blobs: list[_Blob] = []
        self._held_bytes = 0
        self._committing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a failed or abandoned commit the document may be on the disk: then its bytes must stay.
        refused = isinstance(error, CouchgrassError) and error.status < 500
        if error is None or (self._committing and not refused):
            for blob in self._blobs:
                blob.release()
        else:
            self._delete_later(self._blobs)

    async def commit(self, write: Write, *, new_edits: bool) -> Rev:
        """Writes the document; its revision once it is on the disk."""
        self._committing = True
        rev = await store_one(self._request, write, new_edits=new_edits)
        if not new_edits:
            self._disown(write.edit.id, rev)
        return rev

    def _disown(self, doc_id: str, rev: Rev) -> None:
        """Has the bytes deleted that came for a revision which was there already, with its own."""
        row = row_of(self._request.db.reader, doc_id)
        leaf = None if row is None else leaf_of(self._request.db.reader, row, str(rev))
        if leaf is not None:
            named = {one.blob for one in att.decode(leaf.atts or b"").values()}
            spare = [blob for blob in self._blobs if blob.number and blob.number not in named]
            self._blobs = [blob for blob in self._blobs if blob not in spare]
            self._delete_later(spare)

    async def receive(self, name: str, follows: Follows, chunks: AsyncIterator[Bytes]) -> Fresh:
        """Takes one attachment's bytes, all of `chunks`, and stores what is large.

        Raises TooLarge ("attachment_too_large"), BadRequest when they are more or fewer than
        `follows.encoded_length`, do not have its MD5, or are not the gzip that it says.
        """
        size, size_max = 0, self._request.server.settings.couchdb.max_attachment_size
        if size_max is not None:
            att.check_size(name, follows.encoded_length or 0, size_max)
        sink = self._sink(name, follows)
        blob = _Blob(self._request.db)
        self._blobs.append(blob)
        async for unit in _units(chunks):
            size += len(unit)
            if size_max is not None:
                att.check_size(name, size, size_max)
            if follows.encoded_length is not None and size > follows.encoded_length:
                raise BadRequest("attachment longer than expected")
            await blob.write(await _sunk(sink, unit))
        if follows.encoded_length is not None and size < follows.encoded_length:
            raise BadRequest("attachment shorter than expected")
        await blob.write(sink.finish())
        stored = sink.stored()
        att.check_md5(stored.received_md5, follows.md5)
        held = blob.held(min(SMALL_BYTES_MAX, HELD_BYTES_MAX - self._held_bytes))
        if held is None:
            return Fresh(follows.content_type, follows.revpos, stored, blob=await blob.finish())
        self._held_bytes += len(held)
        return Fresh(follows.content_type, follows.revpos, stored, data=held)

    def _sink(self, name: str, follows: Follows) -> Sink:
        settings = self._request.server.settings
        if follows.encoding == "gzip":
            return PackedDigest(name, settings.couchdb.max_attachment_size)
        level = settings.attachments.compression_level
        patterns = ", ".join(settings.attachments.compressible_types)
        return Compressor(level) if level and is_compressible(follows.content_type, patterns) else Digest()

    def _delete_later(self, blobs: Sequence[_Blob]) -> None:
        for blob in blobs:
            if blob.number:
                self._request.server.in_background(blob.delete(), _not_deleted)


class _Blob:
    """The bytes of one attachment as they go to the storage; `number` is 0 until some do."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting = bytearray()
        self.number = 0
        self._chunks = 0
        self._writes: deque[asyncio.Future[None]] = deque()

    async def write(self, data: Bytes) -> None:
        self._waiting += data
        while len(self._waiting) >= WRITE_BYTES:
            await self._store()

    def held(self, bytes_max: int) -> bytes | None:
        """Everything, if nothing was stored yet and it is no more than `bytes_max`."""
        return bytes(self._waiting) if not self.number and len(self._waiting) <= bytes_max else None

    async def finish(self) -> int:
        """Stores the rest; the blob's number once all of it is on the disk."""
        if self._waiting:
            await self._store()
        while self._writes:
            await self._writes.popleft()
        return self.number

    async def _store(self) -> None:
        if not self.number:
            self.number = await self._db.submit(new_blob)
            self._db.uploading.add(self.number)
        data = bytes(self._waiting[:WRITE_BYTES])
        del self._waiting[:WRITE_BYTES]
        self._writes.append(self._db.submit(add_chunks(self.number, self._chunks, data)))
        self._chunks += WRITE_BYTES // CHUNK_BYTES
        while len(self._writes) >= WRITES_MAX:
            await self._writes.popleft()

    async def delete(self) -> None:
        """Takes away what was stored, in steps that do not hold up the other writers for long."""
        try:
            await asyncio.gather(*self._writes, return_exceptions=True)
            while await self._db.submit(delete_some(self.number)):
                pass
        finally:
            self.release()

    def release(self) -> None:
        """From now on compaction decides what becomes of it."""
        self._db.uploading.discard(self.number)


async def _units(chunks: AsyncIterator[Bytes]) -> AsyncIterator[bytes]:
    held: list[Bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= UNIT_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


async def _sunk(sink: Sink, unit: bytes) -> Bytes:
    if len(unit) < THREAD_BYTES_MIN:
        return sink.write(unit)
    return await asyncio.get_running_loop().run_in_executor(None, sink.write, unit)


def _not_deleted(error: BaseException) -> None:
    reason = error.reason if isinstance(error, CouchgrassError) else type(error).__name__
    log.warning("bytes of a failed upload were left to compaction: %s", reason)
