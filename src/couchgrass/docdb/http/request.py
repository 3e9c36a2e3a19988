"""One HTTP request as the endpoints see it: path, options, headers, and a body with limits."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

from couchgrass import json
from couchgrass.docdb.access import UserCtx
from couchgrass.errors import (
    BadContentType,
    BadRequest,
    CouchgrassError,
    QueryParseError,
    RequestTimeout,
    TooLarge,
)

if TYPE_CHECKING:
    from couchgrass.docdb.http.server import Server
    from couchgrass.docdb.sqlite.database import Database

Receive = Callable[[], Awaitable[dict[str, Any]]]

JSON_BODY_MAX = 64 * 1024 * 1024
"""A JSON body is held in memory; Cloudant's limit for a request bounds it. Attachments stream past it."""

OPTIONS_MAX = 1000
"""Options in one query string."""

DRAINED_MAX = 16 * 1024 * 1024
DRAIN_S = 10.0
"""How much of an unwanted body is read (and dropped) before a refusal, and for how long at most: a client
that is cut off while it sends sees a broken pipe, not the answer."""

BODY_IDLE_S = 60.0
"""How long a body may pause; a client that sends nothing must not hold its place for good."""

TRUSTED_USER = "couchgrass.user"
"""The key of an ASGI scope under which a caller in this process names the user, a `UserCtx`."""

_INFLATE_STEP = 256 * 1024
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class UriTooLong(CouchgrassError):
    """The URI is over `max_uri_length`."""

    status = 414
    error = "too_long"


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


def unquoted(segment: str) -> str:
    """One percent-encoded path segment to text."""
    if "%" not in segment and segment.isascii():
        return segment
    try:
        return unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError as bad:
        raise BadRequest("The path is not valid UTF-8") from bad


class Request:
    """`path` is the raw path's segments, percent-encoded still; `ctx` and `db` are set on the way in.

    `trusted` is whom a caller in this process says that it asks for: it calls the application itself, with
    ``scope["couchgrass.user"]``. The HTTP server makes its scopes anew, so nothing that comes over a socket
    can name a user there.
    """

    __slots__ = (
        "_came_bytes", "_held", "_query", "_receive", "_whole", "client", "ctx", "db", "doc_id", "headers",
        "method", "path", "query_string", "raw_path", "server", "set_cookie", "trusted",
    )  # fmt: skip

    ctx: UserCtx
    db: Database
    doc_id: str

    def __init__(self, server: Server, scope: dict[str, Any], receive: Receive) -> None:
        self.server = server
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        path = self.raw_path
        if b"+" in path and server.settings.chttpd.decode_plus_to_space:
            path = path.replace(b"+", b"%20")
        # As in CouchDB, empty segments are nothing: ``/db//doc`` must never be taken for ``/db``.
        self.path: list[str] = [part for part in path.decode("latin-1").split("/") if part] or [""]
        self.query_string: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.client: str = scope["client"][0] if scope["client"] else ""
        user = scope.get(TRUSTED_USER)
        self.trusted: UserCtx | None = user if isinstance(user, UserCtx) else None
        self._receive = receive
        self._query: dict[str, str] | None = None
        self._came_bytes = 0
        self._whole = False
        self.set_cookie: str | None = None
        self._held: Database | None = None

    def hold(self, database: Database) -> None:
        """Makes this the request's database and keeps it open until `let_go`."""
        self.db = self._held = database
        database.users += 1

    def let_go(self) -> None:
        """After the answer was sent."""
        if self._held is not None:
            self._held.users -= 1

    def check_uri(self) -> None:
        """Raises BadRequest for a percent sign that escapes nothing, and UriTooLong."""
        asked = self.raw_path + b"?" + self.query_string if self.query_string else self.raw_path
        if b"%" in asked and _NO_ESCAPE.search(asked):
            raise BadRequest("invalid_url_encoding")
        length_max = self.server.settings.chttpd.max_uri_length
        if length_max is not None and len(asked) > length_max:
            raise UriTooLong("the request uri is too long")

    def header(self, name: bytes) -> str | None:
        """A header's text, or None. `name` is lower case."""
        found = self.headers.get(name)
        return None if found is None else found.decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The options; of one given twice the last counts."""
        if self._query is None:
            self._query = {}
            if self.query_string:
                try:
                    pairs = parse_qsl(
                        self.query_string.decode("latin-1"),
                        keep_blank_values=True,
                        errors="strict",
                        max_num_fields=OPTIONS_MAX,
                    )
                except ValueError as bad:
                    raise BadRequest("The query string is not valid UTF-8 or has too many options") from bad
                self._query = dict(pairs)
        return self._query

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean option."""
        text = self.query.get(name) if self.query_string else None
        if text is None:
            return default
        lowered = text.lower()
        if lowered == "true":
            return True
        if lowered == "false":
            return False
        raise QueryParseError(f"Invalid boolean parameter: {text!r}".replace("'", '"'))

    def number(self, name: str, default: int) -> int:
        """A non-negative integer option."""
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise QueryParseError(f'Invalid value for integer: "{text}"') from None
        if value < 0:
            raise QueryParseError(f'Invalid value for positive integer: "{value}"')
        return min(value, 2**62)

    def accepts_json(self) -> bool:
        accept = self.headers.get(b"accept")
        return (
            accept is None or b"*/*" in accept or b"application/json" in accept or b"application/*" in accept
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, unpacked when it is gzip. Raises TooLarge past `max_http_request_size`."""
        encoding = (self.headers.get(b"content-encoding") or b"identity").lower().strip()
        if encoding in (b"identity", b""):
            async for data in self.raw_chunks():
                yield data
            return
        if encoding not in (b"gzip", b"x-gzip"):
            raise BadContentType(f"{encoding.decode('latin-1')} is not a supported content encoding.")
        inflater = zlib.decompressobj(31)
        size, size_max = 0, self.server.settings.chttpd.max_http_request_size
        try:
            async for data in self.raw_chunks():
                while data:
                    if inflater.eof:  # several gzip members in a row are one body (RFC 1952)
                        inflater = zlib.decompressobj(31)
                    plain = inflater.decompress(data, _INFLATE_STEP)
                    size += len(plain)
                    if size > size_max:
                        raise TooLarge("the request entity is too large")
                    if plain:
                        yield plain
                    data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            rest = inflater.flush()
        except zlib.error as bad:
            raise BadRequest("Request body is not properly gzipped.") from bad
        if rest:
            yield rest
        if not inflater.eof:
            raise BadRequest("Request body is not properly gzipped.")

    def _declared(self) -> int | None:
        """Content-Length, if it is given."""
        declared = self.headers.get(b"content-length")
        return int(declared) if declared is not None and declared.isdigit() else None

    async def raw_chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes over the wire. Raises ClientGone when the client hangs up."""
        size_max = self.server.settings.chttpd.max_http_request_size
        declared = self._declared()
        if declared is not None and declared > size_max:
            raise TooLarge("the request entity is too large")
        while True:
            try:
                async with asyncio.timeout(BODY_IDLE_S):
                    message = await self._receive()
            except TimeoutError:
                reason = f"No more of the body came for {BODY_IDLE_S:.0f} seconds"
                raise RequestTimeout(reason) from None
            if message["type"] != "http.request":
                raise ClientGone
            data = message.get("body", b"")
            self._came_bytes += len(data)
            # A whole body needs no further word from the client: one round through the event loop less.
            self._whole = self._came_bytes == declared or not message.get("more_body")
            if self._came_bytes > size_max:
                raise TooLarge("the request entity is too large")
            if data:
                yield data
            if self._whole:
                return

    async def drain(self) -> None:
        """Reads the rest of a body that nobody wants, if the rest is small, so that a client that only writes
        until it is done still gets to read why it was refused."""
        declared = self._declared()
        if self._whole or (declared is None and b"transfer-encoding" not in self.headers):
            return
        if self.trusted is not None:
            return  # who asks in this process needs no socket to be empty
        if declared == 0 or (declared or 0) - self._came_bytes > DRAINED_MAX:
            return
        if b"expect" in self.headers and not self._came_bytes:
            return  # it may not have begun to send
        size = 0
        try:
            async with asyncio.timeout(DRAIN_S):
                while size <= DRAINED_MAX:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    if not message.get("more_body"):
                        return
        except TimeoutError:
            return

    async def body(self, bytes_max: int = JSON_BODY_MAX) -> bytes:
        """The whole body. Raises TooLarge."""
        declared = self._declared()
        if declared is not None and declared > bytes_max:
            raise TooLarge("the request entity is too large")
        parts: list[bytes] = []
        size = 0
        plain = b"content-encoding" not in self.headers
        async for data in self.raw_chunks() if plain else self.chunks():
            size += len(data)
            if size > bytes_max:
                raise TooLarge("the request entity is too large")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def json(self) -> Any:
        """The body as a JSON value. Raises BadRequest."""
        return self.decoded(await self.body())

    def decoded(self, body: bytes) -> Any:
        """A body that was read as a JSON value. Raises BadRequest."""
        if not body and self._declared() is None and b"transfer-encoding" not in self.headers:
            raise BadRequest("Missing request body")
        return json.decode(body)

    async def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BadRequest "Request body must be a JSON object"."""
        return self.decoded_object(await self.body())

    def decoded_object(self, body: bytes) -> dict[str, Any]:
        """A body that was read as a JSON object. Raises BadRequest like `json_object`."""
        value = self.decoded(body)
        if type(value) is not dict:
            raise BadRequest("Request body must be a JSON object")
        return value

    def require_json_type(self) -> None:
        """Raises BadContentType unless the body is declared as JSON, which keeps cross-site forms out."""
        declared = self.headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if declared != b"application/json":
            raise BadContentType("Content-Type must be application/json")

    async def disconnected(self) -> None:
        """Ends when the client has hung up. Only after the whole body was read."""
        while (await self._receive())["type"] == "http.request":
            pass
