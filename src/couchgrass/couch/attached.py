"""Documents with their attachments' bytes, streamed from one CouchDB to another.

They come as ``multipart/mixed`` with a ``multipart/related`` inside for each leaf, and go as
``multipart/related`` with a Content-Length, never more than a few chunks in memory. Each attachment's bytes
are counted: a body that brings fewer or more than its document says is cut off, so that the target drops it.
A peer that knows no multipart answers with JSON; then the bytes are asked for inline.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from couchgrass import json
from couchgrass.couch.answers import refusal
from couchgrass.couch.transport import READ_IDLE_S, Body, Reply, Transport, whole
from couchgrass.couch.upload import Pieces
from couchgrass.docdb import multipart
from couchgrass.docdb.attachment import Attachment
from couchgrass.docdb.multipart import End, Event, Parser, PartBegin, PartData, boundary_of, parse_parameters
from couchgrass.docdb.wire import NotThere, Opened, Part, Wanted
from couchgrass.errors import BadRequest, NotFound, PeerLost, TooLarge

MISMATCH = "attachment_mismatch"
"""The error of an attachment that comes whole, and has not the bytes that its document says."""

DOCUMENT_BYTES_MAX = 128 * 1024 * 1024
"""What is held of a document, its attachments not counted unless they come inline."""

URL_BYTES_MAX = 3000
"""Revisions named in one URL, those wanted and those known each; CouchDB's servers and proxies take 8 kB."""

REV_BYTES = 9
"""Quotes and comma of one of them, percent-encoded."""

EPILOGUE_BYTES_MAX = 64 * 1024

OK = 200

_ODD = frozenset('"\\%')

T = TypeVar("T")


class _Parts:
    """The parts of a multipart text that comes in chunks: `next` gives one event after the other.

    Nothing here is a generator, so a wait that is cancelled spoils nothing: when a target refuses a leaf
    half-way, the rest of it is passed over and the next one is read.
    """

    def __init__(self, boundary: bytes, chunks: Pieces, name: str) -> None:
        self._parser = Parser(boundary)
        self._chunks = chunks
        self._events: list[Event] = []
        self._name = name

    async def next(self) -> Event:
        try:
            while not self._events:
                chunk = await anext(self._chunks, None)
                if chunk is None:
                    self._parser.close()
                    return End()
                self._events = self._parser.feed(chunk)[::-1]
        except BadRequest as bad:
            raise PeerLost(f"{self._name}: the answer was cut off: {bad.reason}") from bad
        return self._events.pop()

    async def begin(self) -> Mapping[str, str] | None:
        """Passes over what is left of a part; the next one's headers, None at the end."""
        while True:
            match await self.next():
                case PartBegin(headers):
                    return headers
                case End():
                    return None

    def data(self) -> Pieces:
        """The bytes of the part that has begun."""
        return _PartBytes(self)

    async def text(self) -> bytes:
        pieces = []
        size = 0
        async for data in self.data():
            size += len(data)
            if size > DOCUMENT_BYTES_MAX:
                raise TooLarge(f"A document is larger than {DOCUMENT_BYTES_MAX} bytes")
            pieces.append(data)
        return b"".join(pieces)


class _PartBytes:
    def __init__(self, parts: _Parts) -> None:
        self._parts: _Parts | None = parts

    def __aiter__(self) -> _PartBytes:
        return self

    async def __anext__(self) -> bytes | memoryview:
        if self._parts is not None:
            event = await self._parts.next()
            if isinstance(event, PartData):
                return event.data
            self._parts = None
        raise StopAsyncIteration


class _Stub(msgspec.Struct, gc=False):
    content_type: str = "application/octet-stream"
    length: int | None = None
    encoded_length: int | None = None
    encoding: str | None = None
    follows: bool = False


class _Leaf(msgspec.Struct, gc=False):
    """What is read of a leaf, or of what comes instead of one that is not there."""

    rev: str | None = msgspec.field(name="_rev", default=None)
    attachments: dict[str, _Stub] = msgspec.field(name="_attachments", default_factory=dict)
    missing: Any = None


class _Ok(msgspec.Struct, gc=False):
    ok: msgspec.Raw = msgspec.Raw(b"")
    missing: Any = None


_leaf = msgspec.json.Decoder(_Leaf)
_oks = msgspec.json.Decoder(list[_Ok])


def _read(decoder: msgspec.json.Decoder[T], text: bytes, name: str) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise PeerLost(f"{name}: an answer can't be understood: {bad}") from bad


async def open_revs(
    transport: Transport,
    path: str,
    doc_id: str,
    wanted: Sequence[Wanted],
    name: str,
    idle_s: float = READ_IDLE_S,
) -> AsyncIterator[Opened | NotThere]:
    """The leaves of one document, each done with before the next is taken. Raises PeerLost, TooLarge."""
    for some in _portions(wanted):
        async with aclosing(_open_some(transport, path, doc_id, some, name, idle_s)) as found:
            async for one in found:
                yield one


def _portions(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """As many at a time as one URL has room for."""
    some: list[Wanted] = []
    size = 0
    for one in wanted:
        one_size = sum(len(rev) + REV_BYTES for rev in (one.rev, *one.known))
        if some and size + one_size > URL_BYTES_MAX:
            yield some
            some, size = [], 0
        some.append(one)
        size += one_size
    if some:
        yield some


def _known(wanted: Sequence[Wanted]) -> list[str]:
    """What the target has, as far as there is room: of what is left out the attachments come once more."""
    room = URL_BYTES_MAX
    known = []
    for rev in sorted({rev for one in wanted for rev in one.known}):
        room -= len(rev) + REV_BYTES
        if room < 0:
            break
        known.append(rev)
    return known


async def _open_some(
    transport: Transport, path: str, doc_id: str, wanted: Sequence[Wanted], name: str, idle_s: float
) -> AsyncGenerator[Opened | NotThere, None]:
    query = [("revs", "true"), ("latest", "true"), ("open_revs", _text([one.rev for one in wanted]))]
    if known := _known(wanted):
        query.append(("atts_since", _text(known)))
    headers = {"accept": "multipart/mixed"}
    async with transport.request("GET", path, query=query, headers=headers, idle_s=idle_s) as reply:
        boundary = boundary_of(reply.headers.get("content-type", ""))
        if reply.status != OK:
            for absent in await _absent(reply, doc_id, wanted, name):
                yield absent
            return
        if boundary is not None:
            async with aclosing(_mixed(reply, boundary, doc_id, wanted, name)) as mixed:
                async for leaf in mixed:
                    yield leaf
            return
    query.append(("attachments", "true"))
    async with transport.request("GET", path, query=query, idle_s=idle_s) as reply:
        if reply.status != OK:
            for absent in await _absent(reply, doc_id, wanted, name):
                yield absent
            return
        text = await whole(reply, DOCUMENT_BYTES_MAX)
    for one in _read(_oks, text, name):
        yield _plain(doc_id, bytes(one.ok), name) if bytes(one.ok) else NotThere(doc_id, str(one.missing))


async def _absent(reply: Reply, doc_id: str, wanted: Sequence[Wanted], name: str) -> list[NotThere]:
    """What a refusal says of the leaves. Raises it when it is about anything else."""
    text = await whole(reply, DOCUMENT_BYTES_MAX)
    refused = refusal(reply.status, text, name, reply.headers.get("location"))
    if refused.error != NotFound.error or refused.reason not in ("missing", "deleted"):
        raise refused
    return [NotThere(doc_id, one.rev) for one in wanted]


async def _mixed(
    reply: Reply, boundary: bytes, doc_id: str, wanted: Sequence[Wanted], name: str
) -> AsyncGenerator[Opened | NotThere, None]:
    chunks = reply.chunks()
    outer = _Parts(boundary, chunks, name)
    while (headers := await outer.begin()) is not None:
        inner_boundary = boundary_of(headers.get("content-type", ""))
        if inner_boundary is None:
            text = await outer.text()
            found = _read(_leaf, text, name)
            if found.rev is None:
                yield NotThere(doc_id, str(found.missing or wanted[0].rev))
            else:
                yield Opened(doc_id, found.rev, text, (), _nothing())
            continue
        inner = _Parts(inner_boundary, outer.data(), name)
        if await inner.begin() is None:
            raise PeerLost(f"{name}: a leaf of {doc_id} came without its document")
        text = await inner.text()
        leaf = _read(_leaf, text, name)
        parts = _parts(leaf, name)
        yield Opened(doc_id, leaf.rev or "", text, parts, _bytes(inner, parts, name))
        while not isinstance(await inner.next(), End):
            pass
    # A connection whose answer was read to its end can be used again.
    left = EPILOGUE_BYTES_MAX
    while left > 0 and (chunk := await anext(chunks, None)) is not None:
        left -= len(chunk)


async def _bytes(inner: _Parts, parts: Sequence[Part], name: str) -> AsyncIterator[bytes | memoryview]:
    """The parts' bytes in their order, each as long as it was announced."""
    for part in parts:
        headers = await inner.begin()
        if headers is None:
            raise PeerLost(f"{name}: the bytes of attachment {part.name} did not come")
        if _names_another(headers, part.name):
            raise _mismatch(f"{name}: other bytes than those of attachment {part.name} came")
        size = 0
        async for data in inner.data():
            size += len(data)
            if size > part.length:
                break
            yield data
        if size != part.length:
            raise _mismatch(f"{name}: attachment {part.name} has {part.length} bytes, {size} came")


def _names_another(headers: Mapping[str, str], attachment: str) -> bool:
    """Does a part say that it is another attachment? Names that servers escape differently don't count."""
    _, parameters = parse_parameters(headers.get("content-disposition", ""))
    name = parameters.get("filename")
    return name is not None and name != attachment and attachment.isprintable() and not _ODD & set(attachment)


def _plain(doc_id: str, doc: bytes, name: str) -> Opened:
    return Opened(doc_id, _read(_leaf, doc, name).rev or "", doc, (), _nothing())


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _parts(leaf: _Leaf, name: str) -> list[Part]:
    """The attachments that follow the document, in its order."""
    parts = []
    for attachment, stub in leaf.attachments.items():
        if stub.follows:
            length = stub.length if stub.encoding is None else stub.encoded_length
            if length is None:
                raise _mismatch(f"{name}: attachment {attachment} has no length")
            parts.append(Part(attachment, stub.content_type, length, stub.encoding or "identity"))
    return parts


async def put_opened(
    transport: Transport, path: str, opened: Opened, name: str, idle_s: float = READ_IDLE_S
) -> None:
    """PUT of one leaf with its attachments. Raises what the peer refuses it with, and PeerLost."""
    if opened.parts:
        content_type, length, pieces = _related(opened)
        body: Body = pieces
    else:
        content_type, length, body = "application/json", len(opened.doc), opened.doc
    async with transport.request(
        "PUT",
        path,
        query=[("new_edits", "false")],
        headers={"content-type": content_type},
        body=body,
        length=length,
        idle_s=idle_s,
    ) as reply:
        text = await whole(reply, DOCUMENT_BYTES_MAX)
        if reply.status >= 300:
            raise refusal(reply.status, text, name, reply.headers.get("location"))


def _related(opened: Opened) -> tuple[str, int, Pieces]:
    """A leaf with its attachments as ``multipart/related``: its content type, length and pieces."""
    attachments = [
        Attachment(
            name=part.name,
            content_type=part.content_type,
            revpos=1,
            digest="",
            length=part.length,
            encoded_length=part.length,
            encoding="identity" if part.encoding == "identity" else "gzip",
            blob=0,
        )
        for part in opened.parts
    ]
    framed = multipart.related(secrets.token_hex(16).encode(), opened.doc, attachments)
    return framed.content_type, framed.content_length, _framed(framed.frames, opened)


async def _framed(frames: Sequence[bytes], opened: Opened) -> AsyncIterator[bytes | memoryview]:
    at, left = 0, opened.parts[0].length
    yield frames[0]
    async for data in opened.chunks:
        while left == 0 and at + 1 < len(opened.parts):
            at += 1
            left = opened.parts[at].length
            yield frames[at]
        left -= len(data)
        yield data
    for frame in frames[at + 1 :]:
        yield frame


def _text(value: Any) -> str:
    return json.encode(value).decode()


def _mismatch(reason: str) -> PeerLost:
    """A whole answer that contradicts itself: if it does so again, its document is to blame."""
    return PeerLost(reason, error=MISMATCH)
