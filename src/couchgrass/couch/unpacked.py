"""Attachments unpacked on their way to a peer that knows no packed ones.

CouchDB keeps attachments of compressible types as gzip and sends them so, with ``encoding`` in their stubs. A
server of another make (pouchdb-server is one) takes such bytes for the attachment itself.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator, Sequence

from couchgrass import json
from couchgrass.couch.attached import MISMATCH
from couchgrass.docdb.wire import Opened, Part
from couchgrass.errors import PeerLost

GZIP = "gzip"
PIECE_BYTES = 256 * 1024
"""What is unpacked at a time: a few bytes of gzip can become a thousand times as many."""


def is_packed(opened: Opened) -> bool:
    """Does any of its attachments come as gzip?"""
    return any(part.encoding == GZIP for part in opened.parts)


def unpacked(opened: Opened) -> Opened:
    """The same leaf with all attachments as they are; `opened` is used up by it. Raises PeerLost."""
    doc = json.decode(opened.doc)
    parts: list[Part] = []
    for part in opened.parts:
        if part.encoding == GZIP:
            stub = doc["_attachments"][part.name]
            # The digest is that of the packed bytes.
            for member in ("encoding", "encoded_length", "digest"):
                stub.pop(member, None)
            length = stub.get("length")
            if type(length) is not int:
                raise _broken(part)
            parts.append(Part(part.name, part.content_type, length))
        else:
            parts.append(part)
    chunks = _unpacked(opened.parts, parts, opened.chunks)
    return Opened(opened.id, opened.rev, json.encode(doc), parts, chunks)


async def _unpacked(
    packed: Sequence[Part], parts: Sequence[Part], chunks: AsyncIterator[bytes | memoryview]
) -> AsyncIterator[bytes | memoryview]:
    """The bytes of all parts, one after the other. Raises PeerLost when a part is not as long as it says."""
    rest: bytes | memoryview = b""
    for before, part in zip(packed, parts, strict=True):
        left, size = before.length, 0
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if before.encoding == GZIP else None
        while left:
            if not rest:
                rest = await anext(chunks, b"")
                if not rest:
                    raise PeerLost(f"The bytes of attachment {part.name} were cut off")
            some, rest = rest[:left], rest[left:]
            left -= len(some)
            for piece in [some] if inflate is None else _pieces(inflate, some, part):
                size += len(piece)
                if size > part.length:
                    raise _broken(part)
                yield piece
        if size != part.length:
            raise _broken(part)
    async for more in chunks:
        if more:
            raise PeerLost("More bytes of attachments came than were announced")


def _pieces(inflate: zlib._Decompress, some: bytes | memoryview, part: Part) -> Iterator[bytes]:
    try:
        while some and not inflate.eof:
            if piece := inflate.decompress(some, PIECE_BYTES):
                yield piece
            some = inflate.unconsumed_tail
    except zlib.error as bad:
        raise _broken(part) from bad


def _broken(part: Part) -> PeerLost:
    """It comes whole, and will be no better the next time."""
    return PeerLost(f"The packed bytes of attachment {part.name} are not what they should be", error=MISMATCH)
