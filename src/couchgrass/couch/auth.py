"""A user's credentials on the way to a CouchDB: a cookie session that is renewed, else Basic.

A session saves the server a password hash with each request (CouchDB's replicator does the same). Where there
are no sessions, or they do not last, it is Basic; without a name, whatever headers the caller has.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from couchgrass.clock import Clock, SystemClock

RENEW_S = 240.0
"""A session is renewed at this age, or when half of what it says that it lasts is over. CouchDB's last 600 s
unless it is told otherwise, and then it may not say so."""

BASIC_AGAIN_S = 60.0
"""How long Basic is used after a sign-in was refused, before a session is tried again."""

Login = Callable[[str, str], Awaitable[Sequence[str] | None]]
"""(name, password) to the answer's Set-Cookie headers, or None when there is no session to be had."""

_SESSION = re.compile(r"\s*(AuthSession=[^;\s]+)")
_MAX_AGE = re.compile(r";\s*max-age=(\d{1,9})", re.IGNORECASE)


def basic(name: str, password: str) -> str:
    """The value of an ``Authorization`` header (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Auth:
    """Who asks. One for all requests of one user to one server; its secrets never leave it but in headers."""

    def __init__(
        self, name: str | None = None, password: str | None = None, clock: Clock | None = None
    ) -> None:
        self._name = name
        self._password = password or ""
        self._clock = clock or SystemClock()
        self._cookie: str | None = None
        self._renew_at_s = 0.0
        self._basic_until_s = float("-inf")
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Auth({self._name!r})"

    async def headers(self, login: Login) -> Mapping[str, str]:
        """The headers that say who asks. Signs in when that is due; raises what `login` raises."""
        if self._name is None:
            return {}
        if self._is_due():
            async with self._turn:
                if self._is_due():
                    await self._sign_in(self._name, login)
        if self._cookie is not None and self._clock.monotonic() >= self._basic_until_s:
            return {"cookie": self._cookie}
        return {"authorization": basic(self._name, self._password)}

    def _is_due(self) -> bool:
        now = self._clock.monotonic()
        return now >= self._basic_until_s and (self._cookie is None or now >= self._renew_at_s)

    async def _sign_in(self, name: str, login: Login) -> None:
        self._cookie = None
        self.heard(await login(name, self._password) or ())
        if self._cookie is None:
            self._basic_until_s = self._clock.monotonic() + BASIC_AGAIN_S

    def heard(self, cookies: Iterable[str]) -> None:
        """Takes a session that an answer brought or renewed."""
        for cookie in cookies:
            found = _SESSION.match(cookie)
            if found is not None and self._name is not None:
                age = _MAX_AGE.search(cookie)
                lasts_s = RENEW_S if age is None else min(RENEW_S, int(age[1]) / 2)
                self._cookie = found[1]
                self._renew_at_s = self._clock.monotonic() + lasts_s

    def refused(self, sent: Mapping[str, str], *, again: bool) -> bool:
        """After a 401 to a request with these of our headers: True when it was a session that was refused, so
        that another try is worth it. `again`: that session was new, so sessions are of no use here for now.
        """
        if "cookie" not in sent:
            return False
        if sent["cookie"] == self._cookie:
            self._cookie = None
        if again:
            self._basic_until_s = self._clock.monotonic() + BASIC_AGAIN_S
        return True
