"""Simple JSON requests to any CouchDB: ours, Apache's, Cloudant.

For settings and single documents; what is large or live is `couchgrass.couch.database`'s. Every call is
bounded in time and size. A refusal comes as the server's own error, from the family of `couchgrass.errors`,
with a note that names the server and the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from couchgrass import json
from couchgrass.couch.auth import Auth, basic
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import TOO_MANY, HttpTransport, query_text
from couchgrass.errors import BadRequest, CouchgrassError, PeerLost, TooLarge, from_answer
from couchgrass.serving.lost import FAILURES, why
from couchgrass.serving.whole import whole

TIMEOUT_S: Final = 30.0
CONNECT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""A list of 100,000 jobs fits."""

TRIES_MAX: Final = 6
"""Cloudant's small plans allow few requests a second; with these pauses it has some 15 s to allow one
more."""

PAUSE_S: Final = 0.5
AT_ONCE_MAX: Final = 8
"""Requests to one server at a time. One that is told to wait keeps its place, so that a server that wants
fewer gets fewer."""


def path(*segments: str) -> str:
    """A path of whole segments, each percent-encoded."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


class CouchServer:
    """One server, one user. `base` is its URL without credentials; it is named so in errors."""

    def __init__(
        self, base: str, user: str | None = None, password: str | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.base = base
        self._credentials = None if user is None else (user, password or "")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    def __repr__(self) -> str:
        return f"CouchServer({self.base!r})"

    async def __aenter__(self) -> CouchServer:
        self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    def transport(self) -> HttpTransport:
        """The same server and user for what is large or live. It ends with this server."""
        assert self._session is not None, "only inside of `async with`"
        auth = Auth() if self._credentials is None else Auth(*self._credentials)
        return HttpTransport(self._session, self.base, auth=auth, pace=Pace())

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        user: tuple[str, str] | None = None,
    ) -> Any:
        """The JSON of the answer. `path` is percent-encoded; `user` signs in instead of this server's.

        Raises the server's refusal, and PeerLost when nobody answers or it is no answer of a CouchDB.
        """
        headers = {"accept": "application/json"}
        credentials = user or self._credentials
        if credentials is not None:
            headers["authorization"] = basic(*credentials)
        sent = None
        if body is not None:
            sent, headers["content-type"] = json.encode(body), "application/json"
        url = self.base + path + query_text(list((query or {}).items()))
        async with self._places:
            for attempt in range(TRIES_MAX):
                status, text = await self._once(method, url, sent, headers)
                if status != TOO_MANY or attempt + 1 == TRIES_MAX:
                    break
                await asyncio.sleep(PAUSE_S * 2**attempt)
        try:
            return self._read(status, text)
        except PeerLost:
            raise
        except CouchgrassError as refusal:
            refusal.add_note(f"{self.base} answered {method} {path} with {status}")
            raise

    async def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        assert self._session is not None, "only inside of `async with`"
        if self._session.closed:
            # Whoever shares it with us has given it up.
            raise PeerLost(f"{self.base}: its connections were given up", is_down=True)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await whole(answer, ANSWER_BYTES_MAX)
        except TooLarge as endless:
            raise TooLarge(f"{self.base}: {endless.reason}") from None
        except FAILURES as broken:
            raise PeerLost(f"{self.base}: {why(broken)}") from broken

    def _read(self, status: int, text: bytes) -> Any:
        try:
            answer = json.decode(text)
        except BadRequest:
            answer = None
        if status < 300 and answer is not None:
            return answer
        if isinstance(answer, dict) and status >= 400:
            error, reason = answer.get("error"), answer.get("reason")
            raise from_answer(status, str(error or status), str(reason or error or status))
        if status >= 500:
            raise PeerLost(f"{self.base}: answered {status}")
        raise PeerLost(f"{self.base}: answered {status} and no JSON: is it a CouchDB?")
