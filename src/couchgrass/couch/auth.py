"""A user's credentials on the way to a CouchDB: a cookie session that is renewed, else Basic.

A session saves the server a password hash with each request (CouchDB's replicator does the same). Where there
are no sessions, or a header of the caller's own says who asks, it is Basic or that header.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

RENEW_S = 240.0
"""A session is renewed at this age; CouchDB's ends after 600 s unless it is told otherwise."""

BASIC_AGAIN_S = 60.0
"""How long Basic is used after a sign-in was refused, before a session is tried again."""

Login = Callable[[str, str], Awaitable[Sequence[str] | None]]
"""(name, password) to the answer's Set-Cookie headers, or None when there is no session to be had."""

_COOKIE = "AuthSession="


class Auth:
    """Who asks. One for all requests of one user to one server; its secrets never leave it but in headers."""

    def __init__(self, name: str | None = None, password: str | None = None) -> None:
        self._name = name
        self._password = password or ""
        self._cookie: str | None = None
        self._since = 0.0
        self._basic_until = 0.0
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Auth({self._name!r})"

    async def headers(self, login: Login) -> Mapping[str, str]:
        """The headers that say who asks. Signs in when that is due; raises what `login` raises."""
        if self._name is None:
            return {}
        now = time.monotonic()
        if now >= self._basic_until and (self._cookie is None or now - self._since > RENEW_S):
            async with self._turn:
                if self._cookie is None or time.monotonic() - self._since > RENEW_S:
                    await self._sign_in(login)
        if self._cookie is not None:
            return {"cookie": _COOKIE + self._cookie}
        pair = f"{self._name}:{self._password}".encode()
        return {"authorization": "Basic " + base64.b64encode(pair).decode()}

    async def _sign_in(self, login: Login) -> None:
        assert self._name is not None
        self._cookie = None
        cookies = await login(self._name, self._password)
        if cookies is not None:
            self.heard(cookies)
        if self._cookie is None:
            self._basic_until = time.monotonic() + BASIC_AGAIN_S

    def heard(self, cookies: Iterable[str]) -> None:
        """Takes a session that an answer brought or renewed."""
        for cookie in cookies:
            value = cookie.partition(";")[0].strip()
            if self._name is not None and value.startswith(_COOKIE) and len(value) > len(_COOKIE):
                self._cookie = value.removeprefix(_COOKIE)
                self._since = time.monotonic()

    def stale(self) -> bool:
        """After a 401: True when it was a session that was refused, so that a new one is worth a try."""
        had, self._cookie = self._cookie is not None, None
        return had
