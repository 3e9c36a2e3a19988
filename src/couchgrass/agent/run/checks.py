"""Looks at one part of the region, its database or its functions, all the time, and tells what it finds.

    up    does it answer?        often, and it costs next to nothing
    work  does it do its work?   a write to a document that is never replicated; an action run
    wire  a connection on which nothing is said: it ends at once when the process does, and both look then

Nothing is decided here; see `agent/readiness.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from couchgrass import json
from couchgrass.agent.readiness import Answered, Check, Event, Failed, Pace, Slow
from couchgrass.agent.run.asked import Asked, Told, Unreached
from couchgrass.couch.auth import basic
from couchgrass.couch.server import path
from couchgrass.errors import BadRequest, CouchgrassError
from couchgrass.linking.address import Address
from couchgrass.linking.security import ADMINS_ONLY
from couchgrass.serving.inner import CANARY, bearer
from couchgrass.topology.links import HEALTH

log = logging.getLogger("couchgrass.agent")

DOCUMENT: Final = path(HEALTH, "_local", "write")
NOT_FOUND: Final = 404
AGAIN_S: Final = 0.25
"""How soon the wire is laid again."""

Tell = Callable[[Event], None]


class Part(Protocol):
    """What is looked at. Both methods raise CouchgrassError when it is not well, and TimeoutError."""

    @property
    def up(self) -> Check: ...

    @property
    def work(self) -> Check: ...

    def url(self) -> str:
        """Where it is now. Raises CouchgrassError when that is not known."""
        ...

    async def answers(self, limit_s: float) -> None: ...

    async def works(self, limit_s: float) -> None: ...


class DatabasePart:
    """The region's database. `reach` says where it is, each time anew: it may be started on another port."""

    up, work = Check.DATABASE_UP, Check.DATABASE_WRITE

    def __init__(self, asked: Asked, reach: Callable[[], Address]) -> None:
        self._asked = asked
        self._reach = reach
        self._rev: str | None = None

    def url(self) -> str:
        return self._reach().base

    async def answers(self, limit_s: float) -> None:
        """CouchDB's `_up`, which also says no for a server in maintenance."""
        told = await self._ask("GET", "/_up", None, limit_s)
        if told.status != 200:
            raise Unreached(f"it says that it is not up: {_reason(told)}")

    async def works(self, limit_s: float) -> None:
        """A write, answered when it is on the disk. The database for it is made when it is missing, for
        server admins alone: whoever else could write there could take the region out of service."""
        told = await self._write(limit_s)
        if told.status == NOT_FOUND:
            await self._ask("PUT", path(HEALTH), b"", limit_s)
            await self._ask("PUT", path(HEALTH, "_security"), json.encode(ADMINS_ONLY), limit_s)
            self._rev = None
            told = await self._write(limit_s)
        if told.status >= 300:
            self._rev = None
            raise Unreached(f"it takes no write: {_reason(told)}")
        self._rev = str(_member(told, "rev"))

    async def _write(self, limit_s: float) -> Told:
        document = {} if self._rev is None else {"_rev": self._rev}
        return await self._ask("PUT", DOCUMENT, json.encode(document), limit_s)

    async def _ask(self, method: str, where: str, body: bytes | None, limit_s: float) -> Told:
        address = self._reach()
        headers = {"accept": "application/json", "content-type": "application/json"}
        if address.user:
            headers["authorization"] = basic(address.user, address.password or "")
        url = address.base + where
        return await self._asked.ask(method, url, headers=headers, body=body, limit_s=limit_s)


class FunctionsPart:
    """The region's functions. Without a `secret` they are another OpenWhisk's, and can only be asked whether
    they are there."""

    up, work = Check.FUNCTIONS_UP, Check.FUNCTIONS_CANARY

    def __init__(self, asked: Asked, url: Callable[[], str], secret: str | None) -> None:
        self.url = url
        self._asked = asked
        self._secret = secret

    async def answers(self, limit_s: float) -> None:
        told = await self._asked.ask("GET", f"{self.url()}/api/v1", limit_s=limit_s)
        if told.status >= 500:
            raise Unreached(f"answered {told.status}")

    async def works(self, limit_s: float) -> None:
        if self._secret is None:
            await self.answers(limit_s)
            return
        told = await self._asked.ask(
            "POST",
            self.url() + CANARY.decode(),
            headers={"authorization": bearer(self._secret)},
            limit_s=limit_s,
        )
        if told.status != 200:
            raise Unreached(str(_member(told, "error") or f"answered {told.status}"))


async def look_after(part: Part, pace: Pace, tell: Tell) -> None:
    """For ever."""
    wakes = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_repeat(part.up, part.answers, pace.up_every_s, pace.up_limit_s, wakes[0], tell))
        tasks.create_task(
            _repeat(part.work, part.works, pace.work_every_s, pace.work_limit_s, wakes[1], tell)
        )
        tasks.create_task(_wire(part, wakes))


async def _repeat(
    check: Check,
    act: Callable[[float], Awaitable[None]],
    every_s: float,
    limit_s: float,
    wake: asyncio.Event,
    tell: Tell,
) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        wake.clear()
        tell(await _looked(check, act, limit_s))
        try:
            async with asyncio.timeout(max(0.0, every_s - (clock() - began))):
                await wake.wait()
        except TimeoutError:
            continue


async def _looked(check: Check, act: Callable[[float], Awaitable[None]], limit_s: float) -> Event:
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        await act(limit_s)
    except TimeoutError:
        return Slow(check)
    except Unreached as refused:
        return Failed(check, refused.reason, gone=refused.gone)
    except CouchgrassError as refused:
        return Failed(check, refused.reason)
    except Exception as failed:  # the loop's edge: nothing ends it
        log.exception("%s can't be looked at", check.value)
        return Failed(check, repr(failed))
    return Answered(check, clock() - began)


async def _wire(part: Part, wakes: tuple[asyncio.Event, ...]) -> None:
    """Holds a connection, and has both look as soon as it ends. A proxy or TLS in between would end it for
    reasons of its own, so it is held over plain HTTP only."""
    while True:
        try:
            url = urlsplit(part.url())
            if url.scheme == "http":
                reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
                try:
                    while await reader.read(1024):
                        pass
                except OSError:
                    pass  # reset: whose connection nobody had taken yet ends so
                finally:
                    writer.close()
                for wake in wakes:
                    wake.set()
        except (CouchgrassError, OSError):
            pass  # what is wrong is the looks' to tell
        await asyncio.sleep(AGAIN_S)


def _member(told: Told, name: str) -> object:
    try:
        answer = json.decode(told.body)
    except BadRequest:
        return None
    return answer.get(name) if isinstance(answer, dict) else None


def _reason(told: Told) -> str:
    reason = _member(told, "reason") or _member(told, "status")
    return f"{told.status} {reason}" if reason else str(told.status)
