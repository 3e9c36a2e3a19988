"""How a request reaches a CouchDB: over HTTP, or straight into a server in this process (`couch.in_process`).

A `Transport` is one server with one user's credentials. Both kinds answer with a `Reply` whose body comes in
chunks, and both raise PeerLost for whatever keeps the whole answer from coming.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from couchgrass.couch.auth import Auth
from couchgrass.couch.pace import Pace
from couchgrass.couch.upload import PIECE_BYTES, Pieces, Upload, sliced
from couchgrass.errors import NotImplementedHere, PeerLost, TooLarge
from couchgrass.serving.lost import FAILURES as FAILURES
from couchgrass.serving.lost import why as why

Body = bytes | AsyncIterator[bytes | memoryview] | None
Query = Sequence[tuple[str, str]]

READ_IDLE_S = 60.0
"""How long an answer may pause, unless the request says otherwise."""

BUFFER_BYTES = 256 * 1024
"""What aiohttp reads ahead of a stream."""

PROCEED_S = 5.0
"""How long a server is waited for that is to ask for a body (``100 Continue``)."""

ATTEMPTS = 3
"""With the session there is, with a new one, with Basic."""

UNAUTHORIZED, EXPECTATION_FAILED, TOO_MANY = 401, 417, 429
SERVER_GONE = frozenset({502, 503, 504})
"""Statuses of a gateway whose server does not answer, or of a server that can't do it now."""


class Reply(Protocol):
    """An answer under way."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body, unpacked. Raises PeerLost when it is cut off, or when it comes over a network and pauses
        for too long. A wait for the next chunk may be cancelled, and another one begun."""


class Transport(Protocol):
    """One server, one user."""

    @property
    def name(self) -> str:
        """The server's URL without credentials; "" for the one in this process."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] = {},
        body: Body = None,
        length: int | None = None,
        idle_s: float = READ_IDLE_S,
    ) -> AbstractAsyncContextManager[Reply]:
        """One request. `path` is percent-encoded; `length` is the size of a body that is a stream.

        Raises PeerLost when nobody answers, and for 429 and 502 to 504; and what the body's stream raises.
        """


def raise_if_gone(name: str, status: int) -> None:
    """Raises PeerLost for an answer that says that there is none now."""
    if status == TOO_MANY or status in SERVER_GONE:
        raise PeerLost(f"{name}: answered {status}")


def query_text(query: Query) -> str:
    """The options as they stand behind a path, "" when there are none."""
    return "?" + "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query) if query else ""


@dataclass(slots=True)
class _Asked:
    """A request as its caller gave it. `upload` is its body on the way, if that goes in pieces."""

    method: str
    path: str
    query: Query
    body: Body
    idle_s: float
    upload: Upload | None = None

    @property
    def is_spent(self) -> bool:
        """Its body can't be sent again."""
        return self.upload is not None and self.upload.has_begun and not isinstance(self.body, bytes)


async def whole(reply: Reply, bytes_max: int) -> bytes:
    """The body in memory. Raises TooLarge."""
    parts: list[bytes] = []
    size = 0
    async for chunk in reply.chunks():
        size += len(chunk)
        if size > bytes_max:
            raise TooLarge(f"An answer is larger than {bytes_max} bytes")
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _HttpReply:
    """`chunks` is no generator: one that is cancelled could not be read on."""

    def __init__(self, answer: aiohttp.ClientResponse, name: str) -> None:
        self.status = answer.status
        self.headers = {key.lower(): value for key, value in answer.headers.items()}
        self._answer = answer
        self._name = name

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.content.readany()
        except FAILURES as broken:
            raise PeerLost(f"{self._name}: the answer was cut off: {why(broken)}") from None
        if not chunk:
            raise StopAsyncIteration
        return chunk


class HttpTransport:
    """Over HTTP(S). `session` is a pool that transports to the same server share. `base` is the server's URL
    without credentials. Raises NotImplementedHere for a proxy that is not an HTTP proxy.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        *,
        auth: Auth,
        pace: Pace,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | bool = True,
        proxy: str | None = None,
        connect_s: float = 30.0,
        proceed_s: float = PROCEED_S,
    ) -> None:
        if proxy is not None and not proxy.startswith(("http://", "https://")):
            raise NotImplementedHere(f"{base}: proxies are asked over HTTP only, not over SOCKS")
        self.name = base
        self._session = session
        self._auth = auth
        self._pace = pace
        self._headers = {key.lower(): value for key, value in (headers or {}).items()}
        self._tls = tls
        self._proxy = proxy
        self._connect_s = connect_s
        self._proceed_s = proceed_s
        self._says_proceed = True

    def __repr__(self) -> str:
        return f"HttpTransport({self.name!r})"

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] = {},
        body: Body = None,
        length: int | None = None,
        idle_s: float = READ_IDLE_S,
    ) -> AsyncIterator[Reply]:
        await self._pace.turn()
        sent = {"accept": "application/json", **self._headers, **headers}
        if length is not None:
            sent["content-length"] = str(length)
        asked = _Asked(method, path, query, body, idle_s)
        for attempt in range(ATTEMPTS):
            if self._session.closed:
                raise PeerLost(f"{self.name}: its connections were given up", is_down=True)
            credentials = await self._auth.headers(self._login)
            answer = await self._open(asked, {**sent, **credentials})
            try:
                self._auth.heard(answer.headers.getall("Set-Cookie", ()))
                self._pace.heard(answer.status, answer.headers.get("Retry-After"))
                if answer.status == UNAUTHORIZED and self._auth.refused(credentials, again=attempt > 0):
                    if asked.is_spent:
                        raise PeerLost(f"{self.name}: the session has ended")
                    continue
                raise_if_gone(self.name, answer.status)
                yield _HttpReply(answer, self.name)
                return
            finally:
                if answer.content.is_eof():
                    answer.release()
                else:
                    answer.close()
                if asked.upload is not None:
                    await asked.upload.end()
        raise AssertionError("the last attempt has no session that could be refused")

    async def _open(self, asked: _Asked, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Sends a request until its answer begins. Raises PeerLost, and what the body's source raises."""
        try:
            if asked.body is None or (isinstance(asked.body, bytes) and len(asked.body) <= PIECE_BYTES):
                return await self._send(asked, headers, asked.body)
            if isinstance(asked.body, bytes):
                headers = {**headers, "content-length": str(len(asked.body))}
                return await self._upload(asked, headers, sliced(asked.body))
            return await self._upload(asked, headers, asked.body, waits=self._says_proceed)
        except FAILURES as broken:
            raise self._lost(broken) from None

    async def _upload(
        self, asked: _Asked, headers: Mapping[str, str], pieces: Pieces, waits: bool = False
    ) -> aiohttp.ClientResponse:
        """Sends a body in pieces. `waits`: not before the server asks for it, so that a refusal reaches us
        before a large body is sent into a closed connection. A server that does not ask gets it anyhow."""
        bound = asyncio.timeout(min(self._proceed_s, asked.idle_s) if waits else asked.idle_s)
        upload = asked.upload = Upload(pieces, asked.idle_s, bound)
        try:
            async with bound:
                answer = await self._send(asked, headers, upload, waits)
                upload.answered()
            if answer.status != EXPECTATION_FAILED or upload.has_begun:
                return answer
            answer.close()
        except FAILURES:
            await upload.end()
            if upload.failed is not None:
                raise upload.failed from None
            if not waits or upload.has_begun or not bound.expired():
                raise
        self._says_proceed = False
        return await self._upload(asked, headers, pieces)

    async def _send(
        self, asked: _Asked, headers: Mapping[str, str], body: bytes | Upload | None, waits: bool = False
    ) -> aiohttp.ClientResponse:
        url = self.name + asked.path + query_text(asked.query)
        return await self._session.request(
            asked.method,
            URL(url, encoded=True),
            headers=headers,
            data=body,
            ssl=self._tls,
            proxy=self._proxy,
            allow_redirects=False,
            expect100=waits,
            read_bufsize=BUFFER_BYTES,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._connect_s, sock_connect=self._connect_s, sock_read=asked.idle_s
            ),
        )

    async def _login(self, name: str, password: str) -> Sequence[str] | None:
        """A cookie session: the Set-Cookie headers; None where there are no sessions."""
        try:
            async with self._session.post(
                self.name + "/_session",
                json={"name": name, "password": password},
                headers=self._headers,
                ssl=self._tls,
                proxy=self._proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._connect_s),
            ) as answer:
                self._pace.heard(answer.status, answer.headers.get("Retry-After"))
                raise_if_gone(self.name, answer.status)
                return answer.headers.getall("Set-Cookie", ()) if answer.status < 300 else None
        except FAILURES as broken:
            raise self._lost(broken) from None

    def _lost(self, broken: Exception) -> PeerLost:
        """To be raised without its cause, which may hold the request with its headers."""
        down = isinstance(broken, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        return PeerLost(f"{self.name}: {why(broken)}", is_down=down)


def _quoted(text: str) -> str:
    return quote(text, safe="")
