"""Who a request comes from: the region's database says so, asked with the request's session or password.

One look-up at a time for each session, none for a few seconds after it. While the database is silent, those
who were verified not long ago stay who they were, where that is allowed (`dashboard/known.py`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.dashboard.http.passing import Told
from couchgrass.dashboard.known import Known
from couchgrass.dashboard.lost import Crowded, NoAnswer
from couchgrass.dashboard.who import NOBODY, Who
from couchgrass.errors import CouchgrassError

LOOKS_MAX: Final = 100
"""Look-ups at once."""


PATIENCE_S: Final = 0.5
"""How long the database is waited for when it is known who somebody was: its answer counts the next time."""


AUTHORIZATION_LENGTH_MAX: Final = 8192
"""A longer one, which the database may take for an attack, is nobody's."""

Look = Callable[[str, str, str], Awaitable[Told]]
"""Asks with a session and an `Authorization` header, either of them "", for a client, whom it tells the
database. Raises NoAnswer."""


class Seen(msgspec.Struct, frozen=True):
    """Who it is. `cookies`: Set-Cookie headers of the database with which the session goes on."""

    who: Who
    cookies: tuple[str, ...] = ()


class _Context(msgspec.Struct):
    name: str | None = None
    roles: tuple[str, ...] = ()


class _Session(msgspec.Struct):
    userCtx: _Context


class Sessions:
    """Belongs to one event loop."""

    def __init__(self, look: Look, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._known = Known(secrets.token_bytes(32))
        self._looks: dict[bytes, asyncio.Future[Seen]] = {}

    async def who(self, session: str, authorization: str, *, patient: bool, client: str = "") -> Seen:
        """`patient`: who was verified not long ago is still known while the database is silent. Raises
        NoAnswer, Crowded."""
        if not (session or authorization) or len(authorization) > AUTHORIZATION_LENGTH_MAX:
            return Seen(NOBODY)
        key = self._known.key(session, authorization)
        now = self._clock.monotonic()
        if (found := self._known.fresh(key, now)) is not None:
            return Seen(found)
        kept = self._known.kept(key, now) if patient else None
        if kept is not None and self._known.is_silent(now):
            return Seen(kept)
        looking = self._looking(key, session, authorization, client)
        if kept is None:
            # Others wait for the same look: it goes on when one of them hangs up.
            return await asyncio.shield(looking)
        await asyncio.wait({looking}, timeout=PATIENCE_S)
        if not looking.done() or looking.exception() is not None:
            return Seen(kept)
        return looking.result()

    def forget(self, session: str, authorization: str) -> None:
        """They signed in or out: what was known of the former session counts no more."""
        self._known.forget(self._known.key(session, authorization))

    def _looking(self, key: bytes, session: str, authorization: str, client: str) -> asyncio.Future[Seen]:
        """The look-up for this session that is under way."""
        looking = self._looks.get(key)
        if looking is None:
            if len(self._looks) >= LOOKS_MAX:
                raise Crowded("Too many are signing in.")
            looking = asyncio.ensure_future(self._answered(key, session, authorization, client))
            self._looks[key] = looking
            looking.add_done_callback(lambda done: self._ended(key, done))
        return looking

    def _ended(self, key: bytes, done: asyncio.Future[Seen]) -> None:
        del self._looks[key]
        if not done.cancelled():
            done.exception()

    async def _answered(self, key: bytes, session: str, authorization: str, client: str) -> Seen:
        try:
            told = await self._look(session, authorization, client)
        except CouchgrassError:
            self._known.lost(self._clock.monotonic())
            raise
        # An answer that says nothing does so of this session alone: others are still asked for.
        who = _who(told)
        self._known.answered(key, who, self._clock.monotonic())
        return Seen(who, told.cookies)


def _who(told: Told) -> Who:
    """Raises NoAnswer for an answer that says nothing of anybody."""
    if told.status >= 500 or told.status == 429:
        raise NoAnswer(f"the database can't say who you are: it answers {told.status}")
    if told.status != 200:
        return NOBODY
    try:
        context = msgspec.json.decode(told.body, type=_Session).userCtx
    except msgspec.DecodeError as bad:
        raise NoAnswer("the database can't say who you are: its answer is no session") from bad
    return Who(context.name, context.roles)
