"""The ASGI application: request in, endpoint found, rights checked, answer out.

This is the edge where errors become answers, once. A stream that fails half-way is cut off, so that the
client can't take it for whole.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from couchgrass import __version__, json
from couchgrass.docdb import cors
from couchgrass.docdb.http import conditions, routes
from couchgrass.docdb.http.authn import challenge
from couchgrass.docdb.http.request import ClientGone, Request
from couchgrass.docdb.http.response import JSON, Answer, Response, Stream
from couchgrass.docdb.http.server import Server
from couchgrass.errors import CouchgrassError, MethodNotAllowed

log = logging.getLogger("couchgrass.http")

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_SERVER = (b"server", f"couchgrass/{__version__}".encode())
_MUST_REVALIDATE = (b"cache-control", b"must-revalidate")
_JSON_TYPE = (b"content-type", b"application/json")
_TEXT_TYPE = (b"content-type", b"text/plain; charset=utf-8")
UNAUTHORIZED = 401
_ALLOW_ORIGIN = b"access-control-allow-origin"
_NO_BODY = frozenset({204, 304})
_REQUEST_ID = re.compile(rb"[0-9A-Za-z_-]{1,36}")

PART_BYTES_MAX = 512 * 1024
"""What is handed to the HTTP server at a time."""

UNWATCHED_PIECES = 8
"""A stream that goes on past this many pieces (about 2 MB) looks whether its client is still there."""


class App:
    """Serves one `Server` over ASGI."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.inflight = 0
        self.draining = False
        self._request_ids = itertools.count(int.from_bytes(os.urandom(4)))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = self.server.clock.monotonic()
        request = Request(self.server, scope, receive)
        self.inflight += 1
        status = 500
        try:
            answer = await self._answer(request)
            status = answer.status
            if isinstance(answer, Response):
                await self._send_whole(request, answer, send)
            else:
                await self._send_stream(request, answer, send)
        except ClientGone:
            self.server.stats.aborted_requests += 1
        except CouchgrassError as cut:
            log.warning("%s was cut off: %s", _asked(request), cut.reason)
            raise
        except Exception:
            log.exception("%s was cut off", _asked(request))
            raise
        finally:
            self.inflight -= 1
            request.let_go()
            ended = self.server.clock.monotonic()
            self.server.stats.request_done(request.method, status, took_ms=(ended - began) * 1000, at_s=ended)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._endpoint_answer(request)
        except CouchgrassError as refused:
            await request.drain()
            return error_answer(request, refused)
        except ClientGone:
            raise
        except Exception:
            log.exception("%s failed", _asked(request))
            return error_answer(request, CouchgrassError("The server failed; its log says why."))

    async def _endpoint_answer(self, request: Request) -> Answer:
        if request.method == "POST" and b"x-http-method-override" in request.headers:
            wanted = request.headers[b"x-http-method-override"].decode("latin-1").upper()
            if wanted in routes.METHODS:
                request.method = wanted
        request.check_uri()
        if self.server.settings.cors.enabled and request.method == "OPTIONS":
            answer = self._preflight(request)
            if answer is not None:
                return answer
        return await routes.dispatch(request)

    def _preflight(self, request: Request) -> Response | None:
        headers = cors.preflight(
            self.server.settings.cors,
            method=request.method,
            headers={
                name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()
            },
            host=conditions.host(request),
        )
        return None if headers is None else Response(204, b"", headers)

    def _request_id(self, request: Request) -> bytes:
        """The client's own, if it is well formed; else a new one."""
        named = request.headers.get(b"x-couch-request-id")
        if named is not None and _REQUEST_ID.fullmatch(named):
            return named
        return b"%010x" % (next(self._request_ids) & 0xFFFFFFFFFF)

    def _headers(self, request: Request, answer: Answer) -> list[Header]:
        """The answer's headers with those that every answer has."""
        settings = self.server.settings
        headers = [
            _SERVER,
            (b"x-couch-request-id", self._request_id(request)),
        ]
        named = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in answer.headers
        ]
        headers += named
        if self.draining:
            headers.append((b"connection", b"close"))
        if not any(name == b"cache-control" for name, _ in named):
            headers.append(_MUST_REVALIDATE)
        if settings.chttpd.enable_xframe_options:
            headers.append((b"x-frame-options", _frame_options(request).encode("latin-1", "replace")))
        if answer.status not in _NO_BODY:
            if answer.content_type is not JSON:
                headers.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
            else:
                headers.append(_JSON_TYPE if request.accepts_json() else _TEXT_TYPE)
        if request.set_cookie is not None:
            headers.append((b"set-cookie", request.set_cookie.encode("latin-1")))
        if settings.cors.enabled and not any(name == _ALLOW_ORIGIN for name, _ in named):
            sent = [name.decode("latin-1") for name, _ in headers]
            extra = cors.answer_headers(
                settings.cors,
                origin=request.header(b"origin"),
                host=conditions.host(request),
                sent=sent,
            )
            headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in extra]
        return headers

    async def _send_whole(self, request: Request, answer: Response, send: Send) -> None:
        headers = self._headers(request, answer)
        body = answer.body
        if request.method == "HEAD":
            headers.append((b"content-length", b"%d" % len(body)))
            body = b""
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _send_stream(self, request: Request, answer: Stream, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": self._headers(request, answer),
            }
        )
        gone: asyncio.Task[None] | None = None
        try:
            sent = 0
            if request.method != "HEAD":
                async for piece in answer.pieces:
                    for part in _parts(piece):
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    sent += 1
                    if sent == UNWATCHED_PIECES and not answer.watches:
                        gone = asyncio.create_task(request.disconnected())
                    if gone is not None and gone.done():
                        raise ClientGone
        finally:
            if gone is not None:
                gone.cancel()
            await answer.pieces.aclose()  # type: ignore[attr-defined]
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _parts(piece: bytes) -> Iterable[bytes]:
    """A large piece in parts: what waits for a slow client is counted in parts, not in bytes."""
    if len(piece) <= PART_BYTES_MAX:
        return (piece,)
    return (piece[at : at + PART_BYTES_MAX] for at in range(0, len(piece), PART_BYTES_MAX))


def _asked(request: Request) -> str:
    """The request in the log."""
    return f"{request.method} {'/'.join(['', *request.path])}"


def _frame_options(request: Request) -> str:
    """X-Frame-Options by ``[x_frame_options]``."""
    setting = request.server.settings.x_frame_options
    if setting.same_origin:
        return "SAMEORIGIN"
    origin = conditions.origin(request)
    return f"ALLOW-FROM {origin}" if setting.hosts == ("*",) or origin in setting.hosts else "DENY"


def error_answer(request: Request, error: CouchgrassError) -> Response:
    """The one mapping of the domain's errors to CouchDB's answers."""
    body = json.encode({"error": error.error, "reason": error.reason}) + b"\n"
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, MethodNotAllowed):
        headers = (("allow", ",".join(error.allowed)),)
    elif error.status == UNAUTHORIZED:
        headers = challenge(request)
    return Response(error.status, body, headers)
