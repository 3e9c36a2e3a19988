"""Documents with their attachments' bytes, streamed from one CouchDB to another.

They come as ``multipart/mixed`` with a ``multipart/related`` inside for each leaf, and go as
``multipart/related`` with a Content-Length, never more than a few chunks in memory. Each attachment's bytes
are counted: a body that brings fewer or more than its document says is cut off, so that the target drops it.
A peer that knows no multipart answers with JSON; then the bytes are asked for inline.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from couchgrass import json
from couchgrass.couch.answers import decoded, refusal
from couchgrass.couch.transport import Reply, Transport, whole
from couchgrass.docdb import multipart
from couchgrass.docdb.attachment import Attachment
from couchgrass.docdb.multipart import End, Event, Parser, PartBegin, PartData, PartEnd, boundary_of
from couchgrass.docdb.wire import NotThere, Opened, Part, Wanted
from couchgrass.errors import BadRequest, PeerLost

DOCUMENT_BYTES_MAX = 128 * 1024 * 1024
"""What is held of a document, its attachments not counted unless they come inline."""

URL_BYTES_MAX = 6000
"""Revisions named in one URL; CouchDB's servers and proxies take 8 kB."""


class _Parts:
    """The parts of a multipart text that comes in chunks: `next` gives one event after the other."""

    def __init__(self, boundary: bytes, chunks: AsyncIterator[bytes | memoryview], name: str) -> None:
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

    async def data(self) -> AsyncIterator[bytes | memoryview]:
        """The bytes of the part that has begun."""
        while True:
            match await self.next():
                case PartData(data):
                    yield data
                case PartEnd() | End():
                    return

    async def text(self) -> bytes:
        pieces = []
        size = 0
        async for data in self.data():
            size += len(data)
            if size > DOCUMENT_BYTES_MAX:
                raise PeerLost(f"{self._name}: a document is over {DOCUMENT_BYTES_MAX} bytes")
            pieces.append(data)
        return b"".join(pieces)


async def open_revs(
    transport: Transport, path: str, doc_id: str, wanted: Sequence[Wanted], name: str
) -> AsyncIterator[Opened | NotThere]:
    """The leaves of one document, each to be used up before the next is taken. Raises PeerLost."""
    left = list(wanted)
    while left:
        some, size = [left.pop(0)], 0
        while left and (size := size + 40 + 50 * len(left[0].known)) < URL_BYTES_MAX:
            some.append(left.pop(0))
        async for one in _open_some(transport, path, doc_id, some, name):
            yield one


async def _open_some(
    transport: Transport, path: str, doc_id: str, wanted: Sequence[Wanted], name: str
) -> AsyncIterator[Opened | NotThere]:
    query = [("revs", "true"), ("latest", "true"), ("open_revs", _text([one.rev for one in wanted]))]
    known = sorted({rev for one in wanted for rev in one.known})
    if known:
        query.append(("atts_since", _text(known)))
    inline = False
    async with transport.request("GET", path, query=query, headers={"accept": "multipart/mixed"}) as reply:
        boundary = boundary_of(reply.headers.get("content-type", ""))
        if reply.status != 200:
            raise refusal(reply.status, await whole(reply, DOCUMENT_BYTES_MAX), name)
        if boundary is None:
            inline = True
        else:
            async for one in _mixed(reply, boundary, doc_id, wanted, name):
                yield one
    if inline:
        async for one in _inline(transport, path, doc_id, [*query, ("attachments", "true")], name):
            yield one


async def _mixed(
    reply: Reply, boundary: bytes, doc_id: str, wanted: Sequence[Wanted], name: str
) -> AsyncIterator[Opened | NotThere]:
    outer = _Parts(boundary, reply.chunks(), name)
    while (headers := await outer.begin()) is not None:
        content_type = headers.get("content-type", "")
        inner_boundary = boundary_of(content_type)
        if inner_boundary is None:
            found = _decoded(await outer.text(), name)
            if "missing" in found or "error" in found:
                rev = str(found.get("missing") or found.get("rev") or wanted[0].rev)
                yield NotThere(doc_id, rev)
            else:
                yield _plain(doc_id, found)
            continue
        inner = _Parts(inner_boundary, outer.data(), name)
        if await inner.begin() is None:
            raise PeerLost(f"{name}: a leaf of {doc_id} came without its document")
        doc = _decoded(await inner.text(), name)
        parts = _parts(doc)
        yield Opened(doc_id, str(doc.get("_rev", "")), json.encode(doc), parts, _bytes(inner, parts, name))
        while not isinstance(await inner.next(), End):
            pass


async def _bytes(inner: _Parts, parts: Sequence[Part], name: str) -> AsyncIterator[bytes | memoryview]:
    """The parts' bytes in their order, each as long as it was announced."""
    for part in parts:
        if await inner.begin() is None:
            raise PeerLost(f"{name}: the bytes of attachment {part.name} did not come")
        size = 0
        async for data in inner.data():
            size += len(data)
            if size > part.length:
                break
            yield data
        if size != part.length:
            raise PeerLost(f"{name}: attachment {part.name} has {part.length} bytes, {size} came")


async def _inline(
    transport: Transport, path: str, doc_id: str, query: Sequence[tuple[str, str]], name: str
) -> AsyncIterator[Opened | NotThere]:
    async with transport.request("GET", path, query=query) as reply:
        text = await whole(reply, DOCUMENT_BYTES_MAX)
        if reply.status != 200:
            raise refusal(reply.status, text, name)
    found = decoded(text, name)
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and isinstance(one.get("ok"), dict):
            yield _plain(doc_id, one["ok"])
        elif isinstance(one, dict):
            yield NotThere(doc_id, str(one.get("missing", "")))


def _plain(doc_id: str, doc: dict[str, Any]) -> Opened:
    return Opened(doc_id, str(doc.get("_rev", "")), json.encode(doc), (), _nothing())


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _parts(doc: dict[str, Any]) -> list[Part]:
    """The attachments that follow the document, in its order."""
    members = doc.get("_attachments")
    return [
        Part(
            attachment,
            str(stub.get("content_type", "application/octet-stream")),
            int(stub["encoded_length"] if "encoding" in stub else stub["length"]),
            str(stub.get("encoding", "identity")),
        )
        for attachment, stub in (members.items() if isinstance(members, dict) else ())
        if isinstance(stub, dict) and stub.get("follows")
    ]


async def put_opened(transport: Transport, path: str, opened: Opened, name: str) -> None:
    """PUT of one leaf with its attachments. Raises what the peer refuses it with, and PeerLost."""
    query = [("new_edits", "false")]
    if not opened.parts:
        headers = {"content-type": "application/json"}
        async with transport.request("PUT", path, query=query, headers=headers, body=opened.doc) as reply:
            text = await whole(reply, DOCUMENT_BYTES_MAX)
            if reply.status >= 300:
                raise refusal(reply.status, text, name)
        return
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
    async with transport.request(
        "PUT",
        path,
        query=query,
        headers={"content-type": framed.content_type},
        body=_framed(framed.frames, opened),
        length=framed.content_length,
    ) as reply:
        text = await whole(reply, DOCUMENT_BYTES_MAX)
        if reply.status >= 300:
            raise refusal(reply.status, text, name)


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


def _decoded(text: bytes, name: str) -> dict[str, Any]:
    found = decoded(text, name)
    if not isinstance(found, dict):
        raise PeerLost(f"{name}: an answer can't be understood")
    return found


def _text(value: Any) -> str:
    return json.encode(value).decode()
