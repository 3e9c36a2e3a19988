"""How a request reaches a CouchDB: over HTTP, or straight into a server in this process.

A `Transport` is one server with one user's credentials. Both kinds answer with a `Reply` whose body comes in
chunks, and both raise PeerLost for whatever keeps the whole answer from coming.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from couchgrass.couch.auth import Auth
from couchgrass.couch.pace import Pace
from couchgrass.errors import PeerLost, TooLarge

Body = bytes | AsyncIterator[bytes | memoryview] | None
Query = Sequence[tuple[str, str]]

READ_IDLE_S = 60.0
"""How long an answer may pause, unless the request says otherwise."""

BUFFER_BYTES = 256 * 1024
"""What aiohttp reads ahead of a stream."""

UNAUTHORIZED, TOO_MANY = 401, 429
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
        """The body, unpacked. Raises PeerLost when it is cut off or pauses for too long."""


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

        Raises PeerLost when nobody answers, and for 429 and 502 to 504.
        """


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
    def __init__(self, answer: aiohttp.ClientResponse, name: str) -> None:
        self.status = answer.status
        self.headers = {key.lower(): value for key, value in answer.headers.items()}
        self._answer = answer
        self._name = name

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._answer.content.readany():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise PeerLost(f"{self._name}: the answer was cut off: {_why(broken)}") from broken


class HttpTransport:
    """Over HTTP(S). `session` is a pool that transports to the same server share."""

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
    ) -> None:
        self.name = base
        self._session = session
        self._auth = auth
        self._pace = pace
        self._headers = dict(headers or {})
        self._tls = tls
        self._proxy = proxy
        self._connect_s = connect_s

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
        for attempt in (1, 2):
            if self._session.closed:
                raise PeerLost(f"{self.name}: its connections were given up", is_down=True)
            signed = {**sent, **await self._auth.headers(self._login)}
            try:
                answer = await self._open(method, path, query, signed, body, idle_s)
            except (aiohttp.ClientError, TimeoutError, OSError) as broken:
                down = isinstance(broken, aiohttp.ClientConnectorError)
                raise PeerLost(f"{self.name}: {_why(broken)}", is_down=down) from broken
            try:
                self._auth.heard(answer.headers.getall("Set-Cookie", ()))
                self._pace.heard(answer.status)
                stale = answer.status == UNAUTHORIZED and self._auth.stale()
                if stale and attempt == 1 and not isinstance(body, AsyncIterator):
                    continue
                if answer.status == TOO_MANY or answer.status in SERVER_GONE:
                    raise PeerLost(f"{self.name}: answered {answer.status} {answer.reason}")
                yield _HttpReply(answer, self.name)
                return
            finally:
                if answer.content.is_eof():
                    answer.release()
                else:
                    answer.close()

    async def _open(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], body: Body, idle_s: float
    ) -> aiohttp.ClientResponse:
        url = self.name + path
        if query:
            url += "?" + "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query)
        return await self._session.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body,
            ssl=self._tls,
            proxy=self._proxy,
            allow_redirects=False,
            # A refusal must reach us before a large body is sent into a closed connection.
            expect100=isinstance(body, AsyncIterator),
            read_bufsize=BUFFER_BYTES,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s, sock_read=idle_s),
        )

    async def _login(self, name: str, password: str) -> Sequence[str] | None:
        """A cookie session: the Set-Cookie headers; None where there are no sessions."""
        url = self.name + "/_session"
        timeout = aiohttp.ClientTimeout(total=self._connect_s)
        credentials = {"name": name, "password": password}
        try:
            async with self._session.post(
                url,
                json=credentials,
                headers=self._headers,
                ssl=self._tls,
                proxy=self._proxy,
                allow_redirects=False,
                timeout=timeout,
            ) as answer:
                if answer.status == TOO_MANY or answer.status in SERVER_GONE:
                    raise PeerLost(f"{self.name}: answered {answer.status} {answer.reason}")
                return answer.headers.getall("Set-Cookie", ()) if answer.status < 300 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            down = isinstance(broken, aiohttp.ClientConnectorError)
            raise PeerLost(f"{self.name}: {_why(broken)}", is_down=down) from broken


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _why(broken: BaseException) -> str:
    """What went wrong, in few words and without a URL, which might hold a secret."""
    if isinstance(broken, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is refused: {broken.certificate_error}"
    if isinstance(broken, aiohttp.ClientConnectorDNSError):
        return "the name can't be resolved"
    if isinstance(broken, aiohttp.ClientConnectorError):
        # asyncio's own text repeats the address instead of saying what is wrong.
        number = broken.os_error.errno
        return (os.strerror(number) if number else "connection failed").lower()
    if isinstance(broken, TimeoutError):
        return "no answer in time"
    if isinstance(broken, aiohttp.ServerDisconnectedError | ConnectionError):
        return "the connection was closed"
    if isinstance(broken, aiohttp.InvalidURL):
        return "the URL is not valid"
    return type(broken).__name__


class _AsgiReply:
    """Filled by the application's task, read by the caller; at most QUEUED pieces lie in between."""

    QUEUED = 8

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue(self.QUEUED)
        self.started = asyncio.Event()
        self.failed = False

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]
            }
            self.started.set()
            return
        if message.get("body"):
            await self.pieces.put(message["body"])
        if not message.get("more_body"):
            await self.pieces.put(None)

    async def chunks(self) -> AsyncIterator[bytes]:
        while (piece := await self.pieces.get()) is not None:
            yield piece
        if self.failed:
            raise PeerLost("The database's answer was cut off")


class AsgiTransport:
    """Straight into the ASGI application of a server in this process, as the user `user`."""

    name = ""

    def __init__(self, app: Any, user: Any) -> None:
        self._app = app
        self._user = user

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
        sent = {"accept": "application/json", **headers}
        if isinstance(body, bytes):
            sent["content-length"] = str(len(body))
        elif length is not None:
            sent["content-length"] = str(length)
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": None,
            "couchgrass.user": self._user,
        }
        reply = _AsgiReply()
        receive = _Receive(body)
        task = asyncio.create_task(self._run(scope, receive, reply))
        try:
            await reply.started.wait()
            if reply.failed and not reply.status:
                raise PeerLost("The database did not answer")
            yield reply
        finally:
            receive.gone.set()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _run(self, scope: dict[str, Any], receive: _Receive, reply: _AsgiReply) -> None:
        try:
            await self._app(scope, receive, reply.send)
        except Exception:  # noqa: BLE001  the edge: the application has logged it
            reply.failed = True
            reply.started.set()
            await reply.pieces.put(None)


class _Receive:
    """The request's body as ASGI messages; then it waits until the caller is done."""

    def __init__(self, body: Body) -> None:
        self.gone = asyncio.Event()
        self._body = body
        self._stream = body if isinstance(body, AsyncIterator) else None

    async def __call__(self) -> dict[str, Any]:
        if self._stream is not None:
            async for piece in self._stream:
                return {"type": "http.request", "body": bytes(piece), "more_body": True}
            self._stream, self._body = None, b""
        if self._body is not None or not self.gone.is_set():
            whole, self._body = self._body, None
            if isinstance(whole, bytes):
                return {"type": "http.request", "body": whole, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}
