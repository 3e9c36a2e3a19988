"""The bytes of attachments on their way in and out: hashed, packed, unpacked, as base64.

Follows CouchDB's ``couch_stream`` and ``couch_db:with_stream``: what arrives as identity is compressed if
its type is on the list, what arrives as gzip from a replicator is stored as it came, and the digest is the
MD5 of the bytes *as stored*. Everything here takes its input in chunks and holds none of it for long.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from couchgrass.errors import BadRequest, TooLarge

Encoding: TypeAlias = Literal["identity", "gzip"]

COMPRESSIBLE_TYPES = "text/*, application/javascript, application/json, application/xml"
"""CouchDB's default of ``attachments/compressible_types``."""

COMPRESSION_LEVEL = 8
"""CouchDB's default of ``attachments/compression_level``; 0 stores everything as it is."""

GUNZIP_BYTES_MAX = 256 * 1024
"""The most that one step of Gunzip hands out, so that a bomb costs time but no memory."""

_MEDIA_TYPE_CHARS_MAX = 255
"""RFC 6838 allows 127 a side. What is longer is no media type, and is not compressed."""


@lru_cache(maxsize=16)
def _compressible(patterns: str) -> re.Pattern[str]:
    globs = [re.escape(glob).replace(r"\*", ".*") for glob in re.split(r"\s*,\s*", patterns.strip()) if glob]
    return re.compile("|".join(globs) or r"(?!)", re.IGNORECASE)


def is_compressible(content_type: str, patterns: str = COMPRESSIBLE_TYPES) -> bool:
    """Does the type, without its parameters, match one of the comma-separated `patterns`?

    ``*`` stands for anything, all else for itself (CouchDB takes the rest as a regular expression).
    """
    media_type = content_type.partition(";")[0].strip()
    return (
        len(media_type) <= _MEDIA_TYPE_CHARS_MAX and _compressible(patterns).fullmatch(media_type) is not None
    )


class Stored(msgspec.Struct, frozen=True):
    """What became of a stream: the storage fields of Attachment, and the MD5 of what came in."""

    digest: str
    length: int
    encoded_length: int
    encoding: Encoding
    received_md5: bytes


def _digest_text(md5: bytes) -> str:
    return "md5-" + binascii.b2a_base64(md5, newline=False).decode()


class Digest:
    """Stores chunks as they come.

    Call `write` for each chunk, then `finish`; store what they return; then `stored` says the rest.
    """

    __slots__ = ("_length", "_md5")

    def __init__(self) -> None:
        self._length = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def write(self, chunk: bytes | memoryview) -> bytes | memoryview:
        self._md5.update(chunk)
        self._length += len(chunk)
        return chunk

    def finish(self) -> bytes:
        return b""

    def stored(self) -> Stored:
        md5 = self._md5.digest()
        return Stored(_digest_text(md5), self._length, self._length, "identity", md5)


class PackedDigest:
    """Stores chunks that are gzip already as they come; the same interface as Digest.

    It unpacks them on the way to learn the identity length, which a sender may tell wrongly: every later
    answer with a Content-Length relies on it. (CouchDB believes the sender.) `write` and `finish` raise
    BadRequest for what is not gzip, and TooLarge once it unpacks to more than `identity_bytes_max`, so
    that a bomb is bounded in time too.
    """

    __slots__ = ("_encoded_length", "_gunzip", "_length", "_length_max", "_md5", "_name")

    def __init__(self, name: str, identity_bytes_max: int | None = None) -> None:
        """`name` is the attachment's, for the error."""
        self._name = name
        self._length_max = identity_bytes_max
        self._gunzip = Gunzip()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._length = 0
        self._encoded_length = 0

    def write(self, chunk: bytes | memoryview) -> bytes | memoryview:
        self._md5.update(chunk)
        self._encoded_length += len(chunk)
        for plain in self._gunzip.write(chunk):
            self._length += len(plain)
            if self._length_max is not None and self._length > self._length_max:
                raise TooLarge(self._name, error="attachment_too_large")
        return chunk

    def finish(self) -> bytes:
        self._gunzip.close()
        return b""

    def stored(self) -> Stored:
        md5 = self._md5.digest()
        return Stored(_digest_text(md5), self._length, self._encoded_length, "gzip", md5)


class Compressor:
    """Stores chunks as gzip; the same interface as Digest.

    The output has no time and no name in it and does not depend on how the input is cut up, so equal
    attachments have equal digests, as in CouchDB, which sets zlib up the same way.
    """

    __slots__ = ("_encoded_length", "_gzip", "_length", "_md5", "_received_md5")

    def __init__(self, level: int = COMPRESSION_LEVEL) -> None:
        """`level` 1 to 9."""
        self._gzip = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._received_md5 = hashlib.md5(usedforsecurity=False)
        self._length = 0
        self._encoded_length = 0

    def write(self, chunk: bytes | memoryview) -> bytes:
        self._received_md5.update(chunk)
        self._length += len(chunk)
        return self._count(self._gzip.compress(chunk))

    def finish(self) -> bytes:
        return self._count(self._gzip.flush())

    def stored(self) -> Stored:
        return Stored(
            _digest_text(self._md5.digest()),
            self._length,
            self._encoded_length,
            "gzip",
            self._received_md5.digest(),
        )

    def _count(self, packed: bytes) -> bytes:
        self._md5.update(packed)
        self._encoded_length += len(packed)
        return packed


Sink: TypeAlias = Digest | PackedDigest | Compressor
"""What takes an attachment's bytes on their way into the storage."""


class Gunzip:
    """Incremental gunzip; several gzip members in a row are one stream (RFC 1952)."""

    __slots__ = ("_begun", "_inflate")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._begun = False

    def write(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """Pieces of at most GUNZIP_BYTES_MAX bytes; take them all before the next `write`.

        Raises BadRequest for what is not gzip.
        """
        rest = bytes(chunk)
        piece = b""
        # A full piece may leave output inside zlib when all of the input is taken already.
        while rest or (len(piece) == GUNZIP_BYTES_MAX and not self._inflate.eof):
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
            self._begun = True
            try:
                piece = self._inflate.decompress(rest, GUNZIP_BYTES_MAX)
            except zlib.error as bad:
                raise BadRequest("invalid gzip data") from bad
            if piece:
                yield piece
            rest = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def close(self) -> None:
        """The input has ended. Raises BadRequest if it was cut off."""
        if not (self._begun and self._inflate.eof):
            raise BadRequest("gzip data ends too early")


class Base64:
    """Incremental base64 of a stream of chunks, for `inline_frame`."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def write(self, chunk: bytes | memoryview) -> bytes:
        text = self._rest + chunk
        whole = len(text) - len(text) % 3
        self._rest = text[whole:]
        return binascii.b2a_base64(memoryview(text)[:whole], newline=False)

    def finish(self) -> bytes:
        return binascii.b2a_base64(self._rest, newline=False)
