"""Waiting in a live feed: for a change, the client's hang-up, the server's stop, or silence.

A feed hangs one alarm on each bell that concerns it and keeps it there until it ends, so that being woken
costs no registration. A ring while the feed is busy is remembered. Take `rung` down, read, send, wait again:
a change that comes after the reading has rung again, so none is lost.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from couchgrass.docdb.http.request import Request
from couchgrass.docdb.sqlite.bell import Bell


class Watch:
    """A context manager for the life of one feed. `gone` tells that the client hung up."""

    __slots__ = ("_bells", "_client", "_loop", "_request", "_waiting", "gone", "rung")

    def __init__(self, request: Request, *bells: Bell) -> None:
        self.gone = False
        self.rung = False
        self._loop = asyncio.get_running_loop()
        self._request = request
        self._bells = [(bell, bell.hang(self._ring)) for bell in bells]
        self._client: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[None] | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bell, number in self._bells:
            bell.take_off(number)
        if self._client is not None:
            self._client.cancel()

    def listen(self) -> None:
        """Starts to watch for the client's hang-up; its request's body must have been read."""
        if self._client is None:
            self._client = self._loop.create_task(self._request.disconnected())
            self._client.add_done_callback(self._hung_up)

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a ring, which may have come already. False when it did not come in time."""
        self.listen()
        if not self.rung:
            self._waiting = self._loop.create_future()
            timer = self._loop.call_later(max(0.0, timeout_s), self._time_over)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        rung, self.rung = self.rung, False
        return rung

    def _hung_up(self, client: asyncio.Task[None]) -> None:
        if not client.cancelled():
            client.exception()
            self.gone = True
            self._ring()

    def _ring(self) -> None:
        self.rung = True
        self._time_over()

    def _time_over(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
