"""Attachments as values: what is stored of one, its JSON, what a client may send, its bytes' transforms.

Follows CouchDB's ``couch_att``, ``couch_stream`` and ``couch_db:with_stream``:

* `digest` is the MD5 of the bytes *as stored*, `length` counts the bytes as the user sees them,
  `encoded_length` the bytes as stored. They differ when the stored encoding is gzip.
* What arrives as identity is compressed if its type is on the list; what arrives as gzip from a
  replicator is stored as it came.
* An incoming member is a Stub if it has ``"stub": true``, else Follows with ``"follows": true``, else
  Inline.

On purpose unlike CouchDB: members of the wrong type are refused with 400, where CouchDB drops them
or answers 500, and a digest that does not fit is 400 ``content_md5_mismatch`` instead of 500.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from couchgrass.errors import BadContentType, BadRequest, DocValidation, MissingStub, TooLarge

Encoding: TypeAlias = Literal["identity", "gzip"]

DEFAULT_CONTENT_TYPE = "application/octet-stream"

COMPRESSIBLE_TYPES = "text/*, application/javascript, application/json, application/xml"
"""CouchDB's default of ``attachments/compressible_types``."""

COMPRESSION_LEVEL = 8
"""CouchDB's default of ``attachments/compression_level``; 0 stores everything as it is."""

GUNZIP_BYTES_MAX = 256 * 1024
"""The most that one step of Gunzip hands out, so that a bomb costs time but no memory."""

_MEDIA_TYPE_CHARS_MAX = 255
"""RFC 6838 allows 127 a side. What is longer is no media type, and is not compressed."""


class Attachment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One attachment of one revision, as it is stored.

    `digest` is ``md5-`` and base64, `blob` the row of the bytes (0: none). Lengths are bytes.
    """

    name: str
    content_type: str
    revpos: int
    digest: str
    length: int
    encoded_length: int
    encoding: Encoding
    blob: int

    @property
    def etag(self) -> str:
        """The ETag header's value."""
        return f'"{self.digest[4:]}"'


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Attachment]).decode


def encode(attachments: Mapping[str, Attachment]) -> bytes:
    """A revision's attachments, by name, for the storage; empty for none."""
    return _pack(list(attachments.values())) if attachments else b""


def decode(stored: bytes) -> dict[str, Attachment]:
    """What `encode` was given, in the same order."""
    return {attachment.name: attachment for attachment in _unpack(stored)} if stored else {}


# What a client sees: the members of ``_attachments``, as JSON text.

_json = msgspec.json.Encoder().encode


def stub_json(attachment: Attachment, *, encoding_info: bool = False) -> bytes:
    """``"name":{…,"length":N,"stub":true}``, with encoding and encoded_length if asked for and gzip."""
    return b'%b,"length":%d,"stub":true%b}' % (
        _head(attachment),
        attachment.length,
        _encoding_info(attachment) if encoding_info else b"",
    )


def follows_json(attachment: Attachment) -> bytes:
    """``"name":{…,"length":N,"follows":true}`` for multipart, where encoding info is always there."""
    return b'%b,"length":%d,"follows":true%b}' % (
        _head(attachment),
        attachment.length,
        _encoding_info(attachment),
    )


def inline_frame(attachment: Attachment, *, encoding_info: bool = False) -> tuple[bytes, bytes]:
    """``"name":{…,"data":"`` and ``"…}``: between them goes the base64 of the identity bytes."""
    tail = _encoding_info(attachment) if encoding_info else b""
    return _head(attachment) + b',"data":"', b'"%b}' % tail


def inline_json(attachment: Attachment, identity: bytes, *, encoding_info: bool = False) -> bytes:
    """The whole inline member; `identity` are the bytes as the user sees them."""
    head, tail = inline_frame(attachment, encoding_info=encoding_info)
    return b"".join((head, binascii.b2a_base64(identity, newline=False), tail))


def attachments_json(members: Iterable[bytes]) -> bytes:
    """``"_attachments":{…}`` around the members; empty without any."""
    joined = b",".join(members)
    return b'"_attachments":{%b}' % joined if joined else b""


def _head(attachment: Attachment) -> bytes:
    digest = b',"digest":%b' % _json(attachment.digest) if attachment.digest else b""
    return b'%b:{"content_type":%b,"revpos":%d%b' % (
        _json(attachment.name),
        _json(attachment.content_type),
        attachment.revpos,
        digest,
    )


def _encoding_info(attachment: Attachment) -> bytes:
    if attachment.encoding == "identity":
        return b""
    return b',"encoding":"%b","encoded_length":%d' % (
        attachment.encoding.encode(),
        attachment.encoded_length,
    )


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


# What a client sends.


class Stub(msgspec.Struct, frozen=True):
    """The attachment that the parent revision has. `revpos` None: any. `md5` empty: not given."""

    revpos: int | None
    md5: bytes


class Inline(msgspec.Struct, frozen=True):
    """Decoded identity bytes. Like CouchDB this ignores a digest and lengths beside them."""

    content_type: str
    revpos: int
    data: bytes


class Follows(msgspec.Struct, frozen=True):
    """The bytes come as a later part of the request, in the order of the members.

    `encoded_length` are the bytes to come (None: not said), `md5` is theirs (empty: not given),
    `length` what they decode to.
    """

    content_type: str
    revpos: int
    md5: bytes
    length: int | None
    encoded_length: int | None
    encoding: Encoding


Incoming: TypeAlias = Stub | Inline | Follows


def parse_incoming(member: object) -> dict[str, Incoming]:
    """The ``_attachments`` member of a decoded document, in its order.

    Raises BadRequest, BadContentType for an unknown encoding, DocValidation if it is not an object.
    """
    if not isinstance(member, dict):
        raise DocValidation("Bad special document member: _attachments")
    return {check_name(name): _parse_one(name, properties) for name, properties in member.items()}


def check_name(name: str | bytes) -> str:
    """`name`, from JSON or from a decoded path. Raises BadRequest for what CouchDB refuses."""
    try:
        text = name.decode() if isinstance(name, bytes) else name
        text.encode()
    except UnicodeError as bad:
        raise BadRequest("Attachment name is not UTF-8 encoded") from bad
    if text.startswith("_"):
        raise BadRequest(f"Attachment name '{text}' starts with prohibited character '_'")
    return text


def _parse_one(name: str, properties: object) -> Incoming:
    if not isinstance(properties, dict):
        raise _invalid(name)
    content_type = properties.get("content_type", DEFAULT_CONTENT_TYPE)
    if not isinstance(content_type, str):
        raise _invalid(name, "content_type is not a string")
    revpos = _count(name, properties, "revpos")
    if properties.get("stub") is True:
        return Stub(revpos, _parse_digest(name, properties))
    if properties.get("follows") is not True:
        return Inline(content_type, revpos or 0, _decode_base64(name, properties.get("data")))
    length = _count(name, properties, "length")
    encoding = parse_encoding(properties.get("encoding", "identity"))
    encoded_length = _count(name, properties, "encoded_length") if "encoding" in properties else None
    return Follows(
        content_type=content_type,
        revpos=revpos or 0,
        md5=_parse_digest(name, properties),
        length=length,
        encoded_length=length if encoded_length is None else encoded_length,
        encoding=encoding,
    )


def _invalid(name: str, why: str = "") -> BadRequest:
    return BadRequest(f"Invalid attachment data for {name}{': ' * bool(why)}{why}")


def _count(name: str, properties: dict[str, Any], field: str) -> int | None:
    count = properties.get(field)
    if count is None or (type(count) is int and count >= 0):
        return count
    raise _invalid(name, f"{field} is not a whole number")


def _parse_digest(name: str, properties: dict[str, Any]) -> bytes:
    """The MD5 in ``digest``; empty if there is none, or one of another kind, which CouchDB ignores."""
    digest = properties.get("digest")
    if not isinstance(digest, str) or not digest.startswith("md5-"):
        return b""
    try:
        return _strict_base64(digest[4:])
    except ValueError as bad:
        raise _invalid(name, "digest is not valid base64") from bad


_WHITESPACE = str.maketrans("", "", " \t\r\n")


def _decode_base64(name: str, text: object) -> bytes:
    """Padded base64 that may contain white space, as Erlang's decoder takes it."""
    if not isinstance(text, str):
        raise _invalid(name)
    try:
        return _strict_base64(text)
    except ValueError:
        pass  # white space is not strict; without it, the second try is the verdict
    try:
        return _strict_base64(text.translate(_WHITESPACE))
    except ValueError as bad:
        raise _invalid(name) from bad


def _strict_base64(text: str) -> bytes:
    """Raises ValueError. Python's strict mode lets too much padding pass."""
    if len(text) % 4 or text.endswith("==="):
        raise ValueError("wrong padding")
    return binascii.a2b_base64(text, strict_mode=True)


def parse_encoding(encoding: object) -> Encoding:
    """A Content-Encoding value or an ``encoding`` member. Raises BadContentType for any other."""
    match encoding.strip().lower() if isinstance(encoding, str) else None:
        case "identity":
            return "identity"
        case "gzip":
            return "gzip"
    raise BadContentType("Only gzip and identity content-encodings are supported")


def resolve_stub(doc_id: str, name: str, stub: Stub, parent: Mapping[str, Attachment] | None) -> Attachment:
    """The parent's attachment that `stub` stands for; `parent` is None if that revision is missing.

    Raises MissingStub (412). CouchDB compares the revpos and not the digest, so do we.
    """
    if parent is None:
        raise MissingStub(f"Previous revision missing for document {doc_id}")
    attachment = parent.get(name)
    if attachment is None or stub.revpos not in (None, attachment.revpos):
        raise MissingStub(f"Invalid attachment stub in {doc_id} for {name}")
    return attachment


def check_size(name: str, size_bytes: int, size_bytes_max: int) -> None:
    """Raises TooLarge (413 ``attachment_too_large``) over the limit ``max_attachment_size``."""
    if size_bytes > size_bytes_max:
        raise TooLarge(name, error="attachment_too_large")


def check_md5(received: bytes, expected: bytes) -> None:
    """Raises BadRequest (``content_md5_mismatch``) unless equal; an empty `expected` is not checked."""
    if expected and received != expected:
        raise BadRequest("Possible message corruption.", error="content_md5_mismatch")


def content_md5(header: str | None) -> bytes:
    """The Content-MD5 header for `check_md5`; what is not base64 comes back as bytes that no MD5 equals."""
    if header is None:
        return b""
    try:
        return _strict_base64(header.strip()) or b"?"
    except ValueError:
        return b"?"


# The bytes on their way in and out.


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
    """Stores chunks as they come, which may be gzip already.

    Call `write` for each chunk, then `finish`; store what they return; then `stored` says the rest.
    """

    __slots__ = ("_encoding", "_identity_length", "_length", "_md5")

    def __init__(self, encoding: Encoding = "identity", identity_length: int | None = None) -> None:
        """`identity_length` is what gzip chunks decode to, if the sender said it."""
        self._encoding: Encoding = encoding
        self._identity_length = identity_length
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
        said = self._identity_length
        length = self._length if said is None or self._encoding == "identity" else said
        return Stored(_digest_text(md5), length, self._length, self._encoding, md5)


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


# From what a client sends to what a revision holds.


class Fresh(msgspec.Struct, frozen=True):
    """New bytes, ready for the storage: in memory as `data`, or there already as `blob`."""

    content_type: str
    revpos: int
    stored: Stored
    data: bytes | None = None
    blob: int = 0

    def attachment(self, name: str, revpos: int, blob: int) -> Attachment:
        """As a member of a revision."""
        stored = self.stored
        return Attachment(
            name,
            self.content_type,
            revpos,
            stored.digest,
            stored.length,
            stored.encoded_length,
            stored.encoding,
            blob,
        )


Ready: TypeAlias = Stub | Fresh


def make_ready(
    inline: Inline, *, patterns: str = COMPRESSIBLE_TYPES, level: int = COMPRESSION_LEVEL
) -> Fresh:
    """Inline bytes, compressed if their type is on the list."""
    compress = level > 0 and is_compressible(inline.content_type, patterns)
    sink = Compressor(level) if compress else Digest()
    data = bytes(sink.write(inline.data)) + sink.finish()
    return Fresh(inline.content_type, inline.revpos, sink.stored(), data)


def fingerprint(attachments: Mapping[str, Attachment]) -> bytes:
    """The attachments' part of a revision's hash: names, types and digests, in the order of the names."""
    parts = [(one.name, one.content_type, one.digest) for _, one in sorted(attachments.items())]
    return _json(parts) if parts else b""


def stored_stubs(stored: bytes) -> str:
    """``,"_attachments":{…stubs…}`` from a row's column, for splicing behind a body."""
    return "," + attachments_json(map(stub_json, decode(stored).values())).decode()


def as_ready(attachment: Attachment) -> Fresh:
    """An attachment that is stored already, to be held by another document too."""
    stored = Stored(
        attachment.digest, attachment.length, attachment.encoded_length, attachment.encoding, b""
    )
    return Fresh(attachment.content_type, 0, stored, None, attachment.blob)
