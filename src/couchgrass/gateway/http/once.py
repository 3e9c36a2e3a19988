"""Requests with an ``Idempotency-Key``: reserved, forwarded, their answers kept for those that come again.

The rules are in `couchgrass.gateway.idempotency`, the documents in `couchgrass.gateway.store.idempotency`.
What goes on beside requests: reservations whose end could not be written at once, and the databases' upkeep.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from couchgrass.clock import Clock
from couchgrass.errors import Conflict, CouchgrassError
from couchgrass.gateway.http.backend import Overloaded, Response
from couchgrass.gateway.idempotency import (
    BODY_BYTES_MAX,
    RESERVED_S,
    End,
    Kept,
    Reservation,
    StillRunning,
    end_of,
    judged,
    kept,
)
from couchgrass.gateway.standing import NotRun
from couchgrass.gateway.store.idempotency import Found, Held, IdempotencyKeys

log = logging.getLogger("couchgrass.gateway")

RESERVE_S: Final = 3.0
"""How long the database may take for a reservation. Then nothing was forwarded, and another region can."""

END_S: Final = 2.0
"""How long an answer waits until it is kept. A client that has it needs no second one."""

AGAIN_S: Final = 1.0
"""Between the tries to write down an end that could not be written at once."""

ENDS_MAX: Final = 1000
"""Ends that are tried at a time; further ones leave their reservations to run out."""

WAITS_S: Final = (0.05, 0.1, 0.2, 0.4)
"""How often a request looks again that finds the reservation of another region: the answer, or that there is
none, may be on its way here."""

TIDY_S: Final = 60.0
AHEAD_S: Final = 3600.0
"""How long before midnight the next day's database is made."""

Forward = Callable[[], Awaitable[Response]]


class Counts:
    """What happened since the start. `conflicts`: keys of which two regions took the request."""

    __slots__ = ("conflicts", "kept", "replayed", "taken_over")

    def __init__(self) -> None:
        self.kept = self.replayed = self.taken_over = self.conflicts = 0

    def told(self) -> dict[str, int]:
        """By name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Once:
    """Needs `start` and `close` for what goes on beside requests."""

    def __init__(self, keys: IdempotencyKeys, clock: Clock, *, region: str) -> None:
        self.counts = Counts()
        self._keys = keys
        self._clock = clock
        self._region = region
        self._ends: set[asyncio.Task[None]] = set()
        self._upkeep: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins the upkeep of the databases."""
        self._upkeep = asyncio.create_task(self._tidy())

    async def close(self) -> None:
        """Ends what goes on beside requests. A reservation whose end was not written runs out by itself."""
        tasks = [*self._ends, *([self._upkeep] if self._upkeep else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def run(self, key_id: str, fingerprint: str, forward: Forward) -> Response:
        """The answer of `forward`, or the one that is kept for this key.

        Raises KeyReused, StillRunning, AnswerNotKept; NotRun when the key can't be reserved; and what
        `forward` raises.
        """
        wanted = Reservation(
            key_id, fingerprint, self._region, secrets.token_hex(8), self._clock.now() + RESERVED_S
        )
        taken = await self._reserved(wanted)
        if isinstance(taken, Kept):
            self.counts.replayed += 1
            return _again(taken)
        try:
            response = await forward()
        except (NotRun, Overloaded):
            await self._end(taken, End.RELEASED)
            raise
        end = end_of(response.status, response.headers)
        if end is End.ANSWERED:
            response, body = await _gathered(response)
            await self._end(taken, end, kept(response.status, response.headers, body))
        else:
            await self._end(taken, end)
        return response

    # --- before --------------------------------------------------------------------------------------

    async def _reserved(self, wanted: Reservation) -> Held | Kept:
        try:
            async with asyncio.timeout(RESERVE_S):
                return await self._reserve(wanted)
        except (StillRunning, NotRun):
            raise
        except TimeoutError:
            failed = "no answer in time"
        except CouchgrassError as refused:
            if refused.status in (409, 422):
                raise
            failed = refused.reason
        log.warning("an idempotency key can't be reserved: %s", failed)
        # It may have been written all the same; then it would be in the way of the next try.
        self._later(wanted, None)
        raise NotRun("This region's database can't keep an Idempotency-Key now")

    async def _reserve(self, wanted: Reservation) -> Held | Kept:
        for wait_s in (*WAITS_S, None):
            found = await self._keys.reserve(wanted, self._clock.now())
            if isinstance(found, Held):
                return found
            try:
                answer = judged(found.entry, wanted.fingerprint, self._clock.now())
            except StillRunning:
                if found.entry.reservation.region == self._region or wait_s is None:
                    raise
                await asyncio.sleep(wait_s)
                continue
            return answer if answer is not None else await self._take_over(found, wanted)
        raise AssertionError("the last look returns or raises")

    async def _take_over(self, found: Found, wanted: Reservation) -> Held:
        try:
            held = await self._keys.take_over(found, wanted)
        except Conflict as beaten:
            raise StillRunning("A request with this Idempotency-Key has just begun") from beaten
        self.counts.taken_over += 1
        log.warning("the reservation of the key %s has run out: its request runs again", wanted.id)
        return held

    # --- after ---------------------------------------------------------------------------------------

    async def _end(self, held: Held, end: End, answer: Kept | None = None) -> None:
        """Writes down what became of a reservation; later, when the database can't now."""
        if end is End.LEFT:
            return
        try:
            async with asyncio.timeout(END_S):
                await self._write(held, answer)
        except (CouchgrassError, TimeoutError):
            self._later(held.reservation, answer)

    async def _write(self, held: Held, answer: Kept | None) -> None:
        try:
            if answer is None:
                await self._keys.release(held)
            else:
                await self._keys.answer(held, answer)
                self.counts.kept += 1
        except Conflict:
            log.warning("the key %s was taken over while its request ran", held.reservation.id)

    def _later(self, wanted: Reservation, answer: Kept | None) -> None:
        if len(self._ends) < ENDS_MAX:
            task = asyncio.create_task(self._finish(wanted, answer))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def _finish(self, wanted: Reservation, answer: Kept | None) -> None:
        while self._clock.now() < wanted.until:
            try:
                found = await self._keys.again(wanted, self._clock.now())
                if found is not None:
                    await self._write(found, answer)
                return
            except CouchgrassError:
                await asyncio.sleep(AGAIN_S)

    async def _tidy(self) -> None:
        while True:
            try:
                self.counts.conflicts += await self._keys.tidy(self._clock.now(), AHEAD_S)
            except Exception as failed:  # noqa: BLE001  the edge of a loop: nothing ends it
                told = failed.reason if isinstance(failed, CouchgrassError) else repr(failed)
                log.info("the databases of idempotency keys can't be looked after now: %s", told)
            await asyncio.sleep(TIDY_S)


def _again(answer: Kept) -> Response:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    response = Response(answer.status, headers, answer.body or b"")
    response.is_replayed = True
    return response


async def _gathered(response: Response) -> tuple[Response, bytes | None]:
    """The answer with its body whole, if that is small enough to be kept; else as it comes, and None.

    Raises PeerLost, GatewayTimeout when it breaks off."""
    pieces = response.pieces
    if pieces is None:
        return response, response.body
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > BODY_BYTES_MAX:
            return Response(response.status, response.headers, b"", _joined(parts, pieces)), None
    body = b"".join(parts)
    return Response(response.status, response.headers, body), body


async def _joined(parts: list[bytes], pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        for part in parts:
            yield part
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()
