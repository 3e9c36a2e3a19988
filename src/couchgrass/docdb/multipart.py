"""MIME multipart bodies: an incremental parser, header parameters, and CouchDB's own framings.

Follows RFC 2046 section 5.1 and what CouchDB reads and writes (its ``couch_httpd``,
``couch_httpd_multipart`` and ``chttpd_db``):

* the opening delimiter is ``--boundary`` anywhere; what stands before it is the preamble;
* a part's header block runs from its delimiter to the first empty CRLF line and may be empty;
* a part's body runs to the next ``CRLF--boundary``; two dashes right behind that end everything,
  and what follows is the epilogue;
* line ends are CRLF. A lone LF is body text, as it is in CouchDB.

The parser looks for the delimiter with `bytes.find` and hands out slices of the chunks that it was
fed, so a body of any size passes in the memory of one chunk plus one delimiter. A part that is
multipart itself is parsed by a second Parser, fed with this one's PartData.

CouchDB puts attachment names, content types and document ids into part headers as they are. Here
CR, LF and NUL become ``%0D``, ``%0A`` and ``%00`` there, so that no stored value can forge a header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from couchgrass.docdb.attachment import Attachment
from couchgrass.errors import BadRequest

HEADER_BYTES_MAX = 16 * 1024
"""One part's header block. The longest header that means something holds an attachment's name."""

HEADERS_MAX = 64
"""Headers in one part; clients send three or four."""

BOUNDARY_BYTES_MAX = 200
"""RFC 2046 allows 70. CouchDB has no bound, so there is room for clients that ignore the RFC."""


class PartBegin(msgspec.Struct, frozen=True, gc=False):
    """A part starts. `headers` has lower-case names; of a repeated header the last one counts."""

    headers: dict[str, str]


class PartData(msgspec.Struct, frozen=True, gc=False):
    """The next bytes of the open part's body, never empty. A memoryview is a slice of a fed chunk."""

    data: bytes | memoryview


class PartEnd(msgspec.Struct, frozen=True, gc=False):
    """The open part is complete."""


class End(msgspec.Struct, frozen=True, gc=False):
    """The closing delimiter was read; anything fed from now on is epilogue and is ignored."""


Event: TypeAlias = PartBegin | PartData | PartEnd | End

_PART_END = PartEnd()
_END = End()


class _State(Enum):
    PREAMBLE = "before its first boundary"
    HEADERS = "in the headers of a part"
    BODY = "in the body of a part"
    EPILOGUE = "after its closing boundary"


class Parser:
    """Incremental parser of one multipart body; `boundary` is the parameter without its dashes.

    Raises BadRequest for malformed input, after which it is of no more use.
    """

    __slots__ = ("_delimiter", "_pending", "_state")

    def __init__(self, boundary: bytes) -> None:
        if not _is_boundary(boundary):
            raise BadRequest("bad multipart boundary")
        self._delimiter = b"\r\n--" + boundary
        self._pending = b""
        self._state = _State.PREAMBLE

    def feed(self, chunk: bytes | memoryview) -> list[Event]:
        """The events that are complete with `chunk`, in order; body bytes are not held back for more."""
        text = self._pending + chunk if self._pending else bytes(chunk)
        events: list[Event] = []
        at = 0
        while (after := self._step(text, at, events)) >= 0:
            at = after
        return events

    def close(self) -> None:
        """The input has ended. Raises BadRequest if the closing delimiter did not come."""
        if self._state is not _State.EPILOGUE:
            raise BadRequest(f"multipart body ends {self._state.value}")

    def _step(self, text: bytes, at: int, events: list[Event]) -> int:
        """One thing from `text` at `at`: the position after it, or -1 when more input is needed."""
        match self._state:
            case _State.BODY:
                return self._body(text, at, events)
            case _State.HEADERS:
                return self._headers(text, at, events)
            case _State.PREAMBLE:
                return self._preamble(text, at)
            case _State.EPILOGUE:
                self._pending = b""
                return -1

    def _preamble(self, text: bytes, at: int) -> int:
        dashed = self._delimiter[2:]
        found = text.find(dashed, at)
        if found < 0:
            self._pending = text[max(at, len(text) - len(dashed) + 1) :]
            return -1
        self._state = _State.HEADERS
        return found + len(dashed)

    def _headers(self, text: bytes, at: int, events: list[Event]) -> int:
        if text.startswith(b"--", at):
            self._state = _State.EPILOGUE
            events.append(_END)
            return len(text)
        end = text.find(b"\r\n\r\n", at)
        if (len(text) if end < 0 else end) - at > HEADER_BYTES_MAX:
            raise BadRequest("part headers are too large")
        if end < 0:
            self._pending = text[at:]
            return -1
        events.append(PartBegin(_parse_headers(text[at:end])))
        self._state = _State.BODY
        return end + 4

    def _body(self, text: bytes, at: int, events: list[Event]) -> int:
        delimiter = self._delimiter
        found = text.find(delimiter, at)
        size = len(text)
        end = found if found >= 0 else self._possible_delimiter(text, at)
        if end > at:
            events.append(PartData(text if end - at == size else memoryview(text)[at:end]))
        if found < 0:
            self._pending = text[end:]
            return -1
        events.append(_PART_END)
        self._state = _State.HEADERS
        return found + len(delimiter)

    def _possible_delimiter(self, text: bytes, at: int) -> int:
        """Where a delimiter that is cut off by the end of `text` may begin, else the end.

        A delimiter has only one CR, its first byte, so only the last CR can begin a cut-off one.
        """
        size = len(text)
        start = text.rfind(b"\r", max(at, size - len(self._delimiter) + 1))
        return start if start >= 0 and self._delimiter.startswith(text[start:]) else size


def _parse_headers(block: bytes) -> dict[str, str]:
    """A header block that begins right behind the delimiter; folded lines are joined (RFC 5322)."""
    first, _, rest = block.partition(b"\r\n")
    if first.strip(b" \t"):
        raise BadRequest("bad part header")
    if not rest:
        return {}
    if rest.count(b"\r\n") >= HEADERS_MAX:
        raise BadRequest("part has too many headers")
    headers: dict[str, str] = {}
    for line in re.sub(r"\r\n[ \t]+", " ", rest.decode("utf-8", "replace")).split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest("bad part header")
        headers[name.strip().lower()] = value.strip()
    return headers


_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))', re.DOTALL)


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type or Content-Disposition value: its first word and its parameters.

    The word and the parameter names are lower-cased; quoted values lose quotes and backslashes; of a
    repeated parameter the first counts; what has no name or no ``=`` is left out.
    """
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else bare.strip())
    return value.partition(";")[0].strip().lower(), parameters


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a ``multipart/*`` content type; None for other types and for no usable boundary."""
    kind, parameters = parse_parameters(content_type)
    if not kind.startswith("multipart/"):
        return None
    boundary = parameters.get("boundary", "").encode("latin-1", "replace")
    return boundary if _is_boundary(boundary) else None


def _is_boundary(boundary: bytes) -> bool:
    return 0 < len(boundary) <= BOUNDARY_BYTES_MAX and not re.search(rb"[\x00-\x1f\x7f]", boundary)


class Framed(msgspec.Struct, frozen=True):
    """A multipart body without its contents: frames[0], content 0, frames[1], content 1, …, frames[-1].

    There is one frame more than contents; `content_length` counts frames and contents, in bytes.
    """

    content_type: str
    content_length: int
    frames: tuple[bytes, ...]


def related(boundary: bytes, document: bytes, attachments: Sequence[Attachment]) -> Framed:
    """``multipart/related``: the document's JSON, then the *stored* bytes of `attachments` in order.

    The document must list the same attachments in the same order as ``follows``. Without attachments
    the body is the plain document, as CouchDB sends it.
    """
    if not attachments:
        return Framed("application/json", len(document), (document,))
    delimiter = b"\r\n--" + boundary
    heads = [_attachment_head(attachment) for attachment in attachments]
    opening = b"--%b\r\nContent-Type: application/json\r\n\r\n%b" % (boundary, document)
    frames = (
        opening + delimiter + heads[0],
        *(delimiter + head for head in heads[1:]),
        delimiter + b"--",
    )
    contents = sum(attachment.encoded_length for attachment in attachments)
    content_type = f'multipart/related; boundary="{boundary.decode("ascii")}"'
    return Framed(content_type, contents + sum(map(len, frames)), frames)


def _attachment_head(attachment: Attachment) -> bytes:
    coded = b"" if attachment.encoding == "identity" else b"\r\nContent-Encoding: gzip"
    return (
        b'\r\nContent-Disposition: attachment; filename="%b"\r\nContent-Type: %b'
        b"\r\nContent-Length: %d%b\r\n\r\n"
    ) % (
        header_text(attachment.name.replace("\\", "\\\\").replace('"', '\\"')),
        header_text(attachment.content_type),
        attachment.encoded_length,
        coded,
    )


_FORGING = {0: "%00", 10: "%0A", 13: "%0D"}


def header_text(value: str) -> bytes:
    """`value` as UTF-8 that stays inside its header line."""
    return value.translate(_FORGING).encode()


class OpenRevs(msgspec.Struct, frozen=True):
    """The ``multipart/mixed`` answer to ``open_revs``.

    Send `start`; for each revision that is there `before(its Framed.content_type)`, its body, `after`;
    for each that is not `missing(rev)`; last `end`. The delimiter stands behind each part.
    """

    boundary: bytes

    @property
    def content_type(self) -> str:
        return f'multipart/mixed; boundary="{self.boundary.decode("ascii")}"'

    @property
    def start(self) -> bytes:
        return b"--" + self.boundary

    def before(self, content_type: str) -> bytes:
        return b"\r\nContent-Type: %b\r\n\r\n" % content_type.encode()

    @property
    def after(self) -> bytes:
        return b"\r\n--" + self.boundary

    def missing(self, rev: str) -> bytes:
        """The whole part for a revision that is not there."""
        return b"%b%b%b" % (_ERROR_HEAD, msgspec.json.encode({"missing": rev}), self.after)

    @property
    def end(self) -> bytes:
        return b"--"


_ERROR_HEAD = b'\r\nContent-Type: application/json; error="true"\r\n\r\n'


class BulkGet(msgspec.Struct, frozen=True):
    """The multipart answer to ``_bulk_get``; CouchDB's boundaries here begin with two dashes themselves.

    For each result send `document(...)` and its body, or `error(json)`; last `end`, but nothing at all
    if nothing was asked for. The delimiter stands before each part.
    """

    boundary: bytes

    def content_type(self, kind: str) -> str:
        """`kind` is ``multipart/mixed`` or ``multipart/related``, whichever the client accepts."""
        return f'{kind}; boundary="{self.boundary.decode("ascii")}"'

    def plain_document(self) -> bytes:
        """What goes before a document that comes without attachment bodies."""
        return b"\r\n--%b\r\nContent-Type: application/json\r\n\r\n" % self.boundary

    def related_document(self, doc_id: str, rev: str, inner: bytes) -> bytes:
        """What goes before a document with attachments, framed by `related` with the boundary `inner`."""
        return (
            b"\r\n--%b\r\nX-Doc-Id: %b\r\nX-Rev-Id: %b"
            b"\r\nContent-Type: multipart/related; boundary=%b\r\n\r\n"
        ) % (self.boundary, header_text(doc_id), header_text(rev), inner)

    def error(self, answer: bytes) -> bytes:
        """The whole part for a result that is an error; `answer` is its JSON object."""
        return b"\r\n--%b%b%b" % (self.boundary, _ERROR_HEAD, answer)

    @property
    def end(self) -> bytes:
        return b"\r\n--%b--\r\n" % self.boundary
