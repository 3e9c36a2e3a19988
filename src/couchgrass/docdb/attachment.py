"""Attachments as values: what is stored of one, its JSON, what a client may send.

Follows CouchDB's ``couch_att`` (the transforms of the bytes themselves are in `attachment_bytes`):

* `digest` is the MD5 of the bytes *as stored*, `length` counts the bytes as the user sees them,
  `encoded_length` the bytes as stored. They differ when the stored encoding is gzip.
* An incoming member is a Stub if it has ``"stub": true``, else Follows with ``"follows": true``, else
  Inline.

On purpose unlike CouchDB: members of the wrong type are refused with 400, where CouchDB drops them
or answers 500, and a digest that does not fit is 400 ``content_md5_mismatch`` instead of 500.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from couchgrass.docdb.attachment_bytes import (
    COMPRESSIBLE_TYPES,
    COMPRESSION_LEVEL,
    Compressor,
    Digest,
    Encoding,
    Stored,
    is_compressible,
)
from couchgrass.errors import BadContentType, BadRequest, DocValidation, MissingStub, TooLarge

DEFAULT_CONTENT_TYPE = "application/octet-stream"


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
    stored = Stored(attachment.digest, attachment.length, attachment.encoded_length, attachment.encoding, b"")
    return Fresh(attachment.content_type, 0, stored, None, attachment.blob)
